/* A child's two channels: to main (requests) and to the signer (events). Synchronous, bounded in
 * time. */
#ifndef SEKISHO_AGENT_CHANNEL_H
#define SEKISHO_AGENT_CHANNEL_H

#include "agent/message.h"
#include "core/event.h"
#include "core/frame.h"

#include <stdbool.h>

enum { CHANNEL_TIMEOUT_MS = 2000 };

struct channel {
	int main_fd;
	int signer_fd; /* -1 while there is no signer */
	int alarm_fd;  /* heard by the keeper when main does not answer; 0: there is none */
	uint32_t next_id;
	uint32_t signers; /* how many there have been */
	/*
	 * What main says, wherever it arrives: in channel_serve_main(), or while an answer is
	 * awaited (then the wait goes on, so this must not ask or tell anything itself: note it and
	 * act later). PING is answered, and the new descriptor of SIGNER taken, before. Owns
	 * frame->fds. NULL refuses everything else.
	 */
	void (*on_main)(void *context, struct frame *frame);
	/* What the signer says on its own while EVENT_DONE is awaited (reporter: NEWS, REPORT).
	 * NULL refuses it. */
	void (*on_signer)(void *context, struct frame *frame);
	void *context;
};

/*
 * Receives one frame from main (which is there: after poll) and handles it. An error means that
 * main is gone or not main: the child must exit.
 */
int channel_serve_main(struct channel *c);

/* Asks main and waits for its RESULT; ERR_TIMEOUT etc. fd_in: -1 or a descriptor to send; fd_out
 * may be NULL. */
int channel_request(struct channel *c, enum request_type type, const char *name, uint64_t number,
        int fd_in, int *fd_out);

/* The same in two halves, for who has two questions: main answers in the order in which it was
 * asked, and so is it waited for. */
int channel_request_send(struct channel *c, enum request_type type, const char *name,
        uint64_t number, int fd_in, uint32_t *id);
int channel_request_wait(struct channel *c, uint32_t id, int *fd_out);

/*
 * Sends an event and waits until it is durable. On ERR_CLOSED, ERR_TIMEOUT: the caller keeps its
 * verdict at deny. The event may be in the journal all the same.
 */
int channel_event(struct channel *c, const struct event_record *e);

/* The same in two halves: in between, main may be asked while the journal is being written. Every
 * event that was sent (0) is waited for before the next is. */
struct channel_event {
	uint32_t id;
	uint32_t signer;
	int64_t deadline_ms;
};
int channel_event_send(struct channel *c, const struct event_record *e, struct channel_event *sent);
int channel_event_wait(struct channel *c, const struct channel_event *sent);

/* Sends the section's state; no answer. */
int channel_state(struct channel *c, enum role section, const struct event_record *state);

int channel_ready(struct channel *c);

/* A request about a device will follow: main makes ready for it meanwhile. */
int channel_expect(struct channel *c);

/* The answer to MESSAGE_LOOK, once the state was sent. */
int channel_looked(struct channel *c);

/* The reporter's roll call: waits until every process has looked again at what it answers for,
 * CHANNEL_TIMEOUT_MS at most and more only when main does not answer (then the report tells what is
 * known). An error means that main is gone. */
int channel_roll(struct channel *c);

/* The signer's: main ends role, which sent what it may not. */
int channel_breach(struct channel *c, enum role role);

/* Answers on control.sock, in as many MESSAGE_JSON as it takes. Errors of frame_send(), ERR_MEMORY.
 */
int channel_send_json(int connection, const char *text);

#endif
