/* What a child does before it reads a byte: drop ids, limits, no_new_privs, seccomp. */
#ifndef SEKISHO_AGENT_SANDBOX_H
#define SEKISHO_AGENT_SANDBOX_H

#include "agent/message.h"

#include <sys/types.h>

struct sandbox_ids {
	uid_t uid;
	gid_t gid;
	gid_t extra; /* one supplementary group, or (gid_t)-1 */
	uid_t owner; /* real and saved id: whose signals reach it; 0: uid's, as everybody's */
};

/*
 * Drops to ids for good (setresgid, setgroups, setresuid, all capabilities), forbids core files and
 * ptrace (RLIMIT_CORE 0, PR_SET_DUMPABLE 0), dies with its parent (PR_SET_PDEATHSIG SIGKILL), sets
 * no_new_privs and loads the role's seccomp allow-list; any other call kills the process
 * (SECCOMP_RET_KILL_PROCESS). ROLE_MAIN keeps its ids and few capabilities, and its list is the
 * union of all lists, since children inherit it. 0 or a negative error; the caller must exit on any
 * error.
 */
int sandbox_enter(enum role role, const struct sandbox_ids *ids);

/* The same for the keeper (agent/keeper.h): no capability, and nothing but waiting, signals and its
 * descriptors. */
int sandbox_enter_keeper(void);

/* ROLE_ADMIN's profile (the CLI parsing an untrusted file) has no sockets and cannot open files for
 * writing. */

#endif
