#include "agent/courier.h"

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/courier_talk.h"
#include "agent/paths.h"
#include "agent/schedule.h"
#include "core/error.h"
#include "core/jws.h"
#include "core/log.h"

enum { OFFLINE_REPORTS_MAX = 64, OFFLINE_DOUBLINGS = 12 };

/* --- saying what is --- */

static void say_problem(struct courier *c, const char *cause)
{
	if (strcmp(cause, c->problem) == 0)
		return;
	snprintf(c->problem, sizeof(c->problem), "%s", cause);
	if (cause[0] != '\0')
		log_warning("%s: %s", c->to.collector, cause);
}

static void tell_state(struct courier *c)
{
	struct event_record *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return;
	event_start(e, 0);
	event_put_number(e, FIELD_OUTBOX, c->outbox.count);
	if (c->last_receipt[0] != '\0')
		event_put(e, FIELD_LAST_RECEIPT, c->last_receipt);
	if (c->to.collector[0] != '\0')
		event_put(e, FIELD_COLLECTOR, c->to.collector);
	(void)channel_state(c->channel, ROLE_REPORTER, e);
	free(e);
}

/* In the journal once for each cause, until a receipt comes. */
static void record_refusal(struct courier *c, const char *cause)
{
	struct event_record *e;

	if (strcmp(cause, c->refused) == 0)
		return;
	log_error("%s: %s %" PRIu64 ": %s", c->to.collector, "report", c->sending, cause);
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return;
	event_start(e, EVENT_REPORT_REFUSED);
	event_put(e, FIELD_COLLECTOR, c->to.collector);
	event_put_number(e, FIELD_SEQ, c->sending);
	event_put(e, FIELD_CAUSE, cause);
	if (channel_event(c->channel, e) == 0)
		snprintf(c->refused, sizeof(c->refused), "%s", cause);
	free(e);
}

/* --- time --- */

/* News that never pauses must not put off the report that tells it. */
static void plan_offline(struct courier *c)
{
	int64_t since = clock_boot_ms() - c->made_ms;
	int64_t in = COURIER_OFFLINE_HEARTBEAT_S * INT64_C(1000) - since;

	if (c->link.news)
		in = schedule_doubled(COURIER_DEBOUNCE_MS, c->offline_made,
		        COURIER_DEBOUNCE_MS << OFFLINE_DOUBLINGS);
	if (!schedule_comes_sooner(c->offline, in))
		schedule_timer(c->offline, in > 0 ? in : 0);
}

void courier_drop_connection(struct courier *c)
{
	http_client_close(&c->client);
	free(c->jws);
	c->jws = NULL;
	c->length = 0;
	c->fresh = false;
	c->nonce_seq = 0;
	c->more = false;
	evtimer_del(c->debounce);
}

static void wait_for_retry(struct courier *c, int64_t ms)
{
	courier_drop_connection(c);
	c->phase = COURIER_WAITING;
	/* Whoever answers next may be a collector that does not know it. */
	c->nonce[0] = '\0';
	schedule_timer(c->retry, schedule_jittered(ms));
	plan_offline(c);
}

void courier_retry_later(struct courier *c, const char *cause)
{
	say_problem(c, cause);
	wait_for_retry(
	        c, schedule_doubled(1000, c->attempts++, COURIER_BACKOFF_MAX_S * INT64_C(1000)));
}

void courier_refuse(struct courier *c, const char *cause)
{
	record_refusal(c, cause);
	wait_for_retry(c, schedule_doubled(COURIER_BACKOFF_MAX_S * INT64_C(1000), c->refusals++,
	                          COURIER_REFUSED_MAX_S * INT64_C(1000)));
}

void courier_note_receipt(struct courier *c, int64_t received)
{
	clock_format(received, c->last_receipt);
	c->attempts = 0;
	c->refusals = 0;
	c->offline_made = 0;
	c->refused[0] = '\0';
	say_problem(c, "");
	tell_state(c);
}

/* --- from the signer into the outbox --- */

static int store_report(struct courier *c, const struct report *report)
{
	int error = outbox_store(&c->outbox, report->seq, report->jws, report->length);

	if (error == 0)
		error = report_link_stored(&c->link, report->seq);
	return error;
}

int courier_make_report(struct courier *c, const uint8_t *exporter)
{
	struct report report = {0};
	/* Another piece of the same news needs no new look. */
	int error = c->more ? 0 : channel_roll(c->channel);

	if (error == 0)
		error = report_link_make(&c->link, c->nonce, exporter, c->full_state, &report);
	if (error == 0)
		error = store_report(c, &report);
	if (error == 0) {
		if (c->nonce[0] != '\0')
			c->nonce_seq = report.seq;
		c->nonce[0] = '\0';
		c->full_state = false;
		c->more = report.more;
		c->made_ms = clock_boot_ms();
		c->interval_s = report.interval_s != 0 ? report.interval_s : COURIER_INTERVAL_S;
		tell_state(c);
	}
	free(report.jws);
	/* What was not made is still to be told. */
	if (error != 0 && error != ERR_NOT_FOUND)
		c->link.news = true;
	if (c->link.lost)
		c->fatal = ERR_TIMEOUT;
	return error;
}

static void on_offline(evutil_socket_t fd, short what, void *context)
{
	struct courier *c = context;
	int error;

	(void)fd;
	(void)what;
	if (c->phase != COURIER_WAITING)
		return;
	for (int i = 0; i < OFFLINE_REPORTS_MAX; i++) {
		error = courier_make_report(c, NULL);
		if (error != 0 || !c->more)
			break;
	}
	if (error != 0 && error != ERR_NOT_FOUND)
		log_warning("outbox: %s", error_text(error));
	/* Without this a full disk would be tried in a loop. */
	if (error != 0)
		c->made_ms = clock_boot_ms();
	c->link.news = c->link.news || c->more;
	c->offline_made++;
	plan_offline(c);
}

/* --- from outside --- */

static void on_retry(evutil_socket_t fd, short what, void *context)
{
	struct courier *c = context;

	(void)fd;
	(void)what;
	if (c->phase == COURIER_WAITING)
		courier_connect(c);
}

/* A request under way cannot be taken back but with its connection; the last nonce stays good. */
static void on_debounced(evutil_socket_t fd, short what, void *context)
{
	struct courier *c = context;

	(void)fd;
	(void)what;
	if (c->phase == COURIER_POLLING && c->link.news)
		courier_connect(c);
}

void courier_notice_news(struct courier *c)
{
	if (!c->link.news)
		return;
	if (c->phase == COURIER_POLLING && !evtimer_pending(c->debounce, NULL))
		schedule_timer(c->debounce, COURIER_DEBOUNCE_MS);
	else if (c->phase == COURIER_WAITING)
		plan_offline(c);
}

void courier_greet_signer(struct courier *c)
{
	c->link.news = true;
	c->link.lost = false;
	tell_state(c);
	courier_notice_news(c);
}

/* --- with whom --- */

static void forget_recipient(struct courier *c)
{
	courier_drop_connection(c);
	evtimer_del(c->retry);
	evtimer_del(c->offline);
	recipient_clear(&c->to);
	c->nonce[0] = '\0';
	c->problem[0] = '\0';
	c->refused[0] = '\0';
	c->attempts = 0;
	c->refusals = 0;
	c->interval_s = COURIER_INTERVAL_S;
	c->phase = COURIER_OFF;
}

static bool is_ours(const struct courier *c, uint64_t seq)
{
	char *jws = NULL;
	uint8_t *payload = NULL;
	size_t length = 0;
	json_t *claims;
	const char *ueid;
	bool ours = true;

	/* What cannot be read stays, and is told when its turn comes. */
	if (outbox_read(&c->outbox, seq, &jws, &length) == 0 &&
	        jws_peek(jws, length, &payload, &length) == 0) {
		claims = json_loadb((const char *)payload, length, 0, NULL);
		ueid = json_string_value(json_object_get(claims, "ueid"));
		ours = ueid == NULL || strcmp(ueid, c->to.enrolment.ueid) == 0;
		json_decref(claims);
	}
	free(payload);
	free(jws);
	return ours;
}

/* Reports of an enrolment that is over: nobody takes them any more, and the new one reports the
 * whole journal again. */
static void clear_foreign(struct courier *c)
{
	size_t cleared = 0;

	for (size_t i = c->outbox.count; i > 0; i--)
		if (!is_ours(c, c->outbox.seqs[i - 1]) &&
		        outbox_remove(&c->outbox, c->outbox.seqs[i - 1]) == 0)
			cleared++;
	if (cleared > 0)
		log_warning("outbox: %zu reports of an earlier enrolment removed", cleared);
}

void courier_reload(struct courier *c)
{
	int error;

	forget_recipient(c);
	error = recipient_load(&c->to, c->base, c->root);
	if (error == 0) {
		clear_foreign(c);
		courier_connect(c);
	}
	tell_state(c);
}

int courier_open(struct courier *c, struct event_base *base, struct channel *channel, int root)
{
	int dir, error;

	c->base = base;
	c->channel = channel;
	c->root = root;
	c->link.channel = channel;
	c->made_ms = clock_boot_ms();
	c->retry = evtimer_new(base, on_retry, c);
	c->debounce = evtimer_new(base, on_debounced, c);
	c->offline = evtimer_new(base, on_offline, c);
	if (c->retry == NULL || c->debounce == NULL || c->offline == NULL)
		return ERR_MEMORY;
	dir = openat(root, PATH_OUTBOX_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return ERR_IO;
	error = outbox_open(dir, &c->outbox);
	close(dir);
	return error;
}

void courier_close(struct courier *c)
{
	forget_recipient(c);
	outbox_close(&c->outbox);
	event_free(c->retry);
	event_free(c->debounce);
	event_free(c->offline);
}
