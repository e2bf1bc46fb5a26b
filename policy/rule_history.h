/*
 * What rule-applied and rule-evaluated ask for: when each rule that has such a condition was last
 * tried on a device and when it last decided about one. Whoever judges keeps it, and starts a new
 * one when the rules change.
 */
#ifndef SEKISHO_POLICY_RULE_HISTORY_H
#define SEKISHO_POLICY_RULE_HISTORY_H

#include "policy/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule_history;

/* Empty. *history is NULL, and 0 returned, when no rule of the set asks for any; ERR_MEMORY. */
int rule_history_new(const struct rule_set *set, struct rule_history **history);
/* Of NULL, NULL. ERR_MEMORY. */
int rule_history_copy(const struct rule_history *history, struct rule_history **copy);
void rule_history_free(struct rule_history **history);

/*
 * After a judgement: matched is what rule_set_match() said. Evaluated are the rules whose
 * attributes match, up to the one that decided; that one was applied. history may be NULL.
 */
void rule_history_note(struct rule_history *history, const struct rule_set *set,
        const struct device_facts *facts, int64_t uptime, size_t matched);

/* Whether rule number was, in the seconds before uptime (negative: ever). Not, when history is
 * NULL. */
bool rule_history_applied(
        const struct rule_history *history, size_t number, int64_t uptime, int64_t seconds);
bool rule_history_evaluated(
        const struct rule_history *history, size_t number, int64_t uptime, int64_t seconds);

#endif
