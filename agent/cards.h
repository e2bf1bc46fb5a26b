/* Main's part in cards, security keys and the storage key: starts the process card, fido2 or seal
 * for who asks, and sees that it ends. */
#ifndef SEKISHO_AGENT_CARDS_H
#define SEKISHO_AGENT_CARDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/card.h"
#include "agent/sandbox.h"

enum { CARD_USER_SIZE = 33, CARD_HELD = 300 };

struct cards {
	enum role role;         /* ROLE_CARD, ROLE_FIDO2 or ROLE_SEAL */
	struct sandbox_ids ids; /* uid 0: there is no such user, and nothing is started */
	const char *libexec;    /* absolute; borrowed, like the next two */
	const char *root_path;
	const char *device; /* relative to root, opened for it; NULL: none */
	int root;
	int null_fd;
	struct card_process {
		pid_t pid;           /* 0: free */
		int64_t deadline_ms; /* 0: none */
		ino_t socket;        /* the asker's end of its channel */
		int held;            /* that end, while it stays with a token; else -1 */
		char user[CARD_USER_SIZE];
	} processes[CARD_LIFETIME_PROCESSES];
};

/* How a process ended that stayed with a token. */
struct card_end {
	char user[CARD_USER_SIZE]; /* "": it did not */
	bool unwatchable;          /* the token is there, and nobody would hear of its end */
};

/* *fd: the asker's end. ERR_NOT_FOUND (no user for it), ERR_TOO_LONG (too many at once), ERR_IO. */
int cards_start(struct cards *c, int *fd);

/*
 * A login was accepted: the process at the other end of channel (borrowed) stays with the user's
 * token, for CARD_HELD seconds where settled is false, until that is taken out. ERR_NOT_FOUND: it
 * is none of these, or has ended. ERR_IO.
 */
int cards_hold(struct cards *c, int channel, const char *user, bool settled);
/* A session is there that it is to stay for. */
void cards_settle(struct cards *c, const char *user);
/* Nobody has to stay with a token of the user's any more. */
void cards_release(struct cards *c, const char *user);

/* After SIGCHLD: a process that ended with this status, or stopped (-1), which ends it. false: not
 * one of these. */
bool cards_take(struct cards *c, pid_t pid, int status, struct card_end *end);

/* Ends who has been there for too long. */
void cards_expire(struct cards *c);
/* Milliseconds until cards_expire() has something to do; -1: nothing. */
int cards_wait_ms(const struct cards *c);

#endif
