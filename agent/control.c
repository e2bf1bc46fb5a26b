#include "agent/control.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/frame.h"

enum { ASK_SIZE = FRAME_HEADER + 1, ANSWER_TIMEOUT_S = 2 };

void control_open(struct control_socket *c, int listen_fd)
{
	c->listen_fd = listen_fd;
	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++)
		c->pending[i].fd = -1;
}

static bool peer_is_root(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0;
}

void control_accept(struct control_socket *c)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < CONTROL_PENDING_MAX && peer_is_root(fd); i++) {
		if (c->pending[i].fd < 0) {
			c->pending[i].fd = fd; /* transferred */
			c->pending[i].deadline_ms = clock_boot_ms() + CONTROL_ASK_MS;
			return;
		}
	}
	close(fd);
}

/* Who answers may wait for the reader, for a while. */
static void answer_may_wait(int fd)
{
	const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};

	fcntl(fd, F_SETFL, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static int ask_parse(struct frame *frame, enum control *verb, int *file)
{
	uint8_t asked = buffer_get_u8(&frame->payload);
	size_t files = asked == CONTROL_POLICY_OFFER ? 1 : 0;

	if (frame->type != CONTROL_ASK || buffer_end(&frame->payload) != 0 ||
	        frame->fd_count != files)
		return ERR_FORMAT;
	if (asked == 0 || asked >= CONTROL_END)
		return ERR_FORMAT;
	*verb = (enum control)asked;
	*file = frame->fds[0]; /* transferred */
	frame->fds[0] = -1;
	return 0;
}

int control_read(
        struct control_socket *c, size_t index, enum control *verb, int *connection, int *file)
{
	uint8_t memory[ASK_SIZE];
	struct frame frame;
	int fd = c->pending[index].fd;
	int r = frame_receive(fd, 0, memory, sizeof(memory), &frame);

	*connection = -1;
	*file = -1;
	c->pending[index].fd = -1;
	if (r == 0) {
		r = ask_parse(&frame, verb, file);
		frame_close_fds(&frame);
	}
	if (r != 0) {
		close(fd);
		return r;
	}
	answer_may_wait(fd);
	*connection = fd; /* transferred */
	return 0;
}

int control_wait_ms(const struct control_socket *c)
{
	int64_t now = clock_boot_ms();
	int64_t least = -1;

	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++) {
		int64_t left = c->pending[i].deadline_ms - now;

		if (c->pending[i].fd < 0)
			continue;
		if (left < 0)
			left = 0;
		if (least < 0 || left < least)
			least = left;
	}
	return (int)least;
}

void control_expire(struct control_socket *c)
{
	int64_t now = clock_boot_ms();

	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++) {
		if (c->pending[i].fd >= 0 && c->pending[i].deadline_ms <= now) {
			close(c->pending[i].fd);
			c->pending[i].fd = -1;
		}
	}
}
