/* What root's commands do to login states: enrol totp, revoke totp, unlock. */
#ifndef SEKISHO_AGENT_AUTH_ADMIN_H
#define SEKISHO_AGENT_AUTH_ADMIN_H

#include "agent/auth_state.h"
#include "agent/sekisho.h"

/* Who did it, for the journal: by where it is given, else sudo's user, else "root". Never NULL. */
const char *auth_admin_by(const char *by);

/* EXIT_YES, or says why not and returns the exit code: the asker is not root, or user is not a name
 * that can be enrolled. */
int auth_admin_check(const char *user);

/* Journals an event of the kind about the user; factor may be NULL. EXIT_YES or EXIT_UNASKED,
 * already said. */
int auth_admin_record(
        const struct cli *cli, uint16_t kind, const char *user, const char *factor, const char *by);

/* Says what went wrong with the user's state file; EXIT_NO. */
int auth_admin_fail(const char *user, int error);

/* The user's state file; root's, 0600, one link, as main asks too. ERR_NOT_FOUND, ERR_UNSAFE,
 * ERR_IO. */
int auth_admin_open(const struct cli *cli, const char *user, int *fd);

/* Makes a new user's file, whole or not at all. ERR_EXISTS, ERR_IO, ERR_NOT_FOUND (no directory).
 */
int auth_admin_create(const struct cli *cli, const char *user, struct auth_state *state);

/* Locks the state, so that a login under way ends, and removes the file. ERR_*. */
int auth_admin_remove(const struct cli *cli, const char *user);

#endif
