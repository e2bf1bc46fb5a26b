#include "policy/rule_generate.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define STICK                                                                                      \
	"id 0781:5567 serial \"S\\\"1\" name \"\\xe6\" hash \"h=\" parent-hash \"p=\""             \
	" via-port \"1-2\" with-interface { 08:06:50 08:06:62 } with-connect-type \"hotplug\""
#define KEYBOARD "id 046D:c31c via-port \"1-3\" hash \"k=\" with-interface 03:01:01"

static void check(const char *device, struct rule_form form, const char *expected)
{
	struct device_facts *facts = calloc(1, sizeof(*facts));
	struct rule_set *set;
	struct rule_error error;
	enum rule_target target;
	char message[160];
	char *text, *again;
	size_t column;

	assert_non_null(facts);
	assert_int_equal(facts_parse(device, facts, &column, message, sizeof(message)), 0);
	assert_int_equal(rule_generate(facts, &form, &text), 0);
	assert_string_equal(text, expected);
	/* canonical, and it matches the device it is about */
	assert_int_equal(rule_set_parse(text, strlen(text), &set, &error), 0);
	assert_int_equal(rule_set_print(set, 1, &again), 0);
	assert_string_equal(text, again);
	assert_int_equal(rule_set_match(set, facts, &(struct rule_context){0}, &target), 1);
	assert_int_equal(target, form.target);
	rule_set_free(&set);
	free(again);
	free(text);
	free(facts);
}

static void describes_everything_and_a_port_where_needed(void **state)
{
	(void)state;
	check(STICK, (struct rule_form){.target = RULE_ALLOW, .hash = true},
	        "allow id 0781:5567 serial \"S\\\"1\" name \"\\xe6\" hash \"h=\" parent-hash "
	        "\"p=\" with-interface { 08:06:50 08:06:62 } with-connect-type \"hotplug\"");
	check(KEYBOARD, (struct rule_form){.target = RULE_REJECT, .hash = true},
	        "reject id 046d:c31c serial \"\" name \"\" hash \"k=\" parent-hash \"\" via-port "
	        "\"1-3\" with-interface 03:01:01 with-connect-type \"\"");
}

static void leaves_out_what_is_not_wanted(void **state)
{
	(void)state;
	check(STICK, (struct rule_form){.target = RULE_BLOCK, .port = true},
	        "block id 0781:5567 serial \"S\\\"1\" name \"\\xe6\" via-port \"1-2\" "
	        "with-interface { 08:06:50 08:06:62 } with-connect-type \"hotplug\"");
	check(STICK, (struct rule_form){.target = RULE_ALLOW, .hash = true, .only_hash = true},
	        "allow hash \"h=\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(describes_everything_and_a_port_where_needed),
	        cmocka_unit_test(leaves_out_what_is_not_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
