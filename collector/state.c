#include "collector/state.h"

#include "core/event.h"

#include <stddef.h>

/* A clock set back must not keep a terminal fresh until it has caught up. */
enum { FUTURE_TOLERATED_MS = 5000 };

enum { INTERVALS_FRESH = 3 };

int64_t state_fresh_span(const json_t *facts, int64_t least)
{
	const json_t *said = json_object_get(json_object_get(facts, "policy"), "report_interval");
	json_int_t seconds = json_integer_value(said);

	/* More than a policy can ask for was asked for by none. */
	if (seconds < REPORT_INTERVAL_MIN || seconds > REPORT_INTERVAL_MAX)
		return least;
	int64_t span = seconds * 1000 * INTERVALS_FRESH;
	return span > least ? span : least;
}

enum terminal_state state_derive(const struct standing *s)
{
	int64_t age = s->now - s->verified;

	if (s->cloned > s->cleared)
		return TERMINAL_CLONE;
	if (s->forged > 0 && s->forged >= s->verified)
		return TERMINAL_BAD_SIGNATURE;
	if (s->verified <= 0 || age > s->stale)
		return TERMINAL_MISSING;
	if (age > s->fresh || age < -FUTURE_TOLERATED_MS)
		return TERMINAL_STALE;
	return TERMINAL_FRESH;
}

const char *state_name(enum terminal_state state)
{
	static const char *const names[] = {"FRESH", "STALE", "MISSING", "BAD_SIGNATURE", "CLONE"};
	size_t index = (size_t)state;

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : "MISSING";
}
