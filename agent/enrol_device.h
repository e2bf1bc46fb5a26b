/* What the commands that enrol cards and security keys share. */
#ifndef SEKISHO_AGENT_ENROL_DEVICE_H
#define SEKISHO_AGENT_ENROL_DEVICE_H

#include <stdbool.h>

#include "agent/auth_admin.h"
#include "agent/auth_rules.h"

enum { ENROL_PIN_SIZE = 64 };

struct enrol_request {
	const char *user;
	const char *by;
	const char *label;
	enum admin_mode mode;
	uint32_t uid;
};

/* Says why not on stderr; EXIT_NO. */
int enrol_refuse(const char *subject, const char *why);

/* Takes the arguments, finds the user, reads the policy's rules, and asks whether the token may be
 * enrolled. Exit code; what went wrong is said. */
int enrol_begin(const struct cli *cli, int argc, char **argv, enum token_kind kind,
        struct enrol_request *request, struct auth_rules *rules);

/* From a terminal without echo, or a line of standard input. false: none, or longer than a PIN can
 * be. The caller wipes pin. */
bool enrol_read_pin(const char *prompt, char pin[static ENROL_PIN_SIZE]);

#endif
