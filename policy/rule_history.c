#include "policy/rule_history.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "policy/rule_match.h"
#include "policy/rule_set.h"

enum { NEVER = -1 };

struct entry {
	size_t number; /* of the rule, from 1 */
	int64_t evaluated, applied;
};

struct rule_history {
	size_t count;
	struct entry entries[]; /* ascending number */
};

static size_t history_size(size_t count)
{
	return sizeof(struct rule_history) + count * sizeof(struct entry);
}

int rule_history_new(const struct rule_set *set, struct rule_history **history)
{
	size_t count = set->remembering.count;

	*history = NULL;
	if (count == 0)
		return 0;
	*history = malloc(history_size(count));
	if (!*history)
		return ERR_MEMORY;
	(*history)->count = count;
	for (size_t i = 0; i < count; i++)
		(*history)->entries[i] =
		        (struct entry){.number = (size_t)set->remembering.values[i] + 1,
		                .evaluated = NEVER,
		                .applied = NEVER};
	return 0;
}

int rule_history_copy(const struct rule_history *history, struct rule_history **copy)
{
	*copy = NULL;
	if (!history)
		return 0;
	*copy = malloc(history_size(history->count));
	if (!*copy)
		return ERR_MEMORY;
	memcpy(*copy, history, history_size(history->count));
	return 0;
}

void rule_history_free(struct rule_history **history)
{
	free(*history);
	*history = NULL;
}

void rule_history_note(struct rule_history *history, const struct rule_set *set,
        const struct device_facts *facts, int64_t uptime, size_t matched)
{
	struct subject subject;

	if (!history)
		return;
	subject_make(&subject, facts);
	for (size_t i = 0; i < history->count; i++) {
		struct entry *e = &history->entries[i];

		if (matched != 0 && e->number > matched)
			break;
		if (rule_describes(rule_set_bytes(set, e->number - 1), &subject))
			e->evaluated = uptime;
		if (e->number == matched)
			e->applied = uptime;
	}
}

static int number_compare(const void *number, const void *entry)
{
	size_t wanted = *(const size_t *)number;
	size_t found = ((const struct entry *)entry)->number;

	return (wanted > found) - (wanted < found);
}

static const struct entry *entry_find(const struct rule_history *history, size_t number)
{
	if (!history)
		return NULL;
	return bsearch(&number, history->entries, history->count, sizeof(history->entries[0]),
	        number_compare);
}

static bool lies_within(int64_t at, int64_t uptime, int64_t seconds)
{
	return at != NEVER && (seconds < 0 || uptime - at <= seconds);
}

bool rule_history_applied(
        const struct rule_history *history, size_t number, int64_t uptime, int64_t seconds)
{
	const struct entry *e = entry_find(history, number);

	return e && lies_within(e->applied, uptime, seconds);
}

bool rule_history_evaluated(
        const struct rule_history *history, size_t number, int64_t uptime, int64_t seconds)
{
	const struct entry *e = entry_find(history, number);

	return e && lies_within(e->evaluated, uptime, seconds);
}
