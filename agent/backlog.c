#include "agent/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "core/language.h"
#include "core/log.h"

static void drop(struct backlog *b)
{
	free(b->events[0].bytes);
	b->count--;
	memmove(b->events, b->events + 1, b->count * sizeof(b->events[0]));
}

static void lost_log(void)
{
	log_error("%s", LANGUAGE("抜かれた機器を記録できませんでした",
	                        "something has gone, and could not be journalled"));
}

static void keep(struct backlog *b, const struct event_record *event)
{
	uint8_t memory[EVENT_ENCODED_MAX];
	struct buffer out = buffer_over(memory, sizeof(memory));
	uint8_t *bytes;

	event_encode(event, &out);
	bytes = out.error == 0 ? malloc(out.length) : NULL;
	if (bytes == NULL || b->count == BACKLOG_MAX)
		lost_log();
	if (bytes == NULL)
		return;
	if (b->count == BACKLOG_MAX)
		drop(b);
	memcpy(bytes, memory, out.length);
	b->events[b->count++] = (struct backlog_event){out.length, bytes}; /* transferred */
}

void backlog_work(struct backlog *b, backlog_tell *tell, void *context)
{
	while (b->count > 0) {
		struct buffer in = buffer_from(b->events[0].bytes, b->events[0].length);
		struct event_record event;

		if (event_decode(&in, &event) == 0 && tell(context, &event) != 0)
			return;
		drop(b);
	}
}

void backlog_add(
        struct backlog *b, backlog_tell *tell, void *context, const struct event_record *event)
{
	backlog_work(b, tell, context);
	if (b->count > 0 || tell(context, event) != 0)
		keep(b, event);
}

void backlog_free(struct backlog *b)
{
	while (b->count > 0)
		drop(b);
}
