#include "policy/rule.h"
#include "policy/rule_history.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define STICK "id 0781:5567 serial \"S1\" with-interface 08:06:50"
#define KEYBOARD "id 0627:0001 with-interface 03:01:01"
#define MOUSE "id 0627:0002 with-interface 03:00:02"

static struct rule_set *parse(const char *rules)
{
	struct rule_set *set;
	struct rule_error error;

	if (rule_set_parse(rules, strlen(rules), &set, &error))
		fail_msg("%s: %zu:%zu: %s", rules, error.line, error.column, error.message);
	return set;
}

static struct device_facts *describe(const char *device)
{
	struct device_facts *facts = calloc(1, sizeof(*facts));
	char message[160];
	size_t column;

	assert_non_null(facts);
	if (facts_parse(device, facts, &column, message, sizeof(message)))
		fail_msg("%s: %zu: %s", device, column, message);
	return facts;
}

static size_t match(
        const struct rule_set *set, const char *device, const struct rule_context *context)
{
	struct device_facts *facts = describe(device);
	enum rule_target target;
	size_t number = rule_set_match(set, facts, context, &target);

	free(facts);
	return number;
}

static size_t match_among(const char *rules, const char *device, const char *allowed)
{
	struct rule_set *set = parse(rules);
	struct device_facts *other = describe(allowed);
	const struct device_facts *others[] = {other};
	size_t number =
	        match(set, device, &(struct rule_context){.allowed = others, .allowed_count = 1});

	free(other);
	rule_set_free(&set);
	return number;
}

static void allowed_matches_looks_at_the_others(void **state)
{
	static const char ONE_KEYBOARD[] =
	        "allow with-interface one-of { 03:00:01 03:01:01 } "
	        "if !allowed-matches(with-interface one-of { 03:00:01 03:01:01 })";
	static const struct rule_context alone = {0};
	struct rule_set *set = parse(ONE_KEYBOARD);

	(void)state;
	assert_int_equal(match(set, KEYBOARD, &alone), 1);
	rule_set_free(&set);
	assert_int_equal(match_among(ONE_KEYBOARD, KEYBOARD, MOUSE), 1);
	assert_int_equal(match_among(ONE_KEYBOARD, KEYBOARD, KEYBOARD), 0);
	assert_int_equal(match_among("allow if allowed-matches(id 0627:*)", STICK, MOUSE), 1);
	assert_int_equal(match_among("allow if allowed-matches(id 0628:*)", STICK, MOUSE), 0);
	assert_int_equal(
	        match_among("allow if allowed-matches(serial \"S1\" id 0781:5567)", MOUSE, STICK),
	        1);
	assert_int_equal(
	        match_among("allow if allowed-matches(serial \"S1\" id 0781:5568)", MOUSE, STICK),
	        0);
	/* any allowed device; conditions in the query are not asked */
	assert_int_equal(match_among("allow if allowed-matches(#)", STICK, MOUSE), 1);
	assert_int_equal(match_among("allow if allowed-matches(if false)", STICK, MOUSE), 1);
	assert_int_equal(match_among("allow if allowed-matches(label \"x\")", STICK, MOUSE), 1);
}

/* Draws with each of a thousand chances. */
static unsigned draws(const char *rules)
{
	struct rule_set *set = parse(rules);
	struct device_facts *facts = describe(STICK);
	enum rule_target target;
	unsigned matched = 0;

	for (uint64_t i = 0; i < 1000; i++)
		matched += rule_set_match(
		                   set, facts, &(struct rule_context){.chance = i}, &target) == 1;
	free(facts);
	rule_set_free(&set);
	return matched;
}

static void random_keeps_its_probability(void **state)
{
	(void)state;
	assert_int_equal(draws("allow if random(0)"), 0);
	assert_int_equal(draws("allow if random(1)"), 1000);
	assert_int_equal(draws("allow if !random(1)"), 0);
	assert_in_range(draws("allow if random"), 430, 570);
	assert_in_range(draws("allow if random(0.1666)"), 110, 225);
	assert_in_range(draws("allow if !random(0.1666)"), 775, 890);
	/* each draws for itself */
	assert_in_range(draws("allow if { random random }"), 190, 310);
	assert_in_range(draws("allow if one-of { random random }"), 690, 810);
	assert_in_range(draws("allow if { random(0.5) !random(0.5) }"), 190, 310);
}

static void the_same_chance_draws_the_same(void **state)
{
	struct rule_set *set = parse("allow id 0781:5567 if random\nblock if random\nreject");
	const struct rule_context context = {.chance = 4711};
	size_t first = match(set, STICK, &context);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(match(set, STICK, &context), first);
	rule_set_free(&set);
}

struct judge {
	struct rule_set *set;
	struct rule_history *history;
};

static void judge_start(struct judge *j, const char *rules)
{
	j->set = parse(rules);
	assert_int_equal(rule_history_new(j->set, &j->history), 0);
}

static void judge_end(struct judge *j)
{
	rule_history_free(&j->history);
	assert_null(j->history);
	rule_set_free(&j->set);
}

/* As an agent does: judge, then note. */
static size_t judge_at(struct judge *j, const char *device, int64_t uptime)
{
	struct device_facts *facts = describe(device);
	enum rule_target target;
	size_t number = rule_set_match(j->set, facts,
	        &(struct rule_context){.history = j->history, .uptime = uptime}, &target);

	rule_history_note(j->history, j->set, facts, uptime, number);
	free(facts);
	return number;
}

static void rule_applied_is_ever_or_lately(void **state)
{
	struct judge j;

	(void)state;
	judge_start(&j, "allow id 0781:* if !rule-applied\nblock");
	assert_int_equal(judge_at(&j, KEYBOARD, 0), 2);
	assert_int_equal(judge_at(&j, STICK, 1), 1);
	assert_int_equal(judge_at(&j, STICK, 1), 2);
	assert_int_equal(judge_at(&j, STICK, 100000), 2);
	judge_end(&j);

	judge_start(&j, "allow id 0781:* if !rule-applied(00:10:00)\nblock");
	assert_int_equal(judge_at(&j, STICK, 1000), 1);
	assert_int_equal(judge_at(&j, STICK, 1000), 2);
	assert_int_equal(judge_at(&j, STICK, 1600), 2);
	assert_int_equal(judge_at(&j, STICK, 1601), 1);
	assert_int_equal(judge_at(&j, STICK, 1602), 2);
	judge_end(&j);

	judge_start(&j, "allow if rule-applied\nallow id 0627:0001");
	assert_int_equal(judge_at(&j, KEYBOARD, 0), 2);
	assert_int_equal(judge_at(&j, KEYBOARD, 0), 2);
	judge_end(&j);
}

static void rule_evaluated_counts_every_try(void **state)
{
	struct judge j;

	(void)state;
	judge_start(&j, "allow id 0781:* if rule-evaluated\nblock");
	assert_int_equal(judge_at(&j, KEYBOARD, 0), 2);
	assert_int_equal(judge_at(&j, STICK, 1), 2);
	assert_int_equal(judge_at(&j, STICK, 2), 1);
	judge_end(&j);

	/* a rule behind the one that decides is not evaluated */
	judge_start(&j, "allow id 0781:5567\nallow id 0781:* if rule-evaluated(01:00)\nblock");
	assert_int_equal(judge_at(&j, STICK, 1), 1);
	assert_int_equal(judge_at(&j, "id 0781:0001", 2), 3);
	assert_int_equal(judge_at(&j, "id 0781:0001", 3602), 2);
	assert_int_equal(judge_at(&j, "id 0781:0001", 7203), 3);
	judge_end(&j);
}

static void no_history_is_an_empty_one(void **state)
{
	struct rule_history *history = NULL;
	struct rule_history *copy;
	struct rule_set *set = parse("allow if rule-applied\nallow if rule-evaluated(5)\nblock");
	struct device_facts *facts = describe(STICK);

	(void)state;
	assert_int_equal(match(set, STICK, &(struct rule_context){0}), 3);
	rule_history_note(NULL, set, facts, 0, 3);
	assert_int_equal(rule_history_copy(NULL, &copy), 0);
	assert_null(copy);
	rule_set_free(&set);
	set = parse("allow if localtime(08:00)\nallow if random");
	assert_int_equal(rule_history_new(set, &history), 0);
	assert_null(history);
	rule_set_free(&set);
	free(facts);
}

static void a_copy_stays_as_it_was(void **state)
{
	struct rule_history *before;
	struct judge j;

	(void)state;
	judge_start(&j, "allow if !rule-applied\nblock");
	assert_int_equal(rule_history_copy(j.history, &before), 0);
	assert_int_equal(judge_at(&j, STICK, 1), 1);
	assert_int_equal(
	        match(j.set, STICK, &(struct rule_context){.history = before, .uptime = 5}), 1);
	assert_int_equal(
	        match(j.set, STICK, &(struct rule_context){.history = j.history, .uptime = 5}), 2);
	rule_history_free(&before);
	judge_end(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(allowed_matches_looks_at_the_others),
	        cmocka_unit_test(random_keeps_its_probability),
	        cmocka_unit_test(the_same_chance_draws_the_same),
	        cmocka_unit_test(rule_applied_is_ever_or_lately),
	        cmocka_unit_test(rule_evaluated_counts_every_try),
	        cmocka_unit_test(no_history_is_an_empty_one),
	        cmocka_unit_test(a_copy_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
