#include "agent/schedule.h"

#include <event2/event.h>

#include "tests/unit/cmocka_all.h"

static void test_jitter(void **state)
{
	int64_t least = 1000, most = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t ms = schedule_jittered(1000);

		assert_in_range(ms, 500, 1499);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	assert_true(most - least > 500);
	assert_int_equal(schedule_jittered(0), 0);
}

static void test_doubling(void **state)
{
	(void)state;
	assert_int_equal(schedule_doubled(1000, 0, 60000), 1000);
	assert_int_equal(schedule_doubled(1000, 3, 60000), 8000);
	assert_int_equal(schedule_doubled(1000, 6, 60000), 60000);
	assert_int_equal(schedule_doubled(1000, 4000000000u, 60000), 60000);
}

static void test_wait(void **state)
{
	(void)state;
	assert_int_equal(schedule_wait_s(0, 10), 10);
	assert_int_equal(schedule_wait_s(9500, 10), 1);
	assert_int_equal(schedule_wait_s(9999, 10), 1);
	assert_int_equal(schedule_wait_s(10000, 10), 0);
	assert_int_equal(schedule_wait_s(99999, 10), 0);
	assert_int_equal(schedule_wait_s(0, 55), 55);
	assert_int_equal(schedule_wait_s(0, 3600), SCHEDULE_WAIT_MAX_S);
	assert_int_equal(schedule_wait_s(3590000, 3600), 10);
	assert_int_equal(schedule_wait_s(INT64_MAX / 2, 3600), 0);
}

static void ignore(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
}

static void test_which_comes_first(void **state)
{
	struct event_base *base = event_base_new();
	struct event *timer = evtimer_new(base, ignore, NULL);

	(void)state;
	assert_false(schedule_comes_sooner(timer, 1000000));
	schedule_timer(timer, 60000);
	assert_true(schedule_comes_sooner(timer, 61000));
	assert_false(schedule_comes_sooner(timer, 50000));
	schedule_timer(timer, 1500);
	assert_true(schedule_comes_sooner(timer, 2000));
	event_free(timer);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_jitter),
	        cmocka_unit_test(test_doubling),
	        cmocka_unit_test(test_wait),
	        cmocka_unit_test(test_which_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
