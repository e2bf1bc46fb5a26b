#include "policy/catalogue.h"

#include "tests/unit/cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

static const char WHOLE[] =
        "{\"agent\":{\"mode\":\"enforce\",\"running\":\"main guard auth signer "
        "reporter\",\"restarts\":0,\"version\":\"1\"},"
        "\"guard\":{\"mode\":\"enforce\",\"hubs\":4,\"hubs_denying\":4,\"controllers_deny\":true,"
        "\"devices\":2,"
        "\"devices_allowed\":1,\"devices_denied\":1,\"devices_unenforced\":0,\"storage_present\":0,"
        "\"ways_watched\":\"usb_storage mtp_ptp "
        "hid\",\"ways_absent\":\"optical\",\"ways_unwatched\":\"\"},"
        "\"policy\":{\"policy_id\":\"x\",\"policy_version\":1,\"policy_digest\":\"00\",\"policy_"
        "state\":\"in-force\"},"
        "\"auth\":{\"factors\":\"password totp\",\"max_failures\":3,\"pam_stacks\":\"login su "
        "sudo\",\"pam_bypassed\":\"\"},"
        "\"reporter\":{\"outbox\":0,\"last_receipt\":\"\",\"collector\":\"https://c\"},"
        "\"journal\":{\"journal_state\":\"whole\"}}";

static const struct clause *clause_of(const char *body, const char *control)
{
	const struct catalogue *c = catalogue_find(body);

	assert_non_null(c);
	for (size_t i = 0; i < catalogue_count(c); i++)
		if (strcmp(catalogue_clause(c, i)->control, control) == 0)
			return catalogue_clause(c, i);
	fail_msg("%s has no %s", body, control);
	return NULL;
}

/* The whole state with one member of a section replaced (JSON text), or removed with value NULL. */
static enum clause_state judge(
        const char *control, const char *section, const char *member, const char *value)
{
	json_t *state = json_loads(WHOLE, 0, NULL);
	json_t *object = section ? json_object_get(state, section) : NULL;
	struct finding finding;

	assert_non_null(state);
	if (section && !member)
		json_object_del(state, section);
	else if (section && value)
		json_object_set_new(object, member, json_loads(value, JSON_DECODE_ANY, NULL));
	else if (section)
		json_object_del(object, member);
	finding = catalogue_evaluate(clause_of("mito-2026", control), state, STATE_VERIFIED);
	assert_true(strlen(finding.evidence) > 0);
	json_decref(state);
	return finding.state;
}

static const struct {
	const char *control, *section, *member, *value;
	enum clause_state state;
} ROWS[] = {
        {"T1-NOEXP", NULL, NULL, NULL, CLAUSE_MET},
        {"T1-NOEXP", "guard", NULL, NULL, CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "mode", "\"observe\"", CLAUSE_UNMET},
        {"T1-NOEXP", "guard", "mode", NULL, CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "mode", "true", CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "hubs_denying", "3", CLAUSE_UNMET},
        {"T1-NOEXP", "guard", "hubs_denying", NULL, CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "hubs_denying", "\"4\"", CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "hubs_denying", "-1", CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "controllers_deny", "false", CLAUSE_UNMET},
        {"T1-NOEXP", "guard", "controllers_deny", NULL, CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "devices_unenforced", "1", CLAUSE_UNMET},
        {"T1-NOEXP", "guard", "storage_present", "1", CLAUSE_UNMET},
        {"T1-NOEXP", "guard", "storage_present", NULL, CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "ways_unwatched", "\"wifi\"", CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "ways_unwatched", NULL, CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "ways_watched", "\"\"", CLAUSE_UNKNOWN},
        {"T1-NOEXP", "guard", "ways_watched", "\"usb_storages\"", CLAUSE_UNKNOWN},
        {"T1-NOEXP", "policy", NULL, NULL, CLAUSE_UNKNOWN},
        {"T1-NOEXP", "policy", "policy_state", "\"last-good\"", CLAUSE_UNMET},
        {"T1-NOEXP", "policy", "policy_state", "\"none\"", CLAUSE_UNMET},
        {"T1-NOEXP", "policy", "policy_state", "\"\"", CLAUSE_UNMET},
        {"T1-MFA", NULL, NULL, NULL, CLAUSE_MET},
        {"T1-MFA", "auth", NULL, NULL, CLAUSE_UNKNOWN},
        {"T1-MFA", "auth", "factors", "\"password\"", CLAUSE_UNMET},
        {"T1-MFA", "auth", "factors", "\"password password\"", CLAUSE_UNMET},
        {"T1-MFA", "auth", "factors", "\"password fido\"", CLAUSE_UNMET},
        {"T1-MFA", "auth", "factors", NULL, CLAUSE_UNKNOWN},
        {"T1-MFA", "auth", "pam_bypassed", "\"sshd\"", CLAUSE_UNMET},
        {"T1-MFA", "auth", "pam_bypassed", NULL, CLAUSE_UNKNOWN},
        {"T1-MFA", "auth", "pam_stacks", "\"login\"", CLAUSE_UNMET},
        {"T1-MFA", "auth", "pam_stacks", "\"su sudo\"", CLAUSE_UNMET},
        {"T1-MFA", "auth", "pam_stacks", "\"login common-auth\"", CLAUSE_MET},
        {"T1-MFA", "auth", "pam_stacks", NULL, CLAUSE_UNKNOWN},
        {"T1-MFA", "guard", NULL, NULL, CLAUSE_MET},
        {"OPS-MON", NULL, NULL, NULL, CLAUSE_MET},
        {"OPS-MON", "journal", "journal_state", "\"broken\"", CLAUSE_UNMET},
        {"OPS-MON", "journal", NULL, NULL, CLAUSE_UNKNOWN},
        {"OPS-MON", "agent", "running", "\"main guard auth signer\"", CLAUSE_UNMET},
        {"OPS-MON", "agent", NULL, NULL, CLAUSE_UNKNOWN},
        {"OPS-CHK", NULL, NULL, NULL, CLAUSE_MET},
        {"OPS-CHK", "journal", "journal_state", "\"unwritable\"", CLAUSE_UNMET},
        {"OPS-CHK", "auth", NULL, NULL, CLAUSE_UNKNOWN},
        /* detected or enforced, and no evidence is collected */
        {"T1-ISO", NULL, NULL, NULL, CLAUSE_UNKNOWN},
        {"TEC", NULL, NULL, NULL, CLAUSE_UNKNOWN},
        {"AUD", NULL, NULL, NULL, CLAUSE_UNKNOWN},
        /* a person's word */
        {"HUM", NULL, NULL, NULL, CLAUSE_UNKNOWN},
};

static void evidence_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		enum clause_state got =
		        judge(ROWS[i].control, ROWS[i].section, ROWS[i].member, ROWS[i].value);

		if (got != ROWS[i].state)
			fail_msg("row %zu (%s): %s", i, ROWS[i].control, clause_state_name(got));
	}
}

static void nothing_is_met_without_a_fresh_state(void **state)
{
	json_t *whole = json_loads(WHOLE, 0, NULL);
	json_t *empty = json_object();
	json_t *array = json_array();
	const struct catalogue *c;

	(void)state;
	for (size_t b = 0; (c = catalogue_at(b)); b++)
		for (size_t i = 0; i < catalogue_count(c); i++) {
			const struct clause *clause = catalogue_clause(c, i);

			assert_int_not_equal(
			        catalogue_evaluate(clause, NULL, STATE_VERIFIED).state, CLAUSE_MET);
			assert_int_not_equal(
			        catalogue_evaluate(clause, whole, STATE_OLD).state, CLAUSE_MET);
			assert_int_not_equal(
			        catalogue_evaluate(clause, empty, STATE_VERIFIED).state,
			        CLAUSE_MET);
			assert_int_not_equal(
			        catalogue_evaluate(clause, array, STATE_VERIFIED).state,
			        CLAUSE_MET);
		}
	json_decref(whole);
	json_decref(empty);
	json_decref(array);
}

static void a_terminal_needs_a_recent_receipt(void **state)
{
	json_t *whole = json_loads(WHOLE, 0, NULL);
	json_t *reporter = json_object_get(whole, "reporter");
	const struct clause *clause = clause_of("mito-2026", "OPS-MON");
	char when[CLOCK_RFC3339_SIZE];

	(void)state;
	assert_int_equal(catalogue_evaluate(clause, whole, STATE_OWN).state, CLAUSE_UNKNOWN);
	clock_format(clock_wall() - 60, when);
	json_object_set_new(reporter, "last_receipt", json_string(when));
	assert_int_equal(catalogue_evaluate(clause, whole, STATE_OWN).state, CLAUSE_MET);
	clock_format(clock_wall() - INT64_C(14400), when);
	json_object_set_new(reporter, "last_receipt", json_string(when));
	assert_int_equal(catalogue_evaluate(clause, whole, STATE_OWN).state, CLAUSE_UNKNOWN);
	json_decref(whole);
}

/* A name from outside may be long and end within a character. */
static void evidence_is_cut_at_a_character(void **state)
{
	json_t *whole = json_loads(WHOLE, 0, NULL);
	char names[1000] = "";
	struct finding finding;

	(void)state;
	for (int i = 0; i < 300; i++)
		strcat(names, "蔵"); // NOLINT
	json_object_set_new(json_object_get(whole, "auth"), "pam_bypassed", json_string(names));
	finding = catalogue_evaluate(clause_of("mito-2026", "T1-MFA"), whole, STATE_VERIFIED);
	assert_int_equal(finding.state, CLAUSE_UNMET);
	assert_true(strlen(finding.evidence) > 200);
	json_decref(whole);
	whole = json_string(finding.evidence);
	assert_non_null(whole); /* valid UTF-8 */
	json_decref(whole);
}

static void toride_is_never_green_for_what_it_does_not_ask(void **state)
{
	static const char *const CONTROLS[] = {"T1-ISO", "T1-NOEXP", "T1-MFA", "AUD"};
	json_t *whole = json_loads(WHOLE, 0, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(CONTROLS) / sizeof(CONTROLS[0]); i++) {
		struct finding f = catalogue_evaluate(
		        clause_of("toride-2026", CONTROLS[i]), whole, STATE_VERIFIED);

		assert_int_equal(f.state, CLAUSE_NOT_IN_POLICY);
		assert_true(strlen(f.evidence) > 0);
	}
	json_decref(whole);
}

static void what_lies_outside_is_not_applicable(void **state)
{
	struct finding f = catalogue_evaluate(clause_of("mito-2026", "OUT-SNS"), NULL, STATE_OLD);

	(void)state;
	assert_int_equal(f.state, CLAUSE_NOT_APPLICABLE);
	assert_string_equal(f.evidence, "");
}

static void bodies_are_whole_and_keys_unique(void **state)
{
	static const struct {
		const char *body;
		size_t rows;
	} BODIES[] = {{"mito-2026", 44}, {"hokuto-2025", 49}, {"sanbu-2026", 49},
	        {"kawaguchi-nd", 47}, {"toride-2026", 37 + 4}};

	(void)state;
	assert_null(catalogue_find("mito"));
	assert_null(catalogue_at(sizeof(BODIES) / sizeof(BODIES[0])));
	for (size_t b = 0; b < sizeof(BODIES) / sizeof(BODIES[0]); b++) {
		const struct catalogue *c = catalogue_find(BODIES[b].body);
		size_t length = strlen(BODIES[b].body);

		assert_ptr_equal(c, catalogue_at(b));
		assert_string_equal(catalogue_body(c), BODIES[b].body);
		assert_int_equal(catalogue_count(c), BODIES[b].rows);
		assert_null(catalogue_clause(c, catalogue_count(c)));
		for (size_t i = 0; i < catalogue_count(c); i++) {
			const struct clause *clause = catalogue_clause(c, i);

			assert_true(strncmp(clause->id, BODIES[b].body, length) == 0 &&
			            clause->id[length] == ':');
			assert_int_equal(strspn(clause->class, "EDAO"), strlen(clause->class));
			for (size_t k = 0; k < i; k++)
				assert_false(strcmp(clause->id, catalogue_clause(c, k)->id) == 0 &&
				             strcmp(clause->control,
				                     catalogue_clause(c, k)->control) == 0);
		}
	}
}

static void states_have_names(void **state)
{
	static const char *const NAMES[CLAUSE_STATE_COUNT] = {
	        "met", "unmet", "attested", "unknown", "not_in_policy", "not_applicable"};

	(void)state;
	for (unsigned i = 0; i < CLAUSE_STATE_COUNT; i++) {
		assert_string_equal(clause_state_name((enum clause_state)i), NAMES[i]);
		assert_true(strlen(clause_state_text((enum clause_state)i)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(evidence_decides),
	        cmocka_unit_test(nothing_is_met_without_a_fresh_state),
	        cmocka_unit_test(a_terminal_needs_a_recent_receipt),
	        cmocka_unit_test(evidence_is_cut_at_a_character),
	        cmocka_unit_test(toride_is_never_green_for_what_it_does_not_ask),
	        cmocka_unit_test(what_lies_outside_is_not_applicable),
	        cmocka_unit_test(bodies_are_whole_and_keys_unique),
	        cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
