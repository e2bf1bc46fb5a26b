/*
 * medium: releases one medium as main's order says, keeps it as long as the order is there, and
 * takes it back: synced, unmounted, closed. Run by sekisho-medium@NAME.service, in the system's own
 * mount namespace, one process a medium.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/medium.h"
#include "agent/medium_block.h"
#include "agent/medium_mount.h"
#include "agent/paths.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

struct holder {
	const char *name;
	struct medium_order order;
	int dir;  /* PATH_MEDIA_DIR */
	int node; /* O_PATH on /dev/NAME: nothing is held open, so that it can be unmounted */
};

static void status_write(const struct holder *k, enum medium_result result, const char *cause)
{
	struct medium_status status = {.result = result};

	snprintf(status.cause, sizeof(status.cause), "%s", cause);
	if (medium_status_write(k->dir, k->name, &status) != 0)
		log_error("%s%s: %s", k->name, MEDIUM_STATUS_SUFFIX, error_text(ERR_IO));
	log_info("%s: %s%s%s", k->name, treatment_name(k->order.treatment),
	        cause[0] != '\0' ? ": " : "", cause);
}

static int release(const struct holder *k)
{
	const char *cause = "";
	int r = medium_block_release(k->node, &k->order);

	if (r != 0) {
		status_write(k, MEDIUM_FAILED, error_text(r));
		return r;
	}
	if (medium_block_has_partitions(k->name, k->node))
		cause = "partitions";
	else if (k->order.treatment != TREATMENT_ALLOW &&
	         medium_mount(k->name, k->order.treatment) != 0)
		cause = "no file system";
	medium_block_tell_udev(k->name);
	status_write(k, MEDIUM_OPENED, cause);
	return 0;
}

static void take_back(const struct holder *k)
{
	char target[64];
	bool forced = medium_unmount(k->order.major, k->order.minor);
	bool written = medium_block_take_back(k->node, &k->order);

	snprintf(target, sizeof(target), MEDIUM_MOUNTS "/%s", k->name);
	(void)rmdir(target);
	status_write(k, forced ? MEDIUM_FORCED : MEDIUM_CLOSED, written ? "" : "not synced");
}

static bool order_stands(const struct holder *k)
{
	struct medium_order now;

	return medium_order_read(k->dir, k->name, &now) == 0 &&
	       medium_number(&now) == medium_number(&k->order);
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_SETMASK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void wait_for_end(const struct holder *k, int notices, int signals)
{
	char buffer[4096] __attribute__((aligned(8)));

	while (order_stands(k)) {
		struct pollfd fds[] = {
		        {.fd = notices, .events = POLLIN}, {.fd = signals, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0 || fds[1].revents != 0)
			return;
		(void)!read(notices, buffer, sizeof(buffer));
	}
}

/* The order is read after the watch is set: a deletion in between is seen. */
static int hold(struct holder *k)
{
	int notices = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int signals = signals_open();
	int r = ERR_IO;

	if (notices < 0 || signals < 0 ||
	        inotify_add_watch(notices, "/" PATH_MEDIA_DIR, IN_DELETE | IN_MOVED_TO) < 0)
		goto out;
	r = medium_order_read(k->dir, k->name, &k->order);
	if (r == 0)
		r = medium_block_find(k->name, &k->order, &k->node);
	if (r != 0)
		goto out;
	r = release(k);
	if (r != 0)
		goto out;
	wait_for_end(k, notices, signals);
	take_back(k);
out:
	if (notices >= 0)
		close(notices);
	if (signals >= 0)
		close(signals);
	return r == ERR_NOT_FOUND ? 0 : r; /* no longer wanted */
}

/* After a medium that was killed: it is closed, and opened again by the next where the order still
 * stands. */
static int close_after(struct holder *k)
{
	struct medium_status status;
	int r = medium_status_read(k->dir, k->name, &status);

	if (r != 0 || status.result != MEDIUM_OPENED)
		return 0;
	r = medium_order_read(k->dir, k->name, &k->order);
	if (r == ERR_NOT_FOUND)
		r = medium_block_order(k->name, &k->order);
	if (r != 0)
		return r == ERR_NOT_FOUND ? 0 : r;
	(void)medium_block_find(k->name, &k->order, &k->node);
	take_back(k);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: medium hold|close 名前", "usage: medium hold|close NAME"));
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct holder k = {.dir = -1, .node = -1};
	int r;

	log_open("sekisho-medium", LOG_LEVEL_INFO);
	if (argc != 3 || !medium_name_is_valid(argv[2]) ||
	        (strcmp(argv[1], "hold") != 0 && strcmp(argv[1], "close") != 0))
		return usage();
	k.name = argv[2];
	umask(022);
	k.dir = open("/" PATH_MEDIA_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (geteuid() != 0 || k.dir < 0) {
		log_error("%s", LANGUAGE("rootで動かしてください", "must be run as root"));
		return EXIT_UNASKED;
	}
	r = argv[1][0] == 'h' ? hold(&k) : close_after(&k);
	if (r != 0)
		log_error("%s: %s", k.name, error_text(r));
	return r == 0 ? EXIT_YES : EXIT_NO;
}
