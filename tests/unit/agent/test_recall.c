#include "agent/recall.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"

#define STICK "id 0781:5567 serial \"S1\" with-interface 08:06:50"

static struct policy policy_of(const char *rules, const char *digest)
{
	struct policy p = {0};
	struct rule_error error;

	for (unsigned way = 0; way < WAY_COUNT; way++)
		p.treatments[way] = TREATMENT_ALLOW;
	snprintf(p.digest, sizeof(p.digest), "%s", digest);
	if (rule_set_parse(rules, strlen(rules), &p.rules, &error))
		fail_msg("%s: %s", rules, error.message);
	return p;
}

/* As guard judges. */
static enum treatment judge(
        struct recall *recall, struct recollection *device, const struct policy *policy)
{
	struct device_facts *facts = calloc(1, sizeof(*facts));
	struct circumstances c = {0};
	struct verdict v;
	char message[160];
	size_t column;

	assert_non_null(facts);
	assert_int_equal(facts_parse(STICK, facts, &column, message, sizeof(message)), 0);
	assert_int_equal(recall_prepare(recall, device, policy, &c.rules), 0);
	v = policy_decide(policy, facts, &c);
	recall_note(recall, device, policy, facts, v.rule);
	free(facts);
	return v.treatment;
}

static void a_judgement_does_not_count_against_itself(void **state)
{
	struct policy once = policy_of("allow if !rule-applied", "once");
	struct recall recall = {0};
	struct recollection first = {0}, second = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(judge(&recall, &first, &once), TREATMENT_ALLOW);
	for (int i = 0; i < 3; i++)
		assert_int_equal(judge(&recall, &second, &once), TREATMENT_DENY);
	assert_int_equal(judge(&recall, &first, &once), TREATMENT_ALLOW);
	/* plugged in again it is another device */
	recollection_free(&first);
	assert_int_equal(judge(&recall, &first, &once), TREATMENT_DENY);
	recollection_free(&first);
	recollection_free(&second);
	recall_free(&recall);
	rule_set_free(&once.rules);
}

static void another_policy_begins_anew(void **state)
{
	struct policy once = policy_of("allow if !rule-applied", "once");
	struct policy again = policy_of("allow if !rule-applied", "again");
	struct recall recall = {0};
	struct recollection first = {0}, second = {0};

	(void)state;
	assert_int_equal(judge(&recall, &first, &once), TREATMENT_ALLOW);
	assert_int_equal(judge(&recall, &second, &once), TREATMENT_DENY);
	assert_int_equal(judge(&recall, &second, &again), TREATMENT_ALLOW);
	assert_int_equal(judge(&recall, &first, &again), TREATMENT_DENY);
	assert_int_equal(judge(&recall, &first, NULL), TREATMENT_DENY);
	assert_int_equal(judge(&recall, &first, &again), TREATMENT_ALLOW);
	recollection_free(&first);
	recollection_free(&second);
	recall_free(&recall);
	rule_set_free(&once.rules);
	rule_set_free(&again.rules);
}

static void the_same_document_read_again_is_the_same_policy(void **state)
{
	struct policy one = policy_of("allow if !rule-applied", "one");
	struct policy copy = policy_of("allow if !rule-applied", "one");
	struct recall recall = {0};
	struct recollection first = {0}, second = {0};

	(void)state;
	assert_int_equal(judge(&recall, &first, &one), TREATMENT_ALLOW);
	assert_int_equal(judge(&recall, &second, &copy), TREATMENT_DENY);
	recollection_free(&first);
	recollection_free(&second);
	recall_free(&recall);
	rule_set_free(&one.rules);
	rule_set_free(&copy.rules);
}

static void chance_stays_with_the_device(void **state)
{
	struct policy even = policy_of("allow if random", "even");
	struct recall recall = {0};
	unsigned allowed = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct recollection device = {0};
		enum treatment first = judge(&recall, &device, &even);

		assert_int_equal(judge(&recall, &device, &even), first);
		allowed += first == TREATMENT_ALLOW;
		recollection_free(&device);
	}
	assert_in_range(allowed, 120, 280);
	recall_free(&recall);
	rule_set_free(&even.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_judgement_does_not_count_against_itself),
	        cmocka_unit_test(another_policy_begins_anew),
	        cmocka_unit_test(the_same_document_read_again_is_the_same_policy),
	        cmocka_unit_test(chance_stays_with_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
