#include "policy/rule.h"

#include "tests/unit/cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "policy/rule_index.h"

struct row {
	const char *rules;
	const char *device;
	size_t number; /* 0: no rule matches */
	enum rule_target target;
};

#define STICK "id 0781:5567 serial \"S1\" name \"Cruzer\" via-port \"1-2\" with-interface 08:06:50"
#define UAS "id 0781:5567 with-interface { 08:06:50 08:06:62 }"
#define EVIL "id 0781:5567 with-interface { 08:06:50 03:01:01 }"
#define KEYBOARD "id 0627:0001 name \"QEMU USB Keyboard\" with-interface 03:01:01"
#define TEN "true true true true true true true true true true "
#define COMBO "id 046D:c52b with-interface { 03:01:01 03:01:02 03:00:00 }"

static const struct row ROWS[] = {
        /* first match wins, comments count for nothing */
        {"", STICK, 0, RULE_BLOCK},
        {"allow", STICK, 1, RULE_ALLOW},
        {"# x\nblock id 0781:5567\nallow", STICK, 1, RULE_BLOCK},
        {"block id 0781:5568\nallow", STICK, 2, RULE_ALLOW},
        {"allow name \"Cruzer\"\nreject id 0781:5567", STICK, 1, RULE_ALLOW},
        {"reject id 0781:5567\nallow name \"Cruzer\"", STICK, 1, RULE_REJECT},
        {"allow serial \"S2\"\nallow id 0781:*\nblock", STICK, 2, RULE_ALLOW},
        {"allow id 0781:* serial \"S1\"\nblock id 0781:5567 serial \"S1\"", STICK, 1, RULE_ALLOW},
        {"block id 0781:5567 serial \"S1\"\nallow id 0781:* serial \"S1\"", STICK, 1, RULE_BLOCK},
        /* ids in either case, wildcards */
        {"allow id 046D:C52B", COMBO, 1, RULE_ALLOW},
        {"allow id 046d:c52b", COMBO, 1, RULE_ALLOW},
        {"allow 046d:C52b", COMBO, 1, RULE_ALLOW},
        {"allow id 046D:*", COMBO, 1, RULE_ALLOW},
        {"allow id *:*", COMBO, 1, RULE_ALLOW},
        {"allow id 046e:*", COMBO, 0, RULE_BLOCK},
        {"allow id one-of { 1111:2222 046d:c52b }", COMBO, 1, RULE_ALLOW},
        {"allow id one-of { 1111:2222 *:* }", COMBO, 1, RULE_ALLOW},
        {"allow id none-of { 1111:2222 }", COMBO, 1, RULE_ALLOW},
        {"allow id none-of { 1111:2222 046d:* }", COMBO, 0, RULE_BLOCK},
        {"allow id all-of { 046d:c52b 046d:* }", COMBO, 1, RULE_ALLOW},
        {"allow id all-of { 046d:c52b 1111:2222 }", COMBO, 0, RULE_BLOCK},
        {"allow id equals { 046d:c52b 1111:2222 }", COMBO, 0, RULE_BLOCK},
        {"allow id equals-ordered { 046d:c52b }", COMBO, 1, RULE_ALLOW},
        {"allow id match-all { 046d:c52b 1111:2222 }", COMBO, 1, RULE_ALLOW},
        {"allow id match-all { 1111:2222 }", COMBO, 0, RULE_BLOCK},
        {"allow id match-all { 046d:* }", COMBO, 1, RULE_ALLOW},
        {"allow id match-all { *:* }", COMBO, 1, RULE_ALLOW},
        /* strings */
        {"allow serial \"S1\"", STICK, 1, RULE_ALLOW},
        {"allow serial \"s1\"", STICK, 0, RULE_BLOCK},
        {"allow serial \"\"", STICK, 0, RULE_BLOCK},
        {"allow serial \"\"", KEYBOARD, 1, RULE_ALLOW},
        {"allow serial \"S1\\x00\"", STICK, 0, RULE_BLOCK},
        {"allow serial none-of { \"S2\" \"S3\" }", STICK, 1, RULE_ALLOW},
        {"allow serial none-of { \"S2\" \"S1\" }", STICK, 0, RULE_BLOCK},
        {"allow serial one-of { \"S2\" \"S1\" }", STICK, 1, RULE_ALLOW},
        {"allow serial { \"S2\" \"S1\" }", STICK, 0, RULE_BLOCK},
        {"allow serial equals { \"S1\" \"S1\" }", STICK, 1, RULE_ALLOW},
        {"allow serial match-all { \"S2\" \"S1\" }", STICK, 1, RULE_ALLOW},
        {"allow name match-all { \"Other\" }", STICK, 0, RULE_BLOCK},
        {"allow name \"Cruzer\" via-port \"1-2\"", STICK, 1, RULE_ALLOW},
        {"allow name \"Cruzer\" via-port \"1-3\"", STICK, 0, RULE_BLOCK},
        {"allow via-port one-of { \"1-1\" \"1-2\" }", STICK, 1, RULE_ALLOW},
        {"allow hash \"h\"\nallow hash one-of { \"g\" \"h=\" }", "hash \"h=\" id 1111:2222", 2,
                RULE_ALLOW},
        {"allow hash none-of { \"h=\" }", "hash \"h=\"", 0, RULE_BLOCK},
        {"allow parent-hash \"p\"", "parent-hash \"p\"", 1, RULE_ALLOW},
        {"allow with-connect-type \"hotplug\"", "with-connect-type \"hotplug\"", 1, RULE_ALLOW},
        {"allow with-connect-type \"hardwired\"", "with-connect-type \"hotplug\"", 0, RULE_BLOCK},
        {"allow label \"anything\"", STICK, 1, RULE_ALLOW},
        /* with-interface: equals is equality of the two sets */
        {"allow with-interface 08:06:50", STICK, 1, RULE_ALLOW},
        {"allow with-interface 08:*:*", STICK, 1, RULE_ALLOW},
        {"allow with-interface 08:06:*", STICK, 1, RULE_ALLOW},
        {"allow with-interface 08:05:*", STICK, 0, RULE_BLOCK},
        {"allow with-interface 08:*:*", UAS, 1, RULE_ALLOW},
        {"allow with-interface equals { 08:06:50 08:06:62 }", UAS, 1, RULE_ALLOW},
        {"allow with-interface equals { 08:06:62 08:06:50 }", UAS, 1, RULE_ALLOW},
        {"allow with-interface equals { 08:06:50 }", UAS, 0, RULE_BLOCK},
        {"allow with-interface equals { 08:*:* }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface equals { 08:*:* 08:*:* }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface equals { 08:*:* 08:06:50 }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface equals { 08:*:* 03:*:* }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface equals { 08:*:* 03:*:* }", STICK, 0, RULE_BLOCK},
        {"allow with-interface equals { 03:*:* 08:*:* 0e:*:* }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface 03:*:*", COMBO, 1, RULE_ALLOW},
        {"allow with-interface 03:01:01", "with-interface { 03:01:01 03:01:01 }", 1, RULE_ALLOW},
        {"allow with-interface 03:01:01", "id 1111:2222", 0, RULE_BLOCK},
        /* the other operators */
        {"allow with-interface all-of { 08:*:* 03:*:* }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface all-of { 08:*:* }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface all-of { 08:*:* 0e:*:* }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface one-of { 0e:*:* 03:*:* }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface one-of { 0e:*:* 07:*:* }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface none-of { 0e:*:* 07:*:* }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface none-of { 08:*:* }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface equals-ordered { 08:06:50 03:01:01 }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface equals-ordered { 03:01:01 08:06:50 }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface equals-ordered { 08:*:* 03:*:* }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface equals-ordered { 08:*:* }", UAS, 0, RULE_BLOCK},
        {"allow with-interface match-all { 03:*:* 08:*:* 09:*:* }", EVIL, 1, RULE_ALLOW},
        {"allow with-interface match-all { 03:*:* }", COMBO, 1, RULE_ALLOW},
        {"allow with-interface match-all { 03:*:* }", EVIL, 0, RULE_BLOCK},
        {"allow with-interface match-all { 03:*:* }", "id 1111:2222", 1, RULE_ALLOW},
        /* conditions */
        {"allow if true", STICK, 1, RULE_ALLOW},
        {"allow if false", STICK, 0, RULE_BLOCK},
        {"allow if !false", STICK, 1, RULE_ALLOW},
        {"allow if { true false }", STICK, 0, RULE_BLOCK},
        {"allow if all-of { true !false }", STICK, 1, RULE_ALLOW},
        {"allow if one-of { false true }", STICK, 1, RULE_ALLOW},
        {"allow if one-of { false false }", STICK, 0, RULE_BLOCK},
        {"allow if none-of { false }", STICK, 1, RULE_ALLOW},
        {"allow if none-of { false true }", STICK, 0, RULE_BLOCK},
        {"allow if equals-ordered { true true }", STICK, 1, RULE_ALLOW},
        {"allow if match-all { true false }", STICK, 0, RULE_BLOCK},
        {"allow id 0781:5567 if false\nblock", STICK, 2, RULE_BLOCK},
        {"allow if { " TEN TEN TEN TEN TEN TEN TEN "}", STICK, 1, RULE_ALLOW},
        {"allow if { " TEN TEN TEN TEN TEN TEN TEN "false }", STICK, 0, RULE_BLOCK},
};

static size_t match(const char *rules, const char *device, int64_t moment, enum rule_target *target)
{
	struct rule_set *set;
	struct rule_error error;
	struct device_facts *facts = calloc(1, sizeof(*facts));
	char message[160];
	size_t column, number;

	assert_non_null(facts);
	if (facts_parse(device, facts, &column, message, sizeof(message)))
		fail_msg("%s: %zu: %s", device, column, message);
	if (rule_set_parse(rules, strlen(rules), &set, &error))
		fail_msg("%s: %zu:%zu: %s", rules, error.line, error.column, error.message);
	number = rule_set_match(set, facts, &(struct rule_context){.moment = moment}, target);
	rule_set_free(&set);
	free(facts);
	return number;
}

static void matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		enum rule_target target = RULE_BLOCK;
		size_t number = match(ROWS[i].rules, ROWS[i].device, 0, &target);

		if (number != ROWS[i].number || (number && target != ROWS[i].target))
			fail_msg("%s | %s: rule %zu, not %zu", ROWS[i].rules, ROWS[i].device,
			        number, ROWS[i].number);
	}
}

static void check_time(const char *window, const char *at, bool expected)
{
	enum rule_target target = RULE_BLOCK;
	char rule[100];
	int64_t moment;

	snprintf(rule, sizeof(rule), "allow if localtime(%s)", window);
	assert_int_equal(clock_parse(at, &moment), 0);
	if ((match(rule, STICK, moment, &target) == 1) != expected)
		fail_msg("%s at %s", window, at);
}

static void localtime_is_local(void **state)
{
	(void)state;
	assert_int_equal(setenv("TZ", "JST-9", 1), 0);
	tzset();
	check_time("08:30-17:15", "2026-11-21T08:30:00+09:00", true);
	check_time("08:30-17:15", "2026-11-21T08:29:59+09:00", false);
	check_time("08:30-17:15", "2026-11-21T17:15:00+09:00", true);
	check_time("08:30-17:15", "2026-11-21T17:15:01+09:00", false);
	check_time("08:30-17:15", "2026-11-21T08:30:00Z", false);
	check_time("08:30-17:15", "2026-11-20T23:30:00Z", true);
	check_time("08:30:30-08:30:31", "2026-11-21T08:30:30+09:00", true);
	check_time("08:30:30-08:30:31", "2026-11-21T08:30:32+09:00", false);
	check_time("22:00-06:00", "2026-11-21T23:00:00+09:00", true);
	check_time("22:00-06:00", "2026-11-21T05:59:59+09:00", true);
	check_time("22:00-06:00", "2026-11-21T12:00:00+09:00", false);
	check_time("12:00", "2026-11-21T12:00:00+09:00", true);
	check_time("12:00", "2026-11-21T12:00:01+09:00", false);
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	check_time("08:30-17:15", "2026-11-21T08:30:00Z", true);
}

enum { FORMS = 5 };

/* A rule for device i, in one of the index's classes. */
static int write_rule(char *out, size_t size, unsigned i, unsigned vendor)
{
	switch (i % FORMS) {
	case 0:
		return snprintf(out, size, "allow id %04x:%04x\n", vendor, i);
	case 1:
		return snprintf(out, size, "allow id %04x:%04x serial \"%u\"\n", vendor, i, i);
	case 2:
		return snprintf(out, size, "allow serial \"v%u\"\n", i);
	case 3:
		return snprintf(out, size, "allow hash \"h%u\"\n", i);
	default:
		return snprintf(out, size, "allow id one-of { %04x:%04x ffff:ffff } name \"n\"\n",
		        vendor, i);
	}
}

static void describe(struct device_facts *facts, unsigned i, unsigned vendor)
{
	memset(facts, 0, sizeof(*facts));
	facts->vendor = (uint16_t)(i % FORMS == 2 || i % FORMS == 3 ? 0xeeee : vendor);
	facts->product = (uint16_t)i;
	facts->name[0] = 'n';
	if (i % FORMS == 1)
		snprintf(facts->serial, sizeof(facts->serial), "%u", i);
	if (i % FORMS == 2)
		snprintf(facts->serial, sizeof(facts->serial), "v%u", i);
	if (i % FORMS == 3)
		snprintf(facts->hash, sizeof(facts->hash), "h%u", i);
}

static void the_index_finds_every_rule(void **state)
{
	enum { RULES = 3000, LINE = 100 };
	char *text = malloc((size_t)RULES * LINE);
	size_t length = 0;
	struct rule_set *set;
	struct rule_error error;
	struct device_facts *facts = calloc(1, sizeof(*facts));
	enum rule_target target;

	(void)state;
	assert_non_null(text);
	assert_non_null(facts);
	for (unsigned i = 0; i < RULES; i++)
		length += (size_t)write_rule(text + length, LINE, i, i % 7 + 1);
	length += (size_t)snprintf(text + length, LINE, "block\n");
	assert_int_equal(rule_set_parse(text, length, &set, &error), 0);
	for (unsigned i = 0; i < RULES; i++) {
		describe(facts, i, i % 7 + 1);
		assert_int_equal(
		        rule_set_match(set, facts, &(struct rule_context){0}, &target), i + 1);
		assert_int_equal(target, RULE_ALLOW);
		facts->vendor = 0xdddd;
		facts->serial[0] = facts->hash[0] = '\0';
		assert_int_equal(
		        rule_set_match(set, facts, &(struct rule_context){0}, &target), RULES + 1);
		assert_int_equal(target, RULE_BLOCK);
	}
	rule_set_free(&set);
	free(facts);
	free(text);
}

/* Numbers that look random and are the same in every run. */
static unsigned pick(unsigned *state, unsigned below)
{
	*state = *state * 1103515245u + 12345u;
	return (*state >> 16) % below;
}

static const char *const OPERATORS[] = {
        "equals", "all-of", "one-of", "none-of", "equals-ordered", "match-all"};

static const char *const ATTRIBUTES[] = {
        "serial", "name", "hash", "parent-hash", "via-port", "with-connect-type"};

static void random_item(unsigned *state, const char *attribute, char *out, size_t size)
{
	static const char *const IDS[] = {"0001:0001", "0001:0002", "0002:0001", "0001:*", "*:*"};
	static const char *const INTERFACES[] = {
	        "03:01:01", "03:01:02", "03:00:*", "03:*:*", "08:06:50", "08:*:*", "0e:01:*"};

	if (strcmp(attribute, "id") == 0)
		snprintf(out, size, "%s", IDS[pick(state, 5)]);
	else if (strcmp(attribute, "with-interface") == 0)
		snprintf(out, size, "%s", INTERFACES[pick(state, 7)]);
	else
		snprintf(out, size, "\"%.*s\"", (int)pick(state, 3), "ab");
}

static void random_attribute(unsigned *state, const char *attribute, char *out, size_t size)
{
	size_t length = (size_t)snprintf(out, size, " %s ", attribute);
	unsigned items = pick(state, 10) ? 1 + pick(state, 3) : 70;

	length += (size_t)snprintf(out + length, size - length, "%s {", OPERATORS[pick(state, 6)]);
	for (unsigned i = 0; i < items; i++) {
		char item[40];

		random_item(state, attribute, item, sizeof(item));
		length += (size_t)snprintf(out + length, size - length, " %s", item);
	}
	snprintf(out + length, size - length, " }");
}

static void random_rule(unsigned *state, char *out, size_t size)
{
	size_t length = (size_t)snprintf(out, size, "%s", pick(state, 2) ? "allow" : "block");

	for (size_t i = 0; i < 8; i++) {
		if (pick(state, 4))
			continue;
		random_attribute(state,
		        i == 6   ? "id"
		        : i == 7 ? "with-interface"
		                 : ATTRIBUTES[i],
		        out + length, size - length);
		length += strlen(out + length);
	}
	if (length <= 5)
		snprintf(out + length, size - length, " serial \"rare\"");
}

static void random_device(unsigned *state, struct device_facts *facts)
{
	char *const texts[] = {facts->serial, facts->name, facts->hash, facts->parent_hash,
	        facts->via_port, facts->connect_type};

	memset(facts, 0, sizeof(*facts));
	facts->vendor = (uint16_t)(1 + pick(state, 2));
	facts->product = (uint16_t)(1 + pick(state, 2));
	for (size_t i = 0; i < 6; i++)
		snprintf(texts[i], 8, "%.*s", (int)pick(state, 3), "ab");
	facts->interface_count = pick(state, 4);
	for (size_t i = 0; i < facts->interface_count; i++)
		facts->interfaces[i] =
		        pick(state, 2) ? (struct facts_interface){.class = 3,
		                                 .subclass = (uint8_t)pick(state, 2),
		                                 .protocol = (uint8_t)pick(state, 3)}
		                       : (struct facts_interface){
		                                 .class = 8, .subclass = 6, .protocol = 0x50};
}

enum { ROUND_RULES = 12, ROUND_DEVICES = 60, ROUND_LINE = 8192 };

/* How many devices some rule matched. */
static unsigned index_round(unsigned *seed, char *text, struct device_facts *facts)
{
	struct rule_set *single[ROUND_RULES];
	struct rule_set *set;
	struct rule_error error;
	enum rule_target target;
	unsigned matched = 0;
	size_t length = 0;

	for (size_t i = 0; i < ROUND_RULES; i++) {
		char *line = text + length;

		random_rule(seed, line, ROUND_LINE - 1);
		if (rule_set_parse(line, strlen(line), &single[i], &error))
			fail_msg("%s: %zu: %s", line, error.column, error.message);
		length += strlen(line);
		text[length++] = '\n';
	}
	assert_int_equal(rule_set_parse(text, length, &set, &error), 0);
	for (size_t i = 0; i < ROUND_DEVICES; i++) {
		const struct rule_context context = {0};
		size_t first = 0;

		random_device(seed, facts);
		while (first < ROUND_RULES &&
		        !rule_set_match(single[first], facts, &context, &target))
			first++;
		assert_int_equal(rule_set_match(set, facts, &context, &target),
		        first < ROUND_RULES ? first + 1 : 0);
		matched += first < ROUND_RULES;
	}
	for (size_t i = 0; i < ROUND_RULES; i++)
		rule_set_free(&single[i]);
	rule_set_free(&set);
	return matched;
}

static void the_index_agrees_with_one_rule_after_another(void **state)
{
	enum { ROUNDS = 200 };
	char *text = malloc((size_t)ROUND_RULES * ROUND_LINE);
	struct device_facts *facts = malloc(sizeof(*facts));
	unsigned seed = 20261121, matched = 0;

	(void)state;
	assert_non_null(text);
	assert_non_null(facts);
	for (unsigned i = 0; i < ROUNDS; i++)
		matched += index_round(&seed, text, facts);
	assert_in_range(matched, ROUNDS * ROUND_DEVICES / 10, ROUNDS * ROUND_DEVICES * 9 / 10);
	free(facts);
	free(text);
}

/* Two thousand rules, told apart by four digits, and a device that one at most can match. */
static const struct {
	const char *rule, *device;
} CROWDS[] = {
        {"allow id 0781:* serial \"????\"", "id 0781:5567 serial \"0500\""},
        {"allow id 0781:5567 serial \"????\"", "id 0781:5567 serial \"0500\""},
        {"allow id *:* name \"????\"", "id 0781:5567 name \"0500\""},
        {"allow id match-all { 0781:???? }", "id 0781:0500"},
        {"allow with-interface { 08:06:50 ??:??:01 }", "with-interface { 08:06:50 05:00:01 }"},
        {"allow with-interface all-of { 08:*:* ??:??:* }", "with-interface { 08:06:50 05:00:01 }"},
        {"allow with-interface equals-ordered { 08:06:50 08:06:62 ??:??:01 }",
                "with-interface { 08:06:50 08:06:62 05:00:01 }"},
        {"allow with-interface match-all { ??:??:* }", "with-interface { 05:00:01 05:00:02 }"},
        {"allow with-interface one-of { ??:??:01 fe:fe:fe }",
                "with-interface { 05:00:01 08:06:50 }"},
};

static bool count_try(const void *context, uint32_t rule)
{
	unsigned *const *tries = context;

	(void)rule;
	++**tries;
	return false;
}

static void fill_digits(char *line, unsigned number)
{
	char digits[8];
	const char *digit = digits;

	snprintf(digits, sizeof(digits), "%04x", number);
	for (; *line; line++)
		if (*line == '?')
			*line = *digit++;
}

static void index_crowd(struct rule_index *index, const char *rule)
{
	enum { RULES = 2000 };
	struct arena arena = {0};

	for (unsigned i = 0; i < RULES; i++) {
		struct rule_error error = {0};
		struct rule tree;
		char line[128];
		bool empty;

		snprintf(line, sizeof(line), "%s", rule);
		fill_digits(line, i);
		arena_reset(&arena);
		assert_int_equal(rule_parse_line(&arena, line, strlen(line), PART_RULE, &tree,
		                         &empty, &error),
		        0);
		assert_int_equal(rule_index_add(index, &tree, i), 0);
	}
	arena_free(&arena);
	assert_int_equal(rule_index_finish(index), 0);
}

static void few_rules_are_tried(void **state)
{
	struct device_facts *facts = calloc(1, sizeof(*facts));
	char message[160];
	size_t column;

	(void)state;
	assert_non_null(facts);
	for (size_t i = 0; i < sizeof(CROWDS) / sizeof(CROWDS[0]); i++) {
		struct rule_index index = {0};
		struct subject subject;
		unsigned tries = 0;
		unsigned *const counter = &tries;

		index_crowd(&index, CROWDS[i].rule);
		assert_int_equal(
		        facts_parse(CROWDS[i].device, facts, &column, message, sizeof(message)), 0);
		subject_make(&subject, facts);
		assert_int_equal(rule_index_find(&index, &subject, UINT32_MAX, count_try, &counter),
		        UINT32_MAX);
		if (tries == 0 || tries > 8)
			fail_msg("%s: %u tries", CROWDS[i].rule, tries);
		rule_index_free(&index);
	}
	free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(matches),
	        cmocka_unit_test(localtime_is_local),
	        cmocka_unit_test(the_index_finds_every_rule),
	        cmocka_unit_test(the_index_agrees_with_one_rule_after_another),
	        cmocka_unit_test(few_rules_are_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
