#include "agent/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"

/* Main says nothing longer than this to a child. */
enum { MAIN_FRAME_MAX = 256 };

enum { JSON_PIECE = 32768 };

static void signer_close(struct channel *c)
{
	if (c->signer_fd >= 0)
		close(c->signer_fd);
	c->signer_fd = -1;
}

/* Only the keeper can end a main that hangs, and only who waits for it notices. */
static void main_is_silent(const struct channel *c)
{
	if (c->alarm_fd > 0)
		(void)!write(c->alarm_fd, "", 1);
}

/* Main looks whether a signer that owes an answer still answers anything. */
static void signer_is_silent(const struct channel *c)
{
	const uint8_t role = ROLE_SIGNER;

	(void)frame_send(c->main_fd, MESSAGE_SILENT, &role, sizeof(role), NULL, 0);
}

/* A full queue or a dead peer must not leave an answer to an old question for the next one. */
static uint32_t id_next(struct channel *c)
{
	return ++c->next_id;
}

static int signer_take(struct channel *c, struct frame *frame)
{
	if (frame->fd_count != 1 || frame->payload.length != 0)
		return ERR_FORMAT;
	signer_close(c);
	c->signers++;
	c->signer_fd = frame->fds[0];
	frame->fds[0] = -1; /* transferred */
	frame->fd_count = 0;
	return 0;
}

static int main_handle(struct channel *c, struct frame *frame)
{
	int r = 0;

	if (frame->type == MESSAGE_PING) {
		frame_close_fds(frame);
		return frame_send(c->main_fd, MESSAGE_PONG, NULL, 0, NULL, 0);
	}
	if (frame->type == MESSAGE_SIGNER)
		r = signer_take(c, frame);
	if (r == 0 && c->on_main != NULL) {
		c->on_main(c->context, frame);
		return 0;
	}
	frame_close_fds(frame);
	if (frame->type == MESSAGE_SIGNER)
		return r;
	return ERR_FORMAT;
}

int channel_serve_main(struct channel *c)
{
	uint8_t memory[MAIN_FRAME_MAX];
	struct frame frame;
	int r = frame_receive(c->main_fd, 0, memory, sizeof(memory), &frame);

	if (r != 0)
		return r;
	if (frame.type == MESSAGE_RESULT || frame.type == MESSAGE_ROLLED) { /* was given up */
		frame_close_fds(&frame);
		return 0;
	}
	return main_handle(c, &frame);
}

/* 0 when the frame was this question's answer; 1 when it belongs to one that was given up. */
static int result_read(struct frame *frame, uint32_t id, int *answer, int *fd_out)
{
	uint32_t got = buffer_get_u32(&frame->payload);
	uint32_t code = buffer_get_u32(&frame->payload);

	if (buffer_end(&frame->payload) != 0 || code > INT16_MAX) {
		frame_close_fds(frame);
		return ERR_FORMAT;
	}
	if (got != id) {
		frame_close_fds(frame);
		return 1;
	}
	*answer = -(int)code;
	if (fd_out != NULL && code == 0 && frame->fd_count == 1) {
		*fd_out = frame->fds[0];
		frame->fds[0] = -1; /* transferred */
		frame->fd_count = 0;
	}
	frame_close_fds(frame);
	return 0;
}

static int left_until(int64_t deadline)
{
	int64_t left = deadline - clock_awake_ms();

	return left > 0 ? (int)left : 0;
}

static int result_wait(struct channel *c, uint32_t id, int *fd_out)
{
	int64_t deadline = clock_awake_ms() + CHANNEL_TIMEOUT_MS;
	uint8_t memory[MAIN_FRAME_MAX];
	struct frame frame;
	int answer = ERR_DENIED;

	for (;;) {
		int r = frame_receive(
		        c->main_fd, left_until(deadline), memory, sizeof(memory), &frame);

		if (r == ERR_TIMEOUT)
			main_is_silent(c);
		if (r != 0)
			return r;
		if (frame.type != MESSAGE_RESULT) {
			r = main_handle(c, &frame);
			if (r != 0)
				return r;
			continue;
		}
		r = result_read(&frame, id, &answer, fd_out);
		if (r == 0)
			return answer;
		if (r < 0)
			return r;
	}
}

int channel_request_send(struct channel *c, enum request_type type, const char *name,
        uint64_t number, int fd_in, uint32_t *id)
{
	struct request request = {.id = id_next(c), .type = (uint32_t)type, .number = number};
	size_t length = name != NULL ? strlen(name) : 0;

	*id = request.id;
	if (length >= sizeof(request.name))
		return ERR_TOO_LONG;
	if (length > 0)
		memcpy(request.name, name, length);
	return frame_send(
	        c->main_fd, MESSAGE_REQUEST, &request, sizeof(request), &fd_in, fd_in >= 0 ? 1 : 0);
}

int channel_request_wait(struct channel *c, uint32_t id, int *fd_out)
{
	int r;

	if (fd_out != NULL)
		*fd_out = -1;
	r = result_wait(c, id, fd_out);
	return r == 0 && fd_out != NULL && *fd_out < 0 ? ERR_FORMAT : r;
}

int channel_request(struct channel *c, enum request_type type, const char *name, uint64_t number,
        int fd_in, int *fd_out)
{
	uint32_t id;
	int r = channel_request_send(c, type, name, number, fd_in, &id);

	if (fd_out != NULL)
		*fd_out = -1;
	return r == 0 ? channel_request_wait(c, id, fd_out) : r;
}

/* 0 when the signer said that id is durable, 1 when it said something else. */
static int signer_handle(struct channel *c, uint32_t id)
{
	uint8_t memory[FRAME_MAX];
	struct frame frame;
	uint32_t got;
	int r = frame_receive(c->signer_fd, 0, memory, sizeof(memory), &frame);

	if (r == ERR_TIMEOUT)
		return 1;
	if (r != 0)
		return r;
	if (frame.type != MESSAGE_EVENT_DONE) {
		if (c->on_signer != NULL) {
			c->on_signer(c->context, &frame);
			return 1;
		}
		frame_close_fds(&frame);
		return ERR_FORMAT;
	}
	frame_close_fds(&frame);
	got = buffer_get_u32(&frame.payload);
	(void)buffer_get_u64(&frame.payload);
	if (buffer_end(&frame.payload) != 0)
		return ERR_FORMAT;
	return got == id ? 0 : 1;
}

/* A new signer does not answer what the old one was asked. */
static int event_step(struct channel *c, const struct channel_event *sent)
{
	struct pollfd fds[2] = {
	        {.fd = c->main_fd, .events = POLLIN}, {.fd = c->signer_fd, .events = POLLIN}};
	int r;

	if (c->signer_fd < 0 || c->signers != sent->signer)
		return ERR_CLOSED;
	r = poll(fds, 2, left_until(sent->deadline_ms));
	if (r < 0)
		return errno == EINTR ? 1 : ERR_IO;
	if (r == 0)
		return ERR_TIMEOUT;
	if (fds[1].revents != 0) {
		r = signer_handle(c, sent->id);
		if (r < 0)
			signer_close(c);
		return r;
	}
	r = channel_serve_main(c);
	return r == 0 ? 1 : r;
}

int channel_event_send(struct channel *c, const struct event_record *e, struct channel_event *sent)
{
	uint8_t memory[EVENT_ENCODED_MAX + 4];
	struct buffer out = buffer_over(memory, sizeof(memory));
	int r;

	*sent = (struct channel_event){.id = id_next(c),
	        .signer = c->signers,
	        .deadline_ms = clock_awake_ms() + CHANNEL_TIMEOUT_MS};
	if (c->signer_fd < 0)
		return ERR_CLOSED;
	buffer_put_u32(&out, sent->id);
	event_encode(e, &out);
	if (out.error != 0)
		return out.error;
	r = frame_send(c->signer_fd, MESSAGE_EVENT, memory, out.length, NULL, 0);
	if (r == ERR_CLOSED)
		signer_close(c);
	return r;
}

int channel_event_wait(struct channel *c, const struct channel_event *sent)
{
	int r;

	do
		r = event_step(c, sent);
	while (r == 1);
	if (r == ERR_TIMEOUT)
		signer_is_silent(c);
	return r;
}

int channel_event(struct channel *c, const struct event_record *e)
{
	struct channel_event sent;
	int r = channel_event_send(c, e, &sent);

	return r == 0 ? channel_event_wait(c, &sent) : r;
}

int channel_state(struct channel *c, enum role section, const struct event_record *state)
{
	uint8_t memory[EVENT_ENCODED_MAX + 1];
	struct buffer out = buffer_over(memory, sizeof(memory));
	int r;

	if (c->signer_fd < 0)
		return ERR_CLOSED;
	buffer_put_u8(&out, (uint8_t)section);
	event_encode(state, &out);
	if (out.error != 0)
		return out.error;
	r = frame_send(c->signer_fd, MESSAGE_STATE, memory, out.length, NULL, 0);
	if (r == ERR_CLOSED)
		signer_close(c);
	return r;
}

int channel_ready(struct channel *c)
{
	return frame_send(c->main_fd, MESSAGE_READY, NULL, 0, NULL, 0);
}

int channel_expect(struct channel *c)
{
	return frame_send(c->main_fd, MESSAGE_EXPECT, NULL, 0, NULL, 0);
}

int channel_looked(struct channel *c)
{
	return frame_send(c->main_fd, MESSAGE_LOOKED, NULL, 0, NULL, 0);
}

int channel_roll(struct channel *c)
{
	/* Main gives the others CHANNEL_TIMEOUT_MS. */
	int64_t deadline = clock_awake_ms() + CHANNEL_TIMEOUT_MS + CHANNEL_TIMEOUT_MS / 2;
	uint8_t memory[MAIN_FRAME_MAX];
	struct frame frame;
	int r = frame_send(c->main_fd, MESSAGE_ROLL, NULL, 0, NULL, 0);

	while (r == 0) {
		r = frame_receive(c->main_fd, left_until(deadline), memory, sizeof(memory), &frame);
		if (r == ERR_TIMEOUT) {
			main_is_silent(c);
			return 0;
		}
		if (r != 0)
			return r;
		if (frame.type == MESSAGE_ROLLED) {
			frame_close_fds(&frame);
			return 0;
		}
		r = main_handle(c, &frame);
	}
	return r;
}

int channel_breach(struct channel *c, enum role role)
{
	const uint8_t payload = (uint8_t)role;

	return frame_send(c->main_fd, MESSAGE_BREACH, &payload, sizeof(payload), NULL, 0);
}

int channel_send_json(int connection, const char *text)
{
	uint8_t *payload = malloc(JSON_PIECE + 4);
	size_t left = strlen(text);
	int error = payload != NULL ? 0 : ERR_MEMORY;

	while (error == 0 && left > 0) {
		struct buffer out = buffer_over(payload, JSON_PIECE + 4);
		size_t piece = left < JSON_PIECE ? left : JSON_PIECE;

		buffer_put_bytes(&out, text, piece);
		error = frame_send(connection, MESSAGE_JSON, payload, out.length, NULL, 0);
		text += piece;
		left -= piece;
	}
	free(payload);
	return error;
}
