#include "agent/courier_talk.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/schedule.h"
#include "core/error.h"
#include "core/jws.h"
#include "core/log.h"

/* Beyond what the collector was asked to answer within. */
enum { ANSWER_S = 30, WAIT_SLACK_S = 20 };

static const char REPORT_PATH[] = "/v1/report";

/* A report of this connection first: it is what binds the connection to the terminal. */
static void on_secured(void *context, const uint8_t exporter[HTTP_EXPORTER_SIZE])
{
	struct courier *c = context;
	int error;

	memcpy(c->exporter, exporter, sizeof(c->exporter));
	c->phase = COURIER_SENDING;
	error = courier_make_report(c, c->exporter);
	if (error != 0) {
		courier_retry_later(c,
		        error == ERR_NOT_FOUND ? "the signer makes no reports" : error_text(error));
		return;
	}
	c->sending = outbox_highest(&c->outbox);
	error = outbox_read(&c->outbox, c->sending, &c->jws, &c->length);
	if (error == 0)
		error = http_client_post(
		        c->client, REPORT_PATH, "application/jose", c->jws, c->length, ANSWER_S);
	if (error != 0)
		courier_retry_later(c, error_text(error));
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
		courier_refuse(c, "its file in the outbox cannot be read");
		return;
	}
	error = http_client_post(
	        c->client, REPORT_PATH, "application/jose", c->jws, c->length, ANSWER_S);
	if (error != 0)
		courier_retry_later(c, error_text(error));
}

static void make_and_send(struct courier *c)
{
	int error = courier_make_report(c, c->exporter);

	if (error != 0)
		courier_retry_later(c, error_text(error));
	else
		send_lowest(c);
}

static void wait_for_poll(struct courier *c, unsigned seconds)
{
	char path[32];
	int error;

	snprintf(path, sizeof(path), "/v1/wait?seconds=%u", seconds);
	c->phase = COURIER_POLLING;
	error = http_client_get(c->client, path, (int)seconds + WAIT_SLACK_S);
	if (error != 0)
		courier_retry_later(c, error_text(error));
}

/* On a bound connection with an answered request: what is next? */
static void go_on(struct courier *c)
{
	unsigned wait_s = schedule_wait_s(clock_boot_ms() - c->made_ms, c->interval_s);

	if (c->outbox.count > 0)
		send_lowest(c);
	else if (c->more || c->link.news || !c->fresh || wait_s == 0)
		make_and_send(c);
	else
		wait_for_poll(c, wait_s);
}

static void take_receipt(struct courier *c, const struct http_answer *answer)
{
	struct receipt_claim claim = {c->to.enrolment.ueid, c->sending, c->jws, c->length};
	struct receipt receipt;
	int error = strcmp(answer->type, "application/jose") != 0
	                    ? ERR_FORMAT
	                    : receipt_verify((const char *)answer->body, answer->length,
	                              c->to.receipt_key, &claim, &receipt);

	if (error == 0)
		error = outbox_remove(&c->outbox, c->sending);
	if (error != 0) {
		courier_refuse(c, error == ERR_SIGNATURE ? "receipt: wrong signature"
		                                         : "receipt: not for this report");
		return;
	}
	snprintf(c->nonce, sizeof(c->nonce), "%s", receipt.nonce);
	c->full_state = c->full_state || receipt.full_state;
	c->fresh = c->fresh || (c->nonce_seq != 0 && c->sending == c->nonce_seq);
	courier_note_receipt(c, receipt.received);
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
		courier_retry_later(c, cause);
	} else if (strcmp(cause, "409 out-of-order") == 0 && c->sending != lowest && expected > 0 &&
	           lowest <= (uint64_t)expected) {
		/* The connection is bound; now what was kept while there was none. */
		send_lowest(c);
	} else {
		courier_refuse(c, cause);
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
	char cause[160];
	json_int_t expected;

	if (answer->status == 200 && read_nonce(answer, c->nonce) == 0) {
		make_and_send(c);
	} else if (answer->status == 204) {
		go_on(c);
	} else {
		describe(answer, cause, sizeof(cause), &expected);
		courier_retry_later(c, cause);
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
	courier_retry_later(context, log_printable(cause, shown, sizeof(shown)));
}

static const struct http_handlers HANDLERS = {on_secured, on_answered, on_failed};

void courier_connect(struct courier *c)
{
	int error;

	courier_drop_connection(c);
	evtimer_del(c->retry);
	evtimer_del(c->offline);
	c->phase = COURIER_CONNECTING;
	error = http_client_open(
	        c->base, c->to.dns, c->to.trust, &c->to.url, REPORT_PATH, &HANDLERS, c, &c->client);
	if (error != 0)
		courier_retry_later(c, error_text(error));
}
