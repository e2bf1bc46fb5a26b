#include "agent/courier.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/paths.h"
#include "core/error.h"
#include "core/file.h"
#include "core/jws.h"
#include "core/log.h"

enum {
	CA_FILE_MAX = 1 << 18,
	OFFLINE_REPORTS_MAX = 64,
	OFFLINE_DOUBLINGS = 12,
	HEARTBEAT_SLACK_S = 10
};

static const char REPORT_PATH[] = "/v1/report";
static const char WAIT_PATH[] = "/v1/wait";

static void send_lowest(struct courier *c);
static void go_on(struct courier *c);
static void connect_now(struct courier *c);

/* --- saying what is --- */

static void say_problem(struct courier *c, const char *cause)
{
	if (strcmp(cause, c->problem) == 0)
		return;
	snprintf(c->problem, sizeof(c->problem), "%s", cause);
	if (cause[0] != '\0')
		log_warning("%s: %s", c->collector, cause);
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
	if (c->collector[0] != '\0')
		event_put(e, FIELD_COLLECTOR, c->collector);
	(void)channel_state(c->channel, ROLE_REPORTER, e);
	free(e);
}

/* In the journal once for each cause, until a receipt comes. */
static void record_refusal(struct courier *c, const char *cause)
{
	struct event_record *e;

	if (strcmp(cause, c->refused) == 0)
		return;
	log_error("%s: %s %" PRIu64 ": %s", c->collector, "report", c->sending, cause);
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return;
	event_start(e, EVENT_REPORT_REFUSED);
	event_put(e, FIELD_COLLECTOR, c->collector);
	event_put_number(e, FIELD_SEQ, c->sending);
	event_put(e, FIELD_CAUSE, cause);
	if (channel_event(c->channel, e) == 0)
		snprintf(c->refused, sizeof(c->refused), "%s", cause);
	free(e);
}

/* --- time --- */

static void add_timer(struct event *timer, int64_t ms)
{
	struct timeval in = {
	        .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	evtimer_add(timer, &in);
}

/* Between a half and one and a half of it: terminals that lost the same collector do not come back
 * together. */
static int64_t jittered(int64_t ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)clock_boot_ms() * 2654435761u;
	return ms / 2 + (int64_t)((uint64_t)ms * random >> 32);
}

static int64_t doubled(int64_t first_ms, unsigned times, int64_t max_ms)
{
	int64_t ms = first_ms << (times < 16 ? times : 16);

	return ms < max_ms ? ms : max_ms;
}

static bool comes_sooner(const struct event *timer, int64_t ms)
{
	struct timeval due, now;

	if (!evtimer_pending(timer, &due) || gettimeofday(&now, NULL) != 0)
		return false;
	return (due.tv_sec - now.tv_sec) * INT64_C(1000) + (due.tv_usec - now.tv_usec) / 1000 < ms;
}

/* News that never pauses must not put off the report that tells it. */
static void plan_offline(struct courier *c)
{
	int64_t since = clock_boot_ms() - c->made_ms;
	int64_t in = COURIER_OFFLINE_HEARTBEAT_S * INT64_C(1000) - since;

	if (c->link.news)
		in = doubled(COURIER_DEBOUNCE_MS, c->offline_made,
		        COURIER_DEBOUNCE_MS << OFFLINE_DOUBLINGS);
	if (!comes_sooner(c->offline, in))
		add_timer(c->offline, in > 0 ? in : 0);
}

static void drop_connection(struct courier *c)
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
	drop_connection(c);
	c->phase = COURIER_WAITING;
	/* Whoever answers next may be a collector that does not know it. */
	c->nonce[0] = '\0';
	add_timer(c->retry, jittered(ms));
	plan_offline(c);
}

static void retry_later(struct courier *c, const char *cause)
{
	say_problem(c, cause);
	wait_for_retry(c, doubled(1000, c->attempts++, COURIER_BACKOFF_MAX_S * INT64_C(1000)));
}

/* Refused for good as it stands: kept, told, and tried again ever more seldom. */
static void refuse(struct courier *c, const char *cause)
{
	record_refusal(c, cause);
	wait_for_retry(c, doubled(COURIER_BACKOFF_MAX_S * INT64_C(1000), c->refusals++,
	                          COURIER_REFUSED_MAX_S * INT64_C(1000)));
}

/* --- from the signer into the outbox --- */

static int store_report(struct courier *c, const struct report *report)
{
	int error = outbox_store(&c->outbox, report->seq, report->jws, report->length);

	if (error == 0)
		error = report_link_stored(&c->link, report->seq);
	return error;
}

static int make_report(struct courier *c, const uint8_t *exporter)
{
	struct report report;
	int error = report_link_make(&c->link, c->nonce, exporter, c->full_state, &report);

	if (error == 0)
		error = store_report(c, &report);
	if (error == 0) {
		if (c->nonce[0] != '\0')
			c->nonce_seq = report.seq;
		c->nonce[0] = '\0';
		c->full_state = false;
		c->more = report.more;
		c->made_ms = clock_boot_ms();
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
		error = make_report(c, NULL);
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

/* --- from the outbox to the collector --- */

/* A report of this connection first: it is what binds the connection to the terminal. */
static void on_secured(void *context, const uint8_t exporter[HTTP_EXPORTER_SIZE])
{
	struct courier *c = context;
	int error;

	memcpy(c->exporter, exporter, sizeof(c->exporter));
	c->phase = COURIER_SENDING;
	error = make_report(c, c->exporter);
	if (error != 0) {
		retry_later(c,
		        error == ERR_NOT_FOUND ? "the signer makes no reports" : error_text(error));
		return;
	}
	c->sending = outbox_highest(&c->outbox);
	error = outbox_read(&c->outbox, c->sending, &c->jws, &c->length);
	if (error == 0)
		error = http_client_post(c->client, REPORT_PATH, "application/jose", c->jws,
		        c->length, COURIER_ANSWER_S);
	if (error != 0)
		retry_later(c, error_text(error));
}

static void send_lowest(struct courier *c)
{
	int error;

	free(c->jws);
	c->jws = NULL;
	c->phase = COURIER_SENDING;
	c->sending = outbox_lowest(&c->outbox);
	error = outbox_read(&c->outbox, c->sending, &c->jws, &c->length);
	if (error != 0) {
		refuse(c, "its file in the outbox cannot be read");
		return;
	}
	error = http_client_post(
	        c->client, REPORT_PATH, "application/jose", c->jws, c->length, COURIER_ANSWER_S);
	if (error != 0)
		retry_later(c, error_text(error));
}

static void make_and_send(struct courier *c)
{
	int error = make_report(c, c->exporter);

	if (error != 0)
		retry_later(c, error_text(error));
	else
		send_lowest(c);
}

/* On a bound connection with an answered request: what is next? */
static void go_on(struct courier *c)
{
	int error;

	if (c->outbox.count > 0) {
		send_lowest(c);
		return;
	}
	if (c->more || c->link.news || !c->fresh) {
		make_and_send(c);
		return;
	}
	c->phase = COURIER_POLLING;
	error = http_client_get(c->client, WAIT_PATH, COURIER_WAIT_S);
	if (error != 0)
		retry_later(c, error_text(error));
}

static void take_receipt(struct courier *c, const struct http_answer *answer)
{
	struct receipt_claim claim = {c->enrolment.ueid, c->sending, c->jws, c->length};
	struct receipt receipt;
	int error = strcmp(answer->type, "application/jose") != 0
	                    ? ERR_FORMAT
	                    : receipt_verify((const char *)answer->body, answer->length,
	                              c->receipt_key, &claim, &receipt);

	if (error == 0)
		error = outbox_remove(&c->outbox, c->sending);
	if (error != 0) {
		refuse(c, error == ERR_SIGNATURE ? "receipt: wrong signature"
		                                 : "receipt: not for this report");
		return;
	}
	snprintf(c->nonce, sizeof(c->nonce), "%s", receipt.nonce);
	c->full_state = c->full_state || receipt.full_state;
	c->fresh = c->fresh || (c->nonce_seq != 0 && c->sending == c->nonce_seq);
	clock_format(receipt.received, c->last_receipt);
	c->attempts = 0;
	c->refusals = 0;
	c->offline_made = 0;
	c->refused[0] = '\0';
	say_problem(c, "");
	tell_state(c);
	go_on(c);
}

/* "403 bad-signature", from whatever the collector answered. */
static void describe(const struct http_answer *answer, char *out, size_t size, json_int_t *expected)
{
	json_t *document = json_loadb(
	        (const char *)answer->body, answer->length, JSON_REJECT_DUPLICATES, NULL);
	const char *code = json_string_value(json_object_get(document, "error"));
	char shown[64];

	*expected = json_integer_value(json_object_get(document, "expected"));
	snprintf(out, size, "%d %s", answer->status,
	        log_printable(code != NULL ? code : "", shown, sizeof(shown)));
	json_decref(document);
}

static void take_refusal(struct courier *c, const struct http_answer *answer)
{
	json_int_t expected = 0;
	uint64_t lowest = outbox_lowest(&c->outbox);
	char cause[160];

	describe(answer, cause, sizeof(cause), &expected);
	if (answer->status >= 500 || answer->status == 408 || answer->status == 429) {
		retry_later(c, cause);
	} else if (strcmp(cause, "409 out-of-order") == 0 && c->sending != lowest && expected > 0 &&
	           lowest <= (uint64_t)expected) {
		/* The connection is bound; now what was kept while there was none. */
		send_lowest(c);
	} else {
		refuse(c, cause);
	}
}

static int read_nonce(const struct http_answer *answer, char out[RECEIPT_NONCE_SIZE])
{
	json_t *document = json_loadb(
	        (const char *)answer->body, answer->length, JSON_REJECT_DUPLICATES, NULL);
	const char *nonce = NULL;
	int error = json_unpack(document, "{s:s!}", "nonce", &nonce) == 0 &&
	                            receipt_nonce_is_valid(nonce)
	                    ? 0
	                    : ERR_FORMAT;

	if (error == 0)
		memcpy(out, nonce, RECEIPT_NONCE_SIZE);
	json_decref(document);
	return error;
}

static void take_poll(struct courier *c, const struct http_answer *answer)
{
	int64_t since = clock_boot_ms() - c->made_ms;
	char cause[160];
	json_int_t expected;

	if (answer->status == 200 && read_nonce(answer, c->nonce) == 0) {
		make_and_send(c);
	} else if (answer->status == 204) {
		if (since >= (COURIER_HEARTBEAT_S - HEARTBEAT_SLACK_S) * INT64_C(1000))
			make_and_send(c);
		else
			go_on(c);
	} else {
		describe(answer, cause, sizeof(cause), &expected);
		retry_later(c, cause);
	}
}

static void on_answered(void *context, const struct http_answer *answer)
{
	struct courier *c = context;

	if (c->phase == COURIER_POLLING)
		take_poll(c, answer);
	else if (answer->status == 200)
		take_receipt(c, answer);
	else
		take_refusal(c, answer);
}

static void on_failed(void *context, int error, const char *cause)
{
	char shown[160];

	(void)error;
	retry_later(context, log_printable(cause, shown, sizeof(shown)));
}

static const struct http_handlers HANDLERS = {on_secured, on_answered, on_failed};

static void connect_now(struct courier *c)
{
	int error;

	drop_connection(c);
	evtimer_del(c->retry);
	evtimer_del(c->offline);
	c->phase = COURIER_CONNECTING;
	error = http_client_open(
	        c->base, c->dns, c->trust, &c->url, REPORT_PATH, &HANDLERS, c, &c->client);
	if (error != 0)
		retry_later(c, error_text(error));
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
	struct courier *c = context;

	(void)fd;
	(void)what;
	if (c->phase == COURIER_WAITING)
		connect_now(c);
}

/* A request under way cannot be taken back but with its connection; the last nonce stays good. */
static void on_debounced(evutil_socket_t fd, short what, void *context)
{
	struct courier *c = context;

	(void)fd;
	(void)what;
	if (c->phase == COURIER_POLLING && c->link.news)
		connect_now(c);
}

void courier_notice_news(struct courier *c)
{
	if (!c->link.news)
		return;
	if (c->phase == COURIER_POLLING && !evtimer_pending(c->debounce, NULL))
		add_timer(c->debounce, COURIER_DEBOUNCE_MS);
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

static void forget_collector(struct courier *c)
{
	drop_connection(c);
	evtimer_del(c->retry);
	evtimer_del(c->offline);
	if (c->dns != NULL)
		evdns_base_free(c->dns, 0);
	c->dns = NULL;
	http_trust_free(&c->trust);
	key_free(&c->receipt_key);
	enrolment_clear(&c->enrolment);
	c->collector[0] = '\0';
	c->nonce[0] = '\0';
	c->problem[0] = '\0';
	c->refused[0] = '\0';
	c->attempts = 0;
	c->refusals = 0;
	c->phase = COURIER_OFF;
}

/* agent.yaml may name the collector's present address; the enrolment names the one it was made
 * with. */
static void choose_collector(struct courier *c)
{
	struct agent_config config = {0};
	char message[160];
	unsigned line = 0;

	if (config_read(c->root, &config, &line, message) != 0 || config.collector[0] == '\0')
		snprintf(c->collector, sizeof(c->collector), "%s", c->enrolment.collector);
	else
		snprintf(c->collector, sizeof(c->collector), "%s", config.collector);
}

static int load_trust(struct courier *c)
{
	uint8_t *pem = NULL;
	size_t length = 0;
	int fd, error = file_open_checked(
	                c->root, PATH_COLLECTOR_CA, (uid_t)-1, 0644, CA_FILE_MAX, &fd);

	if (error != 0)
		return error;
	error = file_read(fd, CA_FILE_MAX, &pem, &length);
	close(fd);
	if (error == 0)
		error = http_trust_new(pem, length, &c->trust);
	free(pem);
	return error;
}

/* What resolv.conf cannot tell, /etc/hosts or a numeric address can: neither missing is an error.
 */
static int open_resolver(struct courier *c)
{
	c->dns = evdns_base_new(c->base, 0);
	if (c->dns == NULL)
		return ERR_MEMORY;
	(void)evdns_base_resolv_conf_parse(c->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	return 0;
}

static int load_collector(struct courier *c)
{
	int error = enrolment_read(c->root, &c->enrolment);

	if (error != 0) {
		if (error != ERR_NOT_FOUND)
			log_error("%s: %s", ENROLMENT_FILE, error_text(error));
		return error;
	}
	choose_collector(c);
	error = http_url_parse(c->collector, &c->url);
	if (error == 0)
		error = key_read_public((const uint8_t *)c->enrolment.receipt_key,
		        strlen(c->enrolment.receipt_key), &c->receipt_key);
	if (error != 0) {
		log_error("%s: %s", ENROLMENT_FILE, error_text(error));
		return error;
	}
	error = load_trust(c);
	if (error != 0) {
		log_error("%s: %s", PATH_COLLECTOR_CA, error_text(error));
		return error;
	}
	return open_resolver(c);
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
		ours = ueid == NULL || strcmp(ueid, c->enrolment.ueid) == 0;
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

	forget_collector(c);
	error = load_collector(c);
	if (error == 0) {
		clear_foreign(c);
		connect_now(c);
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
	forget_collector(c);
	outbox_close(&c->outbox);
	event_free(c->retry);
	event_free(c->debounce);
	event_free(c->offline);
}
