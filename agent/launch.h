/* The start of one child: its arguments, its descriptors and nothing else of main's. */
#ifndef SEKISHO_AGENT_LAUNCH_H
#define SEKISHO_AGENT_LAUNCH_H

#include "agent/message.h"
#include "agent/sandbox.h"

#include <stdbool.h>
#include <sys/types.h>

enum { LAUNCH_FDS = 4 };

struct launch {
	enum role role;
	struct sandbox_ids ids;
	const char *libexec;   /* absolute */
	const char *root_path; /* absolute */
	bool observe;
	int null_fd;         /* its standard input */
	int fds[LAUNCH_FDS]; /* for CHILD_MAIN_FD and on; -1: not open in the child. Borrowed */
};

/* Forks and executes libexec/NAME as child_start() wants it. *pid is 0 on error. ERR_TOO_LONG,
 * ERR_IO. */
int launch_start(const struct launch *l, pid_t *pid);

#endif
