#include "agent/enforce.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/probation.h"
#include "agent/usb_number.h"
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

static struct circumstances circumstances_of(struct enforcement *e, const struct guarded *g)
{
	struct circumstances c = {.rules.moment = clock_wall(), .rules.allowed = e->allowed};

	for (size_t i = 0; i < e->count; i++) {
		const struct guarded *other = e->devices[i];

		if (other == g || !other->judged || other->verdict.treatment == TREATMENT_DENY)
			continue;
		c.keyboards += facts_may_type(&other->device.facts);
		e->allowed[c.rules.allowed_count++] = &other->device.facts;
	}
	return c;
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

/* The interfaces of a configuration that the verdict lets in. */
static uint32_t interfaces_wanted(
        const struct enforcement *e, const struct guarded *g, unsigned configuration)
{
	const struct device_facts *facts = &g->device.facts;
	uint32_t wanted = 0;

	for (size_t i = 0; i < facts->interface_count; i++) {
		if (facts->interfaces[i].configuration == configuration &&
		        verdict_has_interface(&g->verdict, e->policy, facts, i))
			wanted |= UINT32_C(1) << facts->interfaces[i].number;
	}
	return wanted;
}

static bool state_is(const struct enforcement *e, const struct guarded *g, bool authorised)
{
	if (!authorised || !g->state.authorised)
		return g->state.authorised == authorised;
	return g->state.configuration != 0 &&
	       g->state.open == interfaces_wanted(e, g, g->state.configuration);
}

/* Asks main, and looks what came of it. configuration 0: the device without its interfaces. */
static int state_ask(
        struct enforcement *e, struct guarded *g, bool authorised, unsigned configuration)
{
	uint64_t number = g->device.devnum;
	int gone;
	int r;

	if (authorised && configuration != 0)
		number = usb_number_authorise(
		        g->device.devnum, configuration, interfaces_wanted(e, g, configuration));
	r = channel_request(e->channel,
	        authorised ? REQUEST_USB_AUTHORISE : REQUEST_USB_DEAUTHORISE, g->device.name,
	        number, -1, NULL);
	gone = device_state_read(e->sys, &g->device, &g->state);
	return gone != 0 ? gone : r;
}

/*
 * The kernel chooses the configuration when it authorises: the first is what it usually takes, and
 * main opens no interface of another (ERR_VERSION) before it was asked for that one.
 */
static int state_make(struct enforcement *e, struct guarded *g, bool authorised)
{
	unsigned configuration = g->state.configuration;
	int r;

	if (configuration == 0)
		configuration = g->device.facts.interfaces[0].configuration;
	r = state_ask(e, g, authorised, configuration);
	if (r == ERR_VERSION && g->state.configuration != configuration)
		r = state_ask(e, g, authorised, g->state.configuration);
	if (r == 0 && !state_is(e, g, authorised))
		r = ERR_IO;
	return r;
}

/* ERR_NOT_FOUND: it has gone. */
static int authorised_make(struct enforcement *e, struct guarded *g, bool wanted)
{
	int r = device_state_read(e->sys, &g->device, &g->state);

	if (r == 0 && !state_is(e, g, wanted))
		r = state_make(e, g, wanted);
	g->device.authorised = g->state.authorised;
	return r;
}

static void apply_authorised(struct enforcement *e, struct guarded *g, bool wanted)
{
	int r = authorised_make(e, g, wanted);

	/* When it is opened again it may be something else. */
	if (!g->state.authorised)
		g->looked = 0;
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

/* Its interfaces stay closed while it is looked at: nothing is usable before the verdict. */
static void look(struct enforcement *e, struct guarded *g)
{
	if (e->observe) {
		(void)device_interfaces_look(e->sys, &g->device);
		return;
	}
	if (device_state_read(e->sys, &g->device, &g->state) != 0)
		return;
	if (!g->state.authorised && state_ask(e, g, true, 0) != 0)
		return;
	if (g->state.configuration == 0 || g->looked == g->state.configuration)
		return;
	g->looked = g->state.configuration;
	probation_look(e->channel, e->sys, &g->device);
}

static struct verdict judge(struct enforcement *e, struct guarded *g)
{
	struct circumstances circumstances = circumstances_of(e, g);
	struct verdict v;

	if (!g->device.readable ||
	        recall_prepare(&e->recall, &g->past, e->policy, &circumstances.rules) != 0)
		return (struct verdict){.treatment = TREATMENT_DENY,
		        .reason = REASON_UNREADABLE,
		        .rule = 0,
		        .way = WAY_COUNT};
	if (policy_must_look(e->policy, &g->device.facts, &circumstances))
		look(e, g);
	v = policy_decide(e->policy, &g->device.facts, &circumstances);
	recall_note(&e->recall, &g->past, e->policy, &g->device.facts, v.rule);
	return v;
}

static void judge_again(struct enforcement *e, struct guarded *g)
{
	struct verdict v = judge(e, g);

	g->judged = true;
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
	recollection_free(&e->devices[index]->past);
	free(e->devices[index]);
	e->count--;
	for (size_t i = index; i < e->count; i++)
		e->devices[i] = e->devices[i + 1];
}

void enforce_removed(struct enforcement *e, const char *name)
{
	size_t index = index_of(e, name);
	struct device_state state;

	/* A removal that is late must not forget what sits in the port now. */
	if (index < e->count && device_state_read(e->sys, &e->devices[index]->device, &state) != 0)
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

static struct guarded *device_take(struct enforcement *e, const char *name)
{
	struct guarded *g;

	if (e->count == ENFORCE_DEVICES_MAX) {
		log_error("%s: %s", name,
		        LANGUAGE("機器が多すぎます", "too many devices")); /* it stays denied */
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	if (device_read(e->sys, name, &g->device) != 0 ||
	        device_state_read(e->sys, &g->device, &g->state) != 0) {
		free(g);
		return NULL;
	}
	e->devices[e->count++] = g;
	return g;
}

/* The new device in this port; NULL: there is none that is not known. */
static struct guarded *device_new(struct enforcement *e, const char *name)
{
	if (!device_name_is_device(name))
		return NULL;
	enforce_removed(e, name);
	return index_of(e, name) == e->count ? device_take(e, name) : NULL;
}

void enforce_appeared(struct enforcement *e, const char *name)
{
	struct guarded *g = NULL;

	if (device_name_is_hub(name))
		hub_deny(e, name);
	else
		g = device_new(e, name);
	if (g != NULL)
		judge_again(e, g);
}

struct name {
	char text[DEVICE_NAME_MAX];
};

/* Hubs before what hangs on them: "usb1" < "1-2" < "1-2.3". */
static int text_compare(const char *left, const char *right)
{
	int hubs = (int)device_name_is_hub(right) - (int)device_name_is_hub(left);

	if (hubs != 0)
		return hubs;
	return strlen(left) != strlen(right) ? (strlen(left) < strlen(right) ? -1 : 1)
	                                     : strcmp(left, right);
}

static int name_compare(const void *a, const void *b)
{
	return text_compare(((const struct name *)a)->text, ((const struct name *)b)->text);
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
	for (size_t i = 0; i < count; i++) {
		if (device_name_is_hub(names[i].text))
			hub_deny(e, names[i].text);
		else
			(void)device_new(e, names[i].text);
	}
	free(names);
	enforce_judge_again(e);
}

/* What works first, then by name. */
static int device_compare(const void *a, const void *b)
{
	const struct guarded *left = *(struct guarded *const *)a;
	const struct guarded *right = *(struct guarded *const *)b;
	int works = (int)right->device.authorised - (int)left->device.authorised;

	return works != 0 ? works : text_compare(left->device.name, right->device.name);
}

void enforce_judge_again(struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++)
		e->devices[i]->judged = false;
	qsort(e->devices, e->count, sizeof(struct guarded *), device_compare);
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
	char devices[DEVICE_NAME_MAX + 64];
	char interfaces[DEVICE_NAME_MAX + 64];

	snprintf(devices, sizeof(devices), "bus/usb/devices/%s/authorized_default", name);
	snprintf(interfaces, sizeof(interfaces), "bus/usb/devices/%s/interface_authorized_default",
	        name);
	return attribute_is_zero(e->sys, devices) && attribute_is_zero(e->sys, interfaces);
}

/* More is open than the verdict lets in. */
static bool is_too_open(const struct enforcement *e, const struct guarded *g, bool wanted)
{
	if (!wanted)
		return g->state.authorised;
	return (g->state.open & ~interfaces_wanted(e, g, g->state.configuration)) != 0;
}

/* One that main was slow with may be right by now; one that it failed with is tried again. */
static void device_check(struct enforcement *e, struct guarded *g)
{
	bool wanted = enforce_verdict(g).treatment != TREATMENT_DENY;

	if (g->kept || g->closing || device_state_read(e->sys, &g->device, &g->state) != 0)
		return;
	g->device.authorised = g->state.authorised;
	if (state_is(e, g, wanted)) {
		unenforced_set(e, g, NULL);
		return;
	}
	if (is_too_open(e, g, wanted))
		g->told = false;
	if (!g->told || g->unenforced != NULL)
		apply(e, g);
}

/* Another configuration has interfaces of its own: born closed, and not looked at yet. */
static void interfaces_check(struct enforcement *e, struct guarded *g)
{
	unsigned before = g->state.configuration;
	bool changed;

	if (!e->observe)
		device_check(e, g);
	else if (device_state_read(e->sys, &g->device, &g->state) == 0)
		g->device.authorised = g->state.authorised;
	if (!g->state.authorised || g->state.configuration == 0)
		return;
	changed = device_interfaces_look(e->sys, &g->device);
	if (changed || g->state.configuration != before)
		judge_again(e, g);
}

/* The device's part of "1-2:1.0". */
void enforce_interface_changed(struct enforcement *e, const char *name)
{
	char device[DEVICE_NAME_MAX];
	size_t length = strcspn(name, ":");
	size_t index;

	if (length >= sizeof(device) || name[length] == '\0')
		return;
	memcpy(device, name, length);
	device[length] = '\0';
	index = index_of(e, device);
	if (index < e->count)
		interfaces_check(e, e->devices[index]);
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
	for (size_t i = 0; i < e->count; i++)
		interfaces_check(e, e->devices[i]);
}

static bool storage_is_open(const struct guarded *g)
{
	for (size_t i = 0; i < g->device.facts.interface_count; i++) {
		const struct facts_interface *f = &g->device.facts.interfaces[i];

		if (way_of_interface(f) == WAY_USB_STORAGE &&
		        f->configuration == g->state.configuration &&
		        (g->state.open & UINT32_C(1) << f->number) != 0)
			return true;
	}
	return false;
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
	if (g->state.authorised && storage_is_open(g))
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
	for (size_t i = 0; i < e->count; i++) {
		recollection_free(&e->devices[i]->past);
		free(e->devices[i]);
	}
	recall_free(&e->recall);
	e->count = 0;
}
