#include "collector/control.h"

#include "collector/intake.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { MEMORY_SIZE = 512, CLIENTS_MAX = 64, ANSWER_SLACK_MS = 5000 };

struct client {
	TAILQ_ENTRY(client) next;
	struct control *control;
	int fd;
	struct event *event;
	bool asked;
};

TAILQ_HEAD(client_queue, client);

struct control {
	struct event_base *base;
	struct store *store;
	struct poll_board *polls;
	char path[108];
	int fd;
	struct event *event;
	struct client_queue clients;
	size_t count;
};

static void drop_client(struct client *client)
{
	TAILQ_REMOVE(&client->control->clients, client, next);
	client->control->count--;
	if (client->event != NULL)
		event_free(client->event);
	close(client->fd);
	free(client);
}

static void answer_client(
        struct client *client, enum control_answer answer, uint64_t seq, uint64_t took_ms)
{
	uint8_t memory[32];
	struct buffer payload = buffer_over(memory, sizeof(memory));

	buffer_put_u8(&payload, (uint8_t)answer);
	buffer_put_u64(&payload, seq);
	buffer_put_u64(&payload, took_ms);
	if (payload.error == 0)
		frame_send(client->fd, CONTROL_ANSWER, memory, payload.length, NULL, 0);
	drop_client(client);
}

static void poll_done(void *context, enum poll_end end, uint64_t seq, int64_t took_ms)
{
	static const enum control_answer answers[] = {
	        CONTROL_ANSWERED, CONTROL_TIMED_OUT, CONTROL_NOT_CONNECTED, CONTROL_STOPPING};

	answer_client(context, answers[end], seq, took_ms < 0 ? 0 : (uint64_t)took_ms);
}

static int make_nonce(
        struct control *control, int64_t terminal, char nonce[static STORE_NONCE_SIZE])
{
	struct timeval now;

	gettimeofday(&now, NULL);
	int error = store_begin(control->store);
	if (error != 0)
		return error;
	error = intake_new_nonce(control->store, terminal, STORE_NONCE_POLL,
	        (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000, nonce);
	if (error == 0)
		return store_commit(control->store);
	store_rollback(control->store);
	return error;
}

static void start_poll(struct client *client, const char *name, unsigned seconds)
{
	struct control *control = client->control;
	struct store_terminal terminal;
	char nonce[STORE_NONCE_SIZE];

	int error = store_find_name(control->store, name, &terminal);
	if (error == ERR_NOT_FOUND) {
		answer_client(client, CONTROL_UNKNOWN_TERMINAL, 0, 0);
		return;
	}
	if (error == 0)
		error = make_nonce(control, terminal.id, nonce);
	if (error == 0)
		error = poll_start(control->polls, terminal.id, nonce, seconds, poll_done, client);
	if (error != 0) {
		log_error("poll not started: %s", error_text(error));
		answer_client(client, CONTROL_BUSY, 0, 0);
	}
}

static void hear_client(evutil_socket_t fd, short what, void *context)
{
	struct client *client = context;
	uint8_t memory[MEMORY_SIZE];
	struct frame frame;
	char name[STORE_NAME_SIZE];

	(void)what;
	int error = frame_receive(fd, 0, memory, sizeof(memory), &frame);
	if (error == ERR_TIMEOUT)
		return;
	if (error == 0) {
		frame_close_fds(&frame);
		buffer_get_string(&frame.payload, name, sizeof(name));
		uint32_t seconds = buffer_get_u32(&frame.payload);
		if (frame.type == CONTROL_POLL && buffer_end(&frame.payload) == 0 && seconds >= 1 &&
		        seconds <= POLL_SECONDS_MAX && !client->asked) {
			client->asked = true;
			start_poll(client, name, seconds);
			return;
		}
	}
	/* It left, or said something else. */
	poll_forget(client->control->polls, client);
	drop_client(client);
}

static void accept_client(evutil_socket_t fd, short what, void *context)
{
	struct control *control = context;
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client =
	        accepted < 0 || control->count >= CLIENTS_MAX ? NULL : calloc(1, sizeof(*client));

	(void)what;
	if (client == NULL) {
		if (accepted >= 0)
			close(accepted);
		return;
	}
	client->control = control;
	client->fd = accepted;
	TAILQ_INSERT_TAIL(&control->clients, client, next);
	control->count++;
	client->event =
	        event_new(control->base, accepted, EV_READ | EV_PERSIST, hear_client, client);
	if (client->event == NULL || event_add(client->event, NULL) != 0)
		drop_client(client);
}

static int make_address(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if (length >= sizeof(address->sun_path))
		return ERR_TOO_LONG;
	memcpy(address->sun_path, path, length + 1);
	return 0;
}

static int connect_to(const char *path, int *fd)
{
	struct sockaddr_un address;

	int error = make_address(path, &address);
	if (error != 0)
		return error;
	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return ERR_IO;
	if (connect(*fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	error = errno == ENOENT || errno == ECONNREFUSED ? ERR_CLOSED
	        : errno == EACCES                        ? ERR_DENIED
	                                                 : ERR_IO;
	close(*fd);
	*fd = -1;
	return error;
}

static int bind_at(struct control *control)
{
	struct sockaddr_un address;
	int other = -1;

	int error = make_address(control->path, &address);
	if (error != 0)
		return error;
	error = connect_to(control->path, &other);
	if (error == 0) {
		close(other);
		return ERR_EXISTS;
	}
	if (error != ERR_CLOSED || (unlink(control->path) != 0 && errno != ENOENT))
		return ERR_IO;
	control->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0177);
	bool bound = control->fd >= 0 &&
	             bind(control->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	             listen(control->fd, 16) == 0;
	umask(before);
	return bound ? 0 : ERR_IO;
}

int control_open(struct event_base *base, const char *path, struct store *store,
        struct poll_board *polls, struct control **control)
{
	struct control *made = calloc(1, sizeof(*made));

	*control = NULL;
	if (made == NULL)
		return ERR_MEMORY;
	*made = (struct control){.base = base, .store = store, .polls = polls, .fd = -1};
	TAILQ_INIT(&made->clients);
	snprintf(made->path, sizeof(made->path), "%s", path);
	int error = bind_at(made);
	if (error == 0) {
		made->event = event_new(base, made->fd, EV_READ | EV_PERSIST, accept_client, made);
		if (made->event == NULL || event_add(made->event, NULL) != 0)
			error = ERR_MEMORY;
	}
	if (error != 0)
		control_free(&made);
	*control = made;
	return error;
}

void control_free(struct control **control)
{
	struct control *c = *control;
	struct client *client;
	struct client *next;

	if (c == NULL)
		return;
	for (client = TAILQ_FIRST(&c->clients); client != NULL; client = next) {
		next = TAILQ_NEXT(client, next);
		poll_forget(c->polls, client);
		drop_client(client);
	}
	if (c->event != NULL)
		event_free(c->event);
	if (c->fd >= 0) {
		close(c->fd);
		unlink(c->path);
	}
	free(c);
	*control = NULL;
}

static int read_answer(
        struct frame *frame, enum control_answer *answer, uint64_t *seq, uint64_t *took_ms)
{
	frame_close_fds(frame);
	uint8_t value = buffer_get_u8(&frame->payload);
	*seq = buffer_get_u64(&frame->payload);
	*took_ms = buffer_get_u64(&frame->payload);
	*answer = (enum control_answer)value;
	if (frame->type != CONTROL_ANSWER || value < CONTROL_ANSWERED || value > CONTROL_STOPPING)
		return ERR_FORMAT;
	return buffer_end(&frame->payload);
}

int control_ask_poll(const char *path, const char *terminal, unsigned seconds,
        enum control_answer *answer, uint64_t *seq, uint64_t *took_ms)
{
	uint8_t memory[MEMORY_SIZE];
	struct buffer payload = buffer_over(memory, sizeof(memory));
	struct frame frame;
	int fd = -1;

	int error = connect_to(path, &fd);
	if (error != 0)
		return error;
	buffer_put_string(&payload, terminal);
	buffer_put_u32(&payload, seconds);
	error = payload.error != 0 ? payload.error
	                           : frame_send(fd, CONTROL_POLL, memory, payload.length, NULL, 0);
	if (error == 0)
		error = frame_receive(fd, (int)(seconds * 1000) + ANSWER_SLACK_MS, memory,
		        sizeof(memory), &frame);
	if (error == 0)
		error = read_answer(&frame, answer, seq, took_ms);
	close(fd);
	return error;
}
