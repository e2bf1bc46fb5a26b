#include "policy/decide.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device_facts facts;

/* hid and hub allowed, as the profile does; usb_storage as told. */
static struct policy *policy_with(const char *rules, enum treatment storage)
{
	struct policy *p = calloc(1, sizeof(*p));
	struct rule_error error;

	assert_non_null(p);
	p->treatments[WAY_HID] = TREATMENT_ALLOW;
	p->treatments[WAY_HUB] = TREATMENT_ALLOW;
	p->treatments[WAY_USB_STORAGE] = storage;
	assert_int_equal(rule_set_parse(rules, strlen(rules), &p->rules, &error), 0);
	return p;
}

static void describe(const char *device)
{
	char message[160];
	size_t column;

	assert_int_equal(facts_parse(device, &facts, &column, message, sizeof(message)), 0);
}

#define STICK "id 0781:5567 with-interface 08:06:50"
#define KEYBOARD "id 0627:0001 with-interface 03:01:01"
#define EVIL "id 0781:5567 with-interface { 08:06:50 03:01:01 }"

static const struct {
	const char *rules;
	enum treatment storage;
	const char *device;
	struct verdict verdict;
} ROWS[] = {
        {"allow " KEYBOARD, TREATMENT_DENY, KEYBOARD,
                {TREATMENT_ALLOW, REASON_RULE_ALLOWS, 1, WAY_COUNT, false}},
        {"allow " KEYBOARD, TREATMENT_DENY, "id 0627:0002 with-interface 03:01:01",
                {TREATMENT_DENY, REASON_NO_RULE, 0, WAY_COUNT, false}},
        {"", TREATMENT_DENY, KEYBOARD, {TREATMENT_DENY, REASON_NO_RULE, 0, WAY_COUNT, false}},
        {"block id 0627:*\nallow", TREATMENT_DENY, KEYBOARD,
                {TREATMENT_DENY, REASON_RULE_DENIES, 1, WAY_COUNT, false}},
        {"reject", TREATMENT_ALLOW, STICK,
                {TREATMENT_DENY, REASON_RULE_DENIES, 1, WAY_COUNT, false}},
        /* whatever the rules say */
        {"# x\nallow", TREATMENT_DENY, STICK,
                {TREATMENT_DENY, REASON_WAY_DENIED, 1, WAY_USB_STORAGE, false}},
        {"allow", TREATMENT_ALLOW, STICK,
                {TREATMENT_ALLOW, REASON_RULE_ALLOWS, 1, WAY_COUNT, false}},
        {"allow", TREATMENT_IMPORT, STICK,
                {TREATMENT_DENY, REASON_NEEDS_PERMIT, 1, WAY_USB_STORAGE, false}},
        {"allow", TREATMENT_EXPORT, STICK,
                {TREATMENT_DENY, REASON_NEEDS_PERMIT, 1, WAY_USB_STORAGE, false}},
        {"", TREATMENT_IMPORT, STICK, {TREATMENT_DENY, REASON_NO_RULE, 0, WAY_COUNT, false}},
        /* a keyboard that is a stick too */
        {"allow", TREATMENT_DENY, EVIL,
                {TREATMENT_DENY, REASON_WAY_DENIED, 1, WAY_USB_STORAGE, false}},
        {"allow", TREATMENT_IMPORT, EVIL,
                {TREATMENT_DENY, REASON_NEEDS_PERMIT, 1, WAY_USB_STORAGE, false}},
        {"allow", TREATMENT_ALLOW, EVIL,
                {TREATMENT_DENY, REASON_TYPES_AND_STORES, 1, WAY_COUNT, false}},
        {"allow id 0781:5567", TREATMENT_ALLOW, EVIL,
                {TREATMENT_ALLOW, REASON_RULE_ALLOWS, 1, WAY_COUNT, false}},
        {"allow id 0781:*", TREATMENT_ALLOW, EVIL,
                {TREATMENT_DENY, REASON_TYPES_AND_STORES, 1, WAY_COUNT, false}},
        /* named: its keyboard alone */
        {"allow id 0781:5567", TREATMENT_DENY, EVIL,
                {TREATMENT_ALLOW, REASON_RULE_ALLOWS, 1, WAY_USB_STORAGE, true}},
        {"allow with-interface equals { 08:*:* 08:*:* }", TREATMENT_ALLOW, EVIL,
                {TREATMENT_DENY, REASON_NO_RULE, 0, WAY_COUNT, false}},
        {"allow with-interface equals { 03:*:* }", TREATMENT_ALLOW, EVIL,
                {TREATMENT_DENY, REASON_NO_RULE, 0, WAY_COUNT, false}},
        /* denied beats needing a permit */
        {"allow", TREATMENT_IMPORT, "with-interface { 08:06:50 ff:00:00 }",
                {TREATMENT_DENY, REASON_WAY_DENIED, 1, WAY_OTHER, false}},
        {"allow", TREATMENT_ALLOW, "id 1111:2222",
                {TREATMENT_DENY, REASON_WAY_DENIED, 1, WAY_OTHER, false}},
        {"allow with-interface equals { 09:*:* }", TREATMENT_DENY,
                "with-interface { 09:00:01 09:00:02 }",
                {TREATMENT_ALLOW, REASON_RULE_ALLOWS, 1, WAY_COUNT, false}},
};

static void decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct policy *p = policy_with(ROWS[i].rules, ROWS[i].storage);
		struct verdict got, want = ROWS[i].verdict;

		describe(ROWS[i].device);
		got = policy_decide(p, &facts, &(struct circumstances){0});
		if (got.treatment != want.treatment || got.reason != want.reason ||
		        got.rule != want.rule || got.way != want.way || got.partial != want.partial)
			fail_msg("row %zu: %s, rule %zu, way %d", i, reason_code(got.reason),
			        got.rule, (int)got.way);
		policy_free(&p);
	}
}

static void without_a_policy_nothing_is_allowed(void **state)
{
	struct verdict v;

	(void)state;
	describe(KEYBOARD);
	v = policy_decide(NULL, &facts, &(struct circumstances){0});
	assert_int_equal(v.treatment, TREATMENT_DENY);
	assert_int_equal(v.reason, REASON_NO_POLICY);
	assert_int_equal(v.way, WAY_COUNT);
}

static void cut_descriptors_are_denied(void **state)
{
	struct policy *p = policy_with("allow", TREATMENT_ALLOW);
	struct verdict v;

	(void)state;
	describe(KEYBOARD);
	facts.interfaces_cut = 1;
	v = policy_decide(p, &facts, &(struct circumstances){0});
	assert_int_equal(v.treatment, TREATMENT_DENY);
	assert_int_equal(v.reason, REASON_UNREADABLE);
	facts.interfaces_cut = 0;
	facts.interface_count = FACTS_INTERFACES_MAX + 1;
	v = policy_decide(p, &facts, &(struct circumstances){0});
	assert_int_equal(v.reason, REASON_UNREADABLE);
	policy_free(&p);
}

static void other_tiers_name_import_and_export_outright(void **state)
{
	struct policy *p = policy_with("allow", TREATMENT_EXPORT);
	struct verdict v;

	(void)state;
	p->tier = TIER_INTERNET;
	describe(STICK);
	v = policy_decide(p, &facts, &(struct circumstances){0});
	assert_int_equal(v.treatment, TREATMENT_EXPORT);
	assert_int_equal(v.way, WAY_USB_STORAGE);
	policy_free(&p);
}

/* A phone cannot be kept from taking what it is given. */
static void what_has_no_medium_is_not_imported(void **state)
{
	struct policy *p = policy_with("allow", TREATMENT_IMPORT);
	struct verdict v;

	(void)state;
	p->tier = TIER_INTERNET;
	p->treatments[WAY_MTP_PTP] = TREATMENT_IMPORT;
	describe("with-interface 06:01:01");
	v = policy_decide(p, &facts, &(struct circumstances){0});
	assert_int_equal(v.treatment, TREATMENT_DENY);
	assert_int_equal(v.reason, REASON_WAY_DENIED);
	assert_int_equal(v.way, WAY_MTP_PTP);
	describe("with-interface { 08:06:50 06:01:01 }");
	v = policy_decide(p, &facts, &(struct circumstances){0});
	assert_int_equal(v.way, WAY_MTP_PTP);
	describe(STICK);
	v = policy_decide(p, &facts, &(struct circumstances){0});
	assert_int_equal(v.treatment, TREATMENT_IMPORT);
	p->treatments[WAY_WIFI] = TREATMENT_IMPORT;
	assert_int_equal(policy_decide_way(p, WAY_WIFI).treatment, TREATMENT_DENY);
	policy_free(&p);
}

static void a_second_keyboard_must_be_named(void **state)
{
	const size_t by_rule_4[] = {4};
	const struct circumstances one = {.keyboards = 1, .keyboard_rules = by_rule_4};
	struct policy *p = policy_with("allow id 1234:5678\nallow", TREATMENT_DENY);
	struct verdict v;

	(void)state;
	describe(KEYBOARD);
	v = policy_decide(p, &facts, &one);
	assert_int_equal(v.treatment, TREATMENT_DENY);
	assert_int_equal(v.reason, REASON_SECOND_KEYBOARD);
	describe("id 1234:5678 with-interface 03:01:01");
	assert_int_equal(policy_decide(p, &facts, &one).treatment, TREATMENT_ALLOW);
	describe("id 0627:0001 with-interface 03:01:02"); /* a mouse */
	assert_int_equal(policy_decide(p, &facts, &one).treatment, TREATMENT_ALLOW);
	policy_free(&p);
}

/* Whoever has seen the office's keyboard can make one that says it is the same. */
static void a_rule_names_one_keyboard_at_a_time(void **state)
{
	const size_t by_rules[] = {3, 1};
	const struct circumstances others = {.keyboards = 1, .keyboard_rules = by_rules};
	const struct circumstances twin = {.keyboards = 2, .keyboard_rules = by_rules};
	const size_t by_rule_2[] = {2};
	const struct circumstances ported = {.keyboards = 1, .keyboard_rules = by_rule_2};
	struct policy *p = policy_with("allow id 1234:5678 serial \"A\"\n"
	                               "allow id 1234:5679 via-port one-of { \"1-1\" \"1-2\" }\n"
	                               "allow",
	        TREATMENT_DENY);

	(void)state;
	describe("id 1234:5678 serial \"A\" with-interface 03:01:01");
	assert_int_equal(policy_decide(p, &facts, &others).treatment, TREATMENT_ALLOW);
	assert_int_equal(policy_decide(p, &facts, &twin).reason, REASON_SECOND_KEYBOARD);
	assert_int_equal(policy_decide(p, &facts, &twin).treatment, TREATMENT_DENY);
	/* What does not type may come twice. */
	describe("id 1234:5678 serial \"A\" with-interface 03:01:02");
	assert_int_equal(policy_decide(p, &facts, &twin).treatment, TREATMENT_ALLOW);
	/* Two desks, two ports, one rule. */
	describe("id 1234:5679 via-port \"1-2\" with-interface 03:01:01");
	assert_int_equal(policy_decide(p, &facts, &ported).treatment, TREATMENT_ALLOW);
	policy_free(&p);
}

static void reasons_have_codes_and_sentences(void **state)
{
	static const char *const CODES[REASON_COUNT] = {"rule-allows", "rule-denies", "no-rule",
	        "way-allowed", "way-denied", "needs-permit", "second-keyboard", "types-and-stores",
	        "no-policy", "unreadable", "not-journalled"};

	(void)state;
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		assert_string_equal(reason_code((enum reason)i), CODES[i]);
		assert_true(strlen(reason_text((enum reason)i)) > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(decides),
	        cmocka_unit_test(without_a_policy_nothing_is_allowed),
	        cmocka_unit_test(cut_descriptors_are_denied),
	        cmocka_unit_test(other_tiers_name_import_and_export_outright),
	        cmocka_unit_test(what_has_no_medium_is_not_imported),
	        cmocka_unit_test(a_second_keyboard_must_be_named),
	        cmocka_unit_test(a_rule_names_one_keyboard_at_a_time),
	        cmocka_unit_test(reasons_have_codes_and_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
