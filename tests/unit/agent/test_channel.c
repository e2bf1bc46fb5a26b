#include "agent/channel.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"

/* A child's channel and the other ends: what main and the signer would hold. */
struct fixture {
	struct channel channel;
	int main_end;
	int signer_end;
	unsigned main_calls;
	uint16_t main_type;
	unsigned signer_calls;
};

static void pair(int *ours, int *theirs)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	*ours = fds[0];
	*theirs = fds[1];
}

static void on_main(void *context, struct frame *frame)
{
	struct fixture *f = context;

	f->main_calls++;
	f->main_type = frame->type;
	frame_close_fds(frame);
}

static void on_signer(void *context, struct frame *frame)
{
	struct fixture *f = context;

	f->signer_calls++;
	frame_close_fds(frame);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	pair(&f->channel.main_fd, &f->main_end);
	pair(&f->channel.signer_fd, &f->signer_end);
	f->channel.on_main = on_main;
	f->channel.on_signer = on_signer;
	f->channel.context = f;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->channel.main_fd);
	close(f->main_end);
	if (f->channel.signer_fd >= 0)
		close(f->channel.signer_fd);
	if (f->signer_end >= 0)
		close(f->signer_end);
	free(f);
	return 0;
}

/* Answers are put in the queue before the question: ids count from 1. */
static void queue_result(struct fixture *f, uint32_t id, uint32_t error, int fd)
{
	uint8_t payload[8];
	struct buffer b = buffer_over(payload, sizeof(payload));

	buffer_put_u32(&b, id);
	buffer_put_u32(&b, error);
	assert_int_equal(
	        frame_send(f->main_end, MESSAGE_RESULT, payload, b.length, &fd, fd >= 0 ? 1 : 0),
	        0);
}

static void queue_done(struct fixture *f, uint32_t id)
{
	uint8_t payload[12];
	struct buffer b = buffer_over(payload, sizeof(payload));

	buffer_put_u32(&b, id);
	buffer_put_u64(&b, 42);
	assert_int_equal(
	        frame_send(f->signer_end, MESSAGE_EVENT_DONE, payload, b.length, NULL, 0), 0);
}

static void queue_main(struct fixture *f, enum message type)
{
	assert_int_equal(frame_send(f->main_end, (uint16_t)type, NULL, 0, NULL, 0), 0);
}

static uint16_t received_type(int fd)
{
	uint8_t memory[4096];
	struct frame frame;

	assert_int_equal(frame_receive(fd, 0, memory, sizeof(memory), &frame), 0);
	frame_close_fds(&frame);
	return frame.type;
}

static int request(struct fixture *f)
{
	return channel_request(&f->channel, REQUEST_HUB_DENY, "usb1", 0, -1, NULL);
}

static int event(struct fixture *f)
{
	struct event_record e;

	event_start(&e, EVENT_DEVICE_DENIED);
	event_put(&e, FIELD_DEVICE, "1-2");
	return channel_event(&f->channel, &e);
}

static void a_request_is_sent_as_it_is(void **state)
{
	struct fixture *f = *state;
	uint8_t memory[256];
	struct frame frame;
	struct request q;

	queue_result(f, 1, 0, -1);
	assert_int_equal(
	        channel_request(&f->channel, REQUEST_USB_AUTHORISE, "1-2.3", 9, -1, NULL), 0);
	assert_int_equal(frame_receive(f->main_end, 0, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, MESSAGE_REQUEST);
	assert_int_equal(frame.payload.length, sizeof(q));
	memcpy(&q, frame.payload.data, sizeof(q));
	assert_int_equal(q.id, 1);
	assert_int_equal(q.type, REQUEST_USB_AUTHORISE);
	assert_int_equal(q.number, 9);
	assert_string_equal(q.name, "1-2.3");
	for (size_t i = 5; i < sizeof(q.name); i++)
		assert_int_equal(q.name[i], 0);
}

static void errors_and_descriptors_come_back(void **state)
{
	struct fixture *f = *state;
	int fd = -1;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	queue_result(f, 1, 7, -1);
	assert_int_equal(request(f), ERR_DENIED);
	queue_result(f, 2, 0, null);
	assert_int_equal(channel_request(&f->channel, REQUEST_USER_OPEN, "a", 0, -1, &fd), 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	/* yes, but without what was asked for */
	queue_result(f, 3, 0, -1);
	assert_int_equal(
	        channel_request(&f->channel, REQUEST_USER_OPEN, "a", 0, -1, &fd), ERR_FORMAT);
	assert_int_equal(fd, -1);
	close(null);
}

static void a_late_answer_is_not_the_next_questions(void **state)
{
	struct fixture *f = *state;

	queue_result(f, 0, 0, -1);
	queue_result(f, 1, 7, -1);
	assert_int_equal(request(f), ERR_DENIED);
}

static void main_is_heard_while_an_answer_is_awaited(void **state)
{
	struct fixture *f = *state;

	queue_main(f, MESSAGE_PING);
	queue_main(f, MESSAGE_RELOAD);
	queue_result(f, 1, 0, -1);
	assert_int_equal(request(f), 0);
	assert_int_equal(f->main_calls, 1);
	assert_int_equal(f->main_type, MESSAGE_RELOAD);
	assert_int_equal(received_type(f->main_end), MESSAGE_REQUEST);
	assert_int_equal(received_type(f->main_end), MESSAGE_PONG);
}

static void bad_answers_are_errors(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[9] = {0, 0, 0, 1, 0, 0, 0, 0, 0};

	assert_int_equal(frame_send(f->main_end, MESSAGE_RESULT, bytes, 9, NULL, 0), 0);
	assert_int_equal(request(f), ERR_FORMAT);
	assert_int_equal(frame_send(f->main_end, MESSAGE_RESULT, bytes, 3, NULL, 0), 0);
	assert_int_equal(request(f), ERR_FORMAT);
	queue_result(f, 3, 0x80000000u, -1);
	assert_int_equal(request(f), ERR_FORMAT);
}

static void main_that_is_gone_is_closed(void **state)
{
	struct fixture *f = *state;

	shutdown(f->main_end, SHUT_RDWR);
	assert_int_equal(request(f), ERR_CLOSED);
	assert_int_equal(channel_serve_main(&f->channel), ERR_CLOSED);
}

static void a_name_that_is_too_long_is_not_sent(void **state)
{
	struct fixture *f = *state;
	char name[sizeof(((struct request *)NULL)->name) + 1];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(
	        channel_request(&f->channel, REQUEST_USER_OPEN, name, 0, -1, NULL), ERR_TOO_LONG);
	struct pollfd fd = {.fd = f->main_end, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 0), 0);
}

static void an_event_is_done_when_the_signer_says_so(void **state)
{
	struct fixture *f = *state;

	queue_done(f, 0); /* of an event that was given up */
	assert_int_equal(frame_send(f->signer_end, MESSAGE_NEWS, "12345678", 8, NULL, 0), 0);
	queue_main(f, MESSAGE_PING);
	queue_done(f, 1);
	assert_int_equal(event(f), 0);
	assert_int_equal(f->signer_calls, 1);
	assert_int_equal(received_type(f->signer_end), MESSAGE_EVENT);
}

static void without_a_signer_nothing_is_durable(void **state)
{
	struct fixture *f = *state;
	struct event_record e;

	close(f->signer_end);
	f->signer_end = -1;
	assert_int_equal(event(f), ERR_CLOSED);
	assert_int_equal(f->channel.signer_fd, -1);
	assert_int_equal(event(f), ERR_CLOSED);
	event_start(&e, 0);
	assert_int_equal(channel_state(&f->channel, ROLE_GUARD, &e), ERR_CLOSED);
}

static void a_silent_signer_is_waited_for_a_while(void **state)
{
	struct fixture *f = *state;
	int64_t start = clock_boot_ms();

	assert_int_equal(event(f), ERR_TIMEOUT);
	assert_in_range(
	        clock_boot_ms() - start, CHANNEL_TIMEOUT_MS - 50, CHANNEL_TIMEOUT_MS + 1000);
	assert_true(f->channel.signer_fd >= 0);
}

static void a_new_signer_takes_the_place_of_the_old(void **state)
{
	struct fixture *f = *state;
	int ours, theirs;

	pair(&ours, &theirs);
	assert_int_equal(frame_send(f->main_end, MESSAGE_SIGNER, NULL, 0, &ours, 1), 0);
	close(ours);
	/* It does not answer for what the old one was asked. */
	assert_int_equal(event(f), ERR_CLOSED);
	assert_int_equal(f->main_type, MESSAGE_SIGNER);
	close(f->signer_end);
	f->signer_end = theirs;
	queue_done(f, 2);
	assert_int_equal(event(f), 0);
}

static void a_signer_that_lies_is_left(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(frame_send(f->signer_end, MESSAGE_EVENT_DONE, "1", 1, NULL, 0), 0);
	assert_int_equal(event(f), ERR_FORMAT);
	assert_int_equal(f->channel.signer_fd, -1);
}

static void states_name_their_section(void **state)
{
	struct fixture *f = *state;
	struct event_record sent, got;
	uint8_t memory[4096];
	struct frame frame;

	event_start(&sent, 0);
	event_put(&sent, FIELD_POLICY_STATE, "none");
	assert_int_equal(channel_state(&f->channel, ROLE_POLICY, &sent), 0);
	assert_int_equal(frame_receive(f->signer_end, 0, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, MESSAGE_STATE);
	assert_int_equal(buffer_get_u8(&frame.payload), ROLE_POLICY);
	assert_int_equal(event_decode(&frame.payload, &got), 0);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.fields[0].value, "none");
}

static void what_main_does_not_say_is_refused(void **state)
{
	struct fixture *f = *state;

	f->channel.on_main = NULL;
	queue_main(f, MESSAGE_RELOAD);
	assert_int_equal(channel_serve_main(&f->channel), ERR_FORMAT);
	queue_main(f, MESSAGE_SIGNER); /* without the descriptor */
	assert_int_equal(channel_serve_main(&f->channel), ERR_FORMAT);
	assert_true(f->channel.signer_fd >= 0);
	assert_int_equal(write(f->main_end, "SGxxxxxxxx", 10), 10);
	assert_int_equal(channel_serve_main(&f->channel), ERR_FORMAT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_request_is_sent_as_it_is),
	        TEST(errors_and_descriptors_come_back),
	        TEST(a_late_answer_is_not_the_next_questions),
	        TEST(main_is_heard_while_an_answer_is_awaited),
	        TEST(bad_answers_are_errors),
	        TEST(main_that_is_gone_is_closed),
	        TEST(a_name_that_is_too_long_is_not_sent),
	        TEST(an_event_is_done_when_the_signer_says_so),
	        TEST(without_a_signer_nothing_is_durable),
	        TEST(a_silent_signer_is_waited_for_a_while),
	        TEST(a_new_signer_takes_the_place_of_the_old),
	        TEST(a_signer_that_lies_is_left),
	        TEST(states_name_their_section),
	        TEST(what_main_does_not_say_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
