#include "agent/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/child.h"
#include "agent/launch.h"
#include "agent/second_line.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"
#include "core/log.h"

enum {
	BACK_OFF_FIRST_MS = 100,
	BACK_OFF_LAST_MS = 5000,
	GOOD_LIFE_MS = 30000,
	ANSWER_MS = 3000,
	/* Reading a hub from sysfs waits while the kernel meets what is plugged into it. */
	ANSWER_GUARD_MS = 15000,
	ANSWER_STARTING_MS =
	        30000, /* the signer reads its whole journal, guard decides every device */
	ROLL_MS = CHANNEL_TIMEOUT_MS,
	SERVE_FRAMES_MAX = 64, /* at one go, so that no child keeps main from the others */
	CHILD_FRAME_MAX = 256,
	SEND_TIMEOUT_S = 2,
	STOP_WAIT_MS = 1000,
};

/* In the order of their starts. */
static const enum role roles[] = {ROLE_SIGNER, ROLE_GUARD, ROLE_AUTH, ROLE_REPORTER};

enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

static struct process *process_of(struct supervisor *s, enum role role)
{
	return &s->processes[role];
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ours: main's end, never waits. theirs: a child's end, waits SEND_TIMEOUT_S at most. */
static int pair_open(int *ours, int *theirs, bool both_wait)
{
	const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
	int pair[2];

	*ours = -1;
	*theirs = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return ERR_IO;
	*ours = pair[0];
	*theirs = pair[1];
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (!both_wait && fcntl(*ours, F_SETFL, O_NONBLOCK) != 0) {
		close_fd(ours);
		close_fd(theirs);
		return ERR_IO;
	}
	return 0;
}

static void process_send(struct supervisor *s, enum role role, enum message type)
{
	struct process *p = process_of(s, role);

	/* A full queue is a child that does not read, and does not answer either. */
	if (p->fd >= 0)
		(void)frame_send(p->fd, (uint16_t)type, NULL, 0, NULL, 0);
}

/* Who is given something to do is asked whether it is there, and otherwise nobody. */
static void process_ping(struct supervisor *s, enum role role)
{
	struct process *p = process_of(s, role);

	if (p->fd < 0 || p->pinged_ms != 0)
		return;
	p->pinged_ms = clock_awake_ms();
	process_send(s, role, MESSAGE_PING);
}

static void event_process(
        struct supervisor *s, enum event_kind kind, enum role role, const char *cause)
{
	struct event_record e;

	event_start(&e, (uint16_t)kind);
	event_put(&e, FIELD_PROCESS, child_role_name(role));
	event_put(&e, FIELD_CAUSE, cause);
	tell_event(&s->tell, &e);
	process_ping(s, ROLE_SIGNER);
}

void supervise_tell_state(struct supervisor *s)
{
	char second_line[SECOND_LINE_MAX];
	char running[64] = "main";
	struct event_record e;

	for (enum role role = ROLE_GUARD; role <= ROLE_REPORTER; role++) {
		size_t length = strlen(running);

		if (process_of(s, role)->ready)
			snprintf(running + length, sizeof(running) - length, " %s",
			        child_role_name(role));
	}
	event_start(&e, 0);
	event_put(&e, FIELD_MODE, s->requests.observe ? "observe" : "enforce");
	event_put(&e, FIELD_RUNNING, running);
	event_put_number(&e, FIELD_RESTARTS, s->restarts);
	event_put(&e, FIELD_VERSION, SEKISHO_VERSION);
	second_line_read(s->requests.root, second_line);
	event_put(&e, FIELD_SECOND_LINE, second_line);
	tell_state(&s->tell, &e);
}

static void process_is_gone(struct process *p)
{
	p->ready = false;
	p->looking = false;
	p->pinged_ms = 0;
	close_fd(&p->fd);
}

static void process_kill(
        struct supervisor *s, enum role role, enum event_kind kind, const char *cause)
{
	struct process *p = process_of(s, role);

	if (p->pid == 0 || p->condemned)
		return;
	log_error("%s: %s", child_role_name(role), cause);
	kill(p->pid, SIGKILL);
	p->condemned = true;
	process_is_gone(p);
	event_process(s, kind, role, cause);
	supervise_tell_state(s);
}

/* Gives the signer one end of a new channel with role; the other end is *peer, -1 when there is no
 * signer. */
static int signer_link(struct supervisor *s, enum role role, int *peer)
{
	struct process *signer = process_of(s, ROLE_SIGNER);
	uint8_t payload = (uint8_t)role;
	int theirs;
	int r;

	*peer = -1;
	if (signer->fd < 0)
		return ERR_NOT_FOUND;
	r = pair_open(peer, &theirs, true);
	if (r != 0)
		return r;
	r = frame_send(signer->fd, MESSAGE_PEER, &payload, sizeof(payload), &theirs, 1);
	close_fd(&theirs);
	if (r != 0)
		close_fd(peer);
	return r;
}

/* A sibling that was there before the signer gets a new channel to it. */
static void signer_relink(struct supervisor *s, enum role role)
{
	struct process *p = process_of(s, role);
	int peer;

	if (p->fd < 0 || signer_link(s, role, &peer) != 0)
		return;
	(void)frame_send(p->fd, MESSAGE_SIGNER, NULL, 0, &peer, 1);
	close_fd(&peer);
}

static void signer_link_everybody(struct supervisor *s)
{
	int own;

	if (signer_link(s, ROLE_MAIN, &own) == 0) {
		fcntl(own, F_SETFL, O_NONBLOCK);
		tell_connect(&s->tell, own);
	}
	for (size_t i = 0; i < ROLES; i++) {
		if (roles[i] != ROLE_SIGNER)
			signer_relink(s, roles[i]);
	}
}

static int process_launch(struct supervisor *s, enum role role, int channel)
{
	struct process *p = process_of(s, role);
	struct launch l = {.role = role,
	        .ids = p->ids,
	        .libexec = s->libexec,
	        .root_path = s->root_path,
	        .observe = s->observe_argument,
	        .null_fd = s->null_fd,
	        .fds = {channel, -1, -1, s->alarm_fd}};
	int r;

	if (role != ROLE_SIGNER)
		(void)signer_link(s, role, &l.fds[CHILD_SIGNER_FD - CHILD_MAIN_FD]);
	if (role == ROLE_AUTH)
		l.fds[CHILD_LISTEN_FD - CHILD_MAIN_FD] = s->auth_listen_fd;
	r = launch_start(&l, &p->pid);
	close_fd(&l.fds[CHILD_SIGNER_FD - CHILD_MAIN_FD]);
	return r;
}

static void back_off(struct process *p, int64_t now)
{
	if (now - p->started_ms >= GOOD_LIFE_MS)
		p->back_off_ms = 0;
	p->due_ms = now + p->back_off_ms;
	p->back_off_ms = p->back_off_ms == 0 ? BACK_OFF_FIRST_MS : p->back_off_ms * 2;
	if (p->back_off_ms > BACK_OFF_LAST_MS)
		p->back_off_ms = BACK_OFF_LAST_MS;
}

static void process_start(struct supervisor *s, enum role role)
{
	struct process *p = process_of(s, role);
	bool again = p->started_ms != 0;
	int64_t now = clock_awake_ms();
	int channel = -1;
	int r = pair_open(&p->fd, &channel, false);

	p->started_ms = now;
	p->ready = false;
	p->condemned = false;
	p->looking = false;
	p->pinged_ms = 0;
	if (r == 0)
		r = process_launch(s, role, channel);
	close_fd(&channel);
	if (r != 0) {
		log_error("%s: %s", child_role_name(role), error_text(r));
		close_fd(&p->fd);
		back_off(p, now);
		return;
	}
	process_ping(s, role);
	if (role == ROLE_SIGNER)
		signer_link_everybody(s);
	if (again)
		event_process(s, EVENT_PROCESS_STARTED, role, NULL);
}

void supervise_start(struct supervisor *s)
{
	if (s->stopping)
		return;
	for (size_t i = 0; i < ROLES; i++) {
		struct process *p = process_of(s, roles[i]);

		if (p->pid == 0 && p->due_ms <= clock_awake_ms())
			process_start(s, roles[i]);
	}
}

static void process_died(struct supervisor *s, enum role role, const char *cause)
{
	struct process *p = process_of(s, role);

	if (!p->condemned && !s->stopping) {
		log_error("%s: %s", child_role_name(role), cause);
		event_process(s, EVENT_PROCESS_DIED, role, cause);
	}
	p->pid = 0;
	process_is_gone(p);
	if (role == ROLE_SIGNER)
		tell_connect(&s->tell, -1);
	s->restarts++;
	back_off(p, clock_awake_ms());
	supervise_tell_state(s);
}

static enum role role_of_pid(const struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < ROLES; i++) {
		if (s->processes[roles[i]].pid == pid)
			return roles[i];
	}
	return ROLE_COUNT;
}

static void child_changed(struct supervisor *s, const siginfo_t *info)
{
	enum role role = role_of_pid(s, info->si_pid);
	char cause[32];

	if (role == ROLE_COUNT) {
		/* Ended by a signal it is as ended by an error. */
		int status = info->si_code == CLD_EXITED ? info->si_status : EXIT_NO;

		(void)absences_take(
		        &s->absences, info->si_pid, info->si_code == CLD_STOPPED ? -1 : status);
		return;
	}
	if (info->si_code == CLD_STOPPED) {
		process_kill(s, role, EVENT_PROCESS_DIED, "stopped");
		return;
	}
	snprintf(cause, sizeof(cause), "%s %d", info->si_code == CLD_EXITED ? "exit" : "signal",
	        info->si_status);
	process_died(s, role, cause);
}

void supervise_reap(struct supervisor *s)
{
	for (;;) {
		siginfo_t info = {0};

		if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG) != 0 || info.si_pid == 0)
			return;
		child_changed(s, &info);
	}
}

/* --- the roll call --- */

static bool roll_is_complete(const struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++) {
		if (s->processes[roles[i]].looking)
			return false;
	}
	return true;
}

static int control_hand(struct supervisor *s, enum control verb, int connection, int file)
{
	enum role role =
	        verb == CONTROL_DEVICES || verb == CONTROL_POLICY_OFFER ? ROLE_GUARD : ROLE_SIGNER;
	struct process *p = process_of(s, role);
	const int fds[2] = {connection, file};
	bool peer = verb == CONTROL_RECORD;
	uint8_t payload = peer ? (uint8_t)ROLE_ADMIN : (uint8_t)verb;

	if (p->fd < 0)
		return ERR_NOT_FOUND;
	process_ping(s, role);
	return frame_send(p->fd, peer ? MESSAGE_PEER : MESSAGE_CONTROL, &payload, sizeof(payload),
	        fds, file >= 0 ? 2 : 1);
}

/* Without somebody to answer, the client sees the connection end. */
static void roll_end(struct supervisor *s)
{
	s->roll_due_ms = 0;
	if (s->roll_for_reporter)
		process_send(s, ROLE_REPORTER, MESSAGE_ROLLED);
	s->roll_for_reporter = false;
	while (s->roll_client_count > 0) {
		int client = s->roll_clients[--s->roll_client_count];

		(void)control_hand(s, CONTROL_STATUS, client, -1);
		close(client);
	}
}

static void roll_check(struct supervisor *s)
{
	if (s->roll_due_ms != 0 && (roll_is_complete(s) || clock_awake_ms() >= s->roll_due_ms))
		roll_end(s);
}

/* Guard and auth look again at what they answer for, and everybody says that it is there. One that
 * is under way serves who comes later too. */
static void roll_begin(struct supervisor *s)
{
	static const enum role looking[] = {ROLE_GUARD, ROLE_AUTH};

	if (s->roll_due_ms != 0)
		return;
	s->roll_due_ms = clock_awake_ms() + ROLL_MS;
	for (size_t i = 0; i < ROLES; i++)
		process_ping(s, roles[i]);
	for (size_t i = 0; i < sizeof(looking) / sizeof(looking[0]); i++) {
		struct process *p = process_of(s, looking[i]);

		/* Who still owes an answer gives one, not two. */
		if (!p->ready || p->looking)
			continue;
		p->looking = true;
		process_send(s, looking[i], MESSAGE_LOOK);
	}
	supervise_tell_state(s);
	keeper_ask(s->keeper);
}

/* When a process that was pinged must have answered. */
static int64_t answer_due_ms(const struct process *p, enum role role)
{
	int64_t limit = role == ROLE_GUARD ? ANSWER_GUARD_MS : ANSWER_MS;

	return p->pinged_ms + (p->ready ? limit : ANSWER_STARTING_MS);
}

static void process_answer_check(struct supervisor *s, enum role role, int64_t now)
{
	const struct process *p = process_of(s, role);

	if (p->pinged_ms != 0 && now >= answer_due_ms(p, role))
		process_kill(s, role, EVENT_PROCESS_DIED, "no answer");
}

void supervise_due(struct supervisor *s)
{
	int64_t now = clock_awake_ms();

	for (size_t i = 0; i < ROLES; i++)
		process_answer_check(s, roles[i], now);
	roll_check(s);
	absences_due(&s->absences);
	keeper_check(s->keeper);
}

/* --- what children say --- */

static void policy_was_stored(struct supervisor *s)
{
	process_send(s, ROLE_AUTH, MESSAGE_RELOAD);
	process_send(s, ROLE_REPORTER, MESSAGE_RELOAD);
}

static int request_serve(struct supervisor *s, enum role role, struct frame *frame)
{
	int answer_fd = s->processes[role].fd;
	struct request request;
	int r;

	if (frame->payload.length != sizeof(request) || frame->fd_count > 1)
		return ERR_FORMAT;
	memcpy(&request, frame->payload.data, sizeof(request));
	if (requests_check(role, &request, frame->fd_count == 1) != 0)
		return ERR_DENIED;
	if (requests_may_wait(&request) &&
	        errand_run(&s->errand, &s->requests, role, &request, answer_fd))
		return 0;
	r = requests_serve(&s->requests, role, &request, frame->fds[0], answer_fd);
	if (r == 0 && request.type == REQUEST_POLICY_STORE)
		policy_was_stored(s);
	return r == REQUESTS_FORBIDDEN ? ERR_DENIED : 0;
}

/* Of a sibling that does not answer, or that sent the signer what it may not. */
static int complaint_serve(struct supervisor *s, enum role role, struct frame *frame)
{
	uint8_t about = buffer_get_u8(&frame->payload);

	if (buffer_end(&frame->payload) != 0 || frame->fd_count != 0)
		return ERR_FORMAT;
	if (about < ROLE_GUARD || about > ROLE_REPORTER || about == role)
		return ERR_FORMAT;
	if (frame->type == MESSAGE_SILENT) {
		process_ping(s, (enum role)about);
		return 0;
	}
	if (role != ROLE_SIGNER)
		return ERR_FORMAT;
	process_kill(s, (enum role)about, EVENT_PROCESS_DIED, "ended for a refused message");
	return 0;
}

static int frame_serve(struct supervisor *s, enum role role, struct frame *frame)
{
	struct process *p = process_of(s, role);

	if (frame->type == MESSAGE_REQUEST)
		return request_serve(s, role, frame);
	if (frame->type == MESSAGE_SILENT || frame->type == MESSAGE_BREACH)
		return complaint_serve(s, role, frame);
	if (frame->payload.length != 0 || frame->fd_count != 0)
		return ERR_FORMAT;
	switch (frame->type) {
	case MESSAGE_PONG:
		p->pinged_ms = 0;
		return 0;
	case MESSAGE_READY:
		if (p->ready)
			return ERR_FORMAT;
		p->ready = true;
		p->pinged_ms = 0;
		supervise_tell_state(s);
		return 0;
	case MESSAGE_LOOKED:
		if (!p->looking)
			return ERR_FORMAT;
		p->looking = false;
		return 0;
	case MESSAGE_ROLL:
		if (role != ROLE_REPORTER)
			return ERR_FORMAT;
		s->roll_for_reporter = true;
		roll_begin(s);
		return 0;
	case MESSAGE_EXPECT:
		if (role != ROLE_GUARD)
			return ERR_FORMAT;
		if (!s->requests.observe)
			errand_expect(&s->errand, &s->requests);
		return 0;
	default:
		return ERR_FORMAT;
	}
}

void supervise_serve(struct supervisor *s, enum role role)
{
	struct process *p = process_of(s, role);
	uint8_t memory[CHILD_FRAME_MAX];
	struct frame frame;

	for (int i = 0; i < SERVE_FRAMES_MAX && p->fd >= 0; i++) {
		int r = frame_receive(p->fd, 0, memory, sizeof(memory), &frame);

		if (r == ERR_TIMEOUT)
			return;
		if (r == ERR_CLOSED) {
			/* Dying already, or of no use: how it ended is told when it is reaped. */
			close_fd(&p->fd);
			kill(p->pid, SIGKILL);
			return;
		}
		if (r == 0)
			r = frame_serve(s, role, &frame);
		frame_close_fds(&frame);
		if (r != 0)
			process_kill(s, role, EVENT_MESSAGE_REFUSED,
			        r == ERR_DENIED ? "request refused" : "malformed message");
	}
	roll_check(s);
}

void supervise_serve_tell(struct supervisor *s)
{
	if (tell_read(&s->tell) == ERR_FORMAT)
		process_kill(s, ROLE_SIGNER, EVENT_MESSAGE_REFUSED, "malformed message");
}

static void sooner(int64_t *least, int64_t at)
{
	int64_t left = at - clock_awake_ms();

	if (left < 0)
		left = 0;
	if (*least < 0 || left < *least)
		*least = left;
}

int supervise_wait_ms(const struct supervisor *s)
{
	int64_t least = absences_wait_ms(&s->absences);

	for (size_t i = 0; i < ROLES && !s->stopping; i++) {
		const struct process *p = &s->processes[roles[i]];

		if (p->pid == 0)
			sooner(&least, p->due_ms);
		else if (p->pinged_ms != 0)
			sooner(&least, answer_due_ms(p, roles[i]));
	}
	if (s->roll_due_ms != 0)
		sooner(&least, s->roll_due_ms);
	if (s->keeper->due_ms != 0)
		sooner(&least, s->keeper->due_ms);
	return (int)least;
}

bool supervise_all_ready(const struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++) {
		if (!s->processes[roles[i]].ready)
			return false;
	}
	return true;
}

void supervise_reload(struct supervisor *s)
{
	errand_let_go(&s->errand);
	for (size_t i = 0; i < ROLES; i++) {
		process_send(s, roles[i], MESSAGE_RELOAD);
		process_ping(s, roles[i]);
	}
	supervise_tell_state(s);
}

static int card_hand(struct cards *cards, int connection)
{
	uint8_t payload[8];
	struct buffer out = buffer_over(payload, sizeof(payload));
	int fd = -1;
	int r = cards_start(cards, &fd);

	buffer_put_u32(&out, 0);
	buffer_put_u32(&out, (uint32_t)-r);
	r = frame_send(connection, MESSAGE_RESULT, payload, out.length, &fd, fd >= 0 ? 1 : 0);
	close_fd(&fd);
	return r;
}

int supervise_hand(struct supervisor *s, enum control verb, int connection, int file)
{
	int copy;

	if (verb == CONTROL_CARD)
		return card_hand(&s->cards, connection);
	if (verb == CONTROL_FIDO2)
		return card_hand(&s->keys, connection);
	if (verb == CONTROL_SEAL)
		return card_hand(&s->seals, connection);
	if (verb != CONTROL_STATUS)
		return control_hand(s, verb, connection, file);
	if (s->roll_client_count == sizeof(s->roll_clients) / sizeof(s->roll_clients[0]))
		return ERR_TOO_LONG;
	copy = fcntl(connection, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return ERR_IO;
	s->roll_clients[s->roll_client_count++] = copy;
	roll_begin(s);
	roll_check(s);
	return 0;
}

/* Waits until the process is gone, reaping whatever ends meanwhile. */
static void wait_gone(struct supervisor *s, enum role role, int64_t deadline)
{
	while (process_of(s, role)->pid != 0 && clock_awake_ms() < deadline) {
		supervise_reap(s);
		if (process_of(s, role)->pid != 0)
			poll(NULL, 0, 10);
	}
}

static void process_end(struct supervisor *s, enum role role)
{
	struct process *p = process_of(s, role);

	if (p->pid == 0)
		return;
	kill(p->pid, SIGTERM);
	wait_gone(s, role, clock_awake_ms() + STOP_WAIT_MS / 2);
	if (p->pid == 0)
		return;
	kill(p->pid, SIGKILL);
	wait_gone(s, role, clock_awake_ms() + STOP_WAIT_MS / 2);
}

static void stopping_tell(struct supervisor *s)
{
	int64_t deadline = clock_awake_ms() + STOP_WAIT_MS;
	struct event_record e;

	event_start(&e, EVENT_AGENT_STOPPING);
	tell_event(&s->tell, &e);
	while (s->tell.count > 0 && s->tell.fd >= 0 && clock_awake_ms() < deadline) {
		struct pollfd fd = {.fd = s->tell.fd, .events = POLLIN};

		(void)poll(&fd, 1, 50);
		if (tell_read(&s->tell) != 0)
			return;
	}
}

void supervise_stop(struct supervisor *s)
{
	static const enum role before_signer[] = {ROLE_REPORTER, ROLE_AUTH, ROLE_GUARD};

	s->stopping = true;
	stopping_tell(s);
	for (size_t i = 0; i < sizeof(before_signer) / sizeof(before_signer[0]); i++)
		process_end(s, before_signer[i]);
	process_end(s, ROLE_SIGNER);
}
