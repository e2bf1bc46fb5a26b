#include "agent/faults.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static int refuse(void *context, const struct fault *fault)
{
	(void)context;
	(void)fault;
	return -1;
}

static int note(void *context, const struct fault *fault)
{
	char *text = context;

	snprintf(text + strlen(text), 64, "%.20s:%.20s ", fault->name, fault->why);
	return 0;
}

static bool is_usb2(const void *context, const char *name)
{
	(void)context;
	return strcmp(name, "usb2") == 0;
}

static void a_fault_is_told_once_for_each_cause(void **state)
{
	struct faults f = {0};
	char text[256] = "";

	(void)state;
	faults_set(&f, "usb1", NULL);
	assert_int_equal(faults_count(&f), 0);
	faults_set(&f, "usb1", "late");
	faults_tell(&f, refuse, NULL);
	assert_false(faults_are_told(&f));
	faults_tell(&f, note, text);
	faults_set(&f, "usb1", "late");
	faults_tell(&f, note, text);
	assert_string_equal(text, "usb1:late ");
	faults_set(&f, "usb1", "broken");
	assert_int_equal(faults_count(&f), 1);
	assert_false(faults_are_told(&f));
	faults_tell(&f, note, text);
	assert_string_equal(text, "usb1:late usb1:broken ");
	faults_set(&f, "usb1", NULL);
	assert_int_equal(f.count, 0);
}

static void one_that_was_mended_first_is_told_all_the_same(void **state)
{
	struct faults f = {0};
	char text[256] = "";

	(void)state;
	faults_set(&f, "usb1", "late");
	faults_set(&f, "usb2", "late");
	faults_forget(&f, is_usb2, NULL);
	assert_int_equal(faults_count(&f), 1);
	assert_false(faults_are_told(&f));
	faults_tell(&f, note, text);
	assert_non_null(strstr(text, "usb1:late"));
	assert_int_equal(f.count, 1);
	assert_true(faults_are_told(&f));
}

static void more_than_there_is_room_for_are_still_faults(void **state)
{
	struct faults f = {0};
	char name[16];

	(void)state;
	for (int i = 0; i < FAULTS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "usb%d", i);
		faults_set(&f, name, "late");
	}
	assert_int_equal(faults_count(&f), FAULTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_fault_is_told_once_for_each_cause),
	        cmocka_unit_test(one_that_was_mended_first_is_told_all_the_same),
	        cmocka_unit_test(more_than_there_is_room_for_are_still_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
