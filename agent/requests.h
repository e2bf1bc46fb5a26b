/* What root does for its children: one table of {request, role, check, handler} (requests.c). */
#ifndef SEKISHO_AGENT_REQUESTS_H
#define SEKISHO_AGENT_REQUESTS_H

#include "agent/message.h"

#include <stdbool.h>

struct requests {
	int root;     /* directory that agent/paths.h is relative to */
	int sys;      /* /sys; -1: there is none under --root */
	bool observe; /* whatever would change the system is refused with ERR_DENIED */
};

/* The sender broke the rules: it must be ended. */
enum { REQUESTS_FORBIDDEN = 1 };

/*
 * Checks and carries out one request. fd_in: the descriptor beside it (borrowed) or -1. *fd_out: a descriptor for the
 * answer, which the caller closes, or -1. 0 or ERR_*: the answer; REQUESTS_FORBIDDEN: outside the table, not this role's, or
 * with arguments no honest child sends.
 */
int requests_answer(
	const struct requests *r, enum role role, const struct request *request, int fd_in, int *fd_out);

#endif
