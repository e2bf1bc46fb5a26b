#include "agent/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"

enum { RECORD_ID = 1 };

static int error_of_connect(int number)
{
	switch (number) {
	case ENOENT:
	case ECONNREFUSED:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	default:
		return ERR_IO;
	}
}

/* By the descriptor's name in /proc, because the path under --root may be longer than a socket
 * address holds. */
static int control_connect(const struct cli *cli, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int file = -1, fd = -1, error = 0;

	*out = -1;
	file = openat(cli->root, PATH_CONTROL_SOCKET, O_PATH | O_CLOEXEC);
	if (file < 0)
		return error_of_connect(errno);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		error = ERR_IO;
		goto out;
	}
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		error = error_of_connect(errno);
		goto out;
	}
	*out = fd; /* transferred */
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	close(file);
	return error;
}

static int control_send_verb(int socket, enum control verb, int fd)
{
	uint8_t payload = (uint8_t)verb;

	return frame_send(socket, CONTROL_ASK, &payload, sizeof(payload), &fd, fd >= 0 ? 1 : 0);
}

static int append_piece(char **text, size_t *length, struct frame *frame)
{
	size_t size = 0;
	const uint8_t *piece = buffer_get_bytes(&frame->payload, &size);
	char *grown;

	if (frame->type != MESSAGE_JSON || frame->fd_count != 0 || buffer_end(&frame->payload) != 0)
		return ERR_FORMAT;
	if (size > (size_t)CONTROL_ANSWER_MAX - *length)
		return ERR_TOO_LONG;
	grown = realloc(*text, *length + size + 1);
	if (grown == NULL)
		return ERR_MEMORY;
	*text = grown;
	if (size > 0)
		memcpy(grown + *length, piece, size);
	*length += size;
	grown[*length] = '\0';
	return 0;
}

static int receive_document(int socket, uint8_t *memory, char **json)
{
	int64_t deadline = clock_boot_ms() + CONTROL_TIMEOUT_MS;
	size_t length = 0;
	char *text = NULL;

	for (;;) {
		struct frame frame;
		int64_t left = deadline - clock_boot_ms();
		int error = left > 0 ? frame_receive(socket, (int)left, memory, FRAME_MAX, &frame)
		                     : ERR_TIMEOUT;

		if (error == ERR_CLOSED && length > 0)
			break;
		if (error == 0) {
			error = append_piece(&text, &length, &frame);
			frame_close_fds(&frame);
		}
		if (error != 0) {
			free(text);
			return error;
		}
	}
	*json = text; /* transferred */
	return 0;
}

int control_ask(const struct cli *cli, enum control verb, int fd, char **json)
{
	uint8_t *memory = NULL;
	int socket, error;

	*json = NULL;
	error = control_connect(cli, &socket);
	if (error != 0)
		return error;
	memory = malloc(FRAME_MAX);
	if (memory == NULL)
		error = ERR_MEMORY;
	if (error == 0)
		error = control_send_verb(socket, verb, fd);
	if (error == 0)
		error = receive_document(socket, memory, json);
	free(memory);
	close(socket);
	return error;
}

static int await_done(int socket, uint8_t *memory)
{
	struct frame frame;
	int error = frame_receive(socket, CONTROL_TIMEOUT_MS, memory, FRAME_MAX, &frame);
	uint32_t id;

	if (error != 0)
		return error;
	id = buffer_get_u32(&frame.payload);
	buffer_get_u64(&frame.payload);
	error = buffer_end(&frame.payload);
	if (frame.type != MESSAGE_EVENT_DONE || frame.fd_count != 0 || id != RECORD_ID)
		error = ERR_FORMAT;
	frame_close_fds(&frame);
	return error;
}

int control_record(const struct cli *cli, const struct event_record *e)
{
	uint8_t *memory = NULL;
	struct buffer out;
	int socket, error;

	error = control_connect(cli, &socket);
	if (error != 0)
		return error;
	memory = malloc(FRAME_MAX);
	if (memory == NULL) {
		error = ERR_MEMORY;
		goto out;
	}
	out = buffer_over(memory, FRAME_MAX);
	buffer_put_u32(&out, RECORD_ID);
	event_encode(e, &out);
	error = out.error;
	if (error == 0)
		error = control_send_verb(socket, CONTROL_RECORD, -1);
	if (error == 0)
		error = frame_send(socket, MESSAGE_EVENT, memory, out.length, NULL, 0);
	if (error == 0)
		error = await_done(socket, memory);
out:
	free(memory);
	close(socket);
	return error;
}

static int await_card(int socket, int *fd)
{
	uint8_t memory[64];
	struct frame frame;
	int error = frame_receive(socket, CONTROL_TIMEOUT_MS, memory, sizeof(memory), &frame);
	uint32_t refusal = 0;

	if (error != 0)
		return error;
	buffer_get_u32(&frame.payload);
	refusal = buffer_get_u32(&frame.payload);
	error = buffer_end(&frame.payload);
	if (error == 0 && frame.type != MESSAGE_RESULT)
		error = ERR_FORMAT;
	if (error == 0 && refusal != 0)
		error = refusal < INT32_MAX ? -(int)refusal : ERR_FORMAT;
	if (error == 0 && frame.fd_count == 1)
		*fd = frame.fds[0]; /* transferred */
	else
		frame_close_fds(&frame);
	return error != 0 || *fd >= 0 ? error : ERR_FORMAT;
}

int control_card(const struct cli *cli, enum control verb, int *fd)
{
	int socket = -1;
	int error = control_connect(cli, &socket);

	*fd = -1;
	if (error != 0)
		return error;
	error = control_send_verb(socket, verb, -1);
	if (error == 0)
		error = await_card(socket, fd);
	close(socket);
	return error;
}

int control_reload(const struct cli *cli)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int socket, error;

	error = control_connect(cli, &socket);
	if (error != 0)
		return error;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		error = ERR_IO;
	else if (peer.pid <= 1)
		error = ERR_DENIED;
	else if (kill(peer.pid, SIGHUP) != 0)
		error = errno == EPERM ? ERR_DENIED : ERR_IO;
	close(socket);
	return error;
}

int control_complain(int error)
{
	switch (error) {
	case ERR_NOT_FOUND:
		fprintf(stderr, "%s\n",
		        LANGUAGE("エージェント (sekishod) が動いていません",
		                "the agent (sekishod) is not running"));
		break;
	case ERR_DENIED:
		fprintf(stderr, "%s\n",
		        LANGUAGE("エージェントに尋ねられるのは管理者 (root) だけです",
		                "only root may ask the agent"));
		break;
	default:
		fprintf(stderr,
		        LANGUAGE("エージェントから答えを得られません: %s\n",
		                "the agent did not answer: %s\n"),
		        error_text(error));
	}
	return EXIT_UNASKED;
}
