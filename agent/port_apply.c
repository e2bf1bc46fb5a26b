#include "agent/port_apply.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "policy/treatment.h"

enum { LOG_NAME_MAX = 128, OFFERS_MAX = 4 };

struct verdict ports_verdict(const struct port_guarded *g)
{
	return enforce_while_held_back(g->verdict, g->held_back);
}

static bool is_denied(const struct port_guarded *g)
{
	return g->verdict.treatment == TREATMENT_DENY;
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

struct verdict port_judge(const struct ports *p, struct port_guarded *g)
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

static void verdict_log(const struct port_guarded *g)
{
	char name[LOG_NAME_MAX];

	log_info("%s/%s %s (%s): %s (%s)", g->look.kind->name, g->look.name,
	        log_printable(g->look.model, name, sizeof(name)), way_name(g->look.way),
	        is_denied(g) ? LANGUAGE("拒否", "denied") : LANGUAGE("許可", "allowed"),
	        reason_code(g->verdict.reason));
}

static void verdict_describe(
        struct event_record *event, const struct ports *p, const struct port_guarded *g)
{
	event_identify(event, is_denied(g) ? EVENT_DEVICE_DENIED : EVENT_DEVICE_ALLOWED, g);
	event_put(event, FIELD_WAYS, way_name(g->look.way));
	event_put(event, FIELD_VERDICT, treatment_name(g->verdict.treatment));
	event_put(event, FIELD_RULE, "implicit");
	event_put(event, FIELD_REASON, reason_code(g->verdict.reason));
	if (p->enforcement->observe)
		event_put(event, FIELD_OBSERVED, "true");
}

static void verdict_tell(struct ports *p, struct port_guarded *g)
{
	struct event_record event;

	if (g->told || g->quiet) {
		g->told = true;
		return;
	}
	verdict_describe(&event, p, g);
	g->told = enforce_tell(p->enforcement, &event) == 0;
	if (g->told)
		verdict_log(g);
}

static void unenforced_describe(struct event_record *event, const struct port_guarded *g)
{
	event_identify(event, EVENT_DEVICE_UNENFORCED, g);
	event_put(event, FIELD_VERDICT, treatment_name(g->verdict.treatment));
	event_put(event, FIELD_CAUSE, g->untold);
}

void port_unenforced_tell(struct ports *p, struct port_guarded *g)
{
	struct event_record event;

	if (g->untold == NULL)
		return;
	unenforced_describe(&event, g);
	if (enforce_tell(p->enforcement, &event) == 0)
		g->untold = NULL;
}

/* Told once for each cause: why is a string of error_text()'s. */
static void unenforced_set(struct ports *p, struct port_guarded *g, const char *why)
{
	bool new = why != NULL && (g->unenforced == NULL || strcmp(why, g->unenforced) != 0);

	g->unenforced = why;
	if (!new)
		return;
	log_error("%s/%s: %s: %s", g->look.kind->name, g->look.name,
	        LANGUAGE("判定を適用できません", "the verdict is not in effect"), why);
	g->untold = why;
	port_unenforced_tell(p, g);
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

	g->offered = 0;
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

void port_release(struct ports *p, struct port_guarded *g)
{
	int sys = p->enforcement->sys;
	int r = 0;

	if (!port_is_released(sys, &g->look) || port_lacks_driver(sys, &g->look))
		r = port_request(p, REQUEST_PORT_ALLOW, &g->look);
	g->offered++;
	/* Main may have been slow and done it all the same; one that no driver wants is released.
	 */
	if (port_is_released(sys, &g->look) && !port_lacks_driver(sys, &g->look))
		r = 0;
	else if (r == 0 && !port_is_released(sys, &g->look))
		r = ERR_IO;
	unenforced_set(p, g, r == 0 ? NULL : error_text(r));
}

bool port_wants_driver(const struct ports *p, const struct port_guarded *g)
{
	return g->offered > 0 && g->offered < OFFERS_MAX &&
	       port_lacks_driver(p->enforcement->sys, &g->look);
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

const char *port_media_cause(const struct ports *p, const struct port_guarded *g)
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
	const char *why = port_media_cause(p, g);

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
		port_release(p, g);
	else
		stop(p, g);
}

void port_apply(struct ports *p, struct port_guarded *g)
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

void port_judge_and_apply(struct ports *p, struct port_guarded *g)
{
	struct verdict v = port_judge(p, g);

	if (!verdict_equals(&v, &g->verdict)) {
		g->verdict = v;
		g->told = false;
	}
	port_apply(p, g);
}

/* One that somebody else has let in is told of once more. */
void port_check(struct ports *p, struct port_guarded *g)
{
	bool denied =
	        ports_verdict(g).treatment == TREATMENT_DENY || port_media_cause(p, g) != NULL;
	bool right =
	        denied ? port_is_stopped(p->enforcement->sys, &g->look)
	               : port_is_released(p->enforcement->sys, &g->look) && g->unenforced == NULL;

	if (g->closing)
		return;
	if (right || (denied && g->quiet)) {
		unenforced_set(p, g, NULL);
		return;
	}
	if (denied && g->unenforced == NULL)
		g->told = false;
	port_apply(p, g);
}

void port_go(struct ports *p, struct port_guarded *g)
{
	struct event_record event;

	/* What waited for the journal was never let in. */
	g->verdict = ports_verdict(g);
	g->held_back = false;
	if (!g->told && !g->quiet) {
		verdict_describe(&event, p, g);
		enforce_tell_once(p->enforcement, &event);
	}
	if (g->untold != NULL) {
		unenforced_describe(&event, g);
		enforce_tell_once(p->enforcement, &event);
	}
	if (g->quiet)
		return;
	event_identify(&event, EVENT_DEVICE_REMOVED, g);
	enforce_tell_once(p->enforcement, &event);
	media_prepare(p, g, TREATMENT_DENY);
}

/* Its disk must be opened by whoever mounts it, with or without us. */
static bool carries_disk(const struct port_look *look)
{
	return look->kind->means == PORT_BY_STATE || look->way == WAY_MMC ||
	       look->way == WAY_NVME_HOTPLUG;
}

void port_own_release(struct ports *p, const struct port_look *look)
{
	const struct enforcement *e = p->enforcement;

	if (e->observe)
		return;
	if (e->media != NULL && carries_disk(look))
		media_expect(e->media, look->name, TREATMENT_ALLOW);
	if (look->kind->closes && port_lacks_driver(e->sys, look))
		(void)port_request(p, REQUEST_PORT_ALLOW, look);
}
