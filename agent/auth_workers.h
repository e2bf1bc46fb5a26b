/* The places of auth's workers: who gets one, and for how long. */
#ifndef SEKISHO_AGENT_AUTH_WORKERS_H
#define SEKISHO_AGENT_AUTH_WORKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/auth_state.h"

enum { WORKERS_MAX = 64 };

struct worker_slot {
	pid_t pid; /* 0: free */
	uid_t uid;
	int fd; /* our end of its socket pair */
	bool given;
	bool card_given;
	bool fido2_given;
	bool session_told;
	bool present_told;
	char user[AUTH_USER_MAX + 1]; /* whose state it was given */
	int64_t since_ms;
};

struct workers {
	struct worker_slot slots[WORKERS_MAX];
};

/* A free place for a client of this id, or NULL. All that are not root have some of the places
 * together, and each a few: root's programs can always log somebody in. */
struct worker_slot *workers_place(struct workers *workers, uid_t uid);

/* Is every place taken? Who comes then waits in the socket's queue. */
bool workers_full(const struct workers *workers);

/* When the next worker's time is over, by clock_boot_ms(); 0: there is none. */
int64_t workers_due(const struct workers *workers);

/*
 * Ends those whose time is over: a login's lifetime and a little, or, once every place is taken,
 * seconds: root's own programs are there for everybody (su), and who leaves their prompts open
 * keeps nobody else out.
 */
void workers_expire(struct workers *workers, int64_t now);

/* Kills the worker, waits for its end, and frees the place. */
void worker_end(struct worker_slot *slot);

#endif
