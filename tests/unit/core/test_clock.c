#include "tests/unit/cmocka_all.h"

#include "core/clock.h"
#include "core/error.h"

#include <string.h>
#include <unistd.h>

static void formats(int64_t seconds, const char *expected)
{
	char out[CLOCK_RFC3339_SIZE];

	clock_format(seconds, out);
	assert_string_equal(out, expected);
}

static void format(void **state)
{
	(void)state;
	formats(0, "1970-01-01T00:00:00Z");
	formats(1795250831, "2026-11-21T08:47:11Z");
	formats(951782400, "2000-02-29T00:00:00Z");
	formats(-1, "1969-12-31T23:59:59Z");
	formats(-62135596800, "0001-01-01T00:00:00Z");
	formats(253402300799, "9999-12-31T23:59:59Z");
	/* what RFC 3339 cannot write is its nearest */
	formats(INT64_MAX, "9999-12-31T23:59:59Z");
	formats(INT64_MIN, "0000-01-01T00:00:00Z");
}

static void parses(const char *text, int64_t expected)
{
	int64_t seconds = -7;

	assert_int_equal(clock_parse(text, &seconds), 0);
	assert_true(seconds == expected);
}

static void parse(void **state)
{
	(void)state;
	parses("1970-01-01T00:00:00Z", 0);
	parses("2026-11-21T08:47:11Z", 1795250831);
	parses("2026-11-21T17:47:11+09:00", 1795250831);
	parses("2026-11-21T03:17:11-05:30", 1795250831);
	parses("2026-11-21t08:47:11.999999z", 1795250831);
	parses("2024-02-29T00:00:00Z", 1709164800);
	parses("0000-01-01T00:00:00Z", -62167219200);
	parses("1985-04-12T23:20:50.52Z", 482196050);        /* RFC 3339 §5.8 */
	parses("1996-12-19T16:39:57-08:00", 851042397);      /* RFC 3339 §5.8 */
	parses("1937-01-01T12:00:27.87+00:20", -1041337173); /* RFC 3339 §5.8 */
	parses("1990-12-31T23:59:60Z", 662688000);           /* RFC 3339 §5.8 */
	parses("1990-12-31T15:59:60-08:00", 662688000);      /* RFC 3339 §5.8 */
	parses("2012-07-01T08:59:60.5+09:00", 1341100800);
}

static void parse_refuses(void **state)
{
	static const char *const bad[] = {"", "2026", "2026-11-21", "2026-11-21T08:47:11",
	        "2026-11-21T08:47Z", "2026-11-21T08:47:11Zx", "2026-11-21T08:47:11 Z",
	        " 2026-11-21T08:47:11Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
	        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
	        "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
	        "2026-01-01T00:00:60Z", "2026-01-30T23:59:60Z", "2026-01-31T23:58:60Z",
	        "2026-01-31T23:59:60+09:00", "2026-01-31T23:59:61Z", "2026-01-01T00:00:00.Z",
	        "2026-01-01T00:00:00+0900", "2026-01-01T00:00:00+24:00",
	        "2026-01-01T00:00:00+09:60", "2026-01-01T00:00:00+9:00", "2026-01-01 00:00:00Z",
	        "+026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "20260101T000000Z"};
	int64_t seconds = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (clock_parse(bad[i], &seconds) != ERR_FORMAT)
			fail_msg("taken: %s", bad[i]);
	}
}

static void round_trip(void **state)
{
	(void)state;
	for (int64_t seconds = -62167219200; seconds < 253402300800;
	        seconds += 86400LL * 97 + 3607) {
		char out[CLOCK_RFC3339_SIZE];
		int64_t back = 0;
		clock_format(seconds, out);
		assert_int_equal(clock_parse(out, &back), 0);
		assert_true(back == seconds);
	}
}

static void now(void **state)
{
	struct timespec boot;

	(void)state;
	int64_t difference = clock_wall() - (int64_t)time(NULL);
	assert_true(difference >= -1 && difference <= 1);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	int64_t before = clock_boot_ms();
	assert_true(before >= (int64_t)boot.tv_sec * 1000);
	usleep(15000);
	int64_t passed = clock_boot_ms() - before;
	assert_true(passed >= 14 && passed < 10000);
}

static void boot_id(void **state)
{
	char id[CLOCK_BOOT_ID_SIZE];
	char again[CLOCK_BOOT_ID_SIZE];

	(void)state;
	assert_int_equal(clock_boot_id(id), 0);
	assert_int_equal(strlen(id), 36);
	assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
	assert_int_equal(clock_boot_id(again), 0);
	assert_string_equal(id, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(format),
	        cmocka_unit_test(parse),
	        cmocka_unit_test(parse_refuses),
	        cmocka_unit_test(round_trip),
	        cmocka_unit_test(now),
	        cmocka_unit_test(boot_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
