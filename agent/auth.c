/*
 * The process auth: accepts logins and gives each a worker process of its own (auth_login.c). Only
 * this parent talks to main; it reads nothing a client sent.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/auth_login.h"
#include "agent/auth_person.h"
#include "agent/auth_rules.h"
#include "agent/auth_state.h"
#include "agent/auth_voucher.h"
#include "agent/auth_workers.h"
#include "agent/channel.h"
#include "agent/child.h"
#include "agent/pam_stack.h"
#include "agent/pam_watch.h"
#include "agent/paths.h"
#include "agent/seal_client.h"
#include "agent/unattended.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"
#include "core/log.h"
#include "core/login.h"
#include "core/memory.h"
#include "policy/login.h"

enum {
	KEY_STARTING_MS = 10000, /* a slow TPM's seconds; main waits longer for us to start */
	KEY_SERVING_MS = 2000,   /* and less, once we have */
	KEY_RETRY_MS = 5000,
	SIGNER_RETRY_MS = 5000,
	SIGNER_SEND_SECONDS = 1,
	VOUCHER_LOOK_MS = 30000, /* while one is in force: whether its day is over */
	SETTLE_MS = 1000, /* a change of a stack is more than one write, and so is an upgrade */
};

struct auth {
	struct child child;
	struct auth_rules rules;
	struct workers workers;
	bool reload;
	bool ask_key;  /* there may be another by now */
	bool prepared; /* the next workers find their cipher ready */
	bool retell;
	bool look;        /* main wants to know how things are */
	int error;        /* main said what it may not */
	int64_t retry_ms; /* when the state is told again; 0: it was told */
	int watch_fd;     /* agent/pam_watch.h; -1: none */
	int64_t look_ms;  /* when the stacks are looked at, which changed; 0: they did not */
	struct pam_stacks stacks; /* as last told */
	int32_t today;            /* as of the last look at vouchers */
	int64_t today_ms;         /* when the next is due; 0: there are none */
	struct seal_result seal;
	bool seal_told;
	bool seal_missed; /* it could not be read before */
	int64_t key_ms;   /* when the key may be asked for again */
};

/* Shared with the workers, never copied; of a page of its own, which is not swapped. */
static struct {
	struct storage_key key;
	uint8_t rest[4096 - sizeof(struct storage_key)];
} secret __attribute__((aligned(4096)));

static const struct storage_key *key_of(const struct auth *auth)
{
	return auth->seal.answer == SEAL_OPEN ? &secret.key : NULL;
}

/* Where there is no room for it logins go on all the same. */
static void fill_decoy(struct auth *auth)
{
	int fd = -1;
	int error = channel_request(&auth->child.channel, REQUEST_USER_OPEN, "", 0, -1, &fd);

	if (error == 0)
		error = auth_state_fill_decoy(fd);
	if (error != 0)
		log_error("%s: %s", AUTH_DECOY, error_text(error));
	if (fd >= 0)
		close(fd);
}

/* Synchronous: a login without the key is refused, and there is nothing else to do here. One that
 * we have stays when the TPM is away. */
static void ask_key(struct auth *auth, int timeout_ms)
{
	struct seal_result result = {.answer = SEAL_AWAY};
	int fd = -1;
	int error = channel_request(&auth->child.channel, REQUEST_SEAL, "", 0, -1, &fd);

	if (error == 0)
		error = seal_ask(fd, timeout_ms, &secret.key, &result);
	if (fd >= 0)
		close(fd);
	if (error != 0)
		log_error("%s: %s", child_role_name(ROLE_SEAL), error_text(error));
	auth->ask_key = false;
	auth->key_ms = clock_boot_ms() + KEY_RETRY_MS;
	if (result.answer != SEAL_OPEN)
		log_error("%s", seal_answer_text(result.answer));
	if (result.answer != SEAL_OPEN && key_of(auth) != NULL)
		return;
	auth->seal_told &= result.answer == auth->seal.answer;
	auth->seal = result;
	auth->retell |= !auth->seal_told;
}

/* Who waits at the login is told the truth of this moment, but no crowd keeps the TPM busy. */
static void look_for_key(struct auth *auth)
{
	if (key_of(auth) == NULL && clock_boot_ms() >= auth->key_ms)
		ask_key(auth, KEY_SERVING_MS);
}

static const char *deed_of(const struct auth *auth)
{
	switch (auth->seal.deed) {
	case SEAL_MADE:
		return "made";
	case SEAL_MOVED:
		return "moved";
	case SEAL_FOUND:
	case SEAL_DEED_END:
		break;
	}
	return auth->seal_missed ? "found" : NULL;
}

/* An event for what is not as always. */
static int tell_seal(struct auth *auth)
{
	static struct event_record e;
	bool open = key_of(auth) != NULL;
	const char *cause = open ? deed_of(auth) : seal_answer_name(auth->seal.answer);
	int error = 0;

	if (auth->seal_told)
		return 0;
	if (cause != NULL) {
		event_start(&e, open ? EVENT_SECRETS_SEALED : EVENT_SECRETS_UNREADABLE);
		if (open)
			event_put(&e, FIELD_SEALED, seal_way_name(auth->seal.way));
		event_put(&e, FIELD_CAUSE, cause);
		error = channel_event(&auth->child.channel, &e);
	}
	auth->seal_told = error == 0;
	auth->seal_missed = !open;
	return error;
}

/* A policy that cannot be read changes nothing: the last one stays, or the defaults, which are as
 * strict. */
static void load_policy(struct auth *auth)
{
	int error = auth_rules_read(auth->child.root, &auth->rules);

	auth->reload = false;
	if (error != 0 && error != ERR_NOT_FOUND)
		log_error("%s: %s", POLICY_IN_FORCE, error_text(error));
	error = unattended_publish(&auth->child.channel, auth->child.root, &auth->rules.unattended);
	if (error != 0)
		log_error("%s: %s", PATH_UNATTENDED_DIR, error_text(error));
}

/* A signer that hangs must not hang us. */
static void bound_signer(const struct auth *auth)
{
	const struct timeval timeout = {.tv_sec = SIGNER_SEND_SECONDS};

	if (auth->child.channel.signer_fd >= 0)
		(void)setsockopt(auth->child.channel.signer_fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
		        sizeof(timeout));
}

static void put_stacks(struct event_record *e, const struct pam_stacks *stacks)
{
	event_put(e, FIELD_PAM_STACKS, stacks->held);
	event_put(e, FIELD_PAM_BYPASSED, stacks->bypassed);
	event_put(e, FIELD_PAM_MODULE, stacks->module);
}

static bool is_same(const struct pam_stacks *a, const struct pam_stacks *b)
{
	return strcmp(a->held, b->held) == 0 && strcmp(a->bypassed, b->bypassed) == 0 &&
	       strcmp(a->module, b->module) == 0;
}

/* An event for each change that is seen, besides the state. */
static int tell_drift(struct auth *auth, const struct pam_stacks *stacks)
{
	static struct event_record e;
	bool first = auth->stacks.module[0] == '\0';
	int error = 0;

	if (!first && !is_same(stacks, &auth->stacks)) {
		event_start(&e, EVENT_LOGIN_DRIFTED);
		put_stacks(&e, stacks);
		error = channel_event(&auth->child.channel, &e);
	}
	if (error == 0)
		auth->stacks = *stacks;
	return error;
}

static int32_t day_now(void)
{
	/* The zone may have been set since. */
	tzset();
	return person_day_at(clock_wall());
}

static int put_vouchers(struct auth *auth, struct event_record *state)
{
	char users[EVENT_VALUE_MAX + 1];
	int error = 0;

	auth->today = day_now();
	error = voucher_sweep(
	        &auth->child.channel, auth->child.root, auth->today, users, sizeof(users));
	auth->today_ms = users[0] != '\0' ? clock_boot_ms() + VOUCHER_LOOK_MS : 0;
	event_put(state, FIELD_VOUCHERS, users);
	return error;
}

/* The day can end without midnight, when the clock is set. */
static bool day_ended(struct auth *auth, int64_t now)
{
	if (auth->today_ms == 0 || auth->today_ms > now)
		return false;
	auth->today_ms = now + VOUCHER_LOOK_MS;
	return day_now() != auth->today;
}

static void tell_state(struct auth *auth)
{
	static struct pam_stacks stacks;
	static struct event_record state;
	char factors[LOGIN_NAMES_SIZE];
	int error = 0;

	auth->look_ms = 0;
	pam_stack_survey(auth->child.root, &auth->rules.unattended, &stacks);
	error = tell_seal(auth);
	if (error == 0)
		error = tell_drift(auth, &stacks);
	event_start(&state, 0);
	login_print(&auth->rules.combinations, factors);
	event_put(&state, FIELD_FACTORS, factors);
	event_put_number(&state, FIELD_MAX_FAILURES, auth->rules.max_failures);
	put_stacks(&state, &stacks);
	if (put_vouchers(auth, &state) != 0)
		error = ERR_CLOSED;
	event_put(&state, FIELD_SEALED,
	        key_of(auth) != NULL ? seal_way_name(auth->seal.way) : "unreadable");
	auth->retell = channel_state(&auth->child.channel, ROLE_AUTH, &state) != 0 || error != 0;
	/* Without a signer the next one is what it is told to. */
	auth->retry_ms = auth->retell && auth->child.channel.signer_fd >= 0
	                         ? clock_boot_ms() + SIGNER_RETRY_MS
	                         : 0;
	memory_give_back();
}

/* Called in the middle of a request too: only notes. */
static void on_main(void *context, struct frame *frame)
{
	struct auth *auth = context;

	frame_close_fds(frame);
	switch (frame->type) {
	case MESSAGE_RELOAD:
		auth->reload = true;
		auth->ask_key = true;
		break;
	case MESSAGE_SIGNER:
		auth->retell = true;
		auth->retry_ms = 0;
		break;
	case MESSAGE_LOOK:
		auth->look = true;
		break;
	default:
		auth->error = ERR_FORMAT;
	}
}

static int ask_state(struct auth *auth, const char *name, uint32_t *id)
{
	return channel_request_send(&auth->child.channel, REQUEST_USER_OPEN, name, 0, -1, id);
}

/* 0 and *fd, the user's or the decoy's state file. Main is asked for both, whoever it is: that
 * takes as long for a name that is not enrolled. */
static int open_state(struct auth *auth, const char *user, enum worker_gift *gift, int *fd)
{
	bool may_exist = auth_state_name(user);
	uint32_t ids[2];
	int decoy = -1;
	int own = -1;
	int decoy_error = ask_state(auth, "", &ids[0]);
	int own_error = ask_state(auth, may_exist ? user : "", &ids[1]);
	bool is_own;
	int unused;

	if (decoy_error == 0)
		decoy_error = channel_request_wait(&auth->child.channel, ids[0], &decoy);
	if (own_error == 0)
		own_error = channel_request_wait(&auth->child.channel, ids[1], &own);
	is_own = may_exist && own_error != ERR_NOT_FOUND;
	unused = is_own ? decoy : own;
	*gift = is_own ? GIFT_OWN : GIFT_DECOY;
	*fd = is_own ? own : decoy; /* transferred */
	if (unused >= 0)
		close(unused);
	return is_own ? own_error : decoy_error;
}

/* A channel of the worker's own: what it says to the signer does not mix with what another says. */
static int open_signer(struct auth *auth, int *fd)
{
	const uint8_t role = ROLE_AUTH;
	int pair[2] = {-1, -1};
	int error = 0;

	*fd = -1;
	if (auth->child.channel.signer_fd < 0)
		return ERR_CLOSED;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return ERR_IO;
	error = frame_send(
	        auth->child.channel.signer_fd, MESSAGE_PEER, &role, sizeof(role), &pair[1], 1);
	close(pair[1]);
	if (error == 0)
		*fd = pair[0]; /* transferred */
	else
		close(pair[0]);
	return error;
}

static int give(struct auth *auth, struct worker_slot *slot, const char *user)
{
	enum worker_gift gift = GIFT_NOTHING;
	int fds[2] = {-1, -1};
	uint8_t byte = GIFT_NOTHING;
	int error = open_state(auth, user, &gift, &fds[1]);

	if (error == 0)
		error = open_signer(auth, &fds[0]);
	if (error != 0)
		log_error("%s: %s",
		        LANGUAGE("ログインに必要なものが揃いません", "a login cannot be served"),
		        error_text(error));
	else
		byte = (uint8_t)gift;
	if (byte == GIFT_OWN)
		snprintf(slot->user, sizeof(slot->user), "%.*s", AUTH_USER_MAX, user);
	error = frame_send(slot->fd, WORKER_GIVEN, &byte, sizeof(byte), fds, error == 0 ? 2 : 0);
	for (size_t i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return error;
}

static int give_state(struct auth *auth, struct worker_slot *slot, struct frame *frame)
{
	char user[LOGIN_NAME_MAX];

	buffer_get_string(&frame->payload, user, sizeof(user));
	if (buffer_end(&frame->payload) != 0 || slot->given)
		return ERR_FORMAT;
	slot->given = true;
	return give(auth, slot, user);
}

static int give_reader(struct auth *auth, struct worker_slot *slot, const struct frame *frame)
{
	const bool is_card = frame->type == WORKER_CARD;
	bool *given = is_card ? &slot->card_given : &slot->fido2_given;
	int fd = -1;
	int error = 0;

	if (buffer_end(&frame->payload) != 0 || *given)
		return ERR_FORMAT;
	*given = true;
	error = channel_request(
	        &auth->child.channel, is_card ? REQUEST_CARD : REQUEST_FIDO2, "", 0, -1, &fd);
	if (error != 0)
		log_error("%s: %s", child_role_name(is_card ? ROLE_CARD : ROLE_FIDO2),
		        error_text(error));
	error = frame_send(slot->fd, WORKER_READER, NULL, 0, &fd, fd >= 0 ? 1 : 0);
	if (fd >= 0)
		close(fd);
	return error;
}

/* A worker has nothing to tell of who is not enrolled. Main journals what it cannot watch. */
static int watch_session(struct auth *auth, struct worker_slot *slot, struct frame *frame)
{
	uint32_t uid = buffer_get_u32(&frame->payload);
	int error = 0;

	if (buffer_end(&frame->payload) != 0 || frame->fd_count != 1 || slot->session_told ||
	        slot->user[0] == '\0')
		return ERR_FORMAT;
	slot->session_told = true;
	error = channel_request(&auth->child.channel, REQUEST_SESSION, slot->user,
	        (uint64_t)uid << 32 | auth->rules.idle_lock, frame->fds[0], NULL);
	if (error != 0)
		log_warning("%s: %s", slot->user, error_text(error));
	return 0;
}

static int note_present(struct auth *auth, struct worker_slot *slot, const struct frame *frame)
{
	bool token = frame->fd_count == 1;
	int error = 0;

	if (buffer_end(&frame->payload) != 0 || slot->present_told || slot->user[0] == '\0')
		return ERR_FORMAT;
	slot->present_told = true;
	error = channel_request(&auth->child.channel, token ? REQUEST_TOKEN : REQUEST_PRESENT,
	        slot->user, 0, token ? frame->fds[0] : -1, NULL);
	if (error != 0)
		log_warning("%s: %s", slot->user, error_text(error));
	return frame_send(slot->fd, WORKER_NOTED, NULL, 0, NULL, 0);
}

/* A worker asks once for each thing. Its end is seen here too: the socket pair closes. */
static void serve_worker(struct auth *auth, struct worker_slot *slot)
{
	uint8_t memory[LOGIN_NAME_MAX + 64];
	struct frame frame;
	int error = frame_receive(slot->fd, 0, memory, sizeof(memory), &frame);

	const bool received = error == 0;

	if (received &&
	        frame.fd_count > (frame.type == WORKER_SESSION || frame.type == WORKER_PRESENT))
		error = ERR_FORMAT;
	if (error == 0 && frame.type == WORKER_ASK)
		error = give_state(auth, slot, &frame);
	else if (error == 0 && (frame.type == WORKER_CARD || frame.type == WORKER_FIDO2))
		error = give_reader(auth, slot, &frame);
	else if (error == 0 && frame.type == WORKER_SESSION)
		error = watch_session(auth, slot, &frame);
	else if (error == 0 && frame.type == WORKER_PRESENT)
		error = note_present(auth, slot, &frame);
	else if (error == 0)
		error = ERR_FORMAT;
	if (received)
		frame_close_fds(&frame);
	if (error != ERR_TIMEOUT && error != 0)
		worker_end(slot);
}

static _Noreturn void run_worker(struct auth *auth, int client, uid_t peer, int parent)
{
	const struct auth_rules rules = auth->rules;
	const struct login login = {.client = client,
	        .peer = peer,
	        .parent = parent,
	        .rules = &rules,
	        .root = auth->child.root,
	        .key = key_of(auth)};

	/* The one that asks for us must be there, now and later. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		_exit(EXIT_NO);
	alarm(LOGIN_LIFETIME);
	close(CHILD_LISTEN_FD);
	close(CHILD_ALARM_FD);
	if (auth->watch_fd >= 0)
		close(auth->watch_fd);
	close(auth->child.channel.main_fd);
	if (auth->child.channel.signer_fd >= 0)
		close(auth->child.channel.signer_fd);
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (auth->workers.slots[i].pid != 0)
			close(auth->workers.slots[i].fd);
	login_serve(&login);
	_exit(EXIT_YES);
}

static int start_worker(struct auth *auth, struct worker_slot *slot, int client, uid_t peer)
{
	int pair[2] = {-1, -1};
	pid_t pid = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return ERR_IO;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		run_worker(auth, client, peer, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return ERR_IO;
	}
	*slot = (struct worker_slot){
	        .pid = pid,
	        .uid = peer,
	        .fd = pair[0],
	        .since_ms = clock_boot_ms(),
	};
	return 0;
}

/* A new connection's buffer is empty: this does not block. */
static void turn_away(int client)
{
	const uint8_t result = LOGIN_UNAVAILABLE;
	uint8_t memory[LOGIN_TEXT_MAX + 16];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_u8(&b, LOGIN_ERROR);
	buffer_put_string(
	        &b, LANGUAGE("ログインが集中しています。しばらくしてからやり直してください。",
	                    "Too many logins at once; try again in a moment."));
	(void)frame_send(client, LOGIN_PROMPT, b.data, b.length, NULL, 0);
	(void)frame_send(client, LOGIN_RESULT, &result, sizeof(result), NULL, 0);
	/* What is left unread when it is closed would take the answer back. */
	(void)recv(client, memory, sizeof(memory), MSG_DONTWAIT);
}

/* After the first login, so that where nobody logs in nobody pays for it: it takes 250 kB. */
static void prepare_next(struct auth *auth)
{
	if (auth->prepared)
		return;
	auth->prepared = true;
	if (storage_prepare() != 0)
		log_error("AES-256-GCM: %s", error_text(ERR_CRYPTO));
}

static void accept_login(struct auth *auth)
{
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);
	struct worker_slot *slot = NULL;
	int client = accept4(CHILD_LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	look_for_key(auth);
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
		slot = workers_place(&auth->workers, peer.uid);
	if (slot == NULL || start_worker(auth, slot, client, peer.uid) != 0) {
		log_warning("%s", LANGUAGE("同時のログインが多すぎるため断りました",
		                          "too many logins at once: one was turned away"));
		turn_away(client);
	}
	close(client);
	prepare_next(auth);
}

static int next_timeout(const struct auth *auth)
{
	int64_t now = clock_boot_ms();
	int64_t next = clock_sooner(auth->retry_ms, clock_sooner(auth->look_ms, auth->today_ms));

	next = clock_sooner(next, workers_due(&auth->workers));
	if (next == 0)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static void do_due(struct auth *auth)
{
	int64_t now = clock_boot_ms();
	bool changed = auth->look_ms != 0 && auth->look_ms <= now;
	bool ended = day_ended(auth, now);

	workers_expire(&auth->workers, now);
	if (auth->reload) {
		load_policy(auth);
		if (auth->ask_key)
			ask_key(auth, KEY_SERVING_MS);
	} else if (!auth->look && !changed && !ended &&
	           (!auth->retell || auth->child.channel.signer_fd < 0 || auth->retry_ms > now)) {
		return;
	}
	bound_signer(auth);
	tell_state(auth);
	if (auth->look)
		(void)channel_looked(&auth->child.channel);
	auth->look = false;
}

static void drop_signer(struct auth *auth)
{
	close(auth->child.channel.signer_fd);
	auth->child.channel.signer_fd = -1;
}

enum { POLL_MAIN, POLL_SIGNER, POLL_LISTEN, POLL_WATCH, POLL_WORKERS };

static void look_soon(struct auth *auth)
{
	pam_watch_take(auth->watch_fd, auth->child.root_path);
	if (auth->look_ms == 0)
		auth->look_ms = clock_boot_ms() + SETTLE_MS;
}

static int serve_ready(struct auth *auth, const struct pollfd polled[POLL_WORKERS + WORKERS_MAX])
{
	int signer = auth->child.channel.signer_fd;

	if (polled[POLL_MAIN].revents != 0 && channel_serve_main(&auth->child.channel) != 0)
		return ERR_CLOSED;
	/* It has nothing to say here: whatever is there is its end, unless main has brought another
	 * by now. */
	if (polled[POLL_SIGNER].revents != 0 && auth->child.channel.signer_fd == signer &&
	        !auth->retell)
		drop_signer(auth);
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (auth->workers.slots[i].pid != 0 && polled[POLL_WORKERS + i].revents != 0)
			serve_worker(auth, &auth->workers.slots[i]);
	if (polled[POLL_WATCH].revents != 0)
		look_soon(auth);
	if (polled[POLL_LISTEN].revents != 0)
		accept_login(auth);
	return auth->error;
}

static int serve(struct auth *auth)
{
	struct pollfd polled[POLL_WORKERS + WORKERS_MAX] = {0};

	polled[POLL_MAIN] = (struct pollfd){.fd = auth->child.channel.main_fd, .events = POLLIN};
	polled[POLL_SIGNER] =
	        (struct pollfd){.fd = auth->child.channel.signer_fd, .events = POLLIN};
	/* Who finds no place waits in the queue. */
	polled[POLL_LISTEN] = (struct pollfd){
	        .fd = workers_full(&auth->workers) ? -1 : CHILD_LISTEN_FD, .events = POLLIN};
	polled[POLL_WATCH] = (struct pollfd){.fd = auth->watch_fd, .events = POLLIN};
	for (size_t i = 0; i < WORKERS_MAX; i++)
		polled[POLL_WORKERS + i] = (struct pollfd){
		        .fd = auth->workers.slots[i].pid != 0 ? auth->workers.slots[i].fd : -1,
		        .events = POLLIN};
	if (poll(polled, POLL_WORKERS + WORKERS_MAX, next_timeout(auth)) < 0)
		return errno == EINTR ? 0 : ERR_IO;
	return serve_ready(auth, polled);
}

int main(int argc, char **argv)
{
	static struct auth auth;
	int error;

	if (crypto_start() != 0 || child_start(argc, argv, ROLE_AUTH, &auth.child) != 0)
		return EXIT_USAGE;
	auth.child.channel.on_main = on_main;
	auth.child.channel.context = &auth;
	auth_rules_default(&auth.rules);
	auth.retell = true;
	for (size_t i = 0; i < WORKERS_MAX; i++)
		auth.workers.slots[i].fd = -1;
	auth.reload = true;
	if (pam_watch_open(auth.child.root_path, &auth.watch_fd) != 0)
		log_error("%s", LANGUAGE("PAM設定の変更を監視できません",
		                        "changes of PAM's configuration cannot be watched"));
	storage_key_guard(&secret.key);
	ask_key(&auth, KEY_STARTING_MS);
	fill_decoy(&auth);
	do_due(&auth);
	error = channel_ready(&auth.child.channel);
	while (error == 0) {
		error = serve(&auth);
		do_due(&auth);
	}
	/* The workers have PR_SET_PDEATHSIG. Nothing to flush, nothing to run at exit. */
	_exit(error == ERR_CLOSED ? EXIT_YES : EXIT_NO);
}
