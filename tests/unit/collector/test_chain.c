#include "collector/chain.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A journal of `count` lines in events; head: its end. */
static json_t *make_journal(int count, struct journal_head *head)
{
	const struct journal_stamp stamp = {1700000000, 5, "f47ac10b-58cc-4372-a567-0e02b2c3d479"};
	json_t *events = json_array();

	for (int i = 0; i < count; i++) {
		struct event_record event;
		char *line = NULL;
		event_start(&event, EVENT_AGENT_STARTED);
		assert_int_equal(journal_line(&event, &stamp, head, &line), 0);
		json_array_append_new(events, json_string(line));
		free(line);
	}
	return events;
}

static struct journal_head beginning(void)
{
	return (struct journal_head){.count = 0, .hash = JOURNAL_GENESIS};
}

static void assert_head(const struct journal_head *head, const struct journal_head *expected)
{
	assert_int_equal(head->count, expected->count);
	assert_string_equal(head->hash, expected->hash);
}

static void test_continues(void **state)
{
	struct journal_head end = beginning();
	struct journal_head head = beginning();
	struct chain_break fault;
	json_t *events = make_journal(3, &end);

	(void)state;
	chain_follow(events, &end, false, &head, &fault);
	assert_false(fault.found);
	assert_head(&head, &end);
	json_decref(events);
	events = make_journal(2, &end);
	chain_follow(events, &end, false, &head, &fault);
	assert_false(fault.found);
	assert_head(&head, &end);
	json_decref(events);
}

static void test_nothing_new(void **state)
{
	struct journal_head head = beginning();
	const struct journal_head end = beginning();
	struct chain_break fault;
	json_t *events = json_array();

	(void)state;
	chain_follow(events, &end, false, &head, &fault);
	assert_false(fault.found);
	json_decref(events);
}

static void test_more(void **state)
{
	struct journal_head end = beginning();
	struct journal_head head = beginning();
	struct chain_break fault;
	json_t *events = make_journal(2, &end);
	struct journal_head later = {.count = 9};

	(void)state;
	memset(later.hash, 'b', 64);
	chain_follow(events, &later, true, &head, &fault);
	assert_false(fault.found);
	assert_head(&head, &end);
	/* Without `more` the lines do not reach the end it claims. */
	head = beginning();
	chain_follow(events, &later, false, &head, &fault);
	assert_true(fault.found);
	assert_int_equal(fault.seq, 3);
	assert_null(fault.line);
	assert_head(&head, &later);
	/* With it there must be more. */
	head = beginning();
	chain_follow(events, &end, true, &head, &fault);
	assert_true(fault.found);
	json_decref(events);
}

static void test_changed_line(void **state)
{
	struct journal_head end = beginning();
	struct journal_head head = beginning();
	struct chain_break fault;
	json_t *events = make_journal(4, &end);
	char *changed = strdup(json_string_value(json_array_get(events, 1)));

	(void)state;
	*strstr(changed, "uptime_ms\":5") = 'U';
	json_array_set_new(events, 1, json_string(changed));
	chain_follow(events, &end, false, &head, &fault);
	assert_true(fault.found);
	assert_true(fault.seq == 2 || fault.seq == 3);
	assert_non_null(fault.line);
	assert_head(&head, &end);
	free(changed);
	json_decref(events);
}

static void test_missing_line(void **state)
{
	struct journal_head end = beginning();
	struct journal_head head = beginning();
	struct chain_break fault;
	json_t *events = make_journal(4, &end);

	(void)state;
	json_array_remove(events, 1);
	chain_follow(events, &end, false, &head, &fault);
	assert_true(fault.found);
	assert_int_equal(fault.seq, 2);
	assert_head(&head, &end);
	json_decref(events);
}

static void test_cut_back(void **state)
{
	struct journal_head end = beginning();
	struct journal_head head;
	struct journal_head middle;
	struct chain_break fault;

	(void)state;
	json_decref(make_journal(2, &end));
	middle = end;
	json_decref(make_journal(2, &end));
	head = end;
	json_t *events = json_array();
	chain_follow(events, &middle, false, &head, &fault);
	assert_true(fault.found);
	assert_head(&head, &middle);
	json_decref(events);
}

static void test_rubbish(void **state)
{
	struct journal_head head = beginning();
	const struct journal_head claimed = {.count = 7, .hash = JOURNAL_GENESIS};
	struct chain_break fault;
	json_t *events = json_pack("[s, s, s]", "", "not JSON", "{\"seq\":-4}");

	(void)state;
	chain_follow(events, &claimed, false, &head, &fault);
	assert_true(fault.found);
	assert_int_equal(fault.seq, 1);
	assert_head(&head, &claimed);
	json_decref(events);
}

static void test_line_seq(void **state)
{
	(void)state;
	assert_int_equal(chain_line_seq("{\"seq\":12}", 10), 12);
	assert_int_equal(chain_line_seq("{\"seq\":-1}", 10), 0);
	assert_int_equal(chain_line_seq("{\"seq\":\"1\"}", 11), 0);
	assert_int_equal(chain_line_seq("nothing", 7), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_continues),
	        cmocka_unit_test(test_nothing_new),
	        cmocka_unit_test(test_more),
	        cmocka_unit_test(test_changed_line),
	        cmocka_unit_test(test_missing_line),
	        cmocka_unit_test(test_cut_back),
	        cmocka_unit_test(test_rubbish),
	        cmocka_unit_test(test_line_seq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
