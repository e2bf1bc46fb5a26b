/* Events that the journal did not take, of what is not there any more to be told of again. */
#ifndef SEKISHO_AGENT_BACKLOG_H
#define SEKISHO_AGENT_BACKLOG_H

#include "core/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BACKLOG_MAX = 384 };

/* Empty: all zero. The oldest first. */
struct backlog {
	struct backlog_event {
		size_t length;
		uint8_t *bytes; /* event_encode() */
	} events[BACKLOG_MAX];
	size_t count;
};

/* tell: 0 when the journal has it. */
typedef int backlog_tell(void *context, const struct event_record *event);

/* Tells it, or keeps it behind those that wait. One too many is lost, the oldest, which is logged.
 */
void backlog_add(
        struct backlog *b, backlog_tell *tell, void *context, const struct event_record *event);

/* In the order in which they came; ends at the first that the journal does not take. */
void backlog_work(struct backlog *b, backlog_tell *tell, void *context);

void backlog_free(struct backlog *b);

#endif
