#include "agent/schedule.h"

#include <event2/event.h>
#include <sys/random.h>
#include <sys/time.h>

#include "core/clock.h"

enum { DOUBLINGS_MAX = 16 };

void schedule_timer(struct event *timer, int64_t ms)
{
	struct timeval in = {
	        .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	evtimer_add(timer, &in);
}

bool schedule_comes_sooner(const struct event *timer, int64_t ms)
{
	struct timeval due, now;

	if (!evtimer_pending(timer, &due) || gettimeofday(&now, NULL) != 0)
		return false;
	return (due.tv_sec - now.tv_sec) * INT64_C(1000) + (due.tv_usec - now.tv_usec) / 1000 < ms;
}

int64_t schedule_jittered(int64_t ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)clock_boot_ms() * 2654435761u;
	return ms / 2 + (int64_t)((uint64_t)ms * random >> 32);
}

int64_t schedule_doubled(int64_t first_ms, unsigned times, int64_t max_ms)
{
	int64_t ms = first_ms << (times < DOUBLINGS_MAX ? times : DOUBLINGS_MAX);

	return ms < max_ms ? ms : max_ms;
}

unsigned schedule_wait_s(int64_t since_ms, unsigned interval_s)
{
	int64_t left_ms = interval_s * INT64_C(1000) - since_ms;
	int64_t left_s = (left_ms + 999) / 1000;

	if (left_ms <= 0)
		return 0;
	return left_s < SCHEDULE_WAIT_MAX_S ? (unsigned)left_s : SCHEDULE_WAIT_MAX_S;
}
