/* What root's commands do to login states: enrol, revoke, unlock, list. */
#ifndef SEKISHO_AGENT_AUTH_ADMIN_H
#define SEKISHO_AGENT_AUTH_ADMIN_H

#include "agent/auth_state.h"
#include "agent/sekisho.h"

/* Who did it, for the journal: by where it is given, else sudo's user, else "root". Never NULL. */
const char *auth_admin_by(const char *by);

/* EXIT_YES, or says why not and returns the exit code: the asker is not root, or user is not a name
 * that can be enrolled. */
int auth_admin_check(const char *user);

/* The name of this machine's user, as root: EXIT_YES and *uid, or says why not. */
int auth_admin_find(const char *user, uint32_t *uid);

/* Journals an event of the kind about the user; token may be NULL. EXIT_YES or EXIT_UNASKED,
 * already said. */
int auth_admin_record(const struct cli *cli, uint16_t kind, const char *user,
        const struct auth_token *token, const char *by);

/* Says what went wrong with the user's state file; EXIT_NO. */
int auth_admin_fail(const char *user, int error);

/* The user's state file; root's, 0600, one link, as main asks too; and the key, once a process:
 * where there is none, why is said, and file->key NULL. user stays borrowed. ERR_NOT_FOUND,
 * ERR_UNSAFE, ERR_IO. */
int auth_admin_open(const struct cli *cli, const char *user, struct auth_file *file);

/* The terminal's storage key from the agent; NULL: why is said. */
const struct storage_key *auth_admin_key(const struct cli *cli);

/* Opens, locks, reads and closes; the caller wipes *state. ERR_NOT_FOUND and auth_state.h's. */
int auth_admin_read(const struct cli *cli, const char *user, struct auth_state *state);

enum admin_mode {
	ADMIN_FIRST = 1, /* the user has none of this kind */
	ADMIN_ADD,       /* one more */
	ADMIN_REPLACE,   /* in place of all of its kind; a lock is gone */
};

/* Before anybody scans or inserts anything: may the token be enrolled, and does the agent run? Says
 * why not. Exit code. */
int auth_admin_precheck(
        const struct cli *cli, const char *user, enum token_kind kind, enum admin_mode mode);

/*
 * Journals and enrols, under the user's lock: a token that opens this terminal never exists without
 * a trace. Sets the token's id, moment and who (by). Says what went wrong. Exit code.
 */
int auth_admin_enrol(const struct cli *cli, const char *user, uint32_t uid,
        struct auth_token *token, enum admin_mode mode, const char *by);

/* Journals and removes one token, or all (id 0); with the last one the file goes. Says what went
 * wrong. Exit code. */
int auth_admin_revoke(const struct cli *cli, const char *user, unsigned id, const char *by);

/* Calls each(context, user, state) for every user's state file, and says which cannot be read. The
 * state is wiped afterwards. Exit code: EXIT_NO when one was left out. */
int auth_admin_each(const struct cli *cli,
        void (*each)(void *context, const char *user, const struct auth_state *state),
        void *context);

#endif
