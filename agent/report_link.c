#include "agent/report_link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/error.h"

enum { EXPORTER_SIZE = 32, QUESTION_MAX = 512 };

/* 1 when it was the wanted one, which is then in *frame; 0 when it was handled. */
static int take_frame(struct report_link *l, uint16_t wanted, struct frame *frame)
{
	int error = frame_receive(l->channel->signer_fd, 0, l->memory, sizeof(l->memory), frame);

	if (error == ERR_TIMEOUT)
		return 0;
	if (error != 0)
		return error;
	if (frame->fd_count != 0) {
		frame_close_fds(frame);
		return ERR_FORMAT;
	}
	if (wanted != 0 && frame->type == wanted)
		return 1;
	if (frame->type == MESSAGE_NEWS) {
		buffer_get_u64(&frame->payload);
		l->news = true;
		return buffer_end(&frame->payload);
	}
	/* For an event that was given up. */
	return frame->type == MESSAGE_EVENT_DONE ? 0 : ERR_FORMAT;
}

int report_link_serve(struct report_link *l)
{
	struct frame frame;

	return take_frame(l, 0, &frame);
}

static int wait_step(struct report_link *l, uint16_t wanted, struct frame *frame, int timeout_ms)
{
	struct pollfd fds[2] = {{.fd = l->channel->main_fd, .events = POLLIN},
	        {.fd = l->channel->signer_fd, .events = POLLIN}};
	int asked = l->channel->signer_fd;
	int ready = poll(fds, 2, timeout_ms);
	int error;

	if (ready < 0)
		return errno == EINTR ? 0 : ERR_IO;
	if (ready == 0)
		return ERR_TIMEOUT;
	if (fds[1].revents != 0)
		return take_frame(l, wanted, frame);
	error = channel_serve_main(l->channel);
	if (error != 0)
		return error;
	return l->channel->signer_fd == asked ? 0 : ERR_CLOSED;
}

static int ask(struct report_link *l, uint16_t type, const struct buffer *question, uint16_t wanted,
        struct frame *frame)
{
	int64_t deadline = clock_boot_ms() + REPORT_LINK_TIMEOUT_MS;
	int error;

	if (l->channel->signer_fd < 0)
		return ERR_CLOSED;
	if (question->error != 0)
		return question->error;
	error = frame_send(l->channel->signer_fd, type, question->data, question->length, NULL, 0);
	while (error == 0) {
		int64_t left = deadline - clock_boot_ms();

		error = left > 0 ? wait_step(l, wanted, frame, (int)left) : ERR_TIMEOUT;
	}
	if (error == ERR_TIMEOUT || error == ERR_FORMAT)
		l->lost = true;
	return error == 1 ? 0 : error;
}

static int read_report(struct frame *frame, struct report *report)
{
	const uint8_t *jws;
	uint8_t more;

	report->seq = buffer_get_u64(&frame->payload);
	jws = buffer_get_bytes(&frame->payload, &report->length);
	more = buffer_get_u8(&frame->payload);
	report->interval_s = buffer_get_u32(&frame->payload);
	if (buffer_end(&frame->payload) != 0 || more > 1 ||
	        (report->seq == 0) != (report->length == 0))
		return ERR_FORMAT;
	if (report->seq == 0)
		return ERR_NOT_FOUND;
	report->more = more == 1;
	report->jws = strndup((const char *)jws, report->length);
	return report->jws != NULL ? 0 : ERR_MEMORY;
}

int report_link_make(struct report_link *l, const char *nonce, const uint8_t *exporter,
        bool full_state, struct report *report)
{
	uint8_t bytes[QUESTION_MAX];
	struct buffer question = buffer_over(bytes, sizeof(bytes));
	struct frame frame;
	int error;

	memset(report, 0, sizeof(*report));
	buffer_put_string(&question, nonce);
	buffer_put_bytes(&question, exporter, exporter != NULL ? EXPORTER_SIZE : 0);
	buffer_put_u8(&question, full_state ? 1 : 0);
	error = ask(l, MESSAGE_REPORT_MAKE, &question, MESSAGE_REPORT, &frame);
	if (error != 0)
		return error;
	/* What the signer said before is in it. */
	l->news = false;
	return read_report(&frame, report);
}

int report_link_stored(struct report_link *l, uint64_t seq)
{
	uint8_t bytes[8];
	struct buffer question = buffer_over(bytes, sizeof(bytes));
	struct frame frame;
	int error;

	buffer_put_u64(&question, seq);
	error = ask(l, MESSAGE_REPORT_STORED, &question, MESSAGE_REPORT_STORED, &frame);
	if (error != 0)
		return error;
	if (buffer_get_u64(&frame.payload) != seq || buffer_end(&frame.payload) != 0)
		return ERR_FORMAT;
	return 0;
}
