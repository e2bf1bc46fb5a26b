/* guard: judges devices, which are hostile until judged. Asks main to act, tells the signer first.
 * PROCESSES.md. */
#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/config.h"
#include "agent/enforce.h"
#include "agent/guard_answer.h"
#include "agent/guard_policy.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

enum {
	QUESTIONS_MAX = 8,
	CHECK_MS = 10000,
	RETRY_MS = 1000,
	UEVENT_BUFFER = 8 << 20,
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
	struct udev *udev;
	struct udev_monitor *monitor;
	struct section sections[2];
	/* Noted by on_main(), done by the loop. */
	bool reload;
	bool new_signer;
	bool refuse; /* main said something that main does not say */
	struct question questions[QUESTIONS_MAX];
	size_t question_count;
	int64_t check_ms;
	int64_t retry_ms; /* 0: nothing waits for the signer */
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
	default:
		g->refuse = true;
	}
	frame_close_fds(frame);
}

static void section_send(struct guard *g, struct section *s, const struct event_record *state)
{
	uint8_t bytes[STATE_SIZE];
	struct buffer out = buffer_over(bytes, sizeof(bytes));

	event_encode(state, &out);
	if (out.error != 0 || (out.length == s->length && memcmp(bytes, s->bytes, s->length) == 0))
		return;
	if (channel_state(&g->child.channel, s->name, state) != 0)
		return;
	memcpy(s->bytes, bytes, out.length);
	s->length = out.length;
}

static void state_send(struct guard *g)
{
	struct event_record state;

	guard_answer_state(&g->enforcement, &state);
	section_send(g, &g->sections[0], &state);
	guard_answer_policy(&g->policy, &state);
	section_send(g, &g->sections[1], &state);
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
	return g->enforcement.observe != before;
}

static void policy_use(struct guard *g)
{
	g->enforcement.policy = g->policy.policy;
	enforce_judge_again(&g->enforcement);
}

static void reload(struct guard *g)
{
	bool mode_changed = mode_read(g);

	/* The old one is freed in there, so nothing may look at it before policy_use(). */
	g->enforcement.policy = NULL;
	(void)guard_policy_load(&g->policy);
	policy_use(g);
	if (mode_changed)
		enforce_everything(&g->enforcement);
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
}

static void questions_answer(struct guard *g)
{
	while (g->question_count > 0) {
		struct question q = g->questions[--g->question_count];

		if (q.verb == CONTROL_DEVICES)
			(void)guard_answer_devices(&g->enforcement, q.connection);
		else
			offer_answer(g, &q);
		close(q.connection);
		if (q.file >= 0)
			close(q.file);
	}
}

/* libudev drops what does not come from the kernel, and a forged one would only make guard look. */
static int monitor_open(struct guard *g)
{
	g->udev = udev_new();
	if (g->udev == NULL)
		return ERR_MEMORY;
	g->monitor = udev_monitor_new_from_netlink(g->udev, "kernel");
	if (g->monitor == NULL)
		return ERR_IO;
	(void)udev_monitor_set_receive_buffer_size(g->monitor, UEVENT_BUFFER);
	if (udev_monitor_filter_add_match_subsystem_devtype(g->monitor, "usb", "usb_device") < 0)
		return ERR_IO;
	return udev_monitor_enable_receiving(g->monitor) >= 0 ? 0 : ERR_IO;
}

static void uevent_serve(struct guard *g, struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	const char *name = udev_device_get_sysname(device);

	if (action == NULL || name == NULL)
		return;
	if (strcmp(action, "add") == 0)
		enforce_appeared(&g->enforcement, name);
	else if (strcmp(action, "remove") == 0)
		enforce_removed(&g->enforcement, name);
}

/* Every uevent that is there; after lost ones, everything is looked at anew. */
static void monitor_serve(struct guard *g)
{
	struct udev_device *device;

	for (;;) {
		errno = 0;
		device = udev_monitor_receive_device(g->monitor);
		if (device == NULL)
			break;
		uevent_serve(g, device);
		udev_device_unref(device);
	}
	if (errno == ENOBUFS) {
		log_warning("%s", LANGUAGE("通知が溢れたため全機器を確認します",
		                          "events were lost: looking at every device"));
		enforce_everything(&g->enforcement);
	}
}

/* What waits for the signer is tried at once with a new one, and once a second with the old one. */
static void waiting_serve(struct guard *g)
{
	int64_t now = clock_boot_ms();

	if (g->new_signer) {
		g->new_signer = false;
		g->enforcement.silent_until_ms = 0;
		g->sections[0].length = 0;
		g->sections[1].length = 0;
		g->retry_ms = now;
	}
	if (now < g->retry_ms)
		return;
	(void)enforce_tell_again(&g->enforcement);
	g->retry_ms = now + RETRY_MS;
}

static void check_serve(struct guard *g)
{
	if (clock_boot_ms() < g->check_ms)
		return;
	enforce_check(&g->enforcement);
	g->check_ms = clock_boot_ms() + CHECK_MS;
}

static int wait_any(struct guard *g, struct pollfd fds[2])
{
	fds[0] = (struct pollfd){.fd = g->child.channel.main_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = udev_monitor_get_fd(g->monitor), .events = POLLIN};
	return poll(fds, 2, g->question_count > 0 || g->reload || g->new_signer ? 0 : RETRY_MS);
}

static int serve(struct guard *g)
{
	struct pollfd fds[2];
	int ready = wait_any(g, fds);

	if (ready < 0 && errno != EINTR)
		return ERR_IO;
	if (ready > 0 && fds[1].revents != 0)
		monitor_serve(g);
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
	waiting_serve(g);
	check_serve(g);
	state_send(g);
	return 0;
}

static int prepare(struct guard *g)
{
	int r = monitor_open(g);

	if (r != 0)
		return r;
	g->enforcement.channel = &g->child.channel;
	g->enforcement.sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->enforcement.sys < 0)
		return ERR_IO;
	g->policy.root = g->child.root;
	g->policy.channel = &g->child.channel;
	g->sections[0].name = ROLE_GUARD;
	g->sections[1].name = ROLE_POLICY;
	(void)mode_read(g);
	(void)guard_policy_load(&g->policy);
	g->enforcement.policy = g->policy.policy;
	/* The monitor hears already, so nothing is lost between the two. */
	enforce_everything(&g->enforcement);
	state_send(g);
	return channel_ready(&g->child.channel);
}

static void finish(struct guard *g)
{
	enforce_free(&g->enforcement);
	policy_free(&g->policy.policy);
	if (g->monitor != NULL)
		udev_monitor_unref(g->monitor);
	if (g->udev != NULL)
		udev_unref(g->udev);
}

int main(int argc, char **argv)
{
	static struct guard g; /* large, and zero */
	int r;

	if (child_start(argc, argv, ROLE_GUARD, &g.child) != 0)
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
