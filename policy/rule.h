/*
 * Device rules in USBGuard's language (sekisho-rules(5)). A set is parsed whole or not at all.
 */
#ifndef SEKISHO_POLICY_RULE_H
#define SEKISHO_POLICY_RULE_H

#include "policy/facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rule_target { RULE_ALLOW, RULE_BLOCK, RULE_REJECT };

struct rule_error {
	size_t line;   /* from 1 */
	size_t column; /* from 1, in bytes */
	char message[160];
};

struct rule_set; /* immutable once parsed */

/* 0, ERR_FORMAT with *error filled, ERR_MEMORY. *set is NULL on error. */
int rule_set_parse(
        const char *text, size_t length, struct rule_set **set, struct rule_error *error);
void rule_set_free(struct rule_set **set);
size_t rule_set_count(const struct rule_set *set);

/* Rule number (from 1) in canonical form, one line without newline; *text malloc'd. */
int rule_set_print(const struct rule_set *set, size_t number, char **text);

struct rule_history;

/* What conditions ask beside the device. All zero: nothing is allowed now, nothing was before. */
struct rule_context {
	int64_t moment; /* seconds, UTC; local time by the process's TZ (localtime) */
	int64_t uptime; /* seconds on a clock that nobody sets; durations are measured by it */
	const struct device_facts *const *allowed; /* devices that are allowed now, without the one
	                                              in question (allowed-matches) */
	size_t allowed_count;
	const struct rule_history *history; /* rule_history.h; may be NULL */
	uint64_t chance; /* random draws from it: the same number, the same draws */
};

/* First rule that matches: its number and target; 0 when none does. */
size_t rule_set_match(const struct rule_set *set, const struct device_facts *facts,
        const struct rule_context *context, enum rule_target *target);

/* Whether this rule speaks of single devices (id without "*", hash or serial), not of kinds. */
bool rule_set_names_device(const struct rule_set *set, size_t number);

/* Whether it says in which ports (via-port). */
bool rule_set_names_port(const struct rule_set *set, size_t number);

const char *rule_target_name(enum rule_target target);

#endif
