/* What main itself has to tell the signer: kept until it is durable, over any number of signers. */
#ifndef SEKISHO_AGENT_TELL_H
#define SEKISHO_AGENT_TELL_H

#include "core/event.h"

#include <stddef.h>
#include <stdint.h>

enum { TELL_EVENTS_MAX = 32, TELL_EVENT_SIZE = 1024 };

struct tell {
	int fd; /* non-blocking; -1 while there is no signer */
	uint32_t next_id;
	size_t count; /* oldest first */
	struct {
		uint32_t id;
		size_t length;
		uint8_t bytes[TELL_EVENT_SIZE];
	} events[TELL_EVENTS_MAX];
	size_t state_length; /* the section "agent" as it was told last */
	uint8_t state[TELL_EVENT_SIZE];
};

/* Takes fd (a new signer's channel, or -1) and tells it everything that is not durable yet, and the
 * state. */
void tell_connect(struct tell *t, int fd);
/* When as many are waiting as there is room for, this one is lost and the log says so: the first
 * ones say what began it. */
void tell_event(struct tell *t, const struct event_record *e);
void tell_state(struct tell *t, const struct event_record *state);
/* Reads what the signer has made durable. 0; ERR_CLOSED; ERR_FORMAT: it said something else and
 * must be ended. */
int tell_read(struct tell *t);

#endif
