#include "collector/intake.h"

#include "collector/chain.h"
#include "collector/claims.h"
#include "collector/state.h"
#include "core/error.h"
#include "core/jws.h"
#include "core/language.h"
#include "core/log.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NONCE_SIZE = 32 };

/* One report on its way in. */
struct passage {
	const struct intake *intake;
	struct intake_channel *channel;
	struct intake_taken *taken;
	struct answer *answer;
	const char *jws;
	size_t length;
	int64_t now;
	struct store_terminal terminal;
	bool known; /* terminal is set */
	struct claims claims;
	char digest[SHA256_HEX_SIZE];
	struct store_report
	        last; /* the last one taken; seq 0 and the journal's beginning before the first */
};

int intake_new_nonce(struct store *store, int64_t terminal, enum store_nonce kind, int64_t now,
        char out[static STORE_NONCE_SIZE])
{
	uint8_t bytes[NONCE_SIZE];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return ERR_CRYPTO;
	char *text = encode_base64url(bytes, sizeof(bytes));
	if (text == NULL)
		return ERR_MEMORY;
	snprintf(out, STORE_NONCE_SIZE, "%s", text);
	free(text);
	return store_add_nonce(store, terminal, kind, out, now);
}

static void record_refusal(const struct passage *p, const char *reason, const char *detail)
{
	struct store *store = p->intake->store;
	const struct store_refusal refusal = {.peer = p->channel->peer,
	        .terminal = p->known ? p->terminal.name : NULL,
	        .reason = reason,
	        .detail = detail};

	int error = store_begin(store);
	if (error == 0) {
		error = store_add_refusal(store, &refusal, p->now);
		if (error == 0)
			error = store_commit(store);
		else
			store_rollback(store);
	}
	if (error != 0)
		log_error("refusal not recorded: %s", store_problem(store));
	log_warning("report refused: %s, terminal %s, from %s", reason,
	        p->known ? p->terminal.name : "?", p->channel->peer);
}

/* Always ERR_DENIED: the passage ends here. */
static int refuse(
        const struct passage *p, int status, const char *code, const char *message, json_t *more)
{
	record_refusal(p, code, message);
	answer_refuse(p->answer, status, code, message, more);
	return ERR_DENIED;
}

static int fail(const struct passage *p, int error, const char *what)
{
	log_error("%s: %s (%s)", what, error_text(error), store_problem(p->intake->store));
	answer_fail(p->answer);
	return error;
}

static int refuse_format(const struct passage *p, const char *cause)
{
	refuse(p, 400, "bad-request", cause, NULL);
	p->answer->close = true;
	return ERR_DENIED;
}

static int find_terminal(struct passage *p)
{
	uint8_t *payload = NULL;
	size_t length = 0;
	char ueid[STORE_UEID_SIZE] = "";

	int error = jws_peek(p->jws, p->length, &payload, &length);
	if (error == 0)
		error = claims_peek_ueid(payload, length, ueid);
	free(payload);
	if (error != 0)
		return refuse_format(p, "not a report in JWS compact serialisation");
	error = store_find_ueid(p->intake->store, ueid, &p->terminal);
	p->known = error == 0;
	if (error == ERR_NOT_FOUND) {
		refuse(p, 403, "unknown-terminal",
		        LANGUAGE("登録のない端末です", "no terminal is enrolled with this ueid"),
		        NULL);
		p->answer->close = true;
		return ERR_DENIED;
	}
	return error == 0 ? 0 : fail(p, error, "terminal not looked up");
}

static int verify(struct passage *p)
{
	struct key *key = NULL;
	uint8_t *payload = NULL;
	size_t length = 0;
	const char *cause = NULL;

	int error =
	        key_read_public((const uint8_t *)p->terminal.key, strlen(p->terminal.key), &key);
	if (error != 0)
		return fail(p, error, "enrolled key not readable");
	error = jws_verify(p->jws, p->length, key, JWS_TYP_REPORT, &payload, &length);
	key_free(&key);
	if (error == ERR_MEMORY || error == ERR_CRYPTO)
		return fail(p, error, "signature not checked");
	if (error != 0) {
		refuse(p, 403, "bad-signature",
		        LANGUAGE("署名が登録された鍵のものではありません",
		                "not signed by the enrolled key"),
		        NULL);
		p->answer->close = true;
		return ERR_DENIED;
	}
	error = claims_decode(payload, length, &p->claims, &cause);
	free(payload);
	if (error != 0)
		return refuse_format(p, cause);
	error = encode_sha256_hex(p->jws, p->length, p->digest);
	return error == 0 ? 0 : fail(p, error, "digest not made");
}

static bool exporter_matches(const struct passage *p)
{
	uint8_t *bytes = NULL;
	size_t length = 0;

	if (p->claims.exporter == NULL || decode_base64url(p->claims.exporter,
	                                          strlen(p->claims.exporter), &bytes, &length) != 0)
		return false;
	bool same = length == INTAKE_EXPORTER_SIZE &&
	            CRYPTO_memcmp(bytes, p->channel->exporter, length) == 0;
	free(bytes);
	return same;
}

static bool was_taken(const struct passage *p, struct store_report *before)
{
	return p->claims.seq <= p->last.seq &&
	       store_get_report(p->intake->store, p->terminal.id, p->claims.seq, before) == 0 &&
	       strcmp(before->digest, p->digest) == 0;
}

static int check_binding(struct passage *p)
{
	struct store_report before;

	if (exporter_matches(p))
		p->channel->terminal = p->terminal.id;
	if (p->channel->terminal == p->terminal.id)
		return 0;
	if (was_taken(p, &before))
		return refuse(p, 403, "replayed",
		        LANGUAGE("受領済みの報告が別の接続から再送されました",
		                "a report taken before, on a connection not its own"),
		        NULL);
	if (p->claims.exporter == NULL)
		return refuse(p, 403, "not-bound",
		        LANGUAGE("接続がこの端末に結び付いていません",
		                "this connection is not bound to the terminal"),
		        NULL);
	return refuse(p, 403, "re-bound",
	        LANGUAGE("別の接続のために署名された報告です",
	                "the report was signed for another connection"),
	        NULL);
}

static int read_last(struct passage *p)
{
	int error = store_last_report(p->intake->store, p->terminal.id, &p->last);

	if (error == ERR_NOT_FOUND) {
		p->last = (struct store_report){.chain = {.count = 0, .hash = JOURNAL_GENESIS}};
		return 0;
	}
	return error == 0 ? 0 : fail(p, error, "last report not read");
}

static int keep_clone(struct passage *p)
{
	struct store *store = p->intake->store;

	int error = store_begin(store);
	if (error == 0) {
		error = store_add_clone(store, p->terminal.id, p->claims.seq, p->digest, p->jws,
		        p->channel->peer, p->now);
		if (error == 0)
			error = store_commit(store);
		else
			store_rollback(store);
	}
	if (error != 0)
		return fail(p, error, "clone not recorded");
	return refuse(p, 409, "clone",
	        LANGUAGE("使用済みの番号で異なる報告です。端末の複製が疑われます",
	                "another report has this sequence number: two machines may hold one key"),
	        NULL);
}

/* The full state is asked for when what is stored is not what the report speaks of. */
static bool wants_state(const struct passage *p, const char *digest)
{
	char stored[SHA256_HEX_SIZE] = "";
	char *json = NULL;

	int error = store_get_state(p->intake->store, p->terminal.id, stored, &json);
	free(json);
	return error != 0 || strcmp(stored, digest) != 0;
}

static char *make_receipt(const struct passage *p, const struct store_report *report,
        const char *state_digest, const char *nonce)
{
	char *jws = NULL;
	json_t *json = json_pack("{s:s, s:I, s:s, s:I, s:s, s:b, s:[]}", "ueid", p->terminal.ueid,
	        "seq", (json_int_t)report->seq, "digest", report->digest, "received",
	        (json_int_t)(report->received / 1000), "nonce", nonce, "full_state",
	        (int)wants_state(p, state_digest), "orders");
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (text != NULL &&
	        jws_sign(p->intake->receipt_key, JWS_TYP_RECEIPT, text, strlen(text), &jws) != 0)
		jws = NULL;
	free(text);
	return jws;
}

/* Within a transaction; the receipt leaves only after its commit. */
static int commit_receipt(struct passage *p, const struct store_report *report)
{
	struct store *store = p->intake->store;
	char nonce[STORE_NONCE_SIZE];

	int error = intake_new_nonce(store, p->terminal.id, STORE_NONCE_RECEIPT, p->now, nonce);
	char *receipt = error == 0 ? make_receipt(p, report, p->last.state_digest, nonce) : NULL;
	if (error == 0 && receipt == NULL)
		error = ERR_CRYPTO;
	if (error == 0)
		error = store_commit(store);
	if (error != 0) {
		free(receipt);
		return error;
	}
	answer_give(p->answer, "application/jose", receipt);
	return 0;
}

static int answer_again(struct passage *p, const struct store_report *before)
{
	int error = store_begin(p->intake->store);

	if (error == 0)
		error = commit_receipt(p, before);
	if (error == 0)
		return 0;
	store_rollback(p->intake->store);
	return fail(p, error, "receipt not given again");
}

static int check_order(struct passage *p, bool *again)
{
	struct store_report before;

	*again = false;
	if (p->claims.seq == p->last.seq + 1)
		return 0;
	if (p->claims.seq > p->last.seq)
		return refuse(p, 409, "out-of-order",
		        LANGUAGE("間の報告がまだ届いていません",
		                "reports before this one are missing"),
		        json_pack("{s:I}", "expected", (json_int_t)p->last.seq + 1));
	if (!was_taken(p, &before))
		return keep_clone(p);
	*again = true;
	return answer_again(p, &before);
}

static int store_events(const struct passage *p)
{
	size_t index;
	const json_t *event;
	int error = 0;

	json_array_foreach((json_t *)p->claims.events, index, event)
	{
		const char *line = json_string_value(event);
		error = store_add_event(p->intake->store, p->terminal.id, p->claims.seq, index,
		        chain_line_seq(line, json_string_length(event)), line);
		if (error != 0)
			break;
	}
	return error;
}

static int store_chain(const struct passage *p, struct store_report *report)
{
	struct chain_break found;

	chain_follow(p->claims.events, &p->claims.journal, p->claims.more, &report->chain, &found);
	if (!found.found)
		return 0;
	struct store_break fault = {.report = p->claims.seq, .seq = found.seq, .received = p->now};
	snprintf(fault.cause, sizeof(fault.cause), "%s", found.cause);
	log_warning("journal of %s does not continue at line %llu: %s", p->terminal.name,
	        (unsigned long long)found.seq, found.cause);
	return store_add_break(p->intake->store, p->terminal.id, &fault, found.line);
}

static int store_state(const struct passage *p)
{
	char *json = p->claims.state == NULL
	                     ? NULL
	                     : json_dumps(p->claims.state, JSON_SORT_KEYS | JSON_COMPACT);

	if (p->claims.state == NULL)
		return 0;
	if (json == NULL)
		return ERR_MEMORY;
	int error = store_add_state(
	        p->intake->store, p->terminal.id, p->claims.seq, p->claims.state_digest, json);
	free(json);
	return error;
}

/* By what the terminal said before: its nonce was given under that. */
static int64_t fresh_span(const struct passage *p)
{
	char digest[SHA256_HEX_SIZE];
	char *text = NULL;
	json_t *facts = NULL;

	if (store_get_state(p->intake->store, p->terminal.id, digest, &text) == 0)
		facts = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	int64_t span = state_fresh_span(facts, p->intake->fresh_ms);
	json_decref(facts);
	free(text);
	return span;
}

/* Spends the nonce. A nonce given too long ago says only that the report is younger than that. */
static int spend_nonce(struct passage *p, bool *answered)
{
	enum store_nonce kind;
	int64_t issued = 0;

	*answered = false;
	if (p->claims.nonce == NULL)
		return 0;
	int error =
	        store_use_nonce(p->intake->store, p->terminal.id, p->claims.nonce, &kind, &issued);
	if (error == ERR_NOT_FOUND)
		return 0;
	if (error == 0 && issued <= p->now && p->now - issued <= fresh_span(p)) {
		*answered = true;
		snprintf(p->taken->nonce, sizeof(p->taken->nonce), "%s", p->claims.nonce);
	}
	return error;
}

static int store_passage(struct passage *p)
{
	struct store_report report = {
	        .seq = p->claims.seq, .received = p->now, .chain = p->last.chain, .jws = p->jws};

	memcpy(report.digest, p->digest, sizeof(report.digest));
	memcpy(report.state_digest, p->claims.state_digest, sizeof(report.state_digest));
	int error = spend_nonce(p, &report.answered);
	if (error == 0)
		error = store_chain(p, &report);
	if (error == 0)
		error = store_add_report(p->intake->store, p->terminal.id, &report);
	if (error == 0)
		error = store_events(p);
	if (error == 0)
		error = store_state(p);
	if (error != 0)
		return error;
	p->last = report;
	return commit_receipt(p, &report);
}

static int take(struct passage *p)
{
	int error = store_begin(p->intake->store);

	if (error == 0)
		error = store_passage(p);
	if (error != 0) {
		store_rollback(p->intake->store);
		p->taken->nonce[0] = '\0';
		return fail(p, error, "report not stored");
	}
	snprintf(p->taken->terminal, sizeof(p->taken->terminal), "%s", p->terminal.name);
	p->taken->seq = p->claims.seq;
	return 0;
}

static int pass(struct passage *p)
{
	bool again = false;

	int error = find_terminal(p);
	if (error == 0)
		error = verify(p);
	if (error == 0)
		error = read_last(p);
	if (error == 0)
		error = check_binding(p);
	if (error == 0)
		error = check_order(p, &again);
	return error != 0 || again ? error : take(p);
}

void intake_report(const struct intake *intake, struct intake_channel *channel, const char *body,
        size_t length, int64_t now, struct intake_taken *taken, struct answer *answer)
{
	/* cjose and SQLite want text with an end. */
	char *jws = malloc(length + 1);
	struct passage passage = {.intake = intake,
	        .channel = channel,
	        .taken = taken,
	        .answer = answer,
	        .jws = jws,
	        .length = length,
	        .now = now};

	*taken = (struct intake_taken){.seq = 0};
	*answer = (struct answer){.status = 0};
	if (jws == NULL) {
		answer_fail(answer);
		return;
	}
	memcpy(jws, body, length);
	jws[length] = '\0';
	pass(&passage);
	claims_free(&passage.claims);
	free(jws);
}
