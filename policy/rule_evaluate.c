#include "policy/rule_history.h"
#include "policy/rule_match.h"

#include <time.h>

static uint32_t day_second(int64_t moment)
{
	time_t seconds = (time_t)moment;
	struct tm local = {0};

	if (!localtime_r(&seconds, &local))
		return 0;
	return (uint32_t)(local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec);
}

static bool window_holds(const struct item_condition *c, int64_t moment)
{
	uint32_t second = day_second(moment);

	return c->begin <= c->end ? second >= c->begin && second <= c->end
	                          : second >= c->begin || second <= c->end;
}

static bool some_allowed_matches(const uint8_t *query, const struct rule_context *context)
{
	for (size_t i = 0; i < context->allowed_count; i++) {
		struct subject subject;

		subject_make(&subject, context->allowed[i]);
		if (rule_describes(query, &subject))
			return true;
	}
	return false;
}

/* Steele, Lea, Flood: SplitMix64. Each condition of each rule draws a number of its own. */
static double draw(const struct moment_of_rule *moment, size_t condition)
{
	uint64_t z = moment->context->chance + moment->number * UINT64_C(0x9e3779b97f4a7c15) +
	             condition * UINT64_C(0xd1342543de82ef95);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) * 0x1p-53;
}

/* number: which condition of the rule it is. */
static bool condition_holds(const struct item_condition *c, const uint8_t *query,
        const struct moment_of_rule *moment, size_t number)
{
	const struct rule_context *context = moment->context;

	switch (c->kind) {
	case CONDITION_TRUE:
		return true;
	case CONDITION_LOCALTIME:
		return window_holds(c, context->moment);
	case CONDITION_ALLOWED_MATCHES:
		return some_allowed_matches(query, context);
	case CONDITION_RULE_APPLIED:
		return rule_history_applied(
		        context->history, moment->number, context->uptime, c->seconds);
	case CONDITION_RULE_EVALUATED:
		return rule_history_evaluated(
		        context->history, moment->number, context->uptime, c->seconds);
	case CONDITION_RANDOM:
		return draw(moment, number) < c->probability;
	case CONDITION_FALSE:
	case CONDITION_COUNT:
		break;
	}
	return false;
}

static bool set_holds(const struct packed_attribute *a, const struct moment_of_rule *moment)
{
	const uint8_t *at = a->items;
	size_t holding = 0;

	for (size_t i = 0; i < a->count; i++) {
		struct item_condition condition;
		const uint8_t *query;

		unpack_condition(&at, &condition, &query);
		holding += condition_holds(&condition, query, moment, i) != condition.negated;
	}
	switch (a->relation) {
	case SET_ONE_OF:
		return holding > 0;
	case SET_NONE_OF:
		return holding == 0;
	default:
		return holding == a->count;
	}
}

bool rule_conditions_hold(const uint8_t *bytes, const struct moment_of_rule *moment)
{
	struct packed_rule rule = unpack_rule(bytes);
	struct packed_attribute a;

	while (unpack_attribute(&rule, &a))
		if (a.kind == ATTRIBUTE_IF)
			return set_holds(&a, moment);
	return true;
}
