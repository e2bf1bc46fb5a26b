/* Guard's surroundings in a test: main's real table of requests, and a signer; both can be made to
 * answer or not. */
#ifndef SEKISHO_TESTS_UNIT_AGENT_GUARD_WORLD_H
#define SEKISHO_TESTS_UNIT_AGENT_GUARD_WORLD_H

#include "tests/unit/workspace.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "agent/channel.h"
#include "agent/requests.h"
#include "agent/usb_number.h"

enum { LOG_MAX = 128 };

/* What happened, in order: "event device.allowed 1-2 rule-allows", "request 3 1-2". */
struct world {
	struct requests requests;
	int main_end, signer_end, stop_end, stop;
	pthread_t thread;
	atomic_bool signer_answers, main_answers;
	pthread_mutex_t lock;
	char log[LOG_MAX][160];
	size_t count;
};

static inline void world_note(struct world *w, const char *text)
{
	pthread_mutex_lock(&w->lock);
	if (w->count < LOG_MAX)
		snprintf(w->log[w->count++], sizeof(w->log[0]), "%s", text);
	pthread_mutex_unlock(&w->lock);
}

static inline const char *event_field(const struct event_record *e, uint16_t field)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->fields[i].field == field)
			return e->fields[i].value;
	}
	return "-";
}

static inline void event_take(struct world *w, struct frame *frame)
{
	uint8_t payload[12];
	struct buffer out = buffer_over(payload, sizeof(payload));
	uint32_t id = buffer_get_u32(&frame->payload);
	struct event_record e;
	char text[160];
	const char *why;

	if (event_decode(&frame->payload, &e) != 0) {
		world_note(w, "event that cannot be decoded");
		return;
	}
	why = event_field(&e, FIELD_REASON);
	snprintf(text, sizeof(text), "event %s %.20s %.60s%s", event_kind_name(e.kind),
	        event_field(&e, FIELD_DEVICE), *why != '-' ? why : event_field(&e, FIELD_CAUSE),
	        strcmp(event_field(&e, FIELD_OBSERVED), "true") == 0 ? " observed" : "");
	world_note(w, text);
	buffer_put_u32(&out, id);
	buffer_put_u64(&out, 1);
	if (atomic_load(&w->signer_answers))
		(void)frame_send(w->signer_end, MESSAGE_EVENT_DONE, payload, out.length, NULL, 0);
}

static inline void request_take(struct world *w, struct frame *frame)
{
	uint8_t payload[8];
	struct buffer out = buffer_over(payload, sizeof(payload));
	struct request q;
	char text[160];
	int fd, r;

	memcpy(&q, frame->payload.data, sizeof(q));
	r = requests_answer(&w->requests, ROLE_GUARD, &q, frame->fds[0], &fd);
	snprintf(text, sizeof(text), "request %u %s%s%s", q.type, q.name,
	        q.type == REQUEST_USB_AUTHORISE && usb_number_interfaces(q.number) != 0 ? " open"
	                                                                                : "",
	        r != 0 ? " refused" : "");
	world_note(w, text);
	buffer_put_u32(&out, q.id);
	buffer_put_u32(&out, (uint32_t)-r);
	(void)frame_send(w->main_end, MESSAGE_RESULT, payload, out.length, NULL, 0);
}

static inline void *world_run(void *argument)
{
	static uint8_t memory[FRAME_MAX];
	struct world *w = argument;

	for (;;) {
		struct pollfd fds[3] = {{.fd = w->main_end, .events = POLLIN},
		        {.fd = w->signer_end, .events = POLLIN},
		        {.fd = w->stop_end, .events = POLLIN}};
		struct frame frame;

		if (poll(fds, 3, -1) < 0 || fds[2].revents != 0)
			return NULL;
		if (fds[0].revents != 0 &&
		        frame_receive(w->main_end, 0, memory, sizeof(memory), &frame) == 0) {
			/* Anything else guard says to main, that a signer is silent, is no request.
			 */
			if (frame.type == MESSAGE_REQUEST && atomic_load(&w->main_answers))
				request_take(w, &frame);
			frame_close_fds(&frame);
		}
		if (fds[1].revents != 0 &&
		        frame_receive(w->signer_end, 0, memory, sizeof(memory), &frame) == 0)
			event_take(w, &frame);
	}
}

static inline void pair(int *ours, int *theirs)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	*ours = fds[0];
	*theirs = fds[1];
}

/* root, sys: what main works in. channel: guard's ends. */
static inline void world_start(struct world *w, int root, int sys, struct channel *channel)
{
	pair(&channel->main_fd, &w->main_end);
	pair(&channel->signer_fd, &w->signer_end);
	pair(&w->stop, &w->stop_end);
	w->requests = (struct requests){.root = root, .sys = sys};
	atomic_store(&w->signer_answers, true);
	atomic_store(&w->main_answers, true);
	pthread_mutex_init(&w->lock, NULL);
	assert_int_equal(pthread_create(&w->thread, NULL, world_run, w), 0);
}

static inline void world_end(struct world *w, struct channel *channel)
{
	close(w->stop);
	pthread_join(w->thread, NULL);
	close(w->stop_end);
	close(w->main_end);
	close(w->signer_end);
	close(channel->main_fd);
	if (channel->signer_fd >= 0)
		close(channel->signer_fd);
}

/* Place of the first note that begins so, from 1; 0: none. */
static inline size_t world_noted(struct world *w, const char *begin)
{
	size_t place = 0;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->count && place == 0; i++) {
		if (strncmp(w->log[i], begin, strlen(begin)) == 0)
			place = i + 1;
	}
	pthread_mutex_unlock(&w->lock);
	return place;
}

#endif
