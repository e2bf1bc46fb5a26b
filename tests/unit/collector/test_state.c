#include "collector/state.h"

#include "tests/unit/cmocka_all.h"

enum { NOW = 1000000, FRESH = 1000, STALE = 10000 };

static enum terminal_state derive(int64_t verified, int64_t forged, int64_t cloned, int64_t cleared)
{
	const struct standing standing = {NOW, verified, forged, cloned, cleared, FRESH, STALE};

	return state_derive(&standing);
}

static void test_fresh(void **state)
{
	(void)state;
	assert_int_equal(derive(NOW, 0, 0, 0), TERMINAL_FRESH);
	assert_int_equal(derive(NOW - FRESH, 0, 0, 0), TERMINAL_FRESH);
	assert_int_equal(derive(NOW + 1, 0, 0, 0), TERMINAL_FRESH);
}

static void test_stale(void **state)
{
	(void)state;
	assert_int_equal(derive(NOW - FRESH - 1, 0, 0, 0), TERMINAL_STALE);
	assert_int_equal(derive(NOW - STALE, 0, 0, 0), TERMINAL_STALE);
}

/* A collector whose clock was set back knows nothing fresh from the time before. */
static void test_future_is_stale(void **state)
{
	(void)state;
	assert_int_equal(derive(NOW + 60000, 0, 0, 0), TERMINAL_STALE);
}

static void test_missing(void **state)
{
	(void)state;
	assert_int_equal(derive(NOW - STALE - 1, 0, 0, 0), TERMINAL_MISSING);
	assert_int_equal(derive(0, 0, 0, 0), TERMINAL_MISSING);
}

static int64_t span_of(json_t *said)
{
	json_t *facts = json_pack("{s:{s:o}}", "policy", "report_interval", said);
	int64_t span = state_fresh_span(facts, 180000);

	json_decref(facts);
	return span;
}

static void test_span_follows_the_terminals_interval(void **state)
{
	(void)state;
	assert_int_equal(state_fresh_span(NULL, 180000), 180000);
	assert_int_equal(span_of(json_integer(300)), 900000);
	assert_int_equal(span_of(json_integer(3600)), 10800000);
	assert_int_equal(span_of(json_integer(10)), 180000);
	/* What no policy may ask for. */
	assert_int_equal(span_of(json_integer(3601)), 180000);
	assert_int_equal(span_of(json_integer(INT64_MAX)), 180000);
	assert_int_equal(span_of(json_integer(-300)), 180000);
	assert_int_equal(span_of(json_string("300")), 180000);
}

static void test_bad_signature(void **state)
{
	(void)state;
	assert_int_equal(derive(NOW - 10, NOW - 5, 0, 0), TERMINAL_BAD_SIGNATURE);
	assert_int_equal(derive(NOW - 10, NOW - 10, 0, 0), TERMINAL_BAD_SIGNATURE);
	assert_int_equal(derive(0, NOW - 5, 0, 0), TERMINAL_BAD_SIGNATURE);
	assert_int_equal(derive(NOW - 4, NOW - 5, 0, 0), TERMINAL_FRESH);
}

static void test_clone(void **state)
{
	(void)state;
	assert_int_equal(derive(NOW, 0, NOW - 5, 0), TERMINAL_CLONE);
	assert_int_equal(derive(NOW, NOW, NOW - 5, NOW - 6), TERMINAL_CLONE);
	assert_int_equal(derive(NOW, 0, NOW - 5, NOW - 4), TERMINAL_FRESH);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(state_name(TERMINAL_FRESH), "FRESH");
	assert_string_equal(state_name(TERMINAL_STALE), "STALE");
	assert_string_equal(state_name(TERMINAL_MISSING), "MISSING");
	assert_string_equal(state_name(TERMINAL_BAD_SIGNATURE), "BAD_SIGNATURE");
	assert_string_equal(state_name(TERMINAL_CLONE), "CLONE");
	assert_string_equal(state_name((enum terminal_state)77), "MISSING");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_span_follows_the_terminals_interval),
	        cmocka_unit_test(test_fresh),
	        cmocka_unit_test(test_stale),
	        cmocka_unit_test(test_future_is_stale),
	        cmocka_unit_test(test_missing),
	        cmocka_unit_test(test_bad_signature),
	        cmocka_unit_test(test_clone),
	        cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
