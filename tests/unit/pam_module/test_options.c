#include "tests/unit/cmocka_all.h"

#include <string.h>

#include "core/error.h"
#include "pam_module/options.h"

static void none(void **state)
{
	struct options options;
	const char *bad = "";

	(void)state;
	assert_int_equal(options_parse(&options, 0, NULL, &bad), 0);
	assert_string_equal(options.socket, "/run/sekisho/auth.sock");
	assert_int_equal(options.timeout, 90);
	assert_null(bad);
}

static void both(void **state)
{
	const char *argv[] = {"timeout=300", "socket=/tmp/a b"};
	struct options options;
	const char *bad = NULL;

	(void)state;
	assert_int_equal(options_parse(&options, 2, argv, &bad), 0);
	assert_string_equal(options.socket, "/tmp/a b");
	assert_int_equal(options.timeout, 300);
}

static void anything_else_is_an_error(void **state)
{
	char path[200] = "socket=/";
	const char *cases[] = {"", "debug", "nullok", "socket", "socket=", "socket=run/x",
	        "Socket=/x", " socket=/x", "timeout=", "timeout=0", "timeout=301", "timeout=-1",
	        "timeout=+1", "timeout=1 ", "timeout=0x1", "timeout=4294967297",
	        "timeout=99999999999999999999", path};

	(void)state;
	memset(path + strlen(path), 'a', 108);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *argv[] = {"timeout=5", cases[i]};
		struct options options;
		const char *bad = NULL;

		assert_int_equal(options_parse(&options, 2, argv, &bad), ERR_USAGE);
		assert_ptr_equal(bad, cases[i]);
	}
}

static void longest_path(void **state)
{
	char path[] =
	        "socket=/"
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	        "aaaaaaaaaaaaaaaaaaaaaaaaaa";
	const char *argv[] = {path};
	struct options options;
	const char *bad = NULL;

	(void)state;
	assert_int_equal(strlen(path), 7 + 107);
	assert_int_equal(options_parse(&options, 1, argv, &bad), 0);
	assert_int_equal(strlen(options.socket), 107);
}

static void twice_is_an_error(void **state)
{
	const char *argv[] = {"socket=/x", "socket=/x"};
	struct options options;
	const char *bad = NULL;

	(void)state;
	assert_int_equal(options_parse(&options, 2, argv, &bad), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(none),
	        cmocka_unit_test(both),
	        cmocka_unit_test(anything_else_is_an_error),
	        cmocka_unit_test(longest_path),
	        cmocka_unit_test(twice_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
