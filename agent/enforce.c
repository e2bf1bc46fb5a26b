#include "agent/enforce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/device_apply.h"
#include "agent/hubs.h"
#include "agent/probation.h"
#include "agent/usb_names.h"
#include "core/clock.h"
#include "core/error.h"
#include "policy/treatment.h"

/* What faults that are no device's are called. */
#define FAULT_CONTROLLERS "usbcore"
#define FAULT_DEVICES "usb"

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
	struct circumstances c = {.rules.moment = clock_wall(),
	        .rules.allowed = e->allowed,
	        .keyboard_rules = e->keyboard_rules};

	for (size_t i = 0; i < e->count; i++) {
		const struct guarded *other = e->devices[i];

		if (other == g || !other->judged || other->verdict.treatment == TREATMENT_DENY)
			continue;
		if (facts_may_type(&other->device.facts))
			e->keyboard_rules[c.keyboards++] = other->verdict.rule;
		e->allowed[c.rules.allowed_count++] = &other->device.facts;
	}
	return c;
}

int enforce_tell_fault(void *enforcement, const struct fault *fault)
{
	struct event_record event;

	event_start(&event, EVENT_DEVICE_UNENFORCED);
	event_put(&event, FIELD_DEVICE, fault->name);
	event_put(&event, FIELD_VERDICT, treatment_name(TREATMENT_DENY));
	event_put(&event, FIELD_CAUSE, fault->why);
	return enforce_tell(enforcement, &event);
}

static void fault_set(struct enforcement *e, const char *name, const char *why)
{
	faults_set(&e->faults, name, why);
	faults_tell(&e->faults, enforce_tell_fault, e);
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
	if (!g->state.authorised && device_ask(e, g, true, 0) != 0)
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
	device_apply(e, g);
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

void enforce_tell_once(struct enforcement *e, const struct event_record *event)
{
	backlog_add(&e->departed, backlog_event_tell, e, event);
}

static void forget(struct enforcement *e, size_t index)
{
	struct guarded *g = e->devices[index];

	e->keyboard_gone |=
	        g->verdict.treatment != TREATMENT_DENY && facts_may_type(&g->device.facts);
	recollection_free(&g->past);
	e->count--;
	for (size_t i = index; i < e->count; i++)
		e->devices[i] = e->devices[i + 1];
	device_go(e, g);
	free(g);
}

/* A keyboard that is moved to another port may be met there before it has left this one. */
static void keyboards_judge_again(struct enforcement *e)
{
	for (size_t i = 0; e->keyboard_gone && i < e->count; i++) {
		if (e->devices[i]->verdict.reason == REASON_SECOND_KEYBOARD)
			judge_again(e, e->devices[i]);
	}
	e->keyboard_gone = false;
}

static void device_removed(struct enforcement *e, const char *name)
{
	size_t index = index_of(e, name);
	struct device_state state;

	/* A removal that is late must not forget what sits in the port now. */
	if (index < e->count &&
	        device_state_read(e->sys, &e->devices[index]->device, &state) == ERR_NOT_FOUND)
		forget(e, index);
}

void enforce_removed(struct enforcement *e, const char *name)
{
	device_removed(e, name);
	keyboards_judge_again(e);
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
	device_removed(e, name);
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
	keyboards_judge_again(e);
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
			device_removed(e, e->devices[i - 1]->device.name);
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
	e->keyboard_gone = false;
}

void enforce_media_ended(struct enforcement *e)
{
	for (size_t i = 0; i < e->count; i++) {
		struct guarded *g = e->devices[i];

		if (g->closing ||
		        (g->device.authorised && media_failed(e->media, g->device.name) != NULL))
			device_apply(e, g);
	}
}

bool enforce_tell_again(struct enforcement *e)
{
	backlog_work(&e->departed, backlog_event_tell, e);
	for (size_t i = 0; i < e->count; i++) {
		if (!e->devices[i]->told)
			device_apply(e, e->devices[i]);
		device_unenforced_tell(e, e->devices[i]);
	}
	faults_tell(&e->faults, enforce_tell_fault, e);
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

void enforce_interface_added(struct enforcement *e, const char *name)
{
	size_t index = index_of_interface(e, name);

	if (index == e->count)
		return;
	interfaces_check(e, e->devices[index]);
	if (!e->observe)
		device_reopen(e, e->devices[index]);
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
	keyboards_judge_again(e);
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
