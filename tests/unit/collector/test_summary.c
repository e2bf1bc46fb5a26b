#include "collector/compliance.h"
#include "collector/summary.h"

#include "core/error.h"
#include "tests/unit/collector/fixture.h"

#include <time.h>

static struct config config_of_test(void)
{
	struct config config;

	config_defaults(&config);
	return config;
}

static struct summary read_summary(struct fixture *f)
{
	const struct config config = config_of_test();
	struct summary summary;

	assert_int_equal(store_find_name(f->store, "T1", &f->terminal), 0);
	assert_int_equal(summary_read(f->store, &config, &f->terminal, f->now, &summary), 0);
	return summary;
}

static json_t *whole_facts(void)
{
	return json_pack(
	        "{s:{s:s, s:s}, s:{s:s, s:i, s:i, s:b, s:i, s:i, s:s, s:s}, s:{s:s, s:i, s:s},"
	        " s:{s:s, s:s, s:s}, s:{s:s}, s:{s:i}}",
	        "agent", "mode", "enforce", "running", "main guard auth signer reporter", "guard",
	        "mode", "enforce", "hubs", 1, "hubs_denying", 1, "controllers_deny", 1,
	        "devices_unenforced", 0, "storage_present", 0, "ways_watched", "usb_storage",
	        "ways_unwatched", "", "policy", "policy_id", "mito", "policy_version", 2,
	        "policy_state", "in-force", "auth", "factors", "password totp", "pam_stacks",
	        "login su", "pam_bypassed", "", "journal", "journal_state", "whole", "reporter",
	        "outbox", 0);
}

/* Two reports, the second verified and with this state. */
static void report_facts(struct fixture *f, json_t *facts)
{
	uint64_t seq = fixture_last_seq(f);
	json_t *claims = fixture_claims(f, seq + 2);

	fixture_put_state(claims, facts);
	assert_string_equal(fixture_report(f, fixture_claims(f, seq + 1)), "");
	json_object_set_new(claims, "eat_nonce", json_string(f->nonce));
	assert_string_equal(fixture_report(f, claims), "");
}

static void assert_problem(struct fixture *f, const char *expected)
{
	struct summary s = read_summary(f);
	char problem[256];

	summary_problem(&s, problem);
	assert_string_equal(problem, expected);
	summary_free(&s);
}

static void test_nothing_heard(void **state)
{
	struct fixture *f = *state;
	struct summary s = read_summary(f);

	assert_int_equal(s.state, TERMINAL_MISSING);
	assert_false(summary_is_fresh(&s));
	assert_null(summary_text(&s, "agent", "mode"));
	assert_int_equal(summary_number(&s, "reporter", "outbox"), -1);
	summary_free(&s);
	assert_problem(f, "no verified report yet");
}

static void test_fresh(void **state)
{
	struct fixture *f = *state;

	report_facts(f, whole_facts());
	struct summary s = read_summary(f);
	assert_int_equal(s.state, TERMINAL_FRESH);
	assert_true(summary_is_fresh(&s));
	assert_string_equal(summary_text(&s, "agent", "mode"), "enforce");
	assert_int_equal(summary_number(&s, "reporter", "outbox"), 0);
	assert_int_equal(s.seq, 2);
	json_t *json = summary_json(&s);
	assert_string_equal(json_string_value(json_object_get(json, "state")), "FRESH");
	assert_true(json_is_null(json_object_get(json_object_get(json, "journal"), "break")));
	json_decref(json);
	summary_free(&s);
	assert_problem(f, "");
}

/* A terminal is overdue by its own policy's interval; then no longer stale than missing. */
static void test_overdue_by_its_own_interval(void **state)
{
	struct fixture *f = *state;
	json_t *facts = whole_facts();

	json_object_set_new(
	        json_object_get(facts, "policy"), "report_interval", json_integer(3600));
	report_facts(f, facts);
	f->now += INT64_C(3) * 3600000;
	struct summary s = read_summary(f);
	assert_int_equal(s.state, TERMINAL_FRESH);
	json_t *json = summary_json(&s);
	assert_int_equal(json_integer_value(json_object_get(json, "fresh_seconds")), 10800);
	json_decref(json);
	summary_free(&s);
	f->now += 1;
	s = read_summary(f);
	assert_int_equal(s.state, TERMINAL_STALE);
	summary_free(&s);
}

/* A report speaks of a state that has not been sent: the one before is no evidence. */
static void test_state_not_current(void **state)
{
	struct fixture *f = *state;

	report_facts(f, whole_facts());
	assert_string_equal(fixture_report(f, fixture_claims(f, 3)), "");
	struct summary s = read_summary(f);
	assert_int_equal(s.state, TERMINAL_FRESH);
	assert_false(summary_is_fresh(&s));
	summary_free(&s);
	assert_problem(f, "waiting for its full state");
}

static void set_fact(json_t *facts, const char *section, const char *field, json_t *value)
{
	json_object_set_new(json_object_get(facts, section), field, value);
}

static void test_problems(void **state)
{
	struct fixture *f = *state;
	json_t *facts = whole_facts();

	set_fact(facts, "agent", "mode", json_string("observe"));
	report_facts(f, facts);
	assert_problem(f, "observe mode: nothing is enforced");
	facts = whole_facts();
	set_fact(facts, "auth", "pam_bypassed", json_string("sshd"));
	report_facts(f, facts);
	assert_problem(f, "a login does not pass the second factor");
	facts = whole_facts();
	set_fact(facts, "policy", "policy_state", json_string("none"));
	report_facts(f, facts);
	assert_problem(f, "no policy is in force");
	facts = whole_facts();
	set_fact(facts, "guard", "devices_unenforced", json_integer(1));
	report_facts(f, facts);
	assert_problem(f, "a device's verdict could not be applied");
	facts = whole_facts();
	set_fact(facts, "journal", "journal_state", json_string("broken"));
	set_fact(facts, "journal", "file", json_string("a\x1b[31m"));
	set_fact(facts, "journal", "line", json_integer(4));
	report_facts(f, facts);
	assert_problem(f, "the terminal's journal is broken: a\\x1b[31m line 4");
	f->now += 181000;
	report_facts(f, whole_facts());
	f->now += 181000;
	assert_problem(f, "no recent report");
	f->now += 86400000;
	assert_problem(f, "not heard of");
}

static void test_refusals_are_problems(void **state)
{
	struct fixture *f = *state;
	struct key *other = NULL;
	json_t *claims = fixture_claims(f, 9);

	report_facts(f, whole_facts());
	f->now += 10;
	json_object_set_new(claims, "unknown", json_integer(1));
	assert_string_equal(fixture_report(f, claims), "bad-request");
	assert_problem(f, "a report was refused: bad-request");
	assert_string_equal(fixture_report(f, fixture_claims(f, 9)), "out-of-order");
	assert_problem(f, "report 3 is missing");
	assert_int_equal(key_generate(&other), 0);
	char *jws = fixture_sign(fixture_claims(f, 3), other);
	assert_string_equal(fixture_send(f, jws), "bad-signature");
	assert_problem(f, "a false report in this terminal's name was refused");
	free(jws);
	key_free(&other);
	claims = fixture_claims(f, 1);
	json_object_set_new(claims, "iat", json_integer(5));
	assert_string_equal(fixture_report(f, claims), "clone");
	assert_problem(f, "two machines report with one key; look for a copy");
}

static void test_all(void **state)
{
	struct fixture *f = *state;
	const struct config config = config_of_test();
	struct summary *summaries = NULL;
	struct store_terminal other;
	struct key *key = NULL;
	size_t count = 0;
	char *text = NULL;
	size_t length = 0;

	fixture_enrol(f, "市民課", 2, &other, &key);
	assert_int_equal(summary_read_all(f->store, &config, NULL, &summaries, &count), 0);
	assert_int_equal(count, 2);
	FILE *out = open_memstream(&text, &length);
	assert_int_equal(summary_print(out, summaries, count), 0);
	fclose(out);
	assert_non_null(strstr(text, "\nT1        MISSING"));
	assert_non_null(strstr(text, "\n市民課    MISSING"));
	free(text);
	summary_free_all(&summaries, count);
	assert_int_equal(summary_read_all(f->store, &config, "市民課", &summaries, &count), 0);
	assert_int_equal(count, 1);
	summary_free_all(&summaries, count);
	assert_int_equal(
	        summary_read_all(f->store, &config, "none", &summaries, &count), ERR_NOT_FOUND);
	assert_null(summaries);
	key_free(&key);
}

/* --- clause by clause --- */

static struct compliance *evaluate(const struct summary *summaries, size_t count, const char *body)
{
	struct compliance *compliance = NULL;

	assert_int_equal(compliance_evaluate(
	                         catalogue_find(body), summaries, count, 1700000000, &compliance),
	        0);
	return compliance;
}

static enum clause_state state_of(const struct compliance *c, const char *control)
{
	for (size_t i = 0; i < c->clause_count; i++)
		if (strcmp(c->clauses[i].clause->control, control) == 0)
			return c->clauses[i].state;
	fail();
	return CLAUSE_UNKNOWN;
}

static void test_worse(void **state)
{
	static const enum clause_state order[] = {CLAUSE_UNMET, CLAUSE_UNKNOWN, CLAUSE_ATTESTED,
	        CLAUSE_NOT_IN_POLICY, CLAUSE_MET, CLAUSE_NOT_APPLICABLE};

	(void)state;
	for (size_t i = 0; i < CLAUSE_STATE_COUNT; i++)
		for (size_t j = 0; j < CLAUSE_STATE_COUNT; j++)
			assert_int_equal(
			        compliance_worse(order[i], order[j]), order[i < j ? i : j]);
}

static void test_only_met_by_all_is_met(void **state)
{
	struct fixture *f = *state;
	struct store_terminal other;
	struct key *key = NULL;

	report_facts(f, whole_facts());
	struct summary s[2] = {read_summary(f)};
	struct compliance *c = evaluate(s, 1, "mito-2026");
	assert_int_equal(state_of(c, "T1-NOEXP"), CLAUSE_MET);
	assert_int_equal(state_of(c, "T1-MFA"), CLAUSE_MET);
	assert_true(c->totals[CLAUSE_MET] >= 2);
	compliance_free(&c);
	compliance_free(&c);

	/* A second terminal, of which nothing is known. */
	const struct config config = config_of_test();
	fixture_enrol(f, "T2", 2, &other, &key);
	assert_int_equal(summary_read(f->store, &config, &other, f->now, &s[1]), 0);
	c = evaluate(s, 2, "mito-2026");
	assert_int_equal(state_of(c, "T1-NOEXP"), CLAUSE_UNKNOWN);
	assert_int_equal(c->totals[CLAUSE_MET], 0);
	compliance_free(&c);
	summary_free(&s[0]);
	summary_free(&s[1]);
	key_free(&key);
}

static void test_nobody_meets_nothing(void **state)
{
	struct compliance *c = evaluate(NULL, 0, "mito-2026");

	(void)state;
	assert_int_equal(c->totals[CLAUSE_MET], 0);
	assert_int_equal(state_of(c, "T1-NOEXP"), CLAUSE_UNKNOWN);
	compliance_free(&c);
	c = evaluate(NULL, 0, "toride-2026");
	assert_int_equal(state_of(c, "T1-NOEXP"), CLAUSE_NOT_IN_POLICY);
	compliance_free(&c);
}

static void test_old_state_proves_nothing(void **state)
{
	struct fixture *f = *state;

	report_facts(f, whole_facts());
	f->now += 181000;
	struct summary s = read_summary(f);
	struct compliance *c = evaluate(&s, 1, "mito-2026");
	assert_int_equal(c->totals[CLAUSE_MET], 0);
	compliance_free(&c);
	summary_free(&s);
}

static void test_break_seen_here_counts(void **state)
{
	struct fixture *f = *state;
	json_t *claims = fixture_claims(f, 3);

	report_facts(f, whole_facts());
	json_object_set_new(json_object_get(claims, "journal"), "count", json_integer(8));
	json_t *facts = whole_facts();
	fixture_put_state(claims, facts);
	json_object_set_new(claims, "eat_nonce", json_string(f->nonce));
	assert_string_equal(fixture_report(f, claims), "");
	struct summary s = read_summary(f);
	assert_true(s.broken);
	struct compliance *c = evaluate(&s, 1, "mito-2026");
	assert_int_equal(state_of(c, "OPS-MON"), CLAUSE_UNMET);
	compliance_free(&c);
	summary_free(&s);
}

static char *write_with(int (*write)(FILE *, const struct compliance *), const struct compliance *c)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(write(out, c), 0);
	fclose(out);
	return text;
}

static void test_formats(void **state)
{
	struct fixture *f = *state;
	json_t *facts = whole_facts();

	set_fact(facts, "guard", "ways_unwatched", json_string("<b onclick='x'>\"&"));
	report_facts(f, facts);
	struct summary s = read_summary(f);
	snprintf(s.terminal.name, sizeof(s.terminal.name), "=T\"1");
	struct compliance *c = evaluate(&s, 1, "mito-2026");
	char *text = write_with(compliance_write_html, c);
	assert_null(strstr(text, "<b onclick"));
	assert_non_null(strstr(text, "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;"));
	assert_non_null(strstr(text, "=T&quot;1"));
	free(text);
	text = write_with(compliance_write_csv, c);
	assert_memory_equal(text, "\xef\xbb\xbf\"clause\",", 12);
	assert_non_null(strstr(text, "\"'=T\"\"1\""));
	assert_non_null(strstr(text, "\r\n"));
	free(text);
	text = write_with(compliance_write_json, c);
	json_t *json = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json, "clauses")), c->clause_count);
	assert_string_equal(json_string_value(json_object_get(json, "body")), "mito-2026");
	assert_string_equal(
	        json_string_value(json_object_get(json, "generated")), "2023-11-14T22:13:20Z");
	json_decref(json);
	free(text);
	compliance_free(&c);
	summary_free(&s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(test_nothing_heard),
	        TEST(test_fresh),
	        TEST(test_overdue_by_its_own_interval),
	        TEST(test_state_not_current),
	        TEST(test_problems),
	        TEST(test_refusals_are_problems),
	        TEST(test_all),
	        TEST(test_worse),
	        TEST(test_only_met_by_all_is_met),
	        TEST(test_nobody_meets_nothing),
	        TEST(test_old_state_proves_nothing),
	        TEST(test_break_seen_here_counts),
	        TEST(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
