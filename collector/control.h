/*
 * The collector's own command line talking to its server: DIR/control.sock, core/frame.h, one
 * question a connection. Only the directory's owner and root reach it.
 */
#ifndef SEKISHO_COLLECTOR_CONTROL_H
#define SEKISHO_COLLECTOR_CONTROL_H

#include "collector/poll.h"

enum control_message {
	CONTROL_POLL = 0x0301,   /* string terminal, u32 seconds (1..POLL_SECONDS_MAX) */
	CONTROL_ANSWER = 0x0302, /* u8 enum control_answer, u64 seq, u64 took_ms */
};

enum control_answer {
	CONTROL_ANSWERED = 1, /* the report `seq` brought the nonce back */
	CONTROL_TIMED_OUT,
	CONTROL_NOT_CONNECTED,
	CONTROL_UNKNOWN_TERMINAL,
	CONTROL_BUSY,
	CONTROL_STOPPING,
};

struct control;

/* Listens at `path` (0600), in place of a socket nobody serves any more; ERR_EXISTS when a server
 * answers there. */
int control_open(struct event_base *base, const char *path, struct store *store,
        struct poll_board *polls, struct control **control);
/* Removes the socket. */
void control_free(struct control **control);

/* The asking side. ERR_CLOSED when no server listens; ERR_TIMEOUT, ERR_FORMAT, ERR_IO. */
int control_ask_poll(const char *path, const char *terminal, unsigned seconds,
        enum control_answer *answer, uint64_t *seq, uint64_t *took_ms);

#endif
