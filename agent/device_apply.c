#include "agent/device_apply.h"

#include <stdio.h>
#include <string.h>

#include "agent/usb_number.h"
#include "agent/ways.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "policy/treatment.h"

enum { SILENCE_MS = 2000, LOG_NAME_MAX = 128 };

#define BIT(way) (UINT32_C(1) << (way))

/* --- telling --------------------------------------------------------------------------------- */

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

/* --- what the kernel has, and asking main ---------------------------------------------------- */

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

/* Who has the node reaches every part of the device, and a medium past its file system. */
static bool node_may_open(const struct guarded *g)
{
	return g->verdict.treatment == TREATMENT_ALLOW && !g->verdict.partial;
}

int device_ask(struct enforcement *e, struct guarded *g, bool authorised, unsigned configuration)
{
	uint64_t number = g->device.devnum;
	int gone;
	int r;

	if (authorised && configuration != 0)
		number = usb_number_authorise(
		        g->device.devnum, configuration, interfaces_wanted(e, g, configuration));
	if (authorised && configuration != 0 && node_may_open(g))
		number |= USB_NODE_OPEN;
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
		(void)device_ask(e, g, true, 0);
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

void device_unenforced_tell(struct enforcement *e, struct guarded *g)
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
	device_unenforced_tell(e, g);
}

/* --- applying -------------------------------------------------------------------------------- */

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
	r = device_ask(e, g, authorised, configuration);
	if (r == ERR_VERSION && g->state.configuration != configuration)
		r = device_ask(e, g, authorised, g->state.configuration);
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

void device_apply(struct enforcement *e, struct guarded *g)
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

/* What was decided on it, and that it has gone, in the order in which things went. */
void device_go(struct enforcement *e, struct guarded *g)
{
	struct event_record event;

	media_prepare(e, g, TREATMENT_DENY);
	/* What waited for the journal was never let in. */
	g->verdict = enforce_verdict(g);
	g->held_back = false;
	if (!g->told) {
		verdict_describe(&event, e, g);
		enforce_tell_once(e, &event);
	}
	if (g->untold != NULL) {
		unenforced_describe(&event, g);
		enforce_tell_once(e, &event);
	}
	event_identify(&event, EVENT_DEVICE_REMOVED, g);
	enforce_tell_once(e, &event);
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

void device_reopen(struct enforcement *e, struct guarded *g)
{
	bool open = is_allowed(g) && g->told && !g->held_back && !g->closing && !g->anew;

	if (open && g->state.authorised && g->state.configuration != 0 && !state_is(e, g, true))
		apply_authorised(e, g, true);
}

/* One that main was slow with may be right by now; one that it failed with is tried again. */
void device_check(struct enforcement *e, struct guarded *g)
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
		device_apply(e, g);
}
