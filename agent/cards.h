/* Main's part in cards, security keys and the storage key: starts the process card, fido2 or seal
 * for who asks, and sees that it ends. */
#ifndef SEKISHO_AGENT_CARDS_H
#define SEKISHO_AGENT_CARDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/card.h"
#include "agent/sandbox.h"

struct cards {
	enum role role;         /* ROLE_CARD, ROLE_FIDO2 or ROLE_SEAL */
	struct sandbox_ids ids; /* uid 0: there is no such user, and nothing is started */
	const char *libexec;    /* absolute; borrowed, like the next two */
	const char *root_path;
	const char *device; /* relative to root, opened for it; NULL: none */
	int root;
	int null_fd;
	struct {
		pid_t pid; /* 0: free */
		int64_t deadline_ms;
	} processes[CARD_LIFETIME_PROCESSES];
};

/* *fd: the asker's end. ERR_NOT_FOUND (no user for it), ERR_TOO_LONG (too many at once), ERR_IO. */
int cards_start(struct cards *c, int *fd);

/* After SIGCHLD: a process that ended, or stopped, which ends it. false: not one of these. */
bool cards_take(struct cards *c, pid_t pid, bool stopped);

/* Ends who has been there for too long. */
void cards_expire(struct cards *c);
/* Milliseconds until cards_expire() has something to do; -1: nothing. */
int cards_wait_ms(const struct cards *c);

#endif
