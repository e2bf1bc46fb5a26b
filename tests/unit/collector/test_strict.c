#include "collector/strict.h"

#include "tests/unit/cmocka_all.h"

#include <string.h>

static const struct strict_member MEMBERS[] = {{"s", STRICT_STRING, true, 3},
        {"i", STRICT_INTEGER, false, 0}, {"b", STRICT_BOOLEAN, false, 0},
        {"o", STRICT_OBJECT, false, 0}, {"a", STRICT_ARRAY, false, 0}};

static bool matches(const char *text)
{
	json_t *json = strict_parse(text, strlen(text));
	bool answer = json != NULL && strict_matches(json, MEMBERS, 5);

	json_decref(json);
	return answer;
}

static void test_members(void **state)
{
	(void)state;
	assert_true(matches("{\"s\":\"abc\"}"));
	assert_true(matches("{\"s\":\"\",\"i\":1,\"b\":true,\"o\":{},\"a\":[]}"));
	assert_false(matches("{\"i\":1}"));
	assert_false(matches("{\"s\":\"abcd\"}"));
	assert_false(matches("{\"s\":1}"));
	assert_false(matches("{\"s\":\"a\",\"i\":1.0}"));
	assert_false(matches("{\"s\":\"a\",\"b\":0}"));
	assert_false(matches("{\"s\":\"a\",\"o\":[]}"));
	assert_false(matches("{\"s\":\"a\",\"a\":{}}"));
	assert_false(matches("{\"s\":\"a\",\"x\":1}"));
	assert_false(matches("{\"s\":null}"));
}

static void test_parse(void **state)
{
	(void)state;
	assert_false(matches("{\"s\":\"a\",\"s\":\"a\"}"));
	assert_false(matches("[]"));
	assert_false(matches("\"s\""));
	assert_false(matches(""));
	assert_false(matches("{\"s\":\"a\"} x"));
	assert_false(matches("{\"s\":\"\xff\"}"));
	assert_false(matches("{\"s\":\"\\u0000\"}"));
}

static void test_hex(void **state)
{
	(void)state;
	assert_true(strict_is_hex("00ff", 4));
	assert_false(strict_is_hex("00fF", 4));
	assert_false(strict_is_hex("00f", 4));
	assert_false(strict_is_hex("00ff0", 4));
}

static void test_base64url(void **state)
{
	uint8_t bytes[3] = {0};

	(void)state;
	assert_true(strict_is_base64url("AQID", 3, bytes));
	assert_int_equal(bytes[2], 3);
	assert_true(strict_is_base64url("AQID", 3, NULL));
	assert_false(strict_is_base64url("AQID", 4, NULL));
	assert_false(strict_is_base64url("AQI=", 2, NULL));
	assert_false(strict_is_base64url("AQ+D", 3, NULL));
}

static void test_names(void **state)
{
	static const char *const good[] = {"a", "T-01", "市民課-01", "ｶﾞ", "窓口.3", "x_y"};
	/* Spelled out, or it would turn round this line too. */
	static const char right_to_left[] = {'a', (char)0xe2, (char)0x80, (char)0xae, 0};
	static const char *const bad[] = {"", "-a", ".a", "a b", "a/b", "a\nb", "a\x7f",
	        "\xe3\x80\x80", right_to_left, "a\xe2\x80\x8b", "a\xef\xbb\xbf", "\xff",
	        "a\xc2\xad", "\xc0\x80",
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(strict_is_name(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(strict_is_name(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_members),
	        cmocka_unit_test(test_parse),
	        cmocka_unit_test(test_hex),
	        cmocka_unit_test(test_base64url),
	        cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
