#include "collector/intake.h"

#include "core/error.h"
#include "tests/unit/collector/fixture.h"

static struct store_standing standing_of(struct fixture *f)
{
	struct store_standing standing;

	assert_int_equal(store_get_standing(f->store, &f->terminal, &standing), 0);
	return standing;
}

static void test_takes_in_order(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	assert_int_equal(f->channel.terminal, f->terminal.id);
	assert_string_equal(f->taken.terminal, "T1");
	assert_int_equal(f->taken.seq, 1);
	assert_string_equal(f->taken.nonce, "");
	assert_int_equal(standing_of(f).verified, 0);
	f->now += 1000;
	assert_string_equal(fixture_report(f, fixture_claims(f, 2)), "");
	assert_int_equal(standing_of(f).verified, f->now);
	assert_string_not_equal(f->taken.nonce, "");
	assert_int_equal(fixture_last_seq(f), 2);
}

static void test_asks_for_state_until_it_has_it(void **state)
{
	struct fixture *f = *state;
	json_t *claims = fixture_claims(f, 2);
	char digest[SHA256_HEX_SIZE];
	char *json = NULL;

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	assert_true(f->full_state);
	fixture_put_state(claims, fixture_facts());
	json_t *next = fixture_claims(f, 3);
	json_object_set(next, "state_digest", json_object_get(claims, "state_digest"));
	assert_string_equal(fixture_report(f, claims), "");
	assert_false(f->full_state);
	assert_string_equal(fixture_report(f, next), "");
	assert_false(f->full_state);
	assert_string_equal(fixture_report(f, fixture_claims(f, 4)), "");
	assert_true(f->full_state);
	assert_int_equal(store_get_state(f->store, f->terminal.id, digest, &json), 0);
	assert_non_null(strstr(json, "\"mode\":\"enforce\""));
	free(json);
}

static void test_nonce_counts_once(void **state)
{
	struct fixture *f = *state;
	char nonce[STORE_NONCE_SIZE];

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	memcpy(nonce, f->nonce, sizeof(nonce));
	assert_string_equal(fixture_report(f, fixture_claims(f, 2)), "");
	int64_t verified = standing_of(f).verified;
	f->now += 5000;
	memcpy(f->nonce, nonce, sizeof(nonce));
	assert_string_equal(fixture_report(f, fixture_claims(f, 3)), "");
	assert_string_equal(f->taken.nonce, "");
	assert_int_equal(standing_of(f).verified, verified);
}

static void test_old_nonce_makes_nothing_fresh(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	f->now += f->intake.fresh_ms + 1;
	assert_string_equal(fixture_report(f, fixture_claims(f, 2)), "");
	assert_int_equal(standing_of(f).verified, 0);
	assert_string_equal(fixture_report(f, fixture_claims(f, 3)), "");
	assert_int_equal(standing_of(f).verified, f->now);
}

static void report_interval(struct fixture *f, uint64_t seq, int seconds)
{
	json_t *claims = fixture_claims(f, seq);
	json_t *facts = fixture_facts();

	json_object_set_new(facts, "policy", json_pack("{s:i}", "report_interval", seconds));
	fixture_put_state(claims, facts);
	assert_string_equal(fixture_report(f, claims), "");
}

/* The last nonce of a terminal that reports once an hour is an hour old. */
static void test_a_nonce_lives_as_long_as_the_terminals_interval(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	report_interval(f, 2, 3600);
	f->now += INT64_C(3) * 3600000;
	assert_string_equal(fixture_report(f, fixture_claims(f, 3)), "");
	assert_int_equal(standing_of(f).verified, f->now);
	f->now += INT64_C(3) * 3600000 + 1;
	assert_string_equal(fixture_report(f, fixture_claims(f, 4)), "");
	assert_int_not_equal(standing_of(f).verified, f->now);
}

static void test_another_terminals_nonce(void **state)
{
	struct fixture *f = *state;
	struct store_terminal other;
	struct key *key = NULL;

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	fixture_enrol(f, "T2", 2, &other, &key);
	json_t *claims = fixture_claims(f, 1);
	json_object_set_new(claims, "ueid", json_string(other.ueid));
	char *jws = fixture_sign(claims, key);
	assert_string_equal(fixture_send(f, jws), "");
	assert_string_equal(f->taken.nonce, "");
	assert_string_equal(f->taken.terminal, "T2");
	/* The connection is the other terminal's now. */
	assert_int_equal(f->channel.terminal, other.id);
	free(jws);
	key_free(&key);
}

static json_t *elsewhere(const struct fixture *f, uint64_t seq)
{
	json_t *claims = fixture_claims(f, seq);

	json_object_set_new(
	        claims, "exporter", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
	return claims;
}

static void test_binding(void **state)
{
	struct fixture *f = *state;
	json_t *unbound = fixture_claims(f, 1);

	json_object_del(unbound, "exporter");
	char *jws = fixture_sign(unbound, f->key);
	assert_string_equal(fixture_send(f, jws), "not-bound");
	assert_int_equal(standing_of(f).forged, 0);
	f->now += 10;
	assert_string_equal(fixture_report(f, elsewhere(f, 1)), "re-bound");
	assert_int_equal(standing_of(f).forged, f->now);
	assert_int_equal(f->channel.terminal, 0);
	assert_int_equal(fixture_last_seq(f), 0);
	/* A report bound here binds; then those kept from before are taken. */
	assert_string_equal(fixture_report(f, fixture_claims(f, 3)), "out-of-order");
	assert_string_equal(fixture_send(f, jws), "");
	assert_string_equal(fixture_report(f, elsewhere(f, 2)), "");
	free(jws);
}

static void test_replay(void **state)
{
	struct fixture *f = *state;
	char *jws = fixture_sign(fixture_claims(f, 1), f->key);

	assert_string_equal(fixture_send(f, jws), "");
	int64_t received = f->now;
	f->now += 1000;
	/* The receipt was lost: the same again, on the same connection. */
	assert_string_equal(fixture_send(f, jws), "");
	assert_string_equal(f->taken.terminal, "");
	struct store_report report;
	assert_int_equal(store_get_report(f->store, f->terminal.id, 1, &report), 0);
	assert_int_equal(report.received, received);
	/* On another one it is a replay, and no news. */
	f->channel.terminal = 0;
	f->channel.exporter[0] ^= 1;
	assert_string_equal(fixture_send(f, jws), "replayed");
	assert_int_equal(f->channel.terminal, 0);
	assert_int_equal(standing_of(f).forged, 0);
	assert_int_equal(standing_of(f).refusals, 1);
	assert_string_equal(standing_of(f).refusal, "replayed");
	free(jws);
}

static void test_out_of_order(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	f->now += 10;
	assert_string_equal(fixture_report(f, fixture_claims(f, 5)), "out-of-order");
	assert_int_equal(f->answer.status, 409);
	assert_non_null(strstr(f->answer.body, "\"expected\":2"));
	assert_int_equal(standing_of(f).waiting_for, 2);
	assert_int_equal(standing_of(f).refusals, 0);
	f->now += 10;
	assert_string_equal(fixture_report(f, fixture_claims(f, 2)), "");
	assert_int_equal(standing_of(f).waiting_for, 0);
}

static void test_clone(void **state)
{
	struct fixture *f = *state;
	json_t *claims = fixture_claims(f, 1);

	assert_string_equal(fixture_report(f, fixture_claims(f, 1)), "");
	json_object_set_new(claims, "iat", json_integer(77));
	f->now += 10;
	assert_string_equal(fixture_report(f, claims), "clone");
	assert_int_equal(standing_of(f).cloned, f->now);
	assert_string_equal(fixture_report(f, fixture_claims(f, 2)), "");
	assert_int_equal(standing_of(f).cloned, f->now);
}

static void test_signature(void **state)
{
	struct fixture *f = *state;
	struct key *other = NULL;

	assert_int_equal(key_generate(&other), 0);
	char *jws = fixture_sign(fixture_claims(f, 1), other);
	assert_string_equal(fixture_send(f, jws), "bad-signature");
	assert_true(f->answer.close);
	assert_int_equal(standing_of(f).forged, f->now);
	free(jws);
	/* A receipt is no report. */
	json_t *claims = fixture_claims(f, 1);
	char *text = json_dumps(claims, JSON_COMPACT);
	json_decref(claims);
	assert_int_equal(jws_sign(f->key, JWS_TYP_RECEIPT, text, strlen(text), &jws), 0);
	assert_string_equal(fixture_send(f, jws), "bad-signature");
	free(jws);
	free(text);
	/* One bit of a good one. */
	jws = fixture_sign(fixture_claims(f, 1), f->key);
	size_t last = strlen(jws) - 2; /* the very last digit has bits that say nothing */
	jws[last] = jws[last] == 'A' ? 'B' : 'A';
	assert_string_equal(fixture_send(f, jws), "bad-signature");
	assert_int_equal(fixture_last_seq(f), 0);
	free(jws);
	key_free(&other);
}

static void test_unknown_terminal(void **state)
{
	struct fixture *f = *state;
	json_t *claims = fixture_claims(f, 1);

	json_object_set_new(claims, "ueid", json_string("AQAAAAAAAAAAAAAAAAAAAAA"));
	assert_string_equal(fixture_report(f, claims), "unknown-terminal");
	assert_int_equal(standing_of(f).refusals, 0);
}

static void test_bad_requests(void **state)
{
	struct fixture *f = *state;
	json_t *claims = fixture_claims(f, 1);

	assert_string_equal(fixture_send(f, ""), "bad-request");
	assert_string_equal(fixture_send(f, "a.b.c"), "bad-request");
	assert_string_equal(fixture_send(f, "{}"), "bad-request");
	json_object_set_new(claims, "unknown", json_integer(1));
	assert_string_equal(fixture_report(f, claims), "bad-request");
	/* Bytes after a NUL are not overlooked. */
	char *jws = fixture_sign(fixture_claims(f, 1), f->key);
	size_t length = strlen(jws);
	answer_free(&f->answer);
	intake_report(&f->intake, &f->channel, jws, length + 1, f->now, &f->taken, &f->answer);
	assert_int_not_equal(f->answer.status, 200);
	assert_int_equal(fixture_last_seq(f), 0);
	free(jws);
}

static void test_journal_break_is_kept(void **state)
{
	struct fixture *f = *state;
	json_t *claims = fixture_claims(f, 1);
	struct store_break fault;

	assert_int_equal(store_get_break(f->store, f->terminal.id, &fault), ERR_NOT_FOUND);
	json_array_append_new(json_object_get(claims, "events"), json_string("{\"seq\":4}"));
	json_object_set_new(json_object_get(claims, "journal"), "count", json_integer(4));
	assert_string_equal(fixture_report(f, claims), "");
	assert_int_equal(store_get_break(f->store, f->terminal.id, &fault), 0);
	assert_int_equal(fault.seq, 1);
	assert_int_equal(fault.report, 1);
	assert_true(fault.cause[0] != '\0');
	struct store_report report;
	assert_int_equal(store_last_report(f->store, f->terminal.id, &report), 0);
	assert_int_equal(report.chain.count, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(test_takes_in_order),
	        TEST(test_asks_for_state_until_it_has_it),
	        TEST(test_nonce_counts_once),
	        TEST(test_old_nonce_makes_nothing_fresh),
	        TEST(test_a_nonce_lives_as_long_as_the_terminals_interval),
	        TEST(test_another_terminals_nonce),
	        TEST(test_binding),
	        TEST(test_replay),
	        TEST(test_out_of_order),
	        TEST(test_clone),
	        TEST(test_signature),
	        TEST(test_unknown_terminal),
	        TEST(test_bad_requests),
	        TEST(test_journal_break_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
