#include "collector/table.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(table_width(""), 0);
	assert_int_equal(table_width("abc"), 3);
	assert_int_equal(table_width("市民課"), 6);
	assert_int_equal(table_width("市a"), 3);
	assert_int_equal(table_width("ｶﾅ"), 2);             /* halfwidth */
	assert_int_equal(table_width("ＡＢ"), 4);           /* fullwidth */
	assert_int_equal(table_width("か\xe3\x82\x99"), 2); /* combining voiced mark */
	assert_int_equal(table_width("𠮷"), 2);
	assert_int_equal(table_width("\xff"), 1);
}

static void test_print(void **state)
{
	const char *const cells[] = {"端末", "x", "a", "long", "bb", ""};
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	table_print(out, cells, 3, 2);
	fclose(out);
	assert_string_equal(text, "端末  x\na     long\nbb    \n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_width), cmocka_unit_test(test_print)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
