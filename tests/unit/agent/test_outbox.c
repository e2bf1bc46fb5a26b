#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/outbox.h"
#include "core/error.h"
#include "core/jws.h"
#include "tests/unit/agent/temporary.h"

static int setup(void **state)
{
	return temporary_setup(state);
}

static int teardown(void **state)
{
	return temporary_teardown(state);
}

static void expect_text(const struct outbox *o, uint64_t seq, const char *text)
{
	char *jws = NULL;
	size_t length = 0;

	assert_int_equal(outbox_read(o, seq, &jws, &length), 0);
	assert_string_equal(jws, text);
	assert_int_equal(length, strlen(text));
	free(jws);
}

static void keeps_what_is_stored_in_order(void **state)
{
	int dir = *(int *)*state;
	struct outbox o;

	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(outbox_lowest(&o), 0);
	assert_int_equal(outbox_store(&o, 12, "twelve", 6), 0);
	assert_int_equal(outbox_store(&o, 9, "nine", 4), 0);
	assert_int_equal(outbox_store(&o, 10, "ten", 3), 0);
	assert_int_equal(o.count, 3);
	outbox_close(&o);

	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(o.count, 3);
	assert_int_equal(outbox_lowest(&o), 9);
	assert_int_equal(outbox_highest(&o), 12);
	expect_text(&o, 10, "ten");
	assert_int_equal(outbox_remove(&o, 9), 0);
	assert_int_equal(outbox_lowest(&o), 10);
	assert_int_equal(outbox_remove(&o, 9), ERR_NOT_FOUND);
	assert_int_equal(outbox_remove(&o, 12), 0);
	assert_int_equal(outbox_remove(&o, 10), 0);
	assert_int_equal(o.count, 0);
	outbox_close(&o);
}

/* The power went before the rename: the report was never stored, and its number will come again. */
static void clears_incoming(void **state)
{
	int dir = *(int *)*state;
	struct outbox o;

	assert_int_equal(outbox_open(dir, &o), 0);
	outbox_close(&o);
	temporary_write(dir, "incoming/00000000000000000003.jws", "half", 0600);
	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(o.count, 0);
	assert_int_equal(faccessat(dir, "incoming/00000000000000000003.jws", F_OK, 0), -1);
	assert_int_equal(outbox_store(&o, 3, "whole", 5), 0);
	expect_text(&o, 3, "whole");
	outbox_close(&o);
}

static void what_lies_in_both_is_what_was_renamed(void **state)
{
	int dir = *(int *)*state;
	struct outbox o;

	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(outbox_store(&o, 3, "renamed", 7), 0);
	outbox_close(&o);
	temporary_write(dir, "incoming/00000000000000000003.jws", "half", 0600);
	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(o.count, 1);
	expect_text(&o, 3, "renamed");
	outbox_close(&o);
}

/* The power went between the rename and the signer's answer: the number comes again and was never
 * sent. */
static void the_same_number_again_replaces(void **state)
{
	int dir = *(int *)*state;
	struct outbox o;

	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(outbox_store(&o, 3, "first", 5), 0);
	assert_int_equal(outbox_store(&o, 3, "second", 6), 0);
	assert_int_equal(o.count, 1);
	expect_text(&o, 3, "second");
	outbox_close(&o);
	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(o.count, 1);
	expect_text(&o, 3, "second");
	outbox_close(&o);
}

static void leaves_other_names_alone(void **state)
{
	static const char *const names[] = {"outgoing/3.jws", "outgoing/00000000000000000000.jws",
	        "outgoing/00000000000000000003.jws.new", "outgoing/99999999999999999999.jws"};
	int dir = *(int *)*state;
	struct outbox o;

	assert_int_equal(outbox_open(dir, &o), 0);
	outbox_close(&o);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		temporary_write(dir, names[i], "x", 0600);
	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(o.count, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(faccessat(dir, names[i], F_OK, 0), 0);
	outbox_close(&o);
}

static void refuses_what_is_no_report(void **state)
{
	int dir = *(int *)*state;
	char *large = calloc(1, JWS_MAX + 2), *jws = NULL;
	size_t length = 0;
	struct outbox o;

	memset(large, 'x', JWS_MAX + 1);
	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(outbox_store(&o, 0, "x", 1), ERR_FORMAT);
	assert_int_equal(outbox_store(&o, 1, "", 0), ERR_FORMAT);
	assert_int_equal(outbox_store(&o, 1, large, JWS_MAX + 1), ERR_TOO_LONG);
	assert_int_equal(outbox_store(&o, 1, large, JWS_MAX), 0);
	assert_int_equal(outbox_read(&o, 2, &jws, &length), ERR_NOT_FOUND);
	assert_null(jws);
	assert_int_equal(fchmodat(dir, "outgoing/00000000000000000001.jws", 0666, 0), 0);
	assert_int_equal(outbox_read(&o, 1, &jws, &length), ERR_UNSAFE);
	free(large);
	outbox_close(&o);
}

/* A directory that cannot be written to: an error, and nothing is counted. */
static void a_failed_write_stores_nothing(void **state)
{
	int dir = *(int *)*state;
	struct outbox o;

	assert_int_equal(outbox_open(dir, &o), 0);
	assert_int_equal(unlinkat(dir, "incoming", AT_REMOVEDIR), 0);
	assert_int_equal(outbox_store(&o, 1, "x", 1), ERR_IO);
	assert_int_equal(o.count, 0);
	outbox_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(keeps_what_is_stored_in_order, setup, teardown),
	        cmocka_unit_test_setup_teardown(clears_incoming, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                what_lies_in_both_is_what_was_renamed, setup, teardown),
	        cmocka_unit_test_setup_teardown(the_same_number_again_replaces, setup, teardown),
	        cmocka_unit_test_setup_teardown(leaves_other_names_alone, setup, teardown),
	        cmocka_unit_test_setup_teardown(refuses_what_is_no_report, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_failed_write_stores_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
