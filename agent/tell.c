#include "agent/tell.h"

#include <string.h>
#include <unistd.h>

#include "agent/message.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"
#include "core/log.h"

enum { DONE_SIZE = FRAME_HEADER + 12 };

static void tell_close(struct tell *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void send_or_close(struct tell *t, uint16_t type, const uint8_t *bytes, size_t length)
{
	if (t->fd < 0 || length == 0)
		return;
	if (frame_send(t->fd, type, bytes, length, NULL, 0) == ERR_CLOSED)
		tell_close(t);
}

void tell_connect(struct tell *t, int fd)
{
	tell_close(t);
	t->fd = fd;
	for (size_t i = 0; i < t->count; i++)
		send_or_close(t, MESSAGE_EVENT, t->events[i].bytes, t->events[i].length);
	send_or_close(t, MESSAGE_STATE, t->state, t->state_length);
}

static void forget(struct tell *t, size_t index)
{
	t->count--;
	memmove(&t->events[index], &t->events[index + 1],
	        (t->count - index) * sizeof(t->events[0]));
}

void tell_event(struct tell *t, const struct event_record *e)
{
	struct buffer out;
	size_t at;

	if (t->count == TELL_EVENTS_MAX) {
		log_error("%s: %s", event_kind_name(e->kind),
		        LANGUAGE("署名プロセスが戻らないため記録できません",
		                "not journalled: the signer does not come back"));
		return;
	}
	at = t->count;
	out = buffer_over(t->events[at].bytes, sizeof(t->events[at].bytes));
	t->events[at].id = ++t->next_id;
	buffer_put_u32(&out, t->events[at].id);
	event_encode(e, &out);
	if (out.error != 0) {
		log_error("%s: %s", event_kind_name(e->kind), error_text(out.error));
		return;
	}
	t->events[at].length = out.length;
	t->count++;
	send_or_close(t, MESSAGE_EVENT, t->events[at].bytes, out.length);
}

void tell_state(struct tell *t, const struct event_record *state)
{
	uint8_t bytes[TELL_EVENT_SIZE];
	struct buffer out = buffer_over(bytes, sizeof(bytes));

	buffer_put_u8(&out, ROLE_MAIN);
	event_encode(state, &out);
	if (out.error != 0 ||
	        (out.length == t->state_length && memcmp(bytes, t->state, out.length) == 0))
		return;
	memcpy(t->state, bytes, out.length);
	t->state_length = out.length;
	send_or_close(t, MESSAGE_STATE, t->state, t->state_length);
}

static int done_take(struct tell *t, struct frame *frame)
{
	uint32_t id = buffer_get_u32(&frame->payload);
	size_t fds = frame->fd_count;

	(void)buffer_get_u64(&frame->payload);
	frame_close_fds(frame);
	if (frame->type != MESSAGE_EVENT_DONE || fds != 0 || buffer_end(&frame->payload) != 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < t->count; i++) {
		if (t->events[i].id == id) {
			forget(t, i);
			break;
		}
	}
	return 0;
}

int tell_read(struct tell *t)
{
	uint8_t memory[DONE_SIZE];
	struct frame frame;
	int r = 0;

	for (int i = 0; i < TELL_EVENTS_MAX && r == 0 && t->fd >= 0; i++) {
		r = frame_receive(t->fd, 0, memory, sizeof(memory), &frame);
		if (r == 0)
			r = done_take(t, &frame);
	}
	if (r == ERR_TIMEOUT)
		return 0;
	if (r != 0)
		tell_close(t);
	return r;
}
