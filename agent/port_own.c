#include "agent/port_own.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/gate_disks.h"
#include "agent/paths.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"

enum { MARK_MAX = 32, DISKS_MAX = 1024, SETTLED_MS = 3000, START_MS = 120000 };

static void disk_add(void *context, uint32_t major, uint32_t minor)
{
	struct ports *p = context;
	char path[64];
	char link[PORT_LINK_MAX];
	const char *at = link;
	ssize_t length;
	char(*more)[PORT_LINK_MAX];

	snprintf(path, sizeof(path), "dev/block/%" PRIu32 ":%" PRIu32, major, minor);
	length = readlinkat(p->enforcement->sys, path, link, sizeof(link) - 1);
	if (length <= 0 || p->stands_on_count == DISKS_MAX)
		return;
	link[length] = '\0';
	while (strncmp(at, "../", 3) == 0)
		at += 3;
	more = realloc(p->stands_on, (p->stands_on_count + 1) * sizeof(*more));
	if (more == NULL)
		return;
	p->stands_on = more;
	memcpy(more[p->stands_on_count++], at, strlen(at) + 1);
}

void port_own_disks_find(struct ports *p)
{
	free(p->stands_on);
	p->stands_on = NULL;
	p->stands_on_count = 0;
	if (gate_disks_find(p->root, disk_add, p) != 0)
		log_error("/proc/self/mountinfo: %s", error_text(ERR_IO));
}

static bool carries_system(const struct ports *p, const struct port_look *look)
{
	size_t length = strlen(look->path);

	for (size_t i = 0; i < p->stands_on_count; i++) {
		const char *disk = p->stands_on[i];

		if (strncmp(disk, look->path, length) == 0 && disk[length] == '/')
			return true;
	}
	return false;
}

bool port_is_own(const struct ports *p, const struct port_look *look)
{
	return look->usb_device[0] == '\0' && look->inode <= p->mark &&
	       (!look->detachable || carries_system(p, look));
}

/* --- the mark of this boot ------------------------------------------------------------------- */

static void mark_raise(struct ports *p, const struct port_kind *kind, const char *name)
{
	char path[PORT_PATH_MAX + NAME_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", kind->directory, name);
	if (fstatat(p->enforcement->sys, path, &status, 0) == 0 && status.st_ino > p->mark)
		p->mark = status.st_ino;
}

static bool mark_read(struct ports *p)
{
	uint8_t *text = NULL;
	size_t length;
	int r = file_read_checked(
	        p->root, PATH_MEDIA_DIR "/" PORTS_MARK, 0, 0644, MARK_MAX, &text, &length);

	if (r == 0)
		p->mark = strtoull((char *)text, NULL, 10);
	free(text);
	return r == 0 && p->mark != 0;
}

/*
 * Drivers of what is built in are loaded by udev, so their disks come while guard starts, or after.
 * What is put in meanwhile might as well have been there before. systemd-udevd(8) keeps this file
 * while it has something to do.
 */
static bool is_starting(struct ports *p)
{
	int64_t now = clock_boot_ms();

	if (now >= START_MS)
		return false;
	if (p->udev_busy_ms == 0 || faccessat(p->root, PATH_UDEV_BUSY, F_OK, 0) == 0)
		p->udev_busy_ms = now;
	return now - p->udev_busy_ms < SETTLED_MS;
}

/* A guard that does not find it takes what came since for the terminal's own. */
static void mark_keep(struct ports *p)
{
	int r;

	if (p->mark == 0) /* nothing is there: nothing is its own */
		p->mark = 1;
	p->mark_stands = true;
	r = channel_request(p->enforcement->channel, REQUEST_PORTS_MARK, NULL, p->mark, -1, NULL);
	p->mark_kept = r == 0;
	ports_fault_set(p, PORTS_MARK, r == 0 || p->enforcement->observe ? NULL : error_text(r));
}

/* The kernel numbers the directories of sysfs upwards, so one number tells what came later. */
void port_own_mark_find(struct ports *p)
{
	bool starting;

	if (p->mark_stands) {
		if (!p->mark_kept)
			mark_keep(p);
		return;
	}
	p->mark_stands = p->mark == 0 && mark_read(p);
	p->mark_kept = p->mark_stands;
	if (p->mark_stands)
		return;
	starting = is_starting(p);
	if (starting || p->mark == 0) {
		for (size_t i = 0; i < port_kind_count; i++)
			ports_each_entry(p, &port_kinds[i], mark_raise);
	}
	if (!starting)
		mark_keep(p);
}
