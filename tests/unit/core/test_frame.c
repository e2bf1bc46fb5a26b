#include "tests/unit/cmocka_all.h"

#include "core/error.h"
#include "core/frame.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint8_t memory[FRAME_MAX + 16];

struct pair {
	int a, b;
	int open_before;
};

static int count_open(void)
{
	DIR *stream = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(stream);
	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return count;
}

static int pair_set_up(void **state)
{
	static struct pair pair;
	int ends[2];

	pair.open_before = count_open();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	pair.a = ends[0];
	pair.b = ends[1];
	*state = &pair;
	return 0;
}

/* Whatever a test did, no descriptor may be left over. */
static int pair_tear_down(void **state)
{
	struct pair *pair = *state;

	close(pair->a);
	close(pair->b);
	assert_int_equal(count_open(), pair->open_before);
	return 0;
}

static void round_trip(void **state)
{
	struct pair *p = *state;
	struct frame frame;
	char text[16];

	assert_int_equal(frame_send(p->a, 7, "\0\0\0\2hi", 6, NULL, 0), 0);
	assert_int_equal(frame_send(p->a, 8, NULL, 0, NULL, 0), 0);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, 7);
	assert_int_equal(frame.fd_count, 0);
	assert_int_equal(frame.fds[0], -1);
	buffer_get_string(&frame.payload, text, sizeof(text));
	assert_string_equal(text, "hi");
	assert_int_equal(buffer_end(&frame.payload), 0);
	assert_int_equal(frame_receive(p->b, -1, memory, FRAME_HEADER, &frame), 0);
	assert_int_equal(frame.type, 8);
	assert_int_equal(buffer_end(&frame.payload), 0);
}

static void largest(void **state)
{
	struct pair *p = *state;
	struct frame frame;
	char *payload = calloc(1, FRAME_MAX);

	payload[FRAME_MAX - FRAME_HEADER - 1] = 'z';
	assert_int_equal(
	        frame_send(p->a, 1, payload, FRAME_MAX - FRAME_HEADER + 1, NULL, 0), ERR_TOO_LONG);
	assert_int_equal(frame_send(p->a, 1, payload, FRAME_MAX - FRAME_HEADER, NULL, 0), 0);
	assert_int_equal(frame_receive(p->b, 1000, memory, FRAME_MAX, &frame), 0);
	assert_int_equal(frame.payload.length, FRAME_MAX - FRAME_HEADER);
	assert_int_equal(frame.payload.data[FRAME_MAX - FRAME_HEADER - 1], 'z');
	free(payload);
}

static void descriptors_travel(void **state)
{
	struct pair *p = *state;
	struct frame frame;
	struct stat sent, received;
	int fds[FRAME_FDS + 1];

	for (size_t i = 0; i < FRAME_FDS + 1; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	assert_int_equal(frame_send(p->a, 3, "x", 1, fds, FRAME_FDS), 0);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.fd_count, FRAME_FDS);
	for (size_t i = 0; i < FRAME_FDS; i++) {
		assert_int_equal(fcntl(frame.fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(fstat(frame.fds[i], &received), 0);
		assert_int_equal(fstat(fds[i], &sent), 0);
		assert_int_equal(sent.st_rdev, received.st_rdev);
	}
	frame_close_fds(&frame);
	assert_int_equal(frame.fd_count, 0);
	assert_int_equal(frame.fds[0], -1);
	frame_close_fds(&frame); /* twice does no harm */
	assert_int_equal(frame_send(p->a, 3, "x", 1, fds, FRAME_FDS + 1), ERR_TOO_LONG);
	for (size_t i = 0; i < FRAME_FDS + 1; i++)
		close(fds[i]);
}

/* A packet as no frame_send() would make it. */
static void send_raw(int socket, const void *bytes, size_t length, size_t fd_count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 64)];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int fds[64];

	assert_true(fd_count <= 64);
	for (size_t i = 0; i < fd_count; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	if (fd_count > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
	}
	assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), (ssize_t)length);
	for (size_t i = 0; i < fd_count; i++)
		close(fds[i]);
}

static const uint8_t good[] = {0x53, 0x47, 0, 9, 0, 0, 0, 2, 'o', 'k'};

static void too_many_descriptors(void **state)
{
	struct pair *p = *state;
	struct frame frame;

	send_raw(p->a, good, sizeof(good), FRAME_FDS + 1);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_FORMAT);
	assert_int_equal(frame.fd_count, 0);
	send_raw(p->a, good, sizeof(good), 64);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_FORMAT);
	/* the connection itself goes on */
	send_raw(p->a, good, sizeof(good), 1);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.fd_count, 1);
	frame_close_fds(&frame);
}

static void malformed_packets(void **state)
{
	struct pair *p = *state;
	struct frame frame;
	uint8_t bad[sizeof(good) + 1];

	memcpy(bad, good, sizeof(good));
	bad[0] ^= 1;
	send_raw(p->a, bad, sizeof(good), 2);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_FORMAT);
	memcpy(bad, good, sizeof(good));
	bad[sizeof(good)] = 'x'; /* a trailing byte */
	send_raw(p->a, bad, sizeof(bad), 0);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_FORMAT);
	send_raw(p->a, good, sizeof(good) - 1, 0);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_FORMAT);
	send_raw(p->a, good, FRAME_HEADER - 1, 0);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_FORMAT);
	/* cut: more than the receiver has room for */
	send_raw(p->a, good, sizeof(good), 1);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(good) - 1, &frame), ERR_FORMAT);
	/* sound, but beside credentials nobody asked for */
	int on = 1;
	assert_int_equal(setsockopt(p->b, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	send_raw(p->a, good, sizeof(good), 0);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_FORMAT);
}

static void parse_alone(void **state)
{
	struct frame frame;
	uint8_t bad[sizeof(good)];

	(void)state;
	assert_int_equal(frame_parse(good, sizeof(good), &frame), 0);
	assert_int_equal(frame.type, 9);
	assert_int_equal(frame.payload.length, 2);
	assert_memory_equal(frame.payload.data, "ok", 2);
	assert_int_equal(frame.fds[FRAME_FDS - 1], -1);
	for (size_t length = 0; length < sizeof(good); length++)
		assert_int_equal(frame_parse(good, length, &frame), ERR_FORMAT);
	memcpy(bad, good, sizeof(good));
	bad[4] = 0xff;
	assert_int_equal(frame_parse(bad, sizeof(bad), &frame), ERR_FORMAT);
	memset(memory, 0, sizeof(memory));
	struct buffer b = buffer_over(memory, FRAME_HEADER);
	buffer_put_u16(&b, FRAME_MAGIC);
	buffer_put_u16(&b, 1);
	buffer_put_u32(&b, FRAME_MAX - FRAME_HEADER + 1);
	assert_int_equal(frame_parse(memory, FRAME_MAX + 1, &frame), ERR_FORMAT);
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void timeouts(void **state)
{
	struct pair *p = *state;
	struct frame frame;
	int error = 0;

	int64_t before = milliseconds();
	assert_int_equal(frame_receive(p->b, 60, memory, sizeof(memory), &frame), ERR_TIMEOUT);
	assert_true(milliseconds() - before >= 59);
	assert_int_equal(frame_receive(p->b, 0, memory, sizeof(memory), &frame), ERR_TIMEOUT);
	/* a full queue: not waited for when the socket does not wait, waited for as long as it says
	 * otherwise */
	assert_int_equal(fcntl(p->a, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 100000 && error == 0; i++)
		error = frame_send(p->a, 1, good, sizeof(good), NULL, 0);
	assert_int_equal(error, ERR_TIMEOUT);
	assert_int_equal(fcntl(p->a, F_SETFL, 0), 0);
	struct timeval wait = {.tv_usec = 50000};
	assert_int_equal(setsockopt(p->a, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
	before = milliseconds();
	assert_int_equal(frame_send(p->a, 1, good, sizeof(good), NULL, 0), ERR_TIMEOUT);
	assert_true(milliseconds() - before >= 45);
}

static void the_peer_is_gone(void **state)
{
	struct pair *p = *state;
	struct frame frame;

	assert_int_equal(frame_send(p->a, 5, "x", 1, NULL, 0), 0);
	assert_int_equal(shutdown(p->a, SHUT_RDWR), 0);
	/* what was sent before is still received */
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, 5);
	assert_int_equal(frame_receive(p->b, 1000, memory, sizeof(memory), &frame), ERR_CLOSED);
	assert_int_equal(frame_send(p->b, 5, "x", 1, NULL, 0), ERR_CLOSED);
	assert_int_equal(frame_send(-1, 5, "x", 1, NULL, 0), ERR_IO);
	int file = open("/dev/null", O_RDWR);
	assert_int_equal(frame_receive(file, 100, memory, sizeof(memory), &frame), ERR_IO);
	close(file);
	assert_int_equal(frame_receive(file, 100, memory, sizeof(memory), &frame), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(round_trip, pair_set_up, pair_tear_down),
	        cmocka_unit_test_setup_teardown(largest, pair_set_up, pair_tear_down),
	        cmocka_unit_test_setup_teardown(descriptors_travel, pair_set_up, pair_tear_down),
	        cmocka_unit_test_setup_teardown(too_many_descriptors, pair_set_up, pair_tear_down),
	        cmocka_unit_test_setup_teardown(malformed_packets, pair_set_up, pair_tear_down),
	        cmocka_unit_test(parse_alone),
	        cmocka_unit_test_setup_teardown(timeouts, pair_set_up, pair_tear_down),
	        cmocka_unit_test_setup_teardown(the_peer_is_gone, pair_set_up, pair_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
