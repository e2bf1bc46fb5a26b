#include "collector/state.h"

#include <stddef.h>

/* A clock set back must not keep a terminal fresh until it has caught up. */
enum { FUTURE_TOLERATED_MS = 5000 };

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
