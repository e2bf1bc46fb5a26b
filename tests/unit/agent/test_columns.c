#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/columns.h"

static char *wrapped(const char *text, size_t indent)
{
	char *out = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&out, &size);

	columns_wrap(stream, text, indent);
	fclose(stream);
	return out;
}

static void a_japanese_character_takes_two(void **state)
{
	(void)state;
	assert_int_equal(columns_width(""), 0);
	assert_int_equal(columns_width("abc"), 3);
	assert_int_equal(columns_width("端末 1"), 6);
	assert_int_equal(columns_width("\xff\xfe"), 2);
}

static void short_text_stays(void **state)
{
	char *out = wrapped("one two", 10);

	(void)state;
	assert_string_equal(out, "one two\n");
	free(out);
	out = wrapped("", 10);
	assert_string_equal(out, "\n");
	free(out);
}

static void lines_end_within_the_screen(void **state)
{
	static const char *const texts[] = {"word ", "端末からの情報持ち出し", "a端 ", "x", "\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[2048] = "", *out, *line, *rest = NULL;
		size_t indent = 17;

		for (size_t used = 0; used < 1000; used += strlen(texts[i]))
			memcpy(text + used, texts[i], strlen(texts[i]) + 1);
		out = wrapped(text, indent);
		for (line = strtok_r(out, "\n", &rest); line != NULL;
		        line = strtok_r(NULL, "\n", &rest)) {
			assert_true(
			        columns_width(line) + (line == out ? indent : 0) <= COLUMNS_SCREEN);
			assert_true(line == out || strncmp(line, "                 ", indent) == 0);
		}
		free(out);
	}
}

static void padding_always_separates(void **state)
{
	char *out = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&out, &size);

	(void)state;
	columns_pad(stream, "端末", 6);
	columns_pad(stream, "longer", 3);
	fclose(stream);
	assert_string_equal(out, "端末  longer ");
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_japanese_character_takes_two),
	        cmocka_unit_test(short_text_stays),
	        cmocka_unit_test(lines_end_within_the_screen),
	        cmocka_unit_test(padding_always_separates),
	};

	columns_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
