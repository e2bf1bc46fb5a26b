#include "collector/claims.h"

#include "core/error.h"
#include "tests/unit/collector/fixture.h"

/* Decodes; takes json. */
static int decode(json_t *json, struct claims *claims)
{
	const char *cause = NULL;
	char *text = json_dumps(json, JSON_COMPACT);
	int error = claims_decode(text, strlen(text), claims, &cause);

	assert_true((error == 0) == (cause == NULL));
	free(text);
	json_decref(json);
	return error;
}

static void refuse(json_t *json)
{
	struct claims claims;

	assert_int_equal(decode(json, &claims), ERR_FORMAT);
	assert_null(claims.json);
}

static json_t *with(const struct fixture *f, const char *name, json_t *value)
{
	json_t *json = fixture_claims(f, 5);

	if (value == NULL)
		json_object_del(json, name);
	else
		json_object_set_new(json, name, value);
	return json;
}

static void test_whole(void **state)
{
	struct fixture *f = *state;
	struct claims claims;
	json_t *json = fixture_claims(f, 5);

	fixture_put_state(json, fixture_facts());
	json_object_set_new(json, "policy",
	        json_pack(
	                "{s:s, s:i, s:s}", "id", "mito", "version", 3, "digest", JOURNAL_GENESIS));
	json_array_append_new(json_object_get(json, "events"), json_string("line"));
	json_object_set_new(json, "more", json_true());
	assert_int_equal(decode(json, &claims), 0);
	assert_int_equal(claims.seq, 5);
	assert_string_equal(claims.ueid, f->terminal.ueid);
	assert_null(claims.nonce);
	assert_non_null(claims.exporter);
	assert_non_null(claims.state);
	assert_int_equal(json_array_size(claims.events), 1);
	assert_true(claims.more);
	assert_int_equal(claims.journal.count, 0);
	assert_string_equal(claims.journal.hash, JOURNAL_GENESIS);
	claims_free(&claims);
	assert_null(claims.json);
}

static void test_each_member_is_needed(void **state)
{
	static const char *const names[] = {"eat_profile", "ueid", "iat", "seq", "boot", "journal",
	        "policy", "state_digest", "events", "more"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refuse(with(*state, names[i], NULL));
}

static void test_optional_members(void **state)
{
	struct claims claims;

	assert_int_equal(decode(with(*state, "exporter", NULL), &claims), 0);
	assert_null(claims.exporter);
	claims_free(&claims);
}

static void test_values(void **state)
{
	const struct fixture *f = *state;

	refuse(with(f, "unknown", json_integer(1)));
	refuse(with(f, "eat_profile", json_string("urn:sekisho:report:2")));
	refuse(with(
	        f, "ueid", json_string("AgAAAAAAAAAAAAAAAAAAAAA"))); /* another type than RAND */
	refuse(with(f, "ueid", json_string("AQ")));
	refuse(with(f, "seq", json_integer(0)));
	refuse(with(f, "seq", json_real(1.0)));
	refuse(with(f, "seq", json_integer((json_int_t)1 << 60)));
	refuse(with(f, "iat", json_integer(-1)));
	refuse(with(f, "boot", json_string("F47AC10B-58CC-4372-A567-0E02B2C3D479")));
	refuse(with(f, "boot", json_string("f47ac10b")));
	refuse(with(f, "eat_nonce", json_string("AQID")));
	refuse(with(f, "exporter", json_string("AQID")));
	refuse(with(f, "more", json_integer(0)));
	refuse(with(f, "state_digest", json_string("00")));
	refuse(with(f, "events", json_pack("[i]", 1)));
	refuse(with(f, "journal", json_pack("{s:i}", "count", 0)));
	refuse(with(f, "journal", json_pack("{s:i, s:s}", "count", -1, "head", JOURNAL_GENESIS)));
	refuse(with(f, "journal", json_pack("{s:i, s:s}", "count", 0, "head", "00")));
	refuse(with(f, "journal",
	        json_pack("{s:i, s:s, s:i}", "count", 0, "head", JOURNAL_GENESIS, "x", 1)));
	refuse(with(f, "policy", json_pack("{s:s}", "id", "x")));
	refuse(with(f, "policy",
	        json_pack("{s:s, s:i, s:s}", "id", "x", "version", 0, "digest", JOURNAL_GENESIS)));
}

static void refuse_state(const struct fixture *f, json_t *facts)
{
	json_t *json = fixture_claims(f, 5);

	fixture_put_state(json, facts);
	refuse(json);
}

static void test_state_is_checked(void **state)
{
	const struct fixture *f = *state;
	json_t *json = fixture_claims(f, 5);

	refuse_state(f, json_pack("{s:{}}", "another"));
	refuse_state(f, json_pack("{s:i}", "agent", 1));
	refuse_state(f, json_pack("{s:{s:s}}", "agent", "nothing_known", "x"));
	refuse_state(f, json_pack("{s:{s:s}}", "guard", "hubs", "2"));
	refuse_state(f, json_pack("{s:{s:i}}", "guard", "hubs", -2));
	refuse_state(f, json_pack("{s:{s:s}}", "guard", "controllers_deny", "true"));
	refuse_state(f, json_pack("{s:{s:i}}", "agent", "mode", 1));
	/* A digest of another state. */
	fixture_put_state(json, fixture_facts());
	json_object_set_new(json_object_get(json_object_get(json, "state"), "agent"), "mode",
	        json_string("observe"));
	refuse(json);
}

static void test_not_json(void **state)
{
	struct claims claims;
	const char *cause = NULL;

	(void)state;
	assert_int_equal(claims_decode("[]", 2, &claims, &cause), ERR_FORMAT);
	assert_int_equal(claims_decode("", 0, &claims, &cause), ERR_FORMAT);
	assert_int_equal(claims_decode("{\"seq\":1,\"seq\":2}", 17, &claims, &cause), ERR_FORMAT);
	assert_non_null(cause);
}

static void test_too_many_events(void **state)
{
	json_t *json = fixture_claims(*state, 5);
	json_t *events = json_object_get(json, "events");

	for (int i = 0; i <= CLAIMS_EVENTS_MAX; i++)
		json_array_append_new(events, json_string("x"));
	refuse(json);
}

static void test_peek(void **state)
{
	char ueid[24];

	(void)state;
	assert_int_equal(
	        claims_peek_ueid("{\"ueid\":\"AQAAAAAAAAAAAAAAAAAAAAA\",\"x\":1}", 40, ueid), 0);
	assert_string_equal(ueid, "AQAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(claims_peek_ueid("{\"ueid\":\"x\"}", 12, ueid), ERR_FORMAT);
	assert_int_equal(claims_peek_ueid("{\"ueid\":1}", 10, ueid), ERR_FORMAT);
	assert_int_equal(claims_peek_ueid("{}", 2, ueid), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_whole),
	        cmocka_unit_test(test_each_member_is_needed),
	        cmocka_unit_test(test_optional_members),
	        cmocka_unit_test(test_values),
	        cmocka_unit_test(test_state_is_checked),
	        cmocka_unit_test(test_not_json),
	        cmocka_unit_test(test_too_many_events),
	        cmocka_unit_test(test_peek),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
