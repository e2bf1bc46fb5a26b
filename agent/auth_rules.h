/* What the policy in force asks of a login. */
#ifndef SEKISHO_AGENT_AUTH_RULES_H
#define SEKISHO_AGENT_AUTH_RULES_H

#include "agent/auth_verify.h"

/* Until there is a policy: password and TOTP, 3 failures, 6 digits, 30 seconds, one step either
 * way. */
void auth_rules_default(struct auth_rules *rules);

/*
 * Reads and verifies the policy in force under root. ERR_NOT_FOUND: none is in force;
 * ERR_SIGNATURE, ERR_FORMAT, ERR_UNSAFE, ERR_IO. On an error *rules is not touched.
 */
int auth_rules_read(int root, struct auth_rules *rules);

#endif
