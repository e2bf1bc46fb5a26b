#include "pam_module/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"

/* More than any combination of factors asks for; ends an agent that never comes to a result. */
enum { PROMPTS_MAX = 16 };

/* In root's run directory only root can listen; a socket= that points elsewhere must not let a user
 * play the agent. */
static int check_listener(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return ERR_IO;
	return peer.uid == 0 ? 0 : ERR_UNSAFE;
}

/* Never in the place of a standard stream that the application has closed: what it reads or prints
 * while it asks the person would go to the agent. */
static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int other = -1;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return other;
}

/* A busy agent leaves connections in its queue, a stopped one for ever: the send timeout bounds
 * each connect(), the deadline those that a signal of the application's ends. */
static int connect_until(int fd, const struct sockaddr_un *address, int64_t deadline)
{
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		if (errno != EINTR)
			return errno == EAGAIN ? ERR_TIMEOUT : ERR_CLOSED;
		if (clock_boot_ms() >= deadline)
			return ERR_TIMEOUT;
	}
	return 0;
}

static int connect_agent(const char *path, unsigned seconds, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = (time_t)seconds};
	int result = ERR_IO;
	int fd = -1;

	*out = -1;
	if (strlen(path) >= sizeof(address.sun_path))
		return ERR_TOO_LONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = open_socket();
	if (fd < 0)
		return ERR_IO;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		goto out;
	result = connect_until(fd, &address, clock_boot_ms() + (int64_t)seconds * 1000);
	if (result == 0)
		result = check_listener(fd);
	if (result != 0)
		goto out;
	*out = fd;
	fd = -1; /* transferred */
out:
	if (fd >= 0)
		close(fd);
	return result;
}

static int send_begin(int fd, const struct conversation *c)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct buffer b = buffer_over(memory, sizeof(memory) - FRAME_HEADER);

	buffer_put_u8(&b, (uint8_t)c->stage);
	buffer_put_string(&b, c->service);
	buffer_put_string(&b, c->user);
	buffer_put_string(&b, c->tty);
	buffer_put_string(&b, c->rhost);
	buffer_put_u8(&b, (uint8_t)language_said());
	if (b.error != 0)
		return b.error;
	return frame_send(fd, LOGIN_BEGIN, b.data, b.length, NULL, 0);
}

static int send_answer(int fd, const char *answer)
{
	uint8_t memory[LOGIN_TEXT_MAX + 8];
	struct buffer b = buffer_over(memory, sizeof(memory));
	int result = ERR_DENIED;

	if (strlen(answer) < LOGIN_TEXT_MAX) {
		buffer_put_string(&b, answer);
		result = frame_send(fd, LOGIN_ANSWER, b.data, b.length, NULL, 0);
	}
	explicit_bzero(memory, sizeof(memory));
	return result;
}

static int relay_prompt(int fd, const struct conversation *c, struct buffer *in)
{
	char text[LOGIN_TEXT_MAX];
	uint8_t style = buffer_get_u8(in);
	char *answer = NULL;
	int result = 0;

	buffer_get_string(in, text, sizeof(text));
	if (buffer_end(in) != 0 || style < LOGIN_ECHO_OFF || style > LOGIN_ERROR)
		return ERR_FORMAT;
	if (c->ask(c->context, (enum login_style)style, text, &answer) != 0)
		result = ERR_DENIED;
	else if (style == LOGIN_ECHO_OFF || style == LOGIN_ECHO_ON)
		result = answer == NULL ? ERR_DENIED : send_answer(fd, answer);
	if (answer != NULL) {
		explicit_bzero(answer, strlen(answer));
		free(answer);
	}
	return result;
}

static int take_result(struct buffer *in, enum login_result *result)
{
	uint8_t value = buffer_get_u8(in);

	if (buffer_end(in) != 0 || value < LOGIN_SUCCESS || value > LOGIN_NEW_AUTHTOK)
		return ERR_FORMAT;
	*result = (enum login_result)value;
	return 0;
}

/* 1: a prompt was relayed and the conversation goes on; 0: *result is the agent's. */
static int step(int fd, const struct conversation *c, int timeout_ms, enum login_result *result)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct frame frame;
	int error = frame_receive(fd, timeout_ms, memory, sizeof(memory), &frame);

	if (error != 0)
		return error;
	if (frame.fd_count != 0) {
		frame_close_fds(&frame);
		return ERR_FORMAT;
	}
	if (frame.type == LOGIN_RESULT)
		return take_result(&frame.payload, result);
	if (frame.type != LOGIN_PROMPT)
		return ERR_FORMAT;
	error = relay_prompt(fd, c, &frame.payload);
	return error != 0 ? error : 1;
}

static int converse(
        int fd, const struct conversation *c, int64_t deadline, enum login_result *result)
{
	int error = send_begin(fd, c);

	for (int i = 0; error == 0 && i <= PROMPTS_MAX; i++) {
		int64_t left = deadline - clock_boot_ms();

		if (left <= 0)
			return ERR_TIMEOUT;
		error = step(fd, c, (int)left, result);
		if (error == 0)
			return 0;
		if (error == 1)
			error = 0;
	}
	return error != 0 ? error : ERR_FORMAT;
}

int conversation_run(const struct conversation *c, enum login_result *result)
{
	int64_t deadline = clock_boot_ms() + (int64_t)c->timeout * 1000;
	enum login_result said = LOGIN_UNAVAILABLE;
	int fd = -1;
	int error = connect_agent(c->socket, c->timeout, &fd);

	*result = LOGIN_UNAVAILABLE;
	if (error != 0)
		return error;
	error = converse(fd, c, deadline, &said);
	if (error == 0)
		*result = said;
	close(fd);
	return error;
}
