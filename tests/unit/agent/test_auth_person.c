#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/auth_person.h"
#include "core/clock.h"
#include "core/error.h"

static void days_there_are(void **state)
{
	static const char *const good[] = {
	        "1970-01-02", "2027-03-31", "2028-02-29", "2000-02-29", "9999-12-31"};
	static const char *const bad[] = {"", "none", "2027-3-31", "2027-02-29", "2100-02-29",
	        "2027-02-31", "2027-13-01", "2027-00-10", "2027-01-00", "1970-01-01", "1969-12-31",
	        "2027-03-31 ", " 2027-03-31", "2027-03-31T00:00:00Z", "+2027-03-31", "10000-01-01",
	        "27-03-31", "2027/03/31"};
	char text[PERSON_DAY_SIZE];
	int32_t day = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(person_day_parse(good[i], &day), 0);
		person_day_print(day, text);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(person_day_parse(bad[i], &day), ERR_FORMAT);
		assert_int_equal(day, 0);
	}
	person_day_print(0, text);
	assert_string_equal(text, "-");
}

static enum person_standing stands(const char *zone, const struct auth_person *p, const char *when)
{
	int64_t now = 0;

	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
	assert_int_equal(clock_parse(when, &now), 0);
	return person_judge(p, now);
}

static struct auth_person from_to(const char *first, const char *last)
{
	struct auth_person p = {.class = PERSON_CONTRACTOR};

	assert_int_equal(person_day_parse(first, &p.first_day), 0);
	assert_int_equal(person_day_parse(last, &p.last_day), 0);
	return p;
}

/* The fiscal year of 2026, to the second, where the terminal stands. */
static void midnight_is_the_terminals(void **state)
{
	const struct auth_person p = from_to("2026-04-01", "2027-03-31");

	(void)state;
	assert_int_equal(stands("Asia/Tokyo", &p, "2026-03-31T23:59:59+09:00"), PERSON_EARLY);
	assert_int_equal(stands("Asia/Tokyo", &p, "2026-04-01T00:00:00+09:00"), PERSON_CURRENT);
	assert_int_equal(stands("Asia/Tokyo", &p, "2027-03-31T23:59:59+09:00"), PERSON_CURRENT);
	assert_int_equal(stands("Asia/Tokyo", &p, "2027-04-01T00:00:00+09:00"), PERSON_ENDED);
	assert_int_equal(stands("UTC", &p, "2027-04-01T00:00:00+09:00"), PERSON_CURRENT);
	assert_int_equal(stands("UTC", &p, "2027-04-01T09:00:00+09:00"), PERSON_ENDED);
	/* A night with 25 hours. */
	assert_int_equal(stands("Europe/Berlin", &p, "2026-10-25T02:30:00+01:00"), PERSON_CURRENT);
}

static void one_day_is_a_day(void **state)
{
	const struct auth_person p = from_to("2026-11-21", "2026-11-21");

	(void)state;
	assert_true(person_is_allowed(&p));
	assert_int_equal(stands("Asia/Tokyo", &p, "2026-11-20T23:59:59+09:00"), PERSON_EARLY);
	assert_int_equal(stands("Asia/Tokyo", &p, "2026-11-21T12:00:00+09:00"), PERSON_CURRENT);
	assert_int_equal(stands("Asia/Tokyo", &p, "2026-11-22T00:00:00+09:00"), PERSON_ENDED);
}

static void classes(void **state)
{
	static const bool dated[PERSON_CLASS_END] = {
	        [PERSON_TEMPORARY] = true, [PERSON_DISPATCHED] = true, [PERSON_CONTRACTOR] = true};
	enum person_class class = PERSON_UNNAMED;

	(void)state;
	for (unsigned i = PERSON_UNNAMED; i < PERSON_CLASS_END; i++) {
		struct auth_person p = {.class = (enum person_class)i};

		assert_int_equal(person_class_is_dated(p.class), dated[i]);
		assert_int_equal(stands("UTC", &p, "2026-11-21T12:00:00Z"),
		        dated[i] ? PERSON_UNDATED : PERSON_CURRENT);
		if (i == PERSON_UNNAMED)
			continue;
		assert_true(person_class_find(person_class_name(p.class), &class));
		assert_int_equal(class, i);
	}
	assert_null(person_class_name(PERSON_UNNAMED));
	assert_null(person_class_name(PERSON_CLASS_END));
	assert_false(person_class_find("", &class));
	assert_false(person_class_find("staff", &class));
}

static void what_is_allowed(void **state)
{
	struct auth_person p = from_to("2026-11-21", "2026-11-21");

	(void)state;
	p.first_day++;
	assert_false(person_is_allowed(&p));
	p.last_day = 0;
	assert_true(person_is_allowed(&p));
	p.first_day = -1;
	assert_false(person_is_allowed(&p));
	p.first_day = 0;
	p.last_day = INT32_MAX;
	assert_false(person_is_allowed(&p));
	p.last_day = 0;
	p.class = PERSON_CLASS_END;
	assert_false(person_is_allowed(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(days_there_are),
	        cmocka_unit_test(midnight_is_the_terminals),
	        cmocka_unit_test(one_day_is_a_day),
	        cmocka_unit_test(classes),
	        cmocka_unit_test(what_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
