#include "agent/ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/port_apply.h"
#include "agent/port_own.h"
#include "core/error.h"
#include "policy/treatment.h"

#define BIT(way) (UINT32_C(1) << (way))

/* What the fault is called that drivers of a way which is denied may still be loaded. */
#define FAULT_WAYS "ways"

void ports_fault_set(struct ports *p, const char *name, const char *why)
{
	faults_set(&p->faults, name, why);
	faults_tell(&p->faults, enforce_tell_fault, p->enforcement);
}

void ports_each_entry(struct ports *p, const struct port_kind *kind,
        void (*what)(struct ports *p, const struct port_kind *kind, const char *name))
{
	int fd = openat(p->enforcement->sys, kind->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	ports_fault_set(
	        p, kind->directory, dir == NULL && errno != ENOENT ? error_text(ERR_IO) : NULL);
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			what(p, kind, entry->d_name);
	}
	closedir(dir);
}

/* --- what is there --------------------------------------------------------------------------- */

static size_t index_of(const struct ports *p, const struct port_kind *kind, const char *name)
{
	size_t i = 0;

	while (i < p->count &&
	        (p->ports[i]->look.kind != kind || strcmp(p->ports[i]->look.name, name) != 0))
		i++;
	return i;
}

static void forget(struct ports *p, size_t index)
{
	struct port_guarded *g = p->ports[index];

	port_go(p, g);
	free(g);
	p->count--;
	for (size_t i = index; i < p->count; i++)
		p->ports[i] = p->ports[i + 1];
}

/* Its bus gives it no driver, but no more is known of it. */
static void fault_of_port(struct ports *p, const struct port_look *look, const char *why)
{
	char name[2 * PORT_NAME_MAX];

	if (why == NULL && p->faults.count == 0)
		return;
	snprintf(name, sizeof(name), "%s/%s", look->kind->name, look->name);
	ports_fault_set(p, name, why);
}

static void port_take(struct ports *p, const struct port_look *look)
{
	struct port_guarded *g = p->count < PORTS_MAX ? calloc(1, sizeof(*g)) : NULL;

	fault_of_port(p, look, g == NULL ? error_text(ERR_MEMORY) : NULL);
	if (g == NULL)
		return;
	g->look = *look;
	p->ports[p->count++] = g;
	g->verdict = port_judge(p, g);
	port_apply(p, g);
}

static void appeared(struct ports *p, const struct port_kind *kind, const char *name)
{
	size_t index = index_of(p, kind, name);
	struct port_look look;

	/* One that is known may have been opened by somebody else, or announced once more. */
	if (index < p->count && port_is_there(p->enforcement->sys, &p->ports[index]->look)) {
		if (!p->enforcement->observe)
			port_check(p, p->ports[index]);
		return;
	}
	if (index < p->count)
		forget(p, index);
	port_own_mark_find(p);
	if (port_look(p->enforcement->sys, kind, name, &look) != 0)
		return;
	if (port_is_own(p, &look))
		port_own_release(p, &look);
	else
		port_take(p, &look);
}

static void removed(struct ports *p, const struct port_kind *kind, const char *name)
{
	size_t index = index_of(p, kind, name);

	if (index < p->count && !port_is_there(p->enforcement->sys, &p->ports[index]->look))
		forget(p, index);
}

void ports_uevent(struct ports *p, const char *subsystem, const char *action, const char *name)
{
	for (size_t i = 0; i < port_kind_count; i++) {
		if (strcmp(port_kinds[i].subsystem, subsystem) != 0)
			continue;
		if (strcmp(action, "remove") == 0)
			removed(p, &port_kinds[i], name);
		else
			appeared(p, &port_kinds[i], name);
	}
}

/* --- ways and buses -------------------------------------------------------------------------- */

/* Drivers are gated by way. An observed system loads what it likes. */
static void ways_tell(struct ports *p)
{
	const struct enforcement *e = p->enforcement;
	uint64_t ways = 0;
	int r = 0;

	for (unsigned way = 0; way < WAY_COUNT; way++) {
		if (e->observe ||
		        policy_decide_way(e->policy, (enum way)way).treatment != TREATMENT_DENY)
			ways |= BIT(way);
	}
	if (ways != p->ways_told) {
		r = channel_request(e->channel, REQUEST_WAYS_ALLOW, NULL, ways, -1, NULL);
		p->ways_told = r == 0 ? ways : UINT64_MAX; /* some of it may be done */
	}
	/* Main changes nothing either while it observes. */
	ports_fault_set(p, FAULT_WAYS, r == 0 || e->observe ? NULL : error_text(r));
}

static void bus_close(struct ports *p, const struct port_kind *kind)
{
	const struct enforcement *e = p->enforcement;
	bool closed = e->observe || port_bus_is_closed(e->sys, kind);
	int r = ERR_IO;

	if (!closed) {
		r = channel_request(e->channel, REQUEST_BUS_CLOSE, kind->name, 0, -1, NULL);
		closed = port_bus_is_closed(e->sys, kind);
	}
	ports_fault_set(p, kind->name, closed ? NULL : error_text(r != 0 ? r : ERR_IO));
}

/* "scsi/2:0:0:0"; what has no such name, a bus for one, does not go. */
static bool fault_stands(const void *context, const char *name)
{
	const struct ports *p = context;
	const struct port_kind *kind;
	char path[PORT_PATH_MAX];
	const char *kernel_name;

	if (!port_name_parse(name, &kind, &kernel_name))
		return true;
	port_path(kind, kernel_name, path);
	return faccessat(p->enforcement->sys, path, F_OK, 0) == 0;
}

static void everything_forget_gone(struct ports *p)
{
	faults_forget(&p->faults, fault_stands, p);
	for (size_t i = p->count; i > 0; i--) {
		if (!port_is_there(p->enforcement->sys, &p->ports[i - 1]->look))
			forget(p, i - 1);
	}
}

static void everything_look(struct ports *p)
{
	everything_forget_gone(p);
	for (size_t i = 0; i < port_kind_count; i++)
		ports_each_entry(p, &port_kinds[i], appeared);
}

void ports_everything(struct ports *p)
{
	if (p->mark == 0)
		p->ways_told = UINT64_MAX;
	port_own_mark_find(p);
	port_own_disks_find(p);
	ways_tell(p);
	for (size_t i = 0; i < port_kind_count; i++)
		bus_close(p, &port_kinds[i]);
	everything_look(p);
	ports_judge_again(p);
}

/* A driver that comes late finds what is allowed, or the terminal's own, without one. */
static void driver_offer(struct ports *p, const struct port_kind *kind, const char *name)
{
	size_t index = index_of(p, kind, name);
	struct port_look look;

	if (index == p->count) {
		if (port_look(p->enforcement->sys, kind, name, &look) == 0 && port_is_own(p, &look))
			port_own_release(p, &look);
		return;
	}
	if (ports_verdict(p->ports[index]).treatment != TREATMENT_DENY &&
	        port_lacks_driver(p->enforcement->sys, &p->ports[index]->look))
		port_release(p, p->ports[index]);
}

/* "/bus/scsi" of "/bus/scsi/drivers/sd" against "bus/scsi/devices" */
static bool is_bus_of(const struct port_kind *kind, const char *devpath)
{
	const char *bus = kind->directory;
	size_t length = strlen(bus) - strlen("/devices");

	return strncmp(bus, "bus/", 4) == 0 && devpath[0] == '/' &&
	       strncmp(devpath + 1, bus, length) == 0 &&
	       (devpath[length + 1] == '\0' || devpath[length + 1] == '/');
}

void ports_bus_uevent(struct ports *p, const char *devpath)
{
	if (p->enforcement->observe)
		return;
	for (size_t i = 0; i < port_kind_count; i++) {
		const struct port_kind *kind = &port_kinds[i];

		if (!is_bus_of(kind, devpath))
			continue;
		bus_close(p, kind);
		ports_each_entry(p, kind, driver_offer);
	}
}

void ports_judge_again(struct ports *p)
{
	ways_tell(p);
	for (size_t i = 0; i < p->count; i++)
		port_judge_and_apply(p, p->ports[i]);
}

void ports_media_ended(struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct port_guarded *g = p->ports[i];

		if (g->closing || (port_media_cause(p, g) != NULL && g->unenforced == NULL))
			port_apply(p, g);
	}
}

bool ports_tell_again(struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!p->ports[i]->told)
			port_apply(p, p->ports[i]);
		port_unenforced_tell(p, p->ports[i]);
	}
	faults_tell(&p->faults, enforce_tell_fault, p->enforcement);
	return !ports_are_told(p);
}

void ports_check(struct ports *p)
{
	port_own_mark_find(p);
	if (p->enforcement->observe)
		return;
	ways_tell(p);
	for (size_t i = 0; i < port_kind_count; i++)
		bus_close(p, &port_kinds[i]);
	/* What could not be taken or read is in no list. */
	if (faults_count(&p->faults) > 0)
		everything_look(p);
	for (size_t i = 0; i < p->count; i++)
		port_check(p, p->ports[i]);
}

bool ports_are_settled(const struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (port_wants_driver(p, p->ports[i]))
			return false;
	}
	return p->mark_stands;
}

void ports_settle(struct ports *p)
{
	port_own_mark_find(p);
	for (size_t i = 0; i < p->count; i++) {
		if (port_wants_driver(p, p->ports[i]))
			port_release(p, p->ports[i]);
	}
}

bool ports_are_told(const struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!p->ports[i]->told || p->ports[i]->untold != NULL)
			return false;
	}
	return faults_are_told(&p->faults);
}

bool ports_are_enforced(const struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->ports[i]->unenforced != NULL)
			return false;
	}
	return faults_count(&p->faults) == 0;
}

static uint32_t ways_of_bus(const struct port_kind *kind)
{
	if (strcmp(kind->name, "scsi") == 0)
		return BIT(WAY_OPTICAL) | BIT(WAY_ATA_HOTPLUG);
	if (strcmp(kind->name, "mmc") == 0 || strcmp(kind->name, "memstick") == 0)
		return BIT(WAY_MMC);
	if (strcmp(kind->name, "sdio") == 0)
		return BIT(WAY_WIFI) | BIT(WAY_BLUETOOTH);
	return strcmp(kind->name, "firewire") == 0 ? BIT(WAY_FIREWIRE) : BIT(WAY_THUNDERBOLT);
}

void ports_count(const struct ports *p, struct ports_figures *f)
{
	*f = (struct ports_figures){.unwatched = p->enforcement->observe ? UINT32_MAX : 0,
	        .unenforced = faults_count(&p->faults)};
	for (size_t i = 0; i < port_kind_count; i++) {
		if (!port_bus_is_closed(p->enforcement->sys, &port_kinds[i]))
			f->unwatched |= ways_of_bus(&port_kinds[i]);
	}
	for (size_t i = 0; i < p->count; i++) {
		const struct port_guarded *g = p->ports[i];

		if (g->unenforced != NULL) {
			f->unenforced++;
			f->unwatched |= BIT(g->look.way);
		}
		if (g->quiet)
			continue;
		f->devices++;
		if (ports_verdict(g).treatment == TREATMENT_DENY)
			f->denied++;
		else
			f->allowed++;
	}
}

void ports_free(struct ports *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->ports[i]);
	p->count = 0;
	free(p->stands_on);
	p->stands_on = NULL;
	p->stands_on_count = 0;
}
