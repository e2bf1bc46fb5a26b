/* The places of auth's workers: processes that wait, as workers do for their person. */
#include "agent/auth_workers.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

enum { CROWDED_MS = 10000, LIFETIME_MS = 125000 };

static struct workers workers;

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < WORKERS_MAX; i++)
		workers.slots[i] = (struct worker_slot){.fd = -1};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers.slots[i].pid != 0)
			worker_end(&workers.slots[i]);
	return 0;
}

static bool come(uid_t uid, int64_t now)
{
	struct worker_slot *slot = workers_place(&workers, uid);
	pid_t pid = 0;

	if (slot == NULL)
		return false;
	assert_int_equal(slot->pid, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	*slot = (struct worker_slot){
	        .pid = pid, .uid = uid, .fd = socket(AF_UNIX, SOCK_DGRAM, 0), .since_ms = now};
	return true;
}

static unsigned count(void)
{
	unsigned there = 0;

	for (size_t i = 0; i < WORKERS_MAX; i++)
		there += workers.slots[i].pid != 0;
	return there;
}

/* Of users each gets four places, all together twenty-four; root gets whatever is left. */
static void places_are_for_everybody(void **state)
{
	(void)state;
	for (uid_t uid = 1000; uid < 1010; uid++)
		for (unsigned i = 0; i < 9; i++)
			assert_true(come(uid, 1) == (i < 4 && uid < 1006));
	assert_int_equal(count(), 24);
	while (come(0, 1))
		;
	assert_int_equal(count(), WORKERS_MAX);
	assert_true(workers_full(&workers));
	assert_false(come(1009, 1));
}

/* One ends by its lifetime; where all places are taken, the longest there by ten seconds, and no
 * more than is needed. */
static void time_is_short_where_places_are(void **state)
{
	(void)state;
	assert_int_equal(workers_due(&workers), 0);
	for (int64_t now = 1; now < WORKERS_MAX; now++)
		assert_true(come(0, now));
	assert_int_equal(workers_due(&workers), 1 + LIFETIME_MS);
	workers_expire(&workers, LIFETIME_MS);
	assert_int_equal(count(), WORKERS_MAX - 1);
	assert_true(come(0, WORKERS_MAX));
	assert_int_equal(workers_due(&workers), 1 + CROWDED_MS);
	workers_expire(&workers, CROWDED_MS);
	assert_int_equal(count(), WORKERS_MAX);
	workers_expire(&workers, 1 + CROWDED_MS + 5000);
	assert_int_equal(count(), WORKERS_MAX - 1);
	assert_int_equal(workers_due(&workers), 2 + LIFETIME_MS);
	workers_expire(&workers, 2 + LIFETIME_MS);
	assert_int_equal(count(), WORKERS_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(places_are_for_everybody, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(time_is_short_where_places_are, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
