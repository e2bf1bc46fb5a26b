/* guard: judges devices, which are hostile until judged. Asks main to act, tells the signer first.
 * PROCESSES.md. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/config.h"
#include "agent/enforce.h"
#include "agent/guard_answer.h"
#include "agent/guard_policy.h"
#include "agent/media.h"
#include "agent/paths.h"
#include "agent/ports.h"
#include "agent/uevent.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "core/memory.h"

enum {
	QUESTIONS_MAX = 8,
	CHECK_MS = 10000,
	RETRY_MS = 1000,
	UEVENTS_MAX = 128, /* at one go, so that a flood of them does not keep main waiting */
	STATE_SIZE = 4096
};

struct question {
	enum control verb;
	int connection;
	int file; /* -1 but for POLICY_OFFER */
};

/* A section of the state as it was sent last: one that has not changed is not sent again. */
struct section {
	enum role name;
	size_t length;
	uint8_t bytes[STATE_SIZE];
};

struct guard {
	struct child child;
	struct guard_policy policy;
	struct enforcement enforcement;
	struct ports ports;
	struct media media;
	int uevents;
	struct section sections[2];
	/* Noted by on_main(), done by the loop. */
	bool reload;
	bool new_signer;
	bool look;   /* main wants to know how things are */
	bool refuse; /* main said something that main does not say */
	struct question questions[QUESTIONS_MAX];
	size_t question_count;
	bool suspect;      /* a uevent says that something may not be as it was made */
	int64_t check_ms;  /* 0: everything is as it shall be */
	int64_t retry_ms;  /* 0: nothing waits for the signer */
	int64_t settle_ms; /* 0: the ports are settled */
};

static void question_note(struct guard *g, struct frame *frame)
{
	uint8_t verb = buffer_get_u8(&frame->payload);
	size_t wanted = verb == CONTROL_POLICY_OFFER ? 2 : 1;
	struct question *q;

	if (buffer_end(&frame->payload) != 0 || frame->fd_count != wanted ||
	        (verb != CONTROL_POLICY_OFFER && verb != CONTROL_DEVICES)) {
		g->refuse = true;
		return;
	}
	if (g->question_count == QUESTIONS_MAX) /* the client sees its connection end */
		return;
	q = &g->questions[g->question_count++];
	*q = (struct question){(enum control)verb, frame->fds[0], frame->fds[1]}; /* transferred */
	frame->fds[0] = -1;
	frame->fds[1] = -1;
}

static void on_main(void *context, struct frame *frame)
{
	struct guard *g = context;

	switch (frame->type) {
	case MESSAGE_RELOAD:
		g->reload = true;
		break;
	case MESSAGE_SIGNER:
		g->new_signer = true;
		break;
	case MESSAGE_CONTROL:
		question_note(g, frame);
		break;
	case MESSAGE_LOOK:
		g->look = true;
		break;
	default:
		g->refuse = true;
	}
	frame_close_fds(frame);
}

/* 0, or what is to be sent once more. */
static int section_send(struct guard *g, struct section *s, const struct event_record *state)
{
	uint8_t bytes[STATE_SIZE];
	struct buffer out = buffer_over(bytes, sizeof(bytes));
	int r;

	event_encode(state, &out);
	if (out.error != 0 || (out.length == s->length && memcmp(bytes, s->bytes, s->length) == 0))
		return 0;
	r = channel_state(&g->child.channel, s->name, state);
	if (r != 0)
		return r;
	memcpy(s->bytes, bytes, out.length);
	s->length = out.length;
	return 0;
}

static int state_send(struct guard *g)
{
	struct event_record state;
	int r;
	int second;

	guard_answer_state(&g->enforcement, &g->ports, &state);
	r = section_send(g, &g->sections[0], &state);
	guard_answer_policy(&g->policy, &state);
	second = section_send(g, &g->sections[1], &state);
	return r != 0 ? r : second;
}

/* A mode that cannot be read is enforce; main says in the log what is wrong. */
static bool mode_read(struct guard *g)
{
	bool before = g->enforcement.observe;
	struct agent_config config;
	char message[160];
	unsigned line;

	(void)config_read(g->child.root, &config, &line, message);
	g->enforcement.observe = g->child.observe || !config.enforce;
	g->media.observe = g->enforcement.observe;
	g->media.look = true;
	return g->enforcement.observe != before;
}

static void look_at_everything(struct guard *g)
{
	enforce_everything(&g->enforcement);
	ports_everything(&g->ports);
	g->media.look = true;
}

static void policy_use(struct guard *g)
{
	g->enforcement.policy = g->policy.policy;
	enforce_judge_again(&g->enforcement);
	ports_judge_again(&g->ports);
}

static void reload(struct guard *g)
{
	bool mode_changed = mode_read(g);

	/* The old one is freed in there, so nothing may look at it before policy_use(). */
	g->enforcement.policy = NULL;
	(void)guard_policy_load(&g->policy);
	policy_use(g);
	if (mode_changed)
		look_at_everything(g);
	memory_give_back();
}

static void offer_answer(struct guard *g, const struct question *q)
{
	char reason[GUARD_PROBLEM_MAX];
	int r;

	g->enforcement.policy = NULL;
	r = guard_policy_offer(&g->policy, q->file, reason);
	g->enforcement.policy = g->policy.policy;
	if (r == 0)
		policy_use(g);
	(void)guard_answer_offer(&g->policy, r == 0 ? NULL : reason, q->connection);
	memory_give_back();
}

static void questions_answer(struct guard *g)
{
	while (g->question_count > 0) {
		struct question q = g->questions[--g->question_count];

		if (q.verb == CONTROL_DEVICES)
			(void)guard_answer_devices(&g->enforcement, &g->ports, q.connection);
		else
			offer_answer(g, &q);
		close(q.connection);
		if (q.file >= 0)
			close(q.file);
	}
}

static void usb_device_serve(struct guard *g, const struct uevent *u)
{
	/* Main's own, for udev. */
	if (strcmp(u->action, "change") == 0)
		return;
	if (strcmp(u->action, "add") == 0) {
		if (!g->enforcement.observe)
			(void)channel_expect(&g->child.channel);
		enforce_appeared(&g->enforcement, u->name);
	} else if (strcmp(u->action, "remove") == 0) {
		enforce_removed(&g->enforcement, u->name);
	}
	/* One that was let in by itself says that its hub's default is not ours any more. */
	g->suspect = true;
}

static void usb_interface_serve(struct guard *g, const struct uevent *u)
{
	bool added = strcmp(u->action, "add") == 0;

	/* Interfaces of a device that guard holds closed exist only when somebody else has opened
	 * it. */
	if (added && enforce_holds_closed(&g->enforcement, u->name))
		g->suspect = true;
	/* Born closed; what a driver made of it may not be what it claimed. */
	if (added)
		enforce_interface_added(&g->enforcement, u->name);
	else if (strcmp(u->action, "bind") == 0)
		enforce_interface_changed(&g->enforcement, u->name);
}

/* A disk or a partition: of a device that was let in, or of none. */
static void block_serve(struct guard *g, const struct uevent *u)
{
	if (strcmp(u->action, "add") == 0)
		media_appeared(&g->media, u->name);
	else if (strcmp(u->action, "remove") == 0)
		media_removed(&g->media, u->name);
}

static void port_serve(struct guard *g, const struct uevent *u)
{
	ports_uevent(&g->ports, u->subsystem, u->action, u->name);
}

static void bus_serve(struct guard *g, const struct uevent *u)
{
	if (strcmp(u->action, "add") == 0)
		ports_bus_uevent(&g->ports, u->devpath);
}

/* What the kernel is listened to for. A uevent is a hint: what is true is read from sysfs. */
static const struct watched {
	const char *subsystem;
	const char *devtype; /* NULL: any */
	void (*serve)(struct guard *g, const struct uevent *u);
} watched[] = {
        {"usb", "usb_device", usb_device_serve},
        {"usb", "usb_interface", usb_interface_serve},
        {"scsi", "scsi_device", port_serve},
        {"mmc", NULL, port_serve},
        {"memstick", NULL, port_serve},
        {"sdio", NULL, port_serve},
        {"pci", NULL, port_serve},
        {"thunderbolt", NULL, port_serve},
        {"firewire", NULL, port_serve},
        {"rfkill", NULL, port_serve},
        {"block", "disk", port_serve},
        {"bus", NULL, bus_serve},
        {"drivers", NULL, bus_serve},
        {"block", NULL, block_serve},
};

enum { WATCHED = sizeof(watched) / sizeof(watched[0]) };

static void uevent_serve(struct guard *g, const struct uevent *u)
{
	for (size_t i = 0; i < WATCHED; i++) {
		if (strcmp(watched[i].subsystem, u->subsystem) != 0)
			continue;
		if (watched[i].devtype == NULL || strcmp(watched[i].devtype, u->devtype) == 0)
			watched[i].serve(g, u);
	}
}

/* After lost ones, everything is looked at anew. */
static void uevents_serve(struct guard *g)
{
	char memory[UEVENT_MAX];
	struct uevent u;
	bool lost = false;

	for (size_t i = 0; i < UEVENTS_MAX; i++) {
		int r = uevent_receive(g->uevents, memory, &u);

		if (r == ERR_TIMEOUT)
			break;
		if (r == 0)
			uevent_serve(g, &u);
		else if (r != ERR_DENIED)
			lost = true;
	}
	if (lost) {
		log_warning("%s", LANGUAGE("通知が失われたため全機器を確認します",
		                          "events were lost: looking at every device"));
		look_at_everything(g);
	}
}

static void new_signer_take(struct guard *g)
{
	g->new_signer = false;
	g->enforcement.silent_until_ms = 0;
	g->sections[0].length = 0;
	g->sections[1].length = 0;
	g->retry_ms = clock_boot_ms();
}

/* What waits for the signer is tried at once with a new one, and once a second with the old one. */
static void waiting_serve(struct guard *g)
{
	if (g->new_signer)
		new_signer_take(g);
	if (g->retry_ms != 0 && clock_boot_ms() >= g->retry_ms) {
		g->retry_ms = 0;
		(void)enforce_tell_again(&g->enforcement);
		(void)ports_tell_again(&g->ports);
	}
}

/* Whether everything is still as it was made: when main asks, when a uevent casts doubt on it, and
 * again and again only while something is not. */
static void check_serve(struct guard *g)
{
	bool due = g->check_ms != 0 && clock_boot_ms() >= g->check_ms;

	if (g->look || g->suspect || due) {
		enforce_check(&g->enforcement);
		ports_check(&g->ports);
		g->check_ms = 0;
	}
	g->suspect = false;
	if (enforce_is_enforced(&g->enforcement) && ports_are_enforced(&g->ports))
		g->check_ms = 0;
	else if (g->check_ms == 0)
		g->check_ms = clock_boot_ms() + CHECK_MS;
}

static void settle_serve(struct guard *g)
{
	if (g->settle_ms != 0 && clock_boot_ms() >= g->settle_ms) {
		g->settle_ms = 0;
		ports_settle(&g->ports);
	}
	if (g->settle_ms == 0 && !ports_are_settled(&g->ports))
		g->settle_ms = clock_boot_ms() + RETRY_MS;
}

static void state_serve(struct guard *g)
{
	bool sent = state_send(g) == 0;

	if (g->retry_ms == 0 && g->child.channel.signer_fd >= 0 &&
	        !(sent && enforce_is_told(&g->enforcement) && ports_are_told(&g->ports)))
		g->retry_ms = clock_boot_ms() + RETRY_MS;
	if (g->look)
		(void)channel_looked(&g->child.channel);
	g->look = false;
}

/* -1, without end, when nothing waits. */
static int wait_ms(const struct guard *g)
{
	int64_t next = clock_sooner(clock_sooner(g->retry_ms, g->check_ms), g->settle_ms);
	int media = media_wait_ms(&g->media);
	int64_t left;

	if (g->question_count > 0 || g->reload || g->new_signer || g->look)
		return 0;
	left = next - clock_boot_ms();
	if (left < 0)
		left = 0;
	if (next == 0 || (media >= 0 && media < left))
		return media;
	return (int)left;
}

static int wait_any(struct guard *g, struct pollfd fds[2])
{
	fds[0] = (struct pollfd){.fd = g->child.channel.main_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = g->uevents, .events = POLLIN};
	return poll(fds, 2, wait_ms(g));
}

static int serve(struct guard *g)
{
	struct pollfd fds[2];
	int ready = wait_any(g, fds);

	if (ready < 0 && errno != EINTR)
		return ERR_IO;
	if (ready > 0 && fds[1].revents != 0)
		uevents_serve(g);
	if (ready > 0 && fds[0].revents != 0) {
		int r = channel_serve_main(&g->child.channel);

		if (r != 0 && r != ERR_TIMEOUT)
			return r;
	}
	if (g->refuse)
		return ERR_FORMAT;
	if (g->reload) {
		g->reload = false;
		reload(g);
	}
	questions_answer(g);
	if (media_serve(&g->media)) {
		enforce_media_ended(&g->enforcement);
		ports_media_ended(&g->ports);
	}
	waiting_serve(g);
	check_serve(g);
	settle_serve(g);
	state_serve(g);
	return 0;
}

static void medium_tell(void *context, const struct event_record *event)
{
	enforce_tell_once(context, event);
}

static int prepare(struct guard *g)
{
	int r = uevent_open(&g->uevents);

	if (r != 0)
		return r;
	g->enforcement.channel = &g->child.channel;
	g->enforcement.sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->enforcement.sys < 0)
		return ERR_IO;
	g->media.channel = &g->child.channel;
	g->media.tell = medium_tell;
	g->media.tell_context = &g->enforcement;
	g->media.sys = g->enforcement.sys;
	g->media.run = openat(g->child.root, PATH_MEDIA_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	g->enforcement.media = &g->media;
	g->ports.enforcement = &g->enforcement;
	g->ports.root = g->child.root;
	g->policy.root = g->child.root;
	g->policy.channel = &g->child.channel;
	g->policy.enforcement = &g->enforcement;
	g->sections[0].name = ROLE_GUARD;
	g->sections[1].name = ROLE_POLICY;
	(void)mode_read(g);
	(void)guard_policy_load(&g->policy);
	g->enforcement.policy = g->policy.policy;
	/* The socket hears already, so nothing is lost between the two. */
	media_look(&g->media);
	look_at_everything(g);
	check_serve(g);
	settle_serve(g);
	state_serve(g);
	memory_give_back();
	return channel_ready(&g->child.channel);
}

static void finish(struct guard *g)
{
	ports_free(&g->ports);
	enforce_free(&g->enforcement);
	policy_free(&g->policy.policy);
	if (g->uevents >= 0)
		close(g->uevents);
}

int main(int argc, char **argv)
{
	static struct guard g; /* large, and zero */
	int r;

	if (crypto_start() != 0 || child_start(argc, argv, ROLE_GUARD, &g.child) != 0)
		return EXIT_USAGE;
	g.child.channel.on_main = on_main;
	g.child.channel.context = &g;
	r = prepare(&g);
	if (r != 0)
		log_error("%s: %s", LANGUAGE("起動できません", "cannot start"), error_text(r));
	while (r == 0)
		r = serve(&g);
	finish(&g);
	return r == ERR_CLOSED ? EXIT_YES : EXIT_NO;
}
