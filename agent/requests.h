/* What root does for its children: one table of {request, role, check, handler} (requests.c). */
#ifndef SEKISHO_AGENT_REQUESTS_H
#define SEKISHO_AGENT_REQUESTS_H

#include "agent/absences.h"
#include "agent/cards.h"
#include "agent/message.h"

#include <stdbool.h>

struct requests {
	int root;            /* directory that agent/paths.h is relative to */
	int sys;             /* /sys; -1: there is none under --root */
	struct cards *cards; /* REQUEST_CARD */
	struct cards *keys;  /* REQUEST_FIDO2 */
	struct cards *seals; /* REQUEST_SEAL */
	struct absences *absences;
	bool observe; /* whatever would change the system is refused with ERR_DENIED */
};

/* The sender broke the rules: it must be ended. */
enum { REQUESTS_FORBIDDEN = 1 };

/* Whether this role may send this, as it is. 0 or REQUESTS_FORBIDDEN; requests_answer() asks it
 * again. */
int requests_check(enum role role, const struct request *request, bool with_fd);

/* Whether the kernel talks to a device to carry it out, and the device decides how long that takes.
 */
bool requests_may_wait(const struct request *request);

/*
 * Checks and carries out one request. fd_in: the descriptor beside it (borrowed) or -1. *fd_out: a
 * descriptor for the answer, which the caller closes, or -1. 0 or ERR_*: the answer;
 * REQUESTS_FORBIDDEN: outside the table, not this role's, or with arguments no honest child sends.
 */
int requests_answer(const struct requests *r, enum role role, const struct request *request,
        int fd_in, int *fd_out);

/* Sends an answer as RESULT on answer_fd (borrowed). fd_out: -1, or closed. */
void requests_reply(const struct request *request, int error, int fd_out, int answer_fd);

/* Both; after REQUESTS_FORBIDDEN nothing is sent. */
int requests_serve(const struct requests *r, enum role role, const struct request *request,
        int fd_in, int answer_fd);

#endif
