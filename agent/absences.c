#include "agent/absences.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/launch.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/event.h"
#include "core/frame.h"

/* In no group that could read anything: Debian's nogroup. */
enum { NO_GROUP = 65534, AGAIN_MS = 1000, AGAIN_MOST = 60 };

static const char *const causes[ABSENCE_CAUSE_END] = {
        [ABSENCE_IDLE] = "idle",
        [ABSENCE_CARD] = "card-removed",
        [ABSENCE_KEY] = "key-removed",
};

void absences_open(struct absences *a)
{
	for (size_t i = 0; i < ABSENCES_MAX; i++)
		a->sessions[i].fd = -1;
}

static void tell(struct absences *a, enum event_kind kind, const char *user, const char *cause)
{
	struct event_record e;

	event_start(&e, (uint16_t)kind);
	event_put(&e, FIELD_USER, user);
	event_put(&e, FIELD_CAUSE, cause);
	tell_event(a->tell, &e);
}

static bool has_session(const struct absences *a, const char *user)
{
	for (size_t i = 0; i < ABSENCES_MAX; i++)
		if (strcmp(a->sessions[i].user, user) == 0)
			return true;
	return false;
}

static void release(struct absences *a, const char *user)
{
	for (size_t i = 0; i < ABSENCE_READERS; i++)
		cards_release(a->readers[i], user);
}

/* --- sessions --- */

static void send_lock(struct absence_session *s)
{
	const uint8_t cause = s->wanted;

	if (s->wanted != 0 && s->fd >= 0)
		(void)frame_send(s->fd, ABSENCE_LOCK, &cause, sizeof(cause), NULL, 0);
}

static int send_watch(const struct absence_session *s)
{
	uint8_t memory[8];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_u32(&b, (uint32_t)s->leader);
	buffer_put_u32(&b, s->idle_seconds);
	return frame_send(s->fd, ABSENCE_WATCH, b.data, b.length, NULL, 0);
}

static int launch(const struct absences *a, struct absence_session *s, int channel)
{
	const struct launch l = {.role = ROLE_ABSENCE,
	        .ids = {s->uid, NO_GROUP, (gid_t)-1, a->owner},
	        .libexec = a->libexec,
	        .root_path = a->root_path,
	        .null_fd = a->null_fd,
	        .fds = {channel, -1, -1, -1}};

	return launch_start(&l, &s->pid);
}

static void disconnect(struct absence_session *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static int start(const struct absences *a, struct absence_session *s)
{
	int pair[2];
	int error = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return ERR_IO;
	s->fd = pair[0];
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0)
		error = ERR_IO;
	if (error == 0)
		error = send_watch(s);
	if (error == 0)
		error = launch(a, s, pair[1]);
	close(pair[1]);
	if (error != 0)
		disconnect(s);
	else
		send_lock(s);
	return error;
}

/* What the token was kept for may be over. */
static void forget(struct absences *a, struct absence_session *s)
{
	char user[CARD_USER_SIZE];

	memcpy(user, s->user, sizeof(user));
	disconnect(s);
	*s = (struct absence_session){.fd = -1};
	if (!has_session(a, user))
		release(a, user);
}

static void try_again(struct absences *a, struct absence_session *s)
{
	s->pid = 0;
	disconnect(s);
	s->tries++;
	s->due_ms = clock_boot_ms() +
	            (int64_t)(s->tries < AGAIN_MOST ? s->tries : AGAIN_MOST) * AGAIN_MS;
	if (s->tries == ABSENCE_TRIES)
		tell(a, EVENT_SESSION_UNGUARDED, s->user, "absence-failed");
	/* Who opened it stays for as long as it is open. */
	if (s->tries >= ABSENCE_TRIES && kill(s->leader, 0) != 0)
		forget(a, s);
}

static void lock(struct absences *a, const char *user, enum absence_cause cause)
{
	for (size_t i = 0; i < ABSENCES_MAX; i++) {
		struct absence_session *s = &a->sessions[i];

		if (s->user[0] == '\0' || strcmp(s->user, user) != 0)
			continue;
		s->wanted = (uint8_t)cause;
		send_lock(s);
	}
}

/* --- tokens that went --- */

static void forget_gone(struct absences *a, const char *user)
{
	for (size_t i = 0; i < ABSENCES_GONE_MAX; i++)
		if (strcmp(a->gone[i].user, user) == 0)
			a->gone[i] = (struct absence_gone){0};
}

/* Where there is no room left, the oldest makes it. */
static void note_gone(
        struct absences *a, const char *user, enum absence_cause cause, bool unwatchable)
{
	struct absence_gone *place = &a->gone[0];

	for (size_t i = 1; i < ABSENCES_GONE_MAX; i++)
		if (a->gone[i].until_ms < place->until_ms)
			place = &a->gone[i];
	*place = (struct absence_gone){.cause = cause,
	        .unwatchable = unwatchable,
	        .until_ms = clock_boot_ms() + CARD_HELD * INT64_C(1000)};
	snprintf(place->user, sizeof(place->user), "%s", user);
}

static void token_went(
        struct absences *a, const char *user, enum absence_cause cause, bool unwatchable)
{
	if (!has_session(a, user))
		note_gone(a, user, cause, unwatchable);
	else if (unwatchable)
		tell(a, EVENT_SESSION_UNGUARDED, user, "no-removal-told");
	else
		lock(a, user, cause);
}

/* The token that a session is opened with may be gone by then. */
static void settle(struct absences *a, const char *user)
{
	for (size_t i = 0; i < ABSENCES_GONE_MAX; i++) {
		const struct absence_gone gone = a->gone[i];

		if (strcmp(gone.user, user) != 0)
			continue;
		a->gone[i] = (struct absence_gone){0};
		if (gone.until_ms > clock_boot_ms())
			token_went(a, user, gone.cause, gone.unwatchable);
	}
	for (size_t i = 0; i < ABSENCE_READERS; i++)
		cards_settle(a->readers[i], user);
}

/* --- what auth asks for --- */

static struct absence_session *find_free(struct absences *a)
{
	for (size_t i = 0; i < ABSENCES_MAX; i++)
		if (a->sessions[i].user[0] == '\0')
			return &a->sessions[i];
	return NULL;
}

int absences_watch(
        struct absences *a, const char *user, uid_t uid, pid_t leader, uint32_t idle_seconds)
{
	struct absence_session *s = find_free(a);

	if (uid == 0 || s == NULL) {
		tell(a, EVENT_SESSION_UNGUARDED, user, uid == 0 ? "root" : "too-many-sessions");
		return uid == 0 ? ERR_DENIED : ERR_TOO_LONG;
	}
	*s = (struct absence_session){
	        .uid = uid, .leader = leader, .idle_seconds = idle_seconds, .fd = -1};
	snprintf(s->user, sizeof(s->user), "%s", user);
	settle(a, user);
	if (start(a, s) != 0)
		try_again(a, s);
	return 0;
}

static void tell_present(struct absences *a, const char *user)
{
	for (size_t i = 0; i < ABSENCES_MAX; i++) {
		struct absence_session *s = &a->sessions[i];

		if (strcmp(s->user, user) != 0)
			continue;
		s->wanted = 0;
		if (s->fd >= 0)
			(void)frame_send(s->fd, ABSENCE_PRESENT, NULL, 0, NULL, 0);
	}
}

int absences_present(struct absences *a, const char *user, int channel)
{
	bool settled = has_session(a, user);
	int error = ERR_NOT_FOUND;

	forget_gone(a, user);
	tell_present(a, user);
	if (channel < 0)
		return 0;
	release(a, user);
	for (size_t i = 0; i < ABSENCE_READERS && error == ERR_NOT_FOUND; i++)
		error = cards_hold(a->readers[i], channel, user, settled);
	/* Which of the two it was does not matter for what follows. */
	if (error != 0)
		token_went(a, user, ABSENCE_CARD, false);
	return error;
}

/* --- what ends, and what is said --- */

static bool reader_take(struct absences *a, pid_t pid, int status)
{
	struct card_end end = {0};
	bool taken = false;

	for (size_t i = 0; i < ABSENCE_READERS && !taken; i++) {
		taken = cards_take(a->readers[i], pid, status, &end);
		if (taken && end.user[0] != '\0')
			token_went(a, end.user,
			        a->readers[i]->role == ROLE_CARD ? ABSENCE_CARD : ABSENCE_KEY,
			        end.unwatchable);
	}
	return taken;
}

static void session_ended(struct absences *a, struct absence_session *s, int status)
{
	if (status < 0) {
		(void)kill(s->pid, SIGKILL);
		return;
	}
	if (status == EXIT_UNASKED)
		tell(a, EVENT_SESSION_UNGUARDED, s->user, "no-session");
	if (status == EXIT_YES || status == EXIT_UNASKED)
		forget(a, s);
	else
		try_again(a, s);
}

bool absences_take(struct absences *a, pid_t pid, int status)
{
	for (size_t i = 0; i < ABSENCES_MAX; i++) {
		if (a->sessions[i].pid != pid)
			continue;
		session_ended(a, &a->sessions[i], status);
		return true;
	}
	return reader_take(a, pid, status);
}

static int session_locked(struct absences *a, struct absence_session *s, struct frame *frame)
{
	uint8_t cause = buffer_get_u8(&frame->payload);

	if (frame->type != ABSENCE_LOCKED || frame->fd_count != 0 ||
	        buffer_end(&frame->payload) != 0 || cause < ABSENCE_IDLE ||
	        cause >= ABSENCE_CAUSE_END)
		return ERR_FORMAT;
	/* What main did not ask for is idleness. */
	if (cause != ABSENCE_IDLE && cause != s->wanted)
		return ERR_FORMAT;
	if (cause == s->wanted)
		s->wanted = 0;
	s->tries = 0;
	tell(a, EVENT_SESSION_LOCKED, s->user, causes[cause]);
	return 0;
}

void absences_serve(struct absences *a, size_t index)
{
	struct absence_session *s = &a->sessions[index];
	uint8_t memory[64];
	struct frame frame;
	int error = s->fd >= 0 ? frame_receive(s->fd, 0, memory, sizeof(memory), &frame)
	                       : ERR_TIMEOUT; /* its end was seen since */

	if (error == ERR_TIMEOUT)
		return;
	if (error == 0) {
		error = session_locked(a, s, &frame);
		frame_close_fds(&frame);
	}
	if (error == 0)
		return;
	disconnect(s);
	/* Who is ending already ends with what it said. */
	(void)kill(s->pid, SIGKILL);
}

void absences_due(struct absences *a)
{
	for (size_t i = 0; i < ABSENCE_READERS; i++)
		cards_expire(a->readers[i]);
	for (size_t i = 0; i < ABSENCES_MAX; i++) {
		struct absence_session *s = &a->sessions[i];

		if (s->user[0] != '\0' && s->pid == 0 && s->due_ms <= clock_boot_ms() &&
		        start(a, s) != 0)
			try_again(a, s);
	}
}

static void sooner(int *least, int64_t left)
{
	if (left < 0)
		left = 0;
	if (*least < 0 || left < *least)
		*least = (int)left;
}

int absences_wait_ms(const struct absences *a)
{
	int least = -1;

	for (size_t i = 0; i < ABSENCE_READERS; i++) {
		int reader = cards_wait_ms(a->readers[i]);

		if (reader >= 0)
			sooner(&least, reader);
	}
	for (size_t i = 0; i < ABSENCES_MAX; i++) {
		const struct absence_session *s = &a->sessions[i];

		if (s->user[0] != '\0' && s->pid == 0)
			sooner(&least, s->due_ms - clock_boot_ms());
	}
	return least;
}
