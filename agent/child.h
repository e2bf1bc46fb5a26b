/* How every child of sekishod starts: arguments, descriptors, sandbox. */
#ifndef SEKISHO_AGENT_CHILD_H
#define SEKISHO_AGENT_CHILD_H

#include "agent/channel.h"

#include <stdbool.h>

struct child {
	struct channel channel; /* on_main, on_signer, context are the caller's to set before the
	                           first message */
	int root;               /* directory that agent/paths.h is relative to */
	const char *root_path;  /* of that directory, absolute; argv's */
	bool observe;           /* nothing is written to the system, whatever agent.yaml says */
};

/*
 * Parses `--uid N --gid N [--group N] [--root DIR] [--observe]`, opens the log under the role's
 * name and the root, and enters the role's sandbox. The descriptors are those of agent/message.h.
 * 0, ERR_USAGE or another error, already logged: exit with EXIT_USAGE. What needs privileges the
 * sandbox takes away must be done before.
 */
int child_start(int argc, char **argv, enum role role, struct child *child);

/* "guard"; NULL for a role that is no process. */
const char *child_role_name(enum role role);

#endif
