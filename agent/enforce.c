#include "agent/enforce.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ways.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "policy/treatment.h"

enum { SILENCE_MS = 2000, LOG_NAME_MAX = 128 };

#define CONTROLLERS_DEFAULT "module/usbcore/parameters/authorized_default"
#define BIT(way) (UINT32_C(1) << (way))

void enforce_interfaces_text(const struct device_facts *facts, char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < facts->interface_count && length + 10 < size; i++) {
		const struct facts_interface *f = &facts->interfaces[i];

		length += (size_t)snprintf(text + length, size - length, "%s%02x:%02x:%02x",
		        i > 0 ? " " : "", f->class, f->subclass, f->protocol);
	}
}

struct verdict enforce_verdict(const struct guarded *g)
{
	struct verdict v = g->verdict;

	if (g->held_back) {
		v.treatment = TREATMENT_DENY;
		v.reason = REASON_NOT_JOURNALLED;
	}
	return v;
}

static struct circumstances circumstances_of(const struct enforcement *e, const struct guarded *g)
{
	struct circumstances c = {.rules.moment = clock_wall()};

	for (size_t i = 0; i < e->count; i++) {
		const struct guarded *other = e->devices[i];

		c.keyboards += other != g && other->device.authorised &&
		               facts_may_type(&other->device.facts);
	}
	return c;
}

static struct verdict judge(const struct enforcement *e, const struct guarded *g)
{
	struct circumstances circumstances = circumstances_of(e, g);

	if (g->device.readable)
		return policy_decide(e->policy, &g->device.facts, &circumstances);
	return (struct verdict){.treatment = TREATMENT_DENY,
	        .reason = REASON_UNREADABLE,
	        .rule = 0,
	        .way = WAY_COUNT};
}

static void event_identify(
        struct event_record *event, enum event_kind kind, const struct guarded *g)
{
	const struct device_facts *f = &g->device.facts;
	char id[16];

	snprintf(id, sizeof(id), "%04x:%04x", f->vendor, f->product);
	event_start(event, (uint16_t)kind);
	event_put(event, FIELD_DEVICE, g->device.name);
	event_put(event, FIELD_ID, id);
	event_put(event, FIELD_NAME, f->name);
	event_put(event, FIELD_SERIAL, f->serial);
}

static void event_describe(struct event_record *event, enum event_kind kind,
        const struct enforcement *e, const struct guarded *g)
{
	const struct device_facts *f = &g->device.facts;
	char text[EVENT_VALUE_MAX];
	char ways[WAYS_TEXT_MAX];
	char rule[24] = "implicit";

	event_identify(event, kind, g);
	enforce_interfaces_text(f, text, sizeof(text));
	ways_of_device(f, ways);
	if (g->verdict.rule != 0)
		snprintf(rule, sizeof(rule), "%zu", g->verdict.rule);
	event_put(event, FIELD_HASH, f->hash);
	event_put(event, FIELD_INTERFACES, text);
	event_put(event, FIELD_WAYS, ways);
	event_put(event, FIELD_VERDICT, treatment_name(g->verdict.treatment));
	event_put(event, FIELD_RULE, rule);
	event_put(event, FIELD_REASON, reason_code(g->verdict.reason));
	if (e->observe)
		event_put(event, FIELD_OBSERVED, "true");
}

/* A signer that does not answer is not waited for by every device in turn. */
static int tell(struct enforcement *e, const struct event_record *event)
{
	int r;

	if (clock_boot_ms() < e->silent_until_ms)
		return ERR_TIMEOUT;
	r = channel_event(e->channel, event);
	if (r == ERR_TIMEOUT)
		e->silent_until_ms = clock_boot_ms() + SILENCE_MS;
	return r;
}

static void verdict_log(const struct guarded *g)
{
	char name[LOG_NAME_MAX];
	bool allowed = g->verdict.treatment != TREATMENT_DENY;

	log_info("%s %04x:%04x %s: %s (%s)", g->device.name, g->device.facts.vendor,
	        g->device.facts.product, log_printable(g->device.facts.name, name, sizeof(name)),
	        allowed ? LANGUAGE("許可", "allowed") : LANGUAGE("拒否", "denied"),
	        reason_code(g->verdict.reason));
}

static void verdict_tell(struct enforcement *e, struct guarded *g)
{
	bool allowed = g->verdict.treatment != TREATMENT_DENY;
	struct event_record event;

	if (g->told)
		return;
	event_describe(&event, allowed ? EVENT_DEVICE_ALLOWED : EVENT_DEVICE_DENIED, e, g);
	g->told = tell(e, &event) == 0;
	if (g->told)
		verdict_log(g);
}

/* Told once for each cause: why is a string of this file's or of error_text()'s. */
static void unenforced_set(struct enforcement *e, struct guarded *g, const char *why)
{
	struct event_record event;

	if (why == NULL || (g->unenforced != NULL && strcmp(why, g->unenforced) == 0)) {
		g->unenforced = why;
		return;
	}
	g->unenforced = why;
	log_error("%s: %s: %s", g->device.name,
	        LANGUAGE("判定を適用できません", "the verdict is not in effect"), why);
	event_identify(&event, EVENT_DEVICE_UNENFORCED, g);
	event_put(&event, FIELD_VERDICT, treatment_name(g->verdict.treatment));
	event_put(&event, FIELD_CAUSE, why);
	(void)tell(e, &event);
}

/* Asks main to make the device what it shall be, and looks whether it is. ERR_NOT_FOUND: it has
 * gone. */
static int authorised_make(struct enforcement *e, struct guarded *g, bool wanted)
{
	bool is;
	int r = device_authorised(e->sys, &g->device, &is);

	if (r == 0 && is != wanted) {
		r = channel_request(e->channel,
		        wanted ? REQUEST_USB_AUTHORISE : REQUEST_USB_DEAUTHORISE, g->device.name,
		        g->device.devnum, -1, NULL);
		if (r == 0)
			r = device_authorised(e->sys, &g->device, &is);
	}
	g->device.authorised = r == 0 ? is : g->device.authorised;
	if (r == 0 && is != wanted)
		r = ERR_IO;
	return r;
}

static void apply_authorised(struct enforcement *e, struct guarded *g, bool wanted)
{
	int r = authorised_make(e, g, wanted);

	/* A device that has gone has no verdict to apply: its removal is on the way. */
	unenforced_set(e, g, r == 0 || r == ERR_NOT_FOUND ? NULL : error_text(r));
}

/* Hubs and keyboards that already work, so that somebody can log in and put a policy there. */
static bool may_stay(const struct guarded *g)
{
	const uint32_t harmless = BIT(WAY_HID) | BIT(WAY_HUB);

	return g->verdict.reason == REASON_NO_POLICY && g->device.authorised &&
	       !g->device.facts.interfaces_cut &&
	       (way_of_device(&g->device.facts) & ~harmless) == 0;
}

/* What is on a medium is written and the medium is unmounted before its device goes. True while
 * that takes: enforce_media_ended() then goes on. */
static bool media_wait(struct enforcement *e, struct guarded *g, enum treatment kept)
{
	g->closing = e->media != NULL && media_close(e->media, g->device.name, kept);
	g->anew = g->anew || (g->closing && kept != TREATMENT_DENY);
	return g->closing;
}

static void media_prepare(struct enforcement *e, const struct guarded *g, enum treatment treatment)
{
	if (e->media != NULL)
		media_expect(e->media, g->device.name, treatment);
}

static void apply_deny(struct enforcement *e, struct guarded *g)
{
	g->held_back = false;
	g->kept = may_stay(g);
	if (g->kept) {
		unenforced_set(e, g, "kept for login until there is a policy");
	} else {
		if (media_wait(e, g, TREATMENT_DENY))
			return;
		g->anew = false;
		media_prepare(e, g, TREATMENT_DENY);
		apply_authorised(e, g, false);
	}
	verdict_tell(e, g);
}

/* One whose medium is not as the policy says is as good as denied. */
static bool medium_has_failed(struct enforcement *e, struct guarded *g)
{
	const char *why = e->media != NULL ? media_failed(e->media, g->device.name) : NULL;

	if (why == NULL)
		return false;
	if (!media_wait(e, g, TREATMENT_DENY)) {
		(void)authorised_make(e, g, false);
		unenforced_set(e, g, why);
	}
	return true;
}

/* The journal first: what it does not hold does not happen. */
static void apply_allow(struct enforcement *e, struct guarded *g)
{
	g->kept = false;
	if (medium_has_failed(e, g) || media_wait(e, g, g->verdict.treatment))
		return;
	if (g->anew)
		apply_authorised(e, g, false);
	g->anew = false;
	verdict_tell(e, g);
	g->held_back = !g->told;
	if (g->held_back && media_wait(e, g, TREATMENT_DENY))
		return;
	media_prepare(e, g, g->told ? g->verdict.treatment : TREATMENT_DENY);
	apply_authorised(e, g, g->told);
}

static void apply(struct enforcement *e, struct guarded *g)
{
	if (e->observe) {
		g->held_back = false;
		g->kept = false;
		g->unenforced = NULL;
		verdict_tell(e, g);
	} else if (g->verdict.treatment != TREATMENT_DENY) {
		apply_allow(e, g);
	} else {
		apply_deny(e, g);
	}
}

static void judge_again(struct enforcement *e, struct guarded *g)
{
	struct verdict v = judge(e, g);

	if (!verdict_equals(&v, &g->verdict)) {
		g->verdict = v;
		g->told = false;
	}
	apply(e, g);
}

static size_t index_of(const struct enforcement *e, const char *name)
{
	size_t i = 0;

	while (i < e->count && strcmp(e->devices[i]->device.name, name) != 0)
		i++;
	return i;
}

static void forget(struct enforcement *e, size_t index)
{
	struct event_record event;

	event_identify(&event, EVENT_DEVICE_REMOVED, e->devices[index]);
	(void)tell(e, &event);
	media_prepare(e, e->devices[index], TREATMENT_DENY);
	free(e->devices[index]);
	e->count--;
	for (size_t i = index; i < e->count; i++)
		e->devices[i] = e->devices[i + 1];
}

void enforce_removed(struct enforcement *e, const char *name)
{
	size_t index = index_of(e, name);
	bool authorised;

	/* A removal that is late must not forget what sits in the port now. */
	if (index < e->count &&
	        device_authorised(e->sys, &e->devices[index]->device, &authorised) != 0)
		forget(e, index);
}

static void hub_deny(struct enforcement *e, const char *name)
{
	int r;

	if (e->observe)
		return;
	/* With usbcore a module, its parameter exists only from now on. */
	r = channel_request(e->channel, REQUEST_CONTROLLERS_DENY, NULL, 0, -1, NULL);
	if (r != 0 && r != ERR_NOT_FOUND)
		log_error("%s: %s", CONTROLLERS_DEFAULT, error_text(r));
	r = channel_request(e->channel, REQUEST_HUB_DENY, name, 0, -1, NULL);
	if (r != 0 && r != ERR_NOT_FOUND)
		log_error("%s: %s", name, error_text(r));
}

static void device_take(struct enforcement *e, const char *name)
{
	struct guarded *g;

	if (e->count == ENFORCE_DEVICES_MAX) {
		log_error("%s: %s", name,
		        LANGUAGE("機器が多すぎます", "too many devices")); /* it stays denied */
		return;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return;
	if (device_read(e->sys, name, &g->device) != 0) {
		free(g);
		return;
	}
	e->devices[e->count++] = g;
	g->verdict = judge(e, g);
	apply(e, g);
}

void enforce_appeared(struct enforcement *e, const char *name)
{
	if (device_name_is_hub(name)) {
		hub_deny(e, name);
		return;
	}
	if (!device_name_is_device(name))
		return;
	enforce_removed(e, name);
	if (index_of(e, name) == e->count)
		device_take(e, name);
}

struct name {
	char text[DEVICE_NAME_MAX];
};

/* Hubs before what hangs on them: "usb1" < "1-2" < "1-2.3". */
static int name_compare(const void *a, const void *b)
{
	const char *left = ((const struct name *)a)->text;
	const char *right = ((const struct name *)b)->text;
	int hubs = (int)device_name_is_hub(right) - (int)device_name_is_hub(left);

	if (hubs != 0)
		return hubs;
	return strlen(left) != strlen(right) ? (strlen(left) < strlen(right) ? -1 : 1)
	                                     : strcmp(left, right);
}

static bool name_counts(const char *name)
{
	return strlen(name) < DEVICE_NAME_MAX &&
	       (device_name_is_hub(name) || device_name_is_device(name));
}

static size_t names_read(int sys, struct name *names, size_t size)
{
	int fd = openat(sys, "bus/usb/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	size_t count = 0;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (count < size && (entry = readdir(dir)) != NULL) {
		if (name_counts(entry->d_name))
			memcpy(names[count++].text, entry->d_name, strlen(entry->d_name) + 1);
	}
	closedir(dir);
	qsort(names, count, sizeof(names[0]), name_compare);
	return count;
}

void enforce_everything(struct enforcement *e)
{
	struct name *names = calloc(ENFORCE_DEVICES_MAX, sizeof(*names));
	size_t count;

	if (names == NULL)
		return;
	if (!e->observe)
		(void)channel_request(e->channel, REQUEST_CONTROLLERS_DENY, NULL, 0, -1, NULL);
	for (size_t i = e->count; i > 0; i--)
		enforce_removed(e, e->devices[i - 1]->device.name);
	count = names_read(e->sys, names, ENFORCE_DEVICES_MAX);
	for (size_t i = 0; i < count; i++)
		enforce_appeared(e, names[i].text);
	free(names);
	enforce_judge_again(e);
}

void enforce_judge_again(struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++)
		judge_again(e, e->devices[i]);
}

void enforce_media_ended(struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++) {
		struct guarded *g = e->devices[i];

		if (g->closing ||
		        (g->device.authorised && media_failed(e->media, g->device.name) != NULL))
			apply(e, g);
	}
}

bool enforce_tell_again(struct enforcement *e)
{
	bool waiting = false;

	for (size_t i = 0; i < e->count; i++) {
		if (!e->devices[i]->told)
			apply(e, e->devices[i]);
		waiting = waiting || !e->devices[i]->told;
	}
	return waiting;
}

static bool attribute_is_zero(int dir, const char *path)
{
	char value[2] = "";
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, value, sizeof(value));
	close(fd);
	return length >= 1 && value[0] == '0' && (length == 1 || value[1] == '\n');
}

static bool hub_denies(const struct enforcement *e, const char *name)
{
	char path[DEVICE_NAME_MAX + 64];

	snprintf(path, sizeof(path), "bus/usb/devices/%s/authorized_default", name);
	return attribute_is_zero(e->sys, path);
}

/* One that main was slow with may be right by now; one that it failed with is tried again. */
static void device_check(struct enforcement *e, struct guarded *g)
{
	bool wanted = enforce_verdict(g).treatment != TREATMENT_DENY;

	if (g->kept || g->closing ||
	        device_authorised(e->sys, &g->device, &g->device.authorised) != 0)
		return;
	if (g->device.authorised == wanted) {
		unenforced_set(e, g, NULL);
		return;
	}
	if (g->device.authorised)
		g->told = false;
	if (g->device.authorised || g->unenforced != NULL)
		apply(e, g);
}

void enforce_check(struct enforcement *e)
{
	struct name *names = calloc(ENFORCE_DEVICES_MAX, sizeof(*names));
	size_t count =
	        names != NULL && !e->observe ? names_read(e->sys, names, ENFORCE_DEVICES_MAX) : 0;

	for (size_t i = 0; i < count && device_name_is_hub(names[i].text); i++) {
		if (!hub_denies(e, names[i].text))
			hub_deny(e, names[i].text);
	}
	free(names);
	for (size_t i = 0; i < e->count && !e->observe; i++)
		device_check(e, e->devices[i]);
}

static void count_device(const struct guarded *g, struct enforcement_figures *f)
{
	f->devices++;
	if (enforce_verdict(g).treatment != TREATMENT_DENY)
		f->allowed++;
	else
		f->denied++;
	if (g->unenforced != NULL)
		f->unenforced++;
	if (g->device.authorised && (way_of_device(&g->device.facts) & BIT(WAY_USB_STORAGE)) != 0)
		f->storage_usable++;
}

void enforce_count(const struct enforcement *e, struct enforcement_figures *figures)
{
	struct name *names = calloc(ENFORCE_DEVICES_MAX, sizeof(*names));
	size_t count = names != NULL ? names_read(e->sys, names, ENFORCE_DEVICES_MAX) : 0;

	*figures = (struct enforcement_figures){
	        .controllers_deny = attribute_is_zero(e->sys, CONTROLLERS_DEFAULT)};
	for (size_t i = 0; i < count && device_name_is_hub(names[i].text); i++) {
		figures->hubs++;
		if (hub_denies(e, names[i].text))
			figures->hubs_denying++;
	}
	free(names);
	for (size_t i = 0; i < e->count; i++)
		count_device(e->devices[i], figures);
}

void enforce_free(struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->devices[i]);
	e->count = 0;
}
