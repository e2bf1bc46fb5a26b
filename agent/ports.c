#include "agent/ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "core/language.h"
#include "core/log.h"
#include "policy/treatment.h"

enum { SILENCE_MS = 2000, LOG_NAME_MAX = 128, MARK_MAX = 32, DISKS_MAX = 1024 };

#define BIT(way) (UINT32_C(1) << (way))

struct verdict ports_verdict(const struct port_guarded *g)
{
	struct verdict v = g->verdict;

	if (g->held_back) {
		v.treatment = TREATMENT_DENY;
		v.reason = REASON_NOT_JOURNALLED;
	}
	return v;
}

static bool is_denied(const struct port_guarded *g)
{
	return g->verdict.treatment == TREATMENT_DENY;
}

/* --- what the system stands on --------------------------------------------------------------- */

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

static void disks_find(struct ports *p)
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

static bool is_own(const struct ports *p, const struct port_look *look)
{
	return look->usb_device[0] == '\0' && look->inode <= p->mark &&
	       (!look->detachable || carries_system(p, look));
}

/* --- judging --------------------------------------------------------------------------------- */

static const struct guarded *usb_find(const struct enforcement *e, const char *name)
{
	for (size_t i = 0; i < e->count; i++) {
		if (strcmp(e->devices[i]->device.name, name) == 0)
			return e->devices[i];
	}
	return NULL;
}

/* A USB disk is what its USB device is; a drive for discs must be allowed as such too. */
static struct verdict judge_usb(const struct ports *p, struct port_guarded *g)
{
	const struct guarded *usb = usb_find(p->enforcement, g->look.usb_device);
	struct verdict v = {
	        .treatment = TREATMENT_DENY, .reason = REASON_NO_RULE, .way = WAY_COUNT};
	struct verdict disc;

	g->quiet = true;
	if (usb != NULL)
		v = enforce_verdict(usb);
	if (v.treatment == TREATMENT_DENY || g->look.way != WAY_OPTICAL)
		return v;
	disc = policy_decide_way(p->enforcement->policy, WAY_OPTICAL);
	g->quiet = disc.treatment != TREATMENT_DENY;
	return g->quiet ? v : disc;
}

static struct verdict judge(const struct ports *p, struct port_guarded *g)
{
	if (g->look.usb_device[0] != '\0' && g->look.kind->means == PORT_BY_STATE)
		return judge_usb(p, g);
	return policy_decide_way(p->enforcement->policy, g->look.way);
}

/* --- telling --------------------------------------------------------------------------------- */

static void event_identify(
        struct event_record *event, enum event_kind kind, const struct port_guarded *g)
{
	event_start(event, (uint16_t)kind);
	event_put(event, FIELD_DEVICE, g->look.name);
	if (g->look.id[0] != '\0')
		event_put(event, FIELD_ID, g->look.id);
	event_put(event, FIELD_NAME, g->look.model);
	event_put(event, FIELD_SERIAL, g->look.serial);
}

/* A signer that does not answer is not waited for by every port in turn. */
static int tell(struct ports *p, const struct event_record *event)
{
	struct enforcement *e = p->enforcement;
	int r;

	if (clock_boot_ms() < e->silent_until_ms)
		return ERR_TIMEOUT;
	r = channel_event(e->channel, event);
	if (r == ERR_TIMEOUT)
		e->silent_until_ms = clock_boot_ms() + SILENCE_MS;
	return r;
}

static void verdict_log(const struct port_guarded *g)
{
	char name[LOG_NAME_MAX];

	log_info("%s/%s %s (%s): %s (%s)", g->look.kind->name, g->look.name,
	        log_printable(g->look.model, name, sizeof(name)), way_name(g->look.way),
	        is_denied(g) ? LANGUAGE("拒否", "denied") : LANGUAGE("許可", "allowed"),
	        reason_code(g->verdict.reason));
}

static void verdict_tell(struct ports *p, struct port_guarded *g)
{
	struct event_record event;

	if (g->told || g->quiet) {
		g->told = true;
		return;
	}
	event_identify(&event, is_denied(g) ? EVENT_DEVICE_DENIED : EVENT_DEVICE_ALLOWED, g);
	event_put(&event, FIELD_WAYS, way_name(g->look.way));
	event_put(&event, FIELD_VERDICT, treatment_name(g->verdict.treatment));
	event_put(&event, FIELD_RULE, "implicit");
	event_put(&event, FIELD_REASON, reason_code(g->verdict.reason));
	if (p->enforcement->observe)
		event_put(&event, FIELD_OBSERVED, "true");
	g->told = tell(p, &event) == 0;
	if (g->told)
		verdict_log(g);
}

/* Told once for each cause: why is a string of error_text()'s. */
static void unenforced_set(struct ports *p, struct port_guarded *g, const char *why)
{
	struct event_record event;

	if (why == NULL || (g->unenforced != NULL && strcmp(why, g->unenforced) == 0)) {
		g->unenforced = why;
		return;
	}
	g->unenforced = why;
	log_error("%s/%s: %s: %s", g->look.kind->name, g->look.name,
	        LANGUAGE("判定を適用できません", "the verdict is not in effect"), why);
	event_identify(&event, EVENT_DEVICE_UNENFORCED, g);
	event_put(&event, FIELD_VERDICT, treatment_name(g->verdict.treatment));
	event_put(&event, FIELD_CAUSE, why);
	(void)tell(p, &event);
}

/* --- applying -------------------------------------------------------------------------------- */

static int port_request(struct ports *p, enum request_type type, const struct port_look *look)
{
	char name[2 * PORT_NAME_MAX];

	snprintf(name, sizeof(name), "%s/%s", look->kind->name, look->name);
	return channel_request(p->enforcement->channel, type, name, look->inode, -1, NULL);
}

static void stop(struct ports *p, struct port_guarded *g)
{
	int sys = p->enforcement->sys;
	int r = 0;

	/* What a USB device stops being allowed goes with it, after its media were taken back. */
	if (g->quiet && !port_lacks_driver(sys, &g->look))
		return;
	if (!port_is_stopped(sys, &g->look))
		r = port_request(p, REQUEST_PORT_DENY, &g->look);
	/* What it is counts, not what main could do: it may have gone meanwhile. */
	if (port_is_stopped(sys, &g->look))
		r = 0;
	else if (r == 0)
		r = ERR_IO;
	unenforced_set(p, g, r == 0 ? NULL : error_text(r));
}

static void release(struct ports *p, struct port_guarded *g)
{
	int sys = p->enforcement->sys;
	int r = 0;

	if (!port_is_released(sys, &g->look) || port_lacks_driver(sys, &g->look))
		r = port_request(p, REQUEST_PORT_ALLOW, &g->look);
	if (port_is_released(sys, &g->look))
		r = 0;
	else if (r == 0)
		r = ERR_IO;
	unenforced_set(p, g, r == 0 ? NULL : error_text(r));
}

/* What follows a USB device is on that device's account. */
static struct media *media_of(const struct ports *p, const struct port_guarded *g)
{
	return g->quiet ? NULL : p->enforcement->media;
}

/* True while media are taken back: ports_media_ended() then goes on. */
static bool media_wait(struct ports *p, struct port_guarded *g, enum treatment kept)
{
	struct media *media = media_of(p, g);

	g->closing = media != NULL && media_close(media, g->look.name, kept);
	g->anew = g->anew || (g->closing && kept != TREATMENT_DENY);
	return g->closing;
}

static void media_prepare(struct ports *p, const struct port_guarded *g, enum treatment treatment)
{
	struct media *media = media_of(p, g);

	if (media != NULL)
		media_expect(media, g->look.name, treatment);
}

static const char *media_cause(const struct ports *p, const struct port_guarded *g)
{
	const struct media *media = media_of(p, g);

	return media != NULL ? media_failed(media, g->look.name) : NULL;
}

static void apply_deny(struct ports *p, struct port_guarded *g)
{
	g->held_back = false;
	if (media_wait(p, g, TREATMENT_DENY))
		return;
	g->anew = false;
	media_prepare(p, g, TREATMENT_DENY);
	stop(p, g);
	verdict_tell(p, g);
}

/* One whose medium is not as the policy says is as good as denied. */
static bool medium_has_failed(struct ports *p, struct port_guarded *g)
{
	const char *why = media_cause(p, g);

	if (why == NULL)
		return false;
	if (!media_wait(p, g, TREATMENT_DENY)) {
		stop(p, g);
		unenforced_set(p, g, why);
	}
	return true;
}

/* The journal first: what it does not hold is not let in. */
static void apply_allow(struct ports *p, struct port_guarded *g)
{
	if (medium_has_failed(p, g) || media_wait(p, g, g->verdict.treatment))
		return;
	if (g->anew)
		stop(p, g);
	g->anew = false;
	verdict_tell(p, g);
	g->held_back = !g->told;
	if (g->held_back && media_wait(p, g, TREATMENT_DENY))
		return;
	media_prepare(p, g, g->told ? g->verdict.treatment : TREATMENT_DENY);
	if (g->told)
		release(p, g);
	else
		stop(p, g);
}

static void apply(struct ports *p, struct port_guarded *g)
{
	if (p->enforcement->observe) {
		g->held_back = false;
		g->unenforced = NULL;
		verdict_tell(p, g);
	} else if (is_denied(g)) {
		apply_deny(p, g);
	} else {
		apply_allow(p, g);
	}
}

static void judge_and_apply(struct ports *p, struct port_guarded *g)
{
	struct verdict v = judge(p, g);

	if (!verdict_equals(&v, &g->verdict)) {
		g->verdict = v;
		g->told = false;
	}
	apply(p, g);
}

/* One that somebody else has let in is told of once more. */
static void port_check(struct ports *p, struct port_guarded *g)
{
	bool denied = ports_verdict(g).treatment == TREATMENT_DENY || media_cause(p, g) != NULL;
	bool right = denied ? port_is_stopped(p->enforcement->sys, &g->look)
	                    : port_is_released(p->enforcement->sys, &g->look);

	if (g->closing)
		return;
	if (right || (denied && g->quiet)) {
		unenforced_set(p, g, NULL);
		return;
	}
	if (denied && g->unenforced == NULL)
		g->told = false;
	apply(p, g);
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
	struct event_record event;

	if (!g->quiet) {
		event_identify(&event, EVENT_DEVICE_REMOVED, g);
		(void)tell(p, &event);
		media_prepare(p, g, TREATMENT_DENY);
	}
	free(g);
	p->count--;
	for (size_t i = index; i < p->count; i++)
		p->ports[i] = p->ports[i + 1];
}

static void port_take(struct ports *p, const struct port_look *look)
{
	struct port_guarded *g;

	if (p->count == PORTS_MAX) {
		log_error("%s: %s", look->name, LANGUAGE("機器が多すぎます", "too many devices"));
		return;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return;
	g->look = *look;
	p->ports[p->count++] = g;
	g->verdict = judge(p, g);
	apply(p, g);
}

/* The terminal's own needs its driver although the bus does not probe of itself. */
static void own_release(struct ports *p, const struct port_look *look)
{
	if (!p->enforcement->observe && look->kind->closes &&
	        port_lacks_driver(p->enforcement->sys, look))
		(void)port_request(p, REQUEST_PORT_ALLOW, look);
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
	if (port_look(p->enforcement->sys, kind, name, &look) != 0)
		return;
	if (is_own(p, &look))
		own_release(p, &look);
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

static void each_entry(struct ports *p, const struct port_kind *kind,
        void (*what)(struct ports *p, const struct port_kind *kind, const char *name))
{
	int fd = openat(p->enforcement->sys, kind->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

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
	size_t length = 0;
	int fd;
	int r = file_open_checked(p->root, PATH_MEDIA_DIR "/" PORTS_MARK, 0, 0644, MARK_MAX, &fd);

	if (r == 0) {
		r = file_read(fd, MARK_MAX, &text, &length);
		close(fd);
	}
	if (r == 0)
		p->mark = strtoull((char *)text, NULL, 10);
	free(text);
	return r == 0 && p->mark != 0;
}

/* The kernel numbers the directories of sysfs upwards, so one number tells what came later. */
static void mark_find(struct ports *p)
{
	int r;

	if (p->mark != 0 || mark_read(p))
		return;
	for (size_t i = 0; i < port_kind_count; i++)
		each_entry(p, &port_kinds[i], mark_raise);
	if (p->mark == 0) /* nothing is there: nothing is its own */
		p->mark = 1;
	r = channel_request(p->enforcement->channel, REQUEST_PORTS_MARK, NULL, p->mark, -1, NULL);
	if (r != 0)
		log_warning(PATH_MEDIA_DIR "/" PORTS_MARK ": %s", error_text(r));
}

/* --- ways and buses -------------------------------------------------------------------------- */

/* Drivers are gated by way. An observed system loads what it likes. */
static void ways_tell(struct ports *p)
{
	const struct enforcement *e = p->enforcement;
	uint64_t ways = 0;

	for (unsigned way = 0; way < WAY_COUNT; way++) {
		if (e->observe ||
		        policy_decide_way(e->policy, (enum way)way).treatment != TREATMENT_DENY)
			ways |= BIT(way);
	}
	if (ways != p->ways_told &&
	        channel_request(e->channel, REQUEST_WAYS_ALLOW, NULL, ways, -1, NULL) == 0)
		p->ways_told = ways;
}

static void bus_close(struct ports *p, const struct port_kind *kind)
{
	int r;

	if (p->enforcement->observe || port_bus_is_closed(p->enforcement->sys, kind))
		return;
	r = channel_request(p->enforcement->channel, REQUEST_BUS_CLOSE, kind->name, 0, -1, NULL);
	if (r != 0 && r != ERR_NOT_FOUND)
		log_error("%s: %s", kind->name, error_text(r));
}

static void everything_forget_gone(struct ports *p)
{
	for (size_t i = p->count; i > 0; i--) {
		if (!port_is_there(p->enforcement->sys, &p->ports[i - 1]->look))
			forget(p, i - 1);
	}
}

void ports_everything(struct ports *p)
{
	if (p->mark == 0)
		p->ways_told = UINT64_MAX;
	mark_find(p);
	disks_find(p);
	ways_tell(p);
	for (size_t i = 0; i < port_kind_count; i++)
		bus_close(p, &port_kinds[i]);
	everything_forget_gone(p);
	for (size_t i = 0; i < port_kind_count; i++)
		each_entry(p, &port_kinds[i], appeared);
	ports_judge_again(p);
}

/* A driver that comes late finds what is allowed, or the terminal's own, without one. */
static void driver_offer(struct ports *p, const struct port_kind *kind, const char *name)
{
	size_t index = index_of(p, kind, name);
	struct port_look look;

	if (index == p->count) {
		if (port_look(p->enforcement->sys, kind, name, &look) == 0 && is_own(p, &look))
			own_release(p, &look);
		return;
	}
	if (ports_verdict(p->ports[index]).treatment != TREATMENT_DENY &&
	        port_lacks_driver(p->enforcement->sys, &p->ports[index]->look))
		release(p, p->ports[index]);
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
		each_entry(p, kind, driver_offer);
	}
}

void ports_judge_again(struct ports *p)
{
	ways_tell(p);
	for (size_t i = 0; i < p->count; i++)
		judge_and_apply(p, p->ports[i]);
}

void ports_media_ended(struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct port_guarded *g = p->ports[i];

		if (g->closing || (media_cause(p, g) != NULL && g->unenforced == NULL))
			apply(p, g);
	}
}

bool ports_tell_again(struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!p->ports[i]->told)
			apply(p, p->ports[i]);
	}
	return !ports_are_told(p);
}

void ports_check(struct ports *p)
{
	if (p->enforcement->observe)
		return;
	ways_tell(p);
	for (size_t i = 0; i < port_kind_count; i++)
		bus_close(p, &port_kinds[i]);
	for (size_t i = 0; i < p->count; i++)
		port_check(p, p->ports[i]);
}

bool ports_are_told(const struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!p->ports[i]->told)
			return false;
	}
	return true;
}

bool ports_are_enforced(const struct ports *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->ports[i]->unenforced != NULL)
			return false;
	}
	return true;
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
	*f = (struct ports_figures){.unwatched = p->enforcement->observe ? UINT32_MAX : 0};
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
