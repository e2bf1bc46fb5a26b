/* One conversation with the agent on its login socket (core/login.h): relays, and decides nothing.
 */
#ifndef SEKISHO_PAM_MODULE_CONVERSATION_H
#define SEKISHO_PAM_MODULE_CONVERSATION_H

#include <stdint.h>

#include "core/login.h"

struct conversation {
	const char *socket; /* path */
	unsigned timeout;   /* seconds from connecting to the result, people's time included */
	enum login_stage stage;
	const char *service; /* NULL is sent as "" */
	const char *user;
	const char *tty;
	const char *rhost;
	/*
	 * Shows text to the person. For LOGIN_ECHO_OFF and _ON *answer becomes malloc'd text, which
	 * the caller wipes and frees; it stays NULL for the others. Non-zero: the person could not
	 * be asked.
	 */
	int (*ask)(void *context, enum login_style style, const char *text, char **answer);
	void *context;
};

/*
 * 0 and *result when the agent answered. ERR_DENIED: the person gave no answer, or one that is too
 * long. Every other error means that the agent could not be asked. *result is LOGIN_UNAVAILABLE on
 * every error.
 */
int conversation_run(const struct conversation *conversation, enum login_result *result);

#endif
