/* error, language, log and utf8: what a person reads. */
#include "tests/unit/cmocka_all.h"

#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "core/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int plain_language(void **state)
{
	(void)state;
	unsetenv("LC_ALL");
	unsetenv("LC_MESSAGES");
	unsetenv("LANG");
	return 0;
}

static void language_order(void **state)
{
	(void)state;
	assert_false(language_is_japanese());
	setenv("LANG", "ja_JP.UTF-8", 1);
	assert_true(language_is_japanese());
	assert_string_equal(LANGUAGE("はい", "yes"), "はい");
	setenv("LC_MESSAGES", "C", 1);
	assert_false(language_is_japanese());
	setenv("LC_MESSAGES", "", 1); /* empty is unset */
	assert_true(language_is_japanese());
	setenv("LC_ALL", "en_US.UTF-8", 1);
	assert_false(language_is_japanese());
	assert_string_equal(LANGUAGE("はい", "yes"), "yes");
}

static void languages_that_a_locale_says(void **state)
{
	static const struct {
		const char *locale;
		enum language said;
	} cases[] = {{"ja_JP.UTF-8", LANGUAGE_JAPANESE}, {"ja", LANGUAGE_JAPANESE},
	        {"en_US.UTF-8", LANGUAGE_ENGLISH}, {"C", LANGUAGE_NOT_SAID},
	        {"C.UTF-8", LANGUAGE_NOT_SAID}, {"POSIX", LANGUAGE_NOT_SAID},
	        {"", LANGUAGE_NOT_SAID}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("LC_ALL", cases[i].locale, 1);
		assert_int_equal(language_said(), cases[i].said);
	}
}

static void no_kanji_at_a_console_of_the_kernels(void **state)
{
	const enum language ja = LANGUAGE_JAPANESE;

	(void)state;
	assert_false(language_of_login(ja, "login", "tty1", ja));
	assert_false(language_of_login(ja, "sudo", "/dev/tty63", ja));
	assert_true(language_of_login(ja, "sudo", "/dev/pts/1", LANGUAGE_NOT_SAID));
	assert_true(language_of_login(LANGUAGE_NOT_SAID, "login", "ttyS0", ja));
	assert_true(language_of_login(LANGUAGE_NOT_SAID, "login", "tty", ja));
	assert_true(language_of_login(LANGUAGE_NOT_SAID, "gdm-password", "/dev/tty2", ja));
	assert_false(language_of_login(LANGUAGE_ENGLISH, "lightdm", ":0", ja));
	assert_false(language_of_login(LANGUAGE_NOT_SAID, "lightdm", ":0", LANGUAGE_NOT_SAID));
}

static void every_error_has_a_text(void **state)
{
	const char *unknown = error_text(-1000);

	(void)state;
	assert_string_equal(unknown, "unknown error");
	assert_string_equal(error_text(1), unknown);
	assert_string_equal(error_text(ERR_SEALED - 1), unknown);
	for (int error = ERR_OK; error >= ERR_SEALED; error--) {
		char english[128];
		snprintf(english, sizeof(english), "%s", error_text(error));
		assert_string_not_equal(english, unknown);
		for (int other = error + 1; other <= 0; other++)
			assert_string_not_equal(english, error_text(other));
		setenv("LANG", "ja_JP.UTF-8", 1);
		assert_string_not_equal(error_text(error), english);
		unsetenv("LANG");
	}
}

static void utf8_takes_only_utf8(void **state)
{
	uint32_t c = 0;

	(void)state;
	assert_int_equal(utf8_next("A", 1, &c), 1);
	assert_int_equal(c, 'A');
	assert_int_equal(utf8_next("\xc3\xa9x", 3, &c), 2);
	assert_int_equal(c, 0xe9);
	assert_int_equal(utf8_next("\xe9\x96\xa2", 3, &c), 3);
	assert_int_equal(c, 0x95a2);
	assert_int_equal(utf8_next("\xf0\x9f\x98\x80", 4, &c), 4);
	assert_int_equal(c, 0x1f600);
	assert_int_equal(utf8_next("\xf4\x8f\xbf\xbf", 4, &c), 4);
	assert_int_equal(c, 0x10ffff);
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
	        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
	        "\xe9\x96", "\xe9\x96x", "\xc3"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(utf8_next(bad[i], strlen(bad[i]), &c), 0);
	assert_int_equal(utf8_next("A", 0, &c), 0);
	assert_int_equal(utf8_next("\xe9\x96\xa2", 2, &c), 0);
}

static void assert_clean(const char *text, size_t size, const char *expected)
{
	char out[64];

	memset(out, 'x', sizeof(out));
	assert_int_equal(utf8_clean(text, out, size), strlen(expected));
	assert_string_equal(out, expected);
	assert_int_equal(out[size], 'x');
}

static void utf8_copies_are_utf8(void **state)
{
	(void)state;
	assert_clean("", 8, "");
	assert_clean("関所", 8, "関所");
	assert_clean("a\xff\xe9\x96z", 8, "a???z");
	assert_clean("\xed\xa0\x80", 8, "???"); /* a surrogate */
	/* Cut at a whole character. */
	assert_clean("関所", 7, "関所");
	assert_clean("関所", 6, "関");
	assert_clean("関所", 3, "");
	assert_clean("abc", 3, "ab");
	assert_clean("abc", 1, "");
}

static void printable(const char *text, const char *expected)
{
	char out[64];

	assert_ptr_equal(log_printable(text, out, sizeof(out)), out);
	assert_string_equal(out, expected);
}

static void log_printable_shows_what_is_there(void **state)
{
	char out[8];

	(void)state;
	printable("USB 関所 é", "USB 関所 é");
	printable("a\nb\x1b[31m\x7f", "a\\x0ab\\x1b[31m\\x7f");
	printable("\xff\xe9\x96", "\\xff\\xe9\\x96");
	static const char override[] = {(char)0xe2, (char)0x80, (char)0xae, 'a', '\0'};
	printable(override, "\\xe2\\x80\\xaea");      /* right-to-left override */
	printable("\xc2\x9b", "\\xc2\\x9b");          /* C1: CSI */
	printable("\xef\xbb\xbf", "\\xef\\xbb\\xbf"); /* byte order mark */
	printable(NULL, "");
	/* never cut within a character or an escape */
	log_printable("abcdef関", out, sizeof(out));
	assert_string_equal(out, "abcdef");
	log_printable("abcd\n", out, sizeof(out));
	assert_string_equal(out, "abcd");
	log_printable("abcdefgh", out, sizeof(out));
	assert_string_equal(out, "abcdefg");
	log_printable("abc", out, 1);
	assert_string_equal(out, "");
	out[0] = 'z';
	log_printable("abc", out, 0);
	assert_int_equal(out[0], 'z');
}

/* What one call writes to a stderr that is a pipe. */
static void captured(char *out, size_t size, enum log_level level, const char *message)
{
	int ends[2];
	int saved = dup(STDERR_FILENO);

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	log_write(level, "%s", message);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ssize_t length = read(ends[0], out, size - 1);
	close(ends[0]);
	out[length > 0 ? length : 0] = '\0';
}

static void log_lines(void **state)
{
	char out[4096];
	char longer[3000];

	(void)state;
	log_open("guard", LOG_LEVEL_WARNING);
	captured(out, sizeof(out), LOG_LEVEL_ERROR, "no rule");
	assert_string_equal(out, "<3>guard: no rule\n");
	captured(out, sizeof(out), LOG_LEVEL_INFO, "dropped");
	assert_string_equal(out, "");
	captured(out, sizeof(out), LOG_LEVEL_WARNING, "a\n<3>guard: forged\x1b[0m");
	assert_string_equal(out, "<4>guard: a <3>guard: forged [0m\n");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	captured(out, sizeof(out), LOG_LEVEL_ERROR, longer);
	assert_int_equal(strlen(out), 2047);
	assert_int_equal(out[2046], '\n');
	errno = ENOENT;
	captured(out, sizeof(out), LOG_LEVEL_ERROR, "x");
	assert_int_equal(errno, ENOENT);
}

/* A device's name that would move a terminal's cursor, or turn the writing around. */
static void json_shows_what_is_there(void **state)
{
	static const char json[] =
	        "{\n  \"a\": \"\\u001b関\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x80\x81\"\n}";
	static const char shown[] =
	        "{\n  \"a\": \"\\u001b関\\u007f\\u009b\\u202e\\udb40\\udc01\"\n}";
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	assert_non_null(out);
	log_print_json(out, json, sizeof(json) - 1);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, shown);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(language_order, plain_language),
	        cmocka_unit_test_setup(languages_that_a_locale_says, plain_language),
	        cmocka_unit_test_setup(no_kanji_at_a_console_of_the_kernels, plain_language),
	        cmocka_unit_test_setup(every_error_has_a_text, plain_language),
	        cmocka_unit_test(utf8_takes_only_utf8),
	        cmocka_unit_test(utf8_copies_are_utf8),
	        cmocka_unit_test(log_printable_shows_what_is_there),
	        cmocka_unit_test(log_lines),
	        cmocka_unit_test(json_shows_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
