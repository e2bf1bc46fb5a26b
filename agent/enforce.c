#include "agent/enforce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/hubs.h"
#include "agent/probation.h"
#include "agent/usb_names.h"
#include "agent/usb_number.h"
#include "agent/ways.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "policy/treatment.h"

enum { SILENCE_MS = 2000, LOG_NAME_MAX = 128 };

/* What faults that are no device's are called. */
#define FAULT_CONTROLLERS "usbcore"
#define FAULT_DEVICES "usb"
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

struct verdict enforce_while_held_back(struct verdict v, bool held_back)
{
	if (held_back) {
		v.treatment = TREATMENT_DENY;
		v.reason = REASON_NOT_JOURNALLED;
	}
	return v;
}

struct verdict enforce_verdict(const struct guarded *g)
{
	return enforce_while_held_back(g->verdict, g->held_back);
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

static bool is_allowed(const struct guarded *g)
{
	return g->verdict.treatment != TREATMENT_DENY;
}

static void verdict_describe(
        struct event_record *event, const struct enforcement *e, const struct guarded *g)
{
	const struct device_facts *f = &g->device.facts;
	char text[EVENT_VALUE_MAX];
	char ways[WAYS_TEXT_MAX];
	char rule[24] = "implicit";

	event_identify(event, is_allowed(g) ? EVENT_DEVICE_ALLOWED : EVENT_DEVICE_DENIED, g);
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

static void verdict_log(const struct guarded *g)
{
	char name[LOG_NAME_MAX];
	log_info("%s %04x:%04x %s: %s (%s)", g->device.name, g->device.facts.vendor,
	        g->device.facts.product, log_printable(g->device.facts.name, name, sizeof(name)),
	        is_allowed(g) ? LANGUAGE("許可", "allowed") : LANGUAGE("拒否", "denied"),
	        reason_code(g->verdict.reason));
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
	if (gone != 0)
		return gone;
	/* It is there, whatever main did not find. */
	return r == ERR_NOT_FOUND ? ERR_IO : r;
}

/* Without its interfaces: opening those is what waits for the journal. */
static void closed_open(struct enforcement *e, struct guarded *g)
{
	if (!g->state.authorised)
		(void)state_ask(e, g, true, 0);
}

/* A signer that does not answer is not waited for by every device in turn. opened: NULL, or what is
 * made ready meanwhile. */
static int tell_meanwhile(
        struct enforcement *e, const struct event_record *event, struct guarded *opened)
{
	struct channel_event sent;
	int r;

	if (clock_boot_ms() < e->silent_until_ms)
		return ERR_TIMEOUT;
	r = channel_event_send(e->channel, event, &sent);
	if (r == 0 && opened != NULL)
		closed_open(e, opened);
	if (r == 0)
		r = channel_event_wait(e->channel, &sent);
	if (r == ERR_TIMEOUT)
		e->silent_until_ms = clock_boot_ms() + SILENCE_MS;
	return r;
}

int enforce_tell(struct enforcement *e, const struct event_record *event)
{
	return tell_meanwhile(e, event, NULL);
}

static void verdict_tell(struct enforcement *e, struct guarded *g)
{
	bool allowed = is_allowed(g);
	struct event_record event;

	if (g->told)
		return;
	verdict_describe(&event, e, g);
	g->told = tell_meanwhile(e, &event, allowed && !e->observe ? g : NULL) == 0;
	if (g->told)
		verdict_log(g);
}

static void unenforced_describe(struct event_record *event, const struct guarded *g)
{
	event_identify(event, EVENT_DEVICE_UNENFORCED, g);
	event_put(event, FIELD_VERDICT, treatment_name(g->verdict.treatment));
	event_put(event, FIELD_CAUSE, g->untold);
}

static void unenforced_tell(struct enforcement *e, struct guarded *g)
{
	struct event_record event;

	if (g->untold == NULL)
		return;
	unenforced_describe(&event, g);
	if (enforce_tell(e, &event) == 0)
		g->untold = NULL;
}

/* Told once for each cause: why is a string of this file's or of error_text()'s. */
static void unenforced_set(struct enforcement *e, struct guarded *g, const char *why)
{
	bool new = why != NULL && (g->unenforced == NULL || strcmp(why, g->unenforced) != 0);

	g->unenforced = why;
	if (!new)
		return;
	log_error("%s: %s: %s", g->device.name,
	        LANGUAGE("判定を適用できません", "the verdict is not in effect"), why);
	g->untold = why;
	unenforced_tell(e, g);
}

static int fault_tell(void *context, const struct fault *fault)
{
	struct event_record event;

	event_start(&event, EVENT_DEVICE_UNENFORCED);
	event_put(&event, FIELD_DEVICE, fault->name);
	event_put(&event, FIELD_VERDICT, treatment_name(TREATMENT_DENY));
	event_put(&event, FIELD_CAUSE, fault->why);
	return enforce_tell(context, &event);
}

static void fault_set(struct enforcement *e, const char *name, const char *why)
{
	faults_set(&e->faults, name, why);
	faults_tell(&e->faults, fault_tell, e);
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
	if (r == ERR_NOT_FOUND)
		return r;
	/* Main may have been slow, and done it all the same. */
	return state_is(e, g, authorised) ? 0 : (r != 0 ? r : ERR_IO);
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
	if (g->anew) {
		apply_authorised(e, g, false);
		if (g->unenforced != NULL)
			return; /* it is still let in as before: tried again */
	}
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

static int backlog_event_tell(void *context, const struct event_record *event)
{
	return enforce_tell(context, event);
}

void enforce_tell_of_departed(struct enforcement *e, const struct event_record *event)
{
	backlog_add(&e->departed, backlog_event_tell, e, event);
}

/* What was decided on it, and that it has gone, in the order in which things went. */
static void departed_tell(struct enforcement *e, struct guarded *g)
{
	struct event_record event;

	/* What waited for the journal was never let in. */
	g->verdict = enforce_verdict(g);
	g->held_back = false;
	if (!g->told) {
		verdict_describe(&event, e, g);
		enforce_tell_of_departed(e, &event);
	}
	if (g->untold != NULL) {
		unenforced_describe(&event, g);
		enforce_tell_of_departed(e, &event);
	}
	event_identify(&event, EVENT_DEVICE_REMOVED, g);
	enforce_tell_of_departed(e, &event);
}

static void forget(struct enforcement *e, size_t index)
{
	struct guarded *g = e->devices[index];

	media_prepare(e, g, TREATMENT_DENY);
	recollection_free(&g->past);
	e->count--;
	for (size_t i = index; i < e->count; i++)
		e->devices[i] = e->devices[i + 1];
	departed_tell(e, g);
	free(g);
}

void enforce_removed(struct enforcement *e, const char *name)
{
	size_t index = index_of(e, name);
	struct device_state state;

	/* A removal that is late must not forget what sits in the port now. */
	if (index < e->count &&
	        device_state_read(e->sys, &e->devices[index]->device, &state) == ERR_NOT_FOUND)
		forget(e, index);
}

static void controllers_close(struct enforcement *e)
{
	fault_set(e, FAULT_CONTROLLERS,
	        e->observe ? NULL : hubs_close_controllers(e->channel, e->sys));
}

static void hub_close(struct enforcement *e, const char *name)
{
	fault_set(e, name, e->observe ? NULL : hubs_close(e->channel, e->sys, name));
	device_hub_learn(e->sys, name, &e->hubs);
}

static struct guarded *device_take(struct enforcement *e, const char *name)
{
	struct guarded *g = e->count < ENFORCE_DEVICES_MAX ? calloc(1, sizeof(*g)) : NULL;
	int r = ERR_MEMORY;

	if (g != NULL)
		r = device_read(e->sys, name, &e->hubs, &g->device);
	if (r == 0)
		r = device_state_read(e->sys, &g->device, &g->state);
	/* One that has gone meanwhile is nothing to enforce; of any other nothing is known. */
	fault_set(e, name, r == 0 || r == ERR_NOT_FOUND ? NULL : error_text(r));
	if (r != 0) {
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

/* One that a look round met while the kernel was still adding it has no descriptors yet. They are
 * there when the kernel tells of it. */
static struct guarded *device_whole_now(struct enforcement *e, const char *name)
{
	size_t index = index_of(e, name);
	struct device whole;

	if (index == e->count || e->devices[index]->device.readable)
		return NULL;
	if (device_read(e->sys, name, &e->hubs, &whole) != 0 || !whole.readable)
		return NULL;
	e->devices[index]->device = whole;
	return e->devices[index];
}

void enforce_appeared(struct enforcement *e, const char *name)
{
	struct guarded *g = NULL;

	if (device_name_is_hub(name)) {
		controllers_close(e);
		hub_close(e, name);
	} else {
		g = device_new(e, name);
		if (g == NULL)
			g = device_whole_now(e, name);
	}
	if (g != NULL)
		judge_again(e, g);
}

static bool name_is_there(const void *context, const char *name)
{
	const struct usb_names *names = context;

	if (strcmp(name, FAULT_CONTROLLERS) == 0 || strcmp(name, FAULT_DEVICES) == 0)
		return true;
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->list[i].text, name) == 0)
			return true;
	}
	return false;
}

/* Hubs closed, what is new taken, what has gone forgotten; nothing judged. */
static void look_round(struct enforcement *e)
{
	struct usb_names names;
	int r = usb_names_read(e->sys, &names);

	controllers_close(e);
	fault_set(e, FAULT_DEVICES, r == 0 ? NULL : error_text(r));
	for (size_t i = 0; i < names.count; i++) {
		if (device_name_is_hub(names.list[i].text))
			hub_close(e, names.list[i].text);
		else
			(void)device_new(e, names.list[i].text);
	}
	for (size_t i = e->count; i > 0; i--) {
		if (!name_is_there(&names, e->devices[i - 1]->device.name))
			enforce_removed(e, e->devices[i - 1]->device.name);
	}
	if (r == 0)
		faults_forget(&e->faults, name_is_there, &names);
	usb_names_free(&names);
}

void enforce_everything(struct enforcement *e)
{
	look_round(e);
	enforce_judge_again(e);
}

/* What works first, then by name. */
static int device_compare(const void *a, const void *b)
{
	const struct guarded *left = *(struct guarded *const *)a;
	const struct guarded *right = *(struct guarded *const *)b;
	int works = (int)right->device.authorised - (int)left->device.authorised;

	return works != 0 ? works : usb_names_compare(left->device.name, right->device.name);
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
	backlog_work(&e->departed, backlog_event_tell, e);
	for (size_t i = 0; i < e->count; i++) {
		if (!e->devices[i]->told)
			apply(e, e->devices[i]);
		unenforced_tell(e, e->devices[i]);
	}
	faults_tell(&e->faults, fault_tell, e);
	return !enforce_is_told(e);
}

bool enforce_is_told(const struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (!e->devices[i]->told || e->devices[i]->untold != NULL)
			return false;
	}
	return e->departed.count == 0 && faults_are_told(&e->faults);
}

/* One that is kept until there is a policy is nothing to try again. */
bool enforce_is_enforced(const struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->devices[i]->unenforced != NULL && !e->devices[i]->kept)
			return false;
	}
	return faults_count(&e->faults) == 0;
}

/* More is open than the verdict lets in. */
static bool is_too_open(const struct enforcement *e, const struct guarded *g, bool wanted)
{
	if (!wanted)
		return g->state.authorised;
	return (g->state.open & ~interfaces_wanted(e, g, g->state.configuration)) != 0;
}

static bool is_as_judged(const struct enforcement *e, const struct guarded *g, bool wanted)
{
	return state_is(e, g, wanted) && !(wanted && g->anew) &&
	       !(wanted && e->media != NULL && media_failed(e->media, g->device.name) != NULL);
}

/* One that main was slow with may be right by now; one that it failed with is tried again. */
static void device_check(struct enforcement *e, struct guarded *g)
{
	bool wanted = enforce_verdict(g).treatment != TREATMENT_DENY;
	int r;

	if (g->kept || g->closing)
		return;
	r = device_state_read(e->sys, &g->device, &g->state);
	if (r == ERR_NOT_FOUND)
		return;
	g->device.authorised = g->state.authorised;
	if (r != 0) {
		unenforced_set(e, g, error_text(r));
		return;
	}
	if (is_as_judged(e, g, wanted)) {
		unenforced_set(e, g, NULL);
		return;
	}
	if (g->unenforced == NULL && is_too_open(e, g, wanted))
		g->told = false; /* somebody else did that */
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

/* The place of the device of "1-2:1.0"; e->count: it is not known. */
static size_t index_of_interface(const struct enforcement *e, const char *name)
{
	char device[DEVICE_NAME_MAX];
	size_t length = strcspn(name, ":");

	if (length >= sizeof(device) || name[length] == '\0')
		return e->count;
	memcpy(device, name, length);
	device[length] = '\0';
	return index_of(e, device);
}

void enforce_interface_changed(struct enforcement *e, const char *name)
{
	size_t index = index_of_interface(e, name);

	if (index < e->count)
		interfaces_check(e, e->devices[index]);
}

bool enforce_holds_closed(const struct enforcement *e, const char *name)
{
	size_t index = index_of_interface(e, name);

	return index < e->count && enforce_verdict(e->devices[index]).treatment == TREATMENT_DENY;
}

/* What is new here came without a uevent that was heard. */
void enforce_check(struct enforcement *e)
{
	look_round(e);
	for (size_t i = 0; i < e->count; i++) {
		if (e->devices[i]->judged)
			interfaces_check(e, e->devices[i]);
		else
			judge_again(e, e->devices[i]);
	}
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
	struct usb_names names;

	*figures = (struct enforcement_figures){.controllers_deny = hubs_controllers_deny(e->sys),
	        .unenforced = faults_count(&e->faults)};
	(void)usb_names_read(e->sys, &names);
	for (size_t i = 0; i < names.count && device_name_is_hub(names.list[i].text); i++) {
		figures->hubs++;
		if (hubs_deny(e->sys, names.list[i].text))
			figures->hubs_denying++;
	}
	usb_names_free(&names);
	for (size_t i = 0; i < e->count; i++)
		count_device(e->devices[i], figures);
}

void enforce_free(struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++) {
		recollection_free(&e->devices[i]->past);
		free(e->devices[i]);
	}
	backlog_free(&e->departed);
	recall_free(&e->recall);
	e->count = 0;
}
