/*
 * The signer: holds the terminal's key, the journal's head and the sequence number. Its siblings
 * give it fields, never bytes; one loop answers them all, and what came in together is made durable
 * together.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/paths.h"
#include "agent/signer_journal.h"
#include "agent/signer_report.h"
#include "agent/signer_state.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"

enum { PEERS_MAX = 256, NONCE_MAX = 128 };

struct peer {
	int fd;
	enum role role;
	uint32_t id;   /* of this connection, for ever */
	bool awaiting; /* an event of its is pending */
	uint32_t event_id;
	uint64_t event_seq;
};

struct signer {
	struct child child;
	struct peer peers[PEERS_MAX];
	size_t peer_count;
	uint32_t last_peer;
	struct signer_journal journal;
	struct signer_state state;
	struct signer_report report;
	struct event_record
	        event;       /* the one being read: too large for a stack frame of every handler */
	uint64_t told_count; /* what the reporter knows of */
	uint64_t told_revision;
	bool worked; /* made a report, or read keys: memory was taken that is not needed further */
	uint8_t memory[FRAME_MAX];
};

#define FROM(role) (1u << (role))

/* Who may say what. A kind without a line is the signer's own. */
static const unsigned SPEAKERS[EVENT_KIND_END] = {
        [EVENT_AGENT_STARTED] = FROM(ROLE_MAIN),
        [EVENT_AGENT_STOPPING] = FROM(ROLE_MAIN),
        [EVENT_PROCESS_DIED] = FROM(ROLE_MAIN),
        [EVENT_PROCESS_STARTED] = FROM(ROLE_MAIN),
        [EVENT_MESSAGE_REFUSED] = FROM(ROLE_MAIN) | FROM(ROLE_GUARD) | FROM(ROLE_AUTH),
        [EVENT_DEVICE_ALLOWED] = FROM(ROLE_GUARD),
        [EVENT_DEVICE_DENIED] = FROM(ROLE_GUARD),
        [EVENT_DEVICE_REMOVED] = FROM(ROLE_GUARD),
        [EVENT_DEVICE_UNENFORCED] = FROM(ROLE_GUARD),
        [EVENT_POLICY_ACCEPTED] = FROM(ROLE_GUARD),
        [EVENT_POLICY_REFUSED] = FROM(ROLE_GUARD),
        [EVENT_LOGIN_ACCEPTED] = FROM(ROLE_AUTH),
        [EVENT_LOGIN_REFUSED] = FROM(ROLE_AUTH),
        [EVENT_LOGIN_LOCKED] = FROM(ROLE_AUTH),
        [EVENT_CARD_CRL_OLD] = FROM(ROLE_AUTH),
        [EVENT_LOGIN_DRIFTED] = FROM(ROLE_AUTH),
        [EVENT_KEY_COUNTED_BACK] = FROM(ROLE_AUTH),
        [EVENT_VOUCHER_ISSUED] = FROM(ROLE_ADMIN),
        [EVENT_VOUCHER_TAKEN] = FROM(ROLE_ADMIN),
        [EVENT_VOUCHER_USED] = FROM(ROLE_AUTH),
        [EVENT_VOUCHER_ENDED] = FROM(ROLE_AUTH) | FROM(ROLE_ADMIN),
        [EVENT_SECRETS_SEALED] = FROM(ROLE_AUTH),
        [EVENT_SECRETS_UNREADABLE] = FROM(ROLE_AUTH),
        [EVENT_SECRETS_RESEALED] = FROM(ROLE_ADMIN),
        [EVENT_SESSION_OPENED] = FROM(ROLE_AUTH),
        [EVENT_SESSION_CLOSED] = FROM(ROLE_AUTH),
        [EVENT_SESSION_LOCKED] = FROM(ROLE_MAIN),
        [EVENT_SESSION_UNGUARDED] = FROM(ROLE_MAIN),
        [EVENT_TOKEN_ENROLLED] = FROM(ROLE_ADMIN),
        [EVENT_TOKEN_REVOKED] = FROM(ROLE_ADMIN),
        [EVENT_USER_UNLOCKED] = FROM(ROLE_ADMIN),
        [EVENT_PERSON_CHANGED] = FROM(ROLE_ADMIN),
        [EVENT_TERMINAL_ENROLLED] = FROM(ROLE_ADMIN),
        [EVENT_REPORT_REFUSED] = FROM(ROLE_REPORTER),
        [EVENT_MEDIUM_OPENED] = FROM(ROLE_GUARD),
        [EVENT_MEDIUM_CLOSED] = FROM(ROLE_GUARD),
        [EVENT_MEDIUM_FAILED] = FROM(ROLE_GUARD),
        [EVENT_BOOT_LOCKED] = FROM(ROLE_ADMIN),
        [EVENT_BOOT_UNLOCKED] = FROM(ROLE_ADMIN),
};

static bool may_say(enum role role, uint16_t kind)
{
	return kind < EVENT_KIND_END && (SPEAKERS[kind] & FROM(role)) != 0;
}

static const char *role_text(enum role role)
{
	const char *name = child_role_name(role);

	if (name != NULL)
		return name;
	return role == ROLE_MAIN ? "main" : "admin";
}

static struct peer *find_peer(struct signer *s, enum role role)
{
	for (size_t i = s->peer_count; i > 0; i--)
		if (s->peers[i - 1].role == role && s->peers[i - 1].fd >= 0)
			return &s->peers[i - 1];
	return NULL;
}

static void close_peer(struct signer *s, struct peer *peer)
{
	signer_state_drop(&s->state, peer->id);
	close(peer->fd);
	peer->fd = -1;
	peer->awaiting = false;
}

/* Leaves no closed ones behind. Not while somebody walks over them. */
static void sweep_peers(struct signer *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->peer_count; i++)
		if (s->peers[i].fd >= 0)
			s->peers[kept++] = s->peers[i];
	s->peer_count = kept;
}

/* A sibling that does not take its answers is as good as gone; waiting for it would stop all
 * others. */
static void answer(
        struct signer *s, struct peer *peer, uint16_t type, const void *payload, size_t length)
{
	if (peer->fd >= 0 && frame_send(peer->fd, type, payload, length, NULL, 0) != 0)
		close_peer(s, peer);
}

static void answer_done(struct signer *s, struct peer *peer)
{
	uint8_t payload[12];
	struct buffer out = buffer_over(payload, sizeof(payload));

	buffer_put_u32(&out, peer->event_id);
	buffer_put_u64(&out, peer->event_seq);
	answer(s, peer, MESSAGE_EVENT_DONE, payload, out.length);
}

/* Whoever waits is told once his event is on the disk; after a failure nobody is, and he denies. */
static void commit(struct signer *s)
{
	int before = s->journal.failure;
	int error = signer_journal_commit(&s->journal);

	for (size_t i = 0; i < s->peer_count; i++) {
		struct peer *peer = &s->peers[i];

		if (!peer->awaiting)
			continue;
		peer->awaiting = false;
		if (error == 0)
			answer_done(s, peer);
	}
	if (s->journal.failure != before)
		(void)signer_state_set_journal(&s->state, &s->journal);
}

static void refuse_peer(struct signer *s, struct peer *peer, const char *cause)
{
	struct event_record *e = calloc(1, sizeof(*e));

	log_warning("%s: %s", role_text(peer->role), cause);
	if (e != NULL) {
		event_start(e, EVENT_MESSAGE_REFUSED);
		event_put(e, FIELD_PROCESS, role_text(peer->role));
		event_put(e, FIELD_CAUSE, cause);
		(void)signer_journal_add(&s->journal, e, NULL);
	}
	free(e);
	/* Root's CLI is nobody's child, and main is nobody's to end. */
	if (peer->role != ROLE_ADMIN && peer->role != ROLE_MAIN)
		(void)channel_breach(&s->child.channel, peer->role);
	close_peer(s, peer);
}

static void take_event(struct signer *s, struct peer *peer, struct frame *frame)
{
	uint32_t id = buffer_get_u32(&frame->payload);
	uint64_t seq;

	if (event_decode(&frame->payload, &s->event) != 0) {
		refuse_peer(s, peer, "malformed event");
		return;
	}
	if (!may_say(peer->role, s->event.kind)) {
		refuse_peer(s, peer, "event of a kind that is not this process's to tell");
		return;
	}
	if (peer->awaiting)
		commit(s);
	if (peer->fd < 0 || signer_journal_add(&s->journal, &s->event, &seq) != 0)
		return;
	peer->awaiting = true;
	peer->event_id = id;
	peer->event_seq = seq;
}

static void take_state(struct signer *s, struct peer *peer, struct frame *frame)
{
	uint8_t section = buffer_get_u8(&frame->payload);
	bool own = section == peer->role || (section == ROLE_POLICY && peer->role == ROLE_GUARD);

	if (event_decode(&frame->payload, &s->event) != 0 || s->event.kind != 0 || !own)
		refuse_peer(s, peer, "malformed state");
	else if (signer_state_set(&s->state, peer->role, peer->id, &s->event) != 0)
		refuse_peer(s, peer, "state with fields that are not this process's to tell");
}

static void inspect_journal(struct signer *s)
{
	commit(s);
	signer_journal_inspect(&s->journal);
	(void)signer_state_set_journal(&s->state, &s->journal);
}

static void answer_report(
        struct signer *s, struct peer *peer, uint64_t seq, const char *jws, bool more)
{
	struct buffer out = buffer_over(s->memory, sizeof(s->memory) - FRAME_HEADER);

	buffer_put_u64(&out, seq);
	buffer_put_string(&out, jws);
	buffer_put_u8(&out, more ? 1 : 0);
	buffer_put_u32(&out, signer_state_report_interval(&s->state));
	if (out.error == 0)
		answer(s, peer, MESSAGE_REPORT, s->memory, out.length);
}

static void make_report(struct signer *s, struct peer *peer, struct frame *frame)
{
	char nonce[NONCE_MAX], *jws = NULL;
	uint8_t exporter[64] = {0};
	size_t exporter_length = 0;
	const uint8_t *bytes;
	uint8_t full;
	bool more;

	buffer_get_string(&frame->payload, nonce, sizeof(nonce));
	bytes = buffer_get_bytes(&frame->payload, &exporter_length);
	full = buffer_get_u8(&frame->payload);
	if (buffer_end(&frame->payload) != 0 || full > 1 ||
	        (exporter_length != 0 && exporter_length != 32) ||
	        strspn(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
	                strlen(nonce)) {
		refuse_peer(s, peer, "malformed wish for a report");
		return;
	}
	if (exporter_length > 0)
		memcpy(exporter, bytes, exporter_length);
	inspect_journal(s);
	if (signer_report_make(&s->report, &s->journal, &s->state,
	            &(struct report_wish){nonce, exporter, exporter_length, full == 1}, &jws,
	            &more) != 0) {
		answer_report(s, peer, 0, "", false);
	} else {
		s->told_count = s->journal.head.count;
		s->told_revision = s->state.revision;
		answer_report(s, peer, s->report.made, jws, more);
	}
	free(jws);
	s->worked = true;
}

static void take_stored(struct signer *s, struct peer *peer, struct frame *frame)
{
	uint64_t seq = buffer_get_u64(&frame->payload);
	uint8_t payload[8];
	struct buffer out = buffer_over(payload, sizeof(payload));
	int error = buffer_end(&frame->payload);

	if (error == 0)
		error = signer_report_stored(&s->report, seq);
	if (error == ERR_FORMAT) {
		refuse_peer(s, peer, "a report that was not made is said to be stored");
		return;
	}
	/* Not durable: no answer, and the reporter will not send it. */
	if (error != 0)
		return;
	buffer_put_u64(&out, seq);
	answer(s, peer, MESSAGE_REPORT_STORED, payload, out.length);
}

static void take_frame(struct signer *s, struct peer *peer, struct frame *frame)
{
	if (frame->type == MESSAGE_EVENT)
		take_event(s, peer, frame);
	else if (frame->type == MESSAGE_STATE)
		take_state(s, peer, frame);
	else if (frame->type == MESSAGE_REPORT_MAKE && peer->role == ROLE_REPORTER)
		make_report(s, peer, frame);
	else if (frame->type == MESSAGE_REPORT_STORED && peer->role == ROLE_REPORTER)
		take_stored(s, peer, frame);
	else
		refuse_peer(s, peer, "message that is not this process's to send");
}

static int take_peer(struct signer *s, uint8_t role, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (s->peer_count >= PEERS_MAX || flags < 0 ||
	        fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		log_warning("%s: too many channels", role_text((enum role)role));
		close(fd);
		return 0;
	}
	s->peers[s->peer_count++] =
	        (struct peer){.fd = fd, .role = (enum role)role, .id = ++s->last_peer};
	if (role == ROLE_REPORTER)
		s->told_revision = 0; /* a new one knows of nothing yet */
	return 0;
}

/* auth hands over its login workers' channels, as auth's. */
static void take_worker(struct signer *s, struct peer *peer, struct frame *frame)
{
	uint8_t role = buffer_get_u8(&frame->payload);

	if (buffer_end(&frame->payload) != 0 || frame->fd_count != 1 || role != ROLE_AUTH) {
		refuse_peer(s, peer, "malformed channel of a worker");
		return;
	}
	(void)take_peer(s, role, frame->fds[0]);
	frame->fds[0] = -1; /* transferred */
}

static void serve_peer(struct signer *s, struct peer *peer)
{
	struct frame frame;
	int error = frame_receive(peer->fd, 0, s->memory, sizeof(s->memory), &frame);

	if (error == ERR_TIMEOUT)
		return;
	if (error == ERR_FORMAT) {
		refuse_peer(s, peer, "malformed message");
		return;
	}
	if (error != 0) {
		close_peer(s, peer);
		return;
	}
	if (frame.type == MESSAGE_PEER && peer->role == ROLE_AUTH)
		take_worker(s, peer, &frame);
	else if (frame.fd_count != 0)
		refuse_peer(s, peer, "message with a descriptor it may not carry");
	else
		take_frame(s, peer, &frame);
	frame_close_fds(&frame);
}

static void answer_status(struct signer *s, int fd)
{
	char *text;

	inspect_journal(s);
	s->worked = true;
	text = signer_report_status(&s->report, &s->journal, &s->state);
	/* A client that does not read loses its answer, and holds nobody up. */
	if (text != NULL && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		(void)channel_send_json(fd, text);
	free(text);
	close(fd);
}

static int take_control(struct signer *s, uint8_t verb, int fd)
{
	if (verb == CONTROL_RECORD)
		return take_peer(s, ROLE_ADMIN, fd);
	if (verb == CONTROL_STATUS) {
		answer_status(s, fd);
		return 0;
	}
	close(fd);
	return ERR_FORMAT;
}

static int take_main_frame(struct signer *s, struct frame *frame)
{
	uint8_t byte;
	int fd;

	if (frame->type == MESSAGE_RELOAD && frame->fd_count == 0 && frame->payload.length == 0) {
		commit(s);
		(void)signer_report_load(&s->report);
		s->told_revision = 0;
		s->worked = true;
		return 0;
	}
	if ((frame->type != MESSAGE_PEER && frame->type != MESSAGE_CONTROL) || frame->fd_count != 1)
		return ERR_FORMAT;
	byte = buffer_get_u8(&frame->payload);
	if (buffer_end(&frame->payload) != 0)
		return ERR_FORMAT;
	fd = frame->fds[0];
	frame->fds[0] = -1; /* transferred */
	if (frame->type == MESSAGE_CONTROL)
		return take_control(s, byte, fd);
	if (byte < ROLE_COUNT && byte != ROLE_SIGNER)
		return take_peer(s, byte, fd);
	close(fd);
	return ERR_FORMAT;
}

static void on_main(void *context, struct frame *frame)
{
	int error = take_main_frame(context, frame);

	frame_close_fds(frame);
	if (error != 0) {
		log_error("main: %s", error_text(error));
		exit(EXIT_UNASKED);
	}
}

static void tell_news(struct signer *s)
{
	struct peer *reporter = find_peer(s, ROLE_REPORTER);
	uint8_t payload[8];
	struct buffer out = buffer_over(payload, sizeof(payload));

	if (reporter == NULL || s->report.key == NULL ||
	        (s->told_count == s->journal.head.count && s->told_revision == s->state.revision))
		return;
	s->told_count = s->journal.head.count;
	s->told_revision = s->state.revision;
	buffer_put_u64(&out, s->journal.head.count);
	answer(s, reporter, MESSAGE_NEWS, payload, out.length);
}

static int serve_once(struct signer *s)
{
	struct pollfd ready[PEERS_MAX + 1];
	size_t count = s->peer_count;
	int error = 0;

	ready[0] = (struct pollfd){.fd = s->child.channel.main_fd, .events = POLLIN};
	for (size_t i = 0; i < count; i++)
		ready[i + 1] = (struct pollfd){.fd = s->peers[i].fd, .events = POLLIN};
	if (poll(ready, (nfds_t)count + 1, -1) < 0)
		return errno == EINTR ? 0 : ERR_IO;
	for (size_t i = 0; i < count; i++)
		if (ready[i + 1].revents != 0 && s->peers[i].fd >= 0)
			serve_peer(s, &s->peers[i]);
	commit(s);
	if (ready[0].revents != 0)
		error = channel_serve_main(&s->child.channel);
	/* Refused on behalf of a message from main's side, for instance. */
	commit(s);
	tell_news(s);
	sweep_peers(s);
	if (s->worked)
		memory_give_back();
	s->worked = false;
	return error;
}

static int open_all(struct signer *s)
{
	int dir, error = signer_report_open(&s->report, s->child.root);

	if (error != 0) {
		log_error("%s: %s", PATH_SIGNER_DIR, error_text(error));
		return error;
	}
	/* Without a usable enrolment everything but reports goes on. */
	(void)signer_report_load(&s->report);
	dir = openat(
	        s->child.root, PATH_JOURNAL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	error = dir >= 0 ? signer_journal_open(&s->journal, dir, &s->report.reported) : ERR_IO;
	if (error == 0)
		error = signer_state_set_journal(&s->state, &s->journal);
	if (error != 0)
		log_error("%s: %s", PATH_JOURNAL_DIR, error_text(error));
	return error;
}

int main(int argc, char **argv)
{
	struct signer *s = crypto_start() == 0 ? calloc(1, sizeof(*s)) : NULL;
	int error;

	if (s == NULL || child_start(argc, argv, ROLE_SIGNER, &s->child) != 0)
		return EXIT_USAGE;
	umask(0077);
	s->child.channel.on_main = on_main;
	s->child.channel.context = s;
	error = open_all(s);
	s->worked = true;
	if (error == 0)
		error = channel_ready(&s->child.channel);
	while (error == 0)
		error = serve_once(s);
	if (error != ERR_CLOSED)
		log_error("%s", error_text(error));
	signer_journal_close(&s->journal);
	signer_report_close(&s->report);
	signer_state_clear(&s->state);
	free(s);
	return EXIT_UNASKED;
}
