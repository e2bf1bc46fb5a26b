/* When the courier tries again and when it reports. */
#ifndef SEKISHO_AGENT_SCHEDULE_H
#define SEKISHO_AGENT_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum { SCHEDULE_WAIT_MAX_S = 55 }; /* what a collector lets a terminal wait */

struct event;

void schedule_timer(struct event *timer, int64_t ms);
bool schedule_comes_sooner(const struct event *timer, int64_t ms);

/* Between a half and one and a half of it: terminals that lost the same collector do not come back
 * together. */
int64_t schedule_jittered(int64_t ms);

/* first_ms, doubled this many times; max_ms at most. */
int64_t schedule_doubled(int64_t first_ms, unsigned times, int64_t max_ms);

/* For how many seconds to wait for a poll, since_ms after the last report was made; 0: the next one
 * is due. */
unsigned schedule_wait_s(int64_t since_ms, unsigned interval_s);

#endif
