#include "core/frame.h"

#include "core/error.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Room for one descriptor more than allowed, so that one too many is seen and closed. */
enum { FDS_ROOM = FRAME_FDS + 1 };

union control {
	char bytes[CMSG_SPACE(sizeof(int) * FDS_ROOM)];
	struct cmsghdr align;
};

static void clear(struct frame *frame)
{
	*frame = (struct frame){0};
	for (size_t i = 0; i < FRAME_FDS; i++)
		frame->fds[i] = -1;
}

static void attach_fds(struct msghdr *message, union control *control, const int *fds, size_t count)
{
	if (count == 0)
		return;
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(sizeof(int) * count);
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
}

static int error_of_socket(void)
{
	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
		return ERR_TIMEOUT;
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
	case ENOTCONN:
		return ERR_CLOSED;
	case EMSGSIZE:
		return ERR_TOO_LONG;
	default:
		return ERR_IO;
	}
}

int frame_send(int socket, uint16_t type, const void *payload, size_t length, const int *fds,
        size_t fd_count)
{
	uint8_t header[FRAME_HEADER];
	union control control = {{0}};

	if (length > FRAME_MAX - FRAME_HEADER || fd_count > FRAME_FDS)
		return ERR_TOO_LONG;
	struct buffer b = buffer_over(header, sizeof(header));
	buffer_put_u16(&b, FRAME_MAGIC);
	buffer_put_u16(&b, type);
	buffer_put_u32(&b, (uint32_t)length);
	struct iovec parts[] = {
	        {.iov_base = header, .iov_len = sizeof(header)},
	        {.iov_base = (void *)(uintptr_t)payload, .iov_len = length},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = length == 0 ? 1 : 2};
	attach_fds(&message, &control, fds, fd_count);
	for (;;) {
		ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
		if (sent == (ssize_t)(sizeof(header) + length))
			return 0;
		if (sent >= 0)
			return ERR_IO;
		if (errno != EINTR)
			return error_of_socket();
	}
}

int frame_parse(const void *packet, size_t length, struct frame *frame)
{
	struct buffer b = buffer_from(packet, length);

	clear(frame);
	uint16_t magic = buffer_get_u16(&b);
	uint16_t type = buffer_get_u16(&b);
	uint32_t claimed = buffer_get_u32(&b);
	if (b.error != 0 || magic != FRAME_MAGIC || length > FRAME_MAX ||
	        claimed != length - FRAME_HEADER)
		return ERR_FORMAT;
	frame->type = type;
	frame->payload = buffer_from((const uint8_t *)packet + FRAME_HEADER, claimed);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* deadline: by now_ms(), or -1 for ever. */
static int wait_readable(int socket, int64_t deadline)
{
	struct pollfd waiting = {.fd = socket, .events = POLLIN};

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		int ready = poll(&waiting, 1, deadline < 0 ? -1 : (left > 0 ? (int)left : 0));
		if (ready > 0)
			return (waiting.revents & POLLNVAL) != 0 ? ERR_IO : 0;
		if (ready == 0)
			return ERR_TIMEOUT;
		if (errno != EINTR)
			return ERR_IO;
	}
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

/* Every descriptor the kernel handed us, FDS_ROOM at most; false when something else lay beside the
 * packet. */
static int collect_fds(struct msghdr *message, int fds[static FDS_ROOM], size_t *count)
{
	int error = 0;

	*count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			error = ERR_FORMAT;
			continue;
		}
		size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++) {
			int fd = -1;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*count < FDS_ROOM)
				fds[(*count)++] = fd;
			else
				close(fd);
		}
	}
	return error;
}

static ssize_t receive_packet(int socket, int64_t deadline, struct msghdr *message, int *error)
{
	for (;;) {
		*error = wait_readable(socket, deadline);
		if (*error != 0)
			return -1;
		/* Somebody else may have taken the packet that poll saw. */
		ssize_t got = recvmsg(socket, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (got >= 0)
			return got;
		if (errno != EINTR && errno != EAGAIN) {
			*error = errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
			return -1;
		}
	}
}

int frame_receive(int socket, int timeout_ms, void *memory, size_t size, struct frame *frame)
{
	union control control = {{0}};
	struct iovec part = {.iov_base = memory, .iov_len = size};
	struct msghdr message = {
	        .msg_iov = &part,
	        .msg_iovlen = 1,
	        .msg_control = control.bytes,
	        .msg_controllen = sizeof(control.bytes),
	};
	int fds[FDS_ROOM];
	size_t count = 0;
	int error = 0;

	clear(frame);
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	ssize_t got = receive_packet(socket, deadline, &message, &error);
	if (got < 0)
		return error;
	error = collect_fds(&message, fds, &count);
	if (got == 0)
		error = ERR_CLOSED;
	else if (count > FRAME_FDS || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		error = ERR_FORMAT;
	if (error == 0)
		error = frame_parse(memory, (size_t)got, frame);
	if (error != 0) {
		close_all(fds, count);
		return error;
	}
	memcpy(frame->fds, fds, count * sizeof(int));
	frame->fd_count = count;
	return 0;
}

int frame_receive_type(
        int socket, int timeout_ms, void *memory, size_t size, uint16_t type, struct frame *frame)
{
	int error = frame_receive(socket, timeout_ms, memory, size, frame);

	if (error != 0)
		return error;
	if (frame->type == type && frame->fd_count == 0)
		return 0;
	frame_close_fds(frame);
	return ERR_FORMAT;
}

void frame_close_fds(struct frame *frame)
{
	for (size_t i = 0; i < FRAME_FDS; i++) {
		if (frame->fds[i] >= 0)
			close(frame->fds[i]);
		frame->fds[i] = -1;
	}
	frame->fd_count = 0;
}
