/* Main's part in ports that are not USB: buses closed, devices kept from their drivers or given to
 * them (agent/port.h). */
#include "agent/requests_handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/rfkill.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/port.h"
#include "core/error.h"
#include "core/file.h"
#include "policy/treatment.h"

enum { MODULE_WAIT_STEPS = 60, MODULE_STEP_MS = 25, MARK_MAX = 32 };

/* Any valid UUID will do: the kernel wants one before it takes arguments with an event. */
#define UNLOAD "change 5e415400-0000-4000-8000-000000000001 SEKISHO=unload"

/* The port of a request, open: the directory stays this device's, whatever comes in its place. */
struct port {
	const struct answer *a;
	const struct port_kind *kind;
	const char *name;
	int dir;
};

bool request_is_bus(const struct request *q)
{
	const struct port_kind *kind = port_kind_find(q->name, strlen(q->name));

	return q->number == 0 && kind != NULL && kind->closes;
}

bool request_is_port(const struct request *q)
{
	const struct port_kind *kind;
	const char *name;

	return q->number != 0 && port_name_parse(q->name, &kind, &name);
}

bool request_is_ways(const struct request *q)
{
	return q->name[0] == '\0' && q->number >> WAY_COUNT == 0;
}

bool request_is_mark(const struct request *q)
{
	return q->name[0] == '\0' && q->number != 0;
}

/* "bus/mmc" of "bus/mmc/devices" */
static int bus_open(const struct requests *r, const struct port_kind *kind, int *dir)
{
	char path[PORT_PATH_MAX];

	snprintf(path, sizeof(path), "%s", kind->directory);
	*strrchr(path, '/') = '\0';
	return sys_open(r, path, dir);
}

int port_bus_close(struct answer *a)
{
	const struct port_kind *kind = port_kind_find(a->request->name, strlen(a->request->name));
	int dir;
	int r = bus_open(a->r, kind, &dir);

	if (r != 0)
		return r;
	r = attribute_set(dir, "drivers_autoprobe", "0");
	close(dir);
	return r;
}

static int port_open(const struct answer *a, struct port *p)
{
	char path[PORT_PATH_MAX];
	struct stat status;
	int r;

	*p = (struct port){.a = a, .dir = -1};
	if (!port_name_parse(a->request->name, &p->kind, &p->name))
		return ERR_FORMAT;
	port_path(p->kind, p->name, path);
	r = sys_open(a->r, path, &p->dir);
	if (r != 0)
		return r;
	if (fstat(p->dir, &status) == 0 && status.st_ino == a->request->number)
		return 0;
	close(p->dir);
	return ERR_NOT_FOUND;
}

static bool has_driver(const struct port *p)
{
	return faccessat(p->dir, "driver", F_OK, 0) == 0;
}

static int driver_release(const struct port *p)
{
	if (!has_driver(p))
		return 0;
	/* It may go of itself at this moment: then there is nothing left to write to. */
	(void)attribute_write(p->dir, "driver/unbind", p->name);
	return has_driver(p) ? ERR_IO : 0;
}

/*
 * A driver that does not want it, or that nobody has loaded, is no failure of ours. For the latter
 * udev is told once more that the device is there.
 */
static int driver_probe(const struct port *p)
{
	int bus;
	int r;

	if (has_driver(p))
		return 0;
	r = bus_open(p->a->r, p->kind, &bus);
	if (r != 0)
		return r;
	(void)attribute_write(bus, "drivers_probe", p->name);
	close(bus);
	return has_driver(p) ? 0 : attribute_write(p->dir, "uevent", "add");
}

static int state_set(const struct port *p, const char *value)
{
	char is[ATTRIBUTE_MAX];
	int r = attribute_read(p->dir, "state", is);

	return r == 0 && strcmp(is, value) != 0 ? attribute_set(p->dir, "state", value) : r;
}

/* /dev/rfkill asks for no capability, `soft` for CAP_NET_ADMIN. */
static int rfkill_set(const struct port *p, bool blocked)
{
	struct rfkill_event event = {.op = RFKILL_OP_CHANGE, .soft = blocked ? 1 : 0};
	char index[ATTRIBUTE_MAX];
	char soft[ATTRIBUTE_MAX];
	ssize_t written;
	int fd;
	int r = attribute_read(p->dir, "index", index);

	if (r == 0)
		r = attribute_read(p->dir, "soft", soft);
	if (r != 0 || strcmp(soft, blocked ? "1" : "0") == 0)
		return r;
	event.idx = (uint32_t)strtoul(index, NULL, 10);
	fd = openat(p->a->r->root, "dev/rfkill", O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ERR_IO;
	written = write(fd, &event, RFKILL_EVENT_SIZE_V1);
	close(fd);
	r = written == RFKILL_EVENT_SIZE_V1 ? attribute_read(p->dir, "soft", soft) : ERR_IO;
	return r == 0 && strcmp(soft, blocked ? "1" : "0") != 0 ? ERR_IO : r;
}

/* main may not unload modules; udev's rule for this event may (60-sekisho.rules). */
static int module_unload(const struct port *p)
{
	const struct timespec step = {0, MODULE_STEP_MS * 1000000L};
	int r = attribute_write(p->dir, "device/uevent", UNLOAD);

	for (int i = 0; r == 0 && i < MODULE_WAIT_STEPS; i++) {
		if (faccessat(p->dir, "dev", F_OK, 0) != 0)
			return 0;
		(void)nanosleep(&step, NULL);
	}
	return r != 0 ? r : ERR_TIMEOUT;
}

static int override_set(const struct port *p, const char *value)
{
	int r = attribute_write(p->dir, "driver_override", value);
	char is[ATTRIBUTE_MAX];

	if (r == 0)
		r = attribute_read(p->dir, "driver_override", is);
	if (r == 0 && strcmp(is, value[0] != '\0' ? value : "(null)") != 0)
		r = ERR_IO;
	return r;
}

static int port_stop(const struct port *p)
{
	int r;

	switch (p->kind->means) {
	case PORT_BY_DRIVER:
		return driver_release(p);
	case PORT_BY_STATE:
		r = driver_release(p);
		return r == 0 ? state_set(p, "offline") : r;
	case PORT_BY_OVERRIDE:
		r = override_set(p, PORT_OVERRIDE);
		return r == 0 ? driver_release(p) : r;
	case PORT_BY_AUTHORISED:
		return attribute_set(p->dir, "authorized", "0");
	case PORT_BY_RFKILL:
		return rfkill_set(p, true);
	case PORT_BY_MODULE:
		return module_unload(p);
	}
	return ERR_DENIED;
}

static int port_start(const struct port *p)
{
	int r;

	switch (p->kind->means) {
	case PORT_BY_DRIVER:
		return driver_probe(p);
	case PORT_BY_STATE:
		r = state_set(p, "running");
		return r == 0 ? driver_probe(p) : r;
	case PORT_BY_OVERRIDE:
		r = override_set(p, "");
		return r == 0 ? driver_probe(p) : r;
	case PORT_BY_AUTHORISED:
		return attribute_set(p->dir, "authorized", "1");
	case PORT_BY_RFKILL:
		return rfkill_set(p, false);
	case PORT_BY_MODULE:
		return 0; /* it was there already, or PATH_WAYS_DIR lets it be loaded */
	}
	return ERR_DENIED;
}

static int port_do(struct answer *a, int (*what)(const struct port *))
{
	struct port p;
	int r = port_open(a, &p);

	if (r != 0)
		return r;
	r = what(&p);
	close(p.dir);
	return r;
}

int port_deny(struct answer *a)
{
	return port_do(a, port_stop);
}

int port_allow(struct answer *a)
{
	return port_do(a, port_start);
}

static int ways_open(const struct answer *a, int *dir)
{
	if (mkdirat(a->r->root, PATH_WAYS_DIR, 0755) != 0 && errno != EEXIST)
		return ERR_IO;
	*dir = openat(a->r->root, PATH_WAYS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir >= 0 && fchmod(*dir, 0755) == 0 ? 0 : ERR_IO;
}

static int way_set(int dir, const char *way, bool allowed)
{
	int fd;

	if (!allowed)
		return unlinkat(dir, way, 0) == 0 || errno == ENOENT ? 0 : ERR_IO;
	fd = openat(dir, way, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return ERR_IO;
	close(fd);
	return 0;
}

/* What no device's own event brings back: the floppy controller's driver. */
static void floppy_announce(const struct requests *r)
{
	int dir;

	if (sys_open(r, "bus/acpi/devices/PNP0700:00", &dir) != 0)
		return;
	(void)attribute_write(dir, "uevent", "add");
	close(dir);
}

int port_ways_allow(struct answer *a)
{
	int dir = -1;
	int r = ways_open(a, &dir);
	bool floppy = r == 0 && faccessat(dir, way_name(WAY_FLOPPY), F_OK, 0) == 0;

	for (unsigned way = 0; r == 0 && way < WAY_COUNT; way++)
		r = way_set(dir, way_name((enum way)way), (a->request->number >> way & 1) != 0);
	if (r == 0 && !floppy && (a->request->number >> WAY_FLOPPY & 1) != 0)
		floppy_announce(a->r);
	if (dir >= 0)
		close(dir);
	return r;
}

static bool mark_is(int dir, const char *text)
{
	uint8_t *kept = NULL;
	size_t length;
	bool is = file_read_checked(dir, PORTS_MARK, 0, 0644, MARK_MAX, &kept, &length) == 0 &&
	          strcmp((char *)kept, text) == 0;

	free(kept);
	return is;
}

/* The first of a boot stays: what was there then is the machine's own. */
int port_mark_keep(struct answer *a)
{
	char text[MARK_MAX];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", a->request->number);
	int dir =
	        openat(a->r->root, PATH_MEDIA_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (dir < 0)
		return ERR_NOT_FOUND;
	if (faccessat(dir, PORTS_MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = mark_is(dir, text) ? 0 : ERR_EXISTS;
	else
		r = file_replace(dir, PORTS_MARK, text, (size_t)n, 0644);
	close(dir);
	return r;
}
