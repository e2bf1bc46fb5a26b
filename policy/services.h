/* PAM services by name: those people log in by, and those that run things for people who are not
 * there. */
#ifndef SEKISHO_POLICY_SERVICES_H
#define SEKISHO_POLICY_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

enum { SERVICES_MAX = 16, SERVICE_NAME_SIZE = 48 };

struct services {
	size_t count;
	char names[SERVICES_MAX][SERVICE_NAME_SIZE];
};

/* The services people log in by, one after the other; NULL after the last. "other" stands for every
 * service without a file in pam.d. */
const char *services_interactive(size_t index);

/* NULL, or why a policy may not call this service unattended: a sentence for a person. */
const char *services_refusal(const char *name);

/* cron, at, systemd's user manager, greeters. */
void services_unattended_default(struct services *services);

bool services_have(const struct services *services, const char *name);

#endif
