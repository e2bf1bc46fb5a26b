/* Services that the policy calls unattended: what they run goes on while the agent is away. */
#ifndef SEKISHO_PAM_MODULE_UNATTENDED_H
#define SEKISHO_PAM_MODULE_UNATTENDED_H

#include <stdbool.h>

/*
 * Is there a file of this service's name in ROOT/var/lib/sekisho/unattended, where socket is
 * ROOT/run/sekisho/auth.sock? The agent put it there; directory and file must be root's and nobody
 * else's to write. False whenever in doubt.
 */
bool unattended_has(const char *socket, const char *service);

#endif
