/*
 * Polls under way: a nonce for a terminal, sent down its waiting connection, until a report brings
 * it back or time is up. Knows neither HTTP nor the control socket: both sides register what they
 * do.
 */
#ifndef SEKISHO_COLLECTOR_POLL_H
#define SEKISHO_COLLECTOR_POLL_H

#include "collector/store.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum poll_end { POLL_ANSWERED, POLL_TIMED_OUT, POLL_NOT_CONNECTED, POLL_DROPPED };

struct poll {
	TAILQ_ENTRY(poll) next;
	struct poll_board *board;
	int64_t terminal;
	char nonce[STORE_NONCE_SIZE];
	int64_t started_ms; /* clock_boot_ms() */
	unsigned sends;
	struct event *timer;
	struct event *grace;
	void (*done)(void *context, enum poll_end end, uint64_t seq, int64_t took_ms);
	void *context;
};

TAILQ_HEAD(poll_queue, poll);

struct poll_board {
	struct event_base *base;
	struct poll_queue polls;
	size_t count;
	/* Tries to send the nonce down a waiting connection; false when the terminal has none just
	 * now. */
	bool (*send)(void *context, int64_t terminal, const char *nonce);
	/* Is a connection of the terminal open at all? */
	bool (*connected)(void *context, int64_t terminal);
	void *context;
};

/* A nonce may go down with its connection: a terminal that waits again is given it again, a few
 * times. */
enum { POLL_MAX = 64, POLL_GRACE_MS = 3000, POLL_SECONDS_MAX = 60, POLL_SENDS_MAX = 3 };

void poll_board_start(struct poll_board *board, struct event_base *base);
/* Ends every poll as POLL_DROPPED. */
void poll_board_stop(struct poll_board *board);

/*
 * Starts a poll. done() is called exactly once, later or at once, unless an error is returned. A
 * terminal between two connections is given POLL_GRACE_MS to come back. ERR_TOO_LONG: POLL_MAX are
 * under way; ERR_MEMORY.
 */
int poll_start(struct poll_board *board, int64_t terminal, const char *nonce, unsigned seconds,
        void (*done)(void *, enum poll_end, uint64_t, int64_t), void *context);
/* The asker has gone: done() is not called. */
void poll_forget(struct poll_board *board, const void *context);

/* The terminal asks to wait: the nonce of a poll not yet answered, or NULL. It counts as sent. */
const char *poll_take_pending(struct poll_board *board, int64_t terminal);
/* A verified report brought a live nonce back. */
void poll_answered(struct poll_board *board, int64_t terminal, const char *nonce, uint64_t seq);

#endif
