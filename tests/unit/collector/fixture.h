/* A collector in memory, and a terminal enrolled with it that signs whatever a test wants. */
#ifndef SEKISHO_TESTS_UNIT_COLLECTOR_FIXTURE_H
#define SEKISHO_TESTS_UNIT_COLLECTOR_FIXTURE_H

#include "tests/unit/cmocka_all.h"

#include "collector/claims.h"
#include "collector/intake.h"
#include "collector/store.h"
#include "core/jws.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURE_BOOT "f47ac10b-58cc-4372-a567-0e02b2c3d479"

struct fixture {
	struct store *store;
	struct key *receipt_key;
	struct key *key;
	struct store_terminal terminal;
	struct intake intake;
	struct intake_channel channel;
	struct intake_taken taken;
	struct answer answer;
	int64_t now;
	char nonce[STORE_NONCE_SIZE]; /* of the last receipt */
	bool full_state;              /* asked for by it */
};

static inline void fixture_enrol(struct fixture *f, const char *name, uint8_t number,
        struct store_terminal *terminal, struct key **key)
{
	uint8_t ueid[17] = {1, number};
	char *pem = NULL;
	size_t length = 0;

	*terminal = (struct store_terminal){.enrolled = f->now};
	assert_int_equal(key_generate(key), 0);
	assert_int_equal(key_write_public(*key, &pem, &length), 0);
	assert_int_equal(key_id(*key, terminal->key_id), 0);
	char *id = encode_base64url(ueid, sizeof(ueid));
	snprintf(terminal->ueid, sizeof(terminal->ueid), "%s", id);
	snprintf(terminal->name, sizeof(terminal->name), "%s", name);
	snprintf(terminal->key, sizeof(terminal->key), "%s", pem);
	free(id);
	free(pem);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_add_terminal(f->store, terminal, "certificate"), 0);
	assert_int_equal(store_commit(f->store), 0);
}

static inline int fixture_set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->now = 1700000000000;
	assert_int_equal(store_open(":memory:", &f->store), 0);
	assert_int_equal(key_generate(&f->receipt_key), 0);
	fixture_enrol(f, "T1", 1, &f->terminal, &f->key);
	f->intake = (struct intake){
	        .store = f->store, .receipt_key = f->receipt_key, .fresh_ms = 180000};
	f->channel = (struct intake_channel){.peer = "192.0.2.1", .exporter = {9, 9, 9}};
	*state = f;
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	struct fixture *f = *state;

	answer_free(&f->answer);
	store_close(&f->store);
	key_free(&f->key);
	key_free(&f->receipt_key);
	free(f);
	return 0;
}

/* Claims of report seq, whole and without events; bound to the fixture's channel. */
static inline json_t *fixture_claims(const struct fixture *f, uint64_t seq)
{
	char *exporter = encode_base64url(f->channel.exporter, sizeof(f->channel.exporter));
	json_t *claims = json_pack(
	        "{s:s, s:s, s:i, s:s, s:I, s:s, s:{s:i, s:s}, s:{}, s:s, s:[], s:b}", "eat_profile",
	        CLAIMS_PROFILE, "ueid", f->terminal.ueid, "iat", 1, "exporter", exporter, "seq",
	        (json_int_t)seq, "boot", FIXTURE_BOOT, "journal", "count", 0, "head",
	        JOURNAL_GENESIS, "policy", "state_digest", JOURNAL_GENESIS, "events", "more", 0);

	assert_non_null(claims);
	if (f->nonce[0] != '\0')
		json_object_set_new(claims, "eat_nonce", json_string(f->nonce));
	free(exporter);
	return claims;
}

static inline void fixture_put_state(json_t *claims, json_t *facts)
{
	char digest[SHA256_HEX_SIZE];
	char *text = json_dumps(facts, JSON_SORT_KEYS | JSON_COMPACT);

	assert_int_equal(encode_sha256_hex(text, strlen(text), digest), 0);
	json_object_set_new(claims, "state", facts);
	json_object_set_new(claims, "state_digest", json_string(digest));
	free(text);
}

/* Takes claims. */
static inline char *fixture_sign(json_t *claims, const struct key *key)
{
	char *text = json_dumps(claims, JSON_COMPACT);
	char *jws = NULL;

	assert_int_equal(jws_sign(key, JWS_TYP_REPORT, text, strlen(text), &jws), 0);
	free(text);
	json_decref(claims);
	return jws;
}

/* Sends it; keeps the receipt's nonce. The error code, or "" when it was taken. */
static inline const char *fixture_send(struct fixture *f, const char *jws)
{
	uint8_t *payload = NULL;
	size_t length = 0;
	const char *nonce = NULL;
	int full_state = 0;

	answer_free(&f->answer);
	intake_report(&f->intake, &f->channel, jws, strlen(jws), f->now, &f->taken, &f->answer);
	if (f->answer.status != 200)
		return f->answer.code;
	assert_int_equal(jws_verify(f->answer.body, strlen(f->answer.body), f->receipt_key,
	                         JWS_TYP_RECEIPT, &payload, &length),
	        0);
	json_t *receipt = json_loadb((const char *)payload, length, 0, NULL);
	assert_int_equal(
	        json_unpack(receipt, "{s:s, s:b}", "nonce", &nonce, "full_state", &full_state), 0);
	snprintf(f->nonce, sizeof(f->nonce), "%s", nonce);
	f->full_state = full_state != 0;
	json_decref(receipt);
	free(payload);
	return "";
}

/* Signs and sends; takes claims. */
static inline const char *fixture_report(struct fixture *f, json_t *claims)
{
	char *jws = fixture_sign(claims, f->key);
	const char *code = fixture_send(f, jws);

	free(jws);
	return code;
}

static inline json_t *fixture_facts(void)
{
	return json_pack("{s:{s:s}, s:{s:s}, s:{s:i}}", "agent", "mode", "enforce", "journal",
	        "journal_state", "whole", "reporter", "outbox", 0);
}

static inline uint64_t fixture_last_seq(struct fixture *f)
{
	struct store_report last = {0};

	int error = store_last_report(f->store, f->terminal.id, &last);
	assert_true(error == 0 || last.seq == 0);
	return last.seq;
}

#endif
