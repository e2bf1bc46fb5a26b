/* What a set of rules is made of: shared by rule.c and rule_history.c only. */
#ifndef SEKISHO_POLICY_RULE_SET_H
#define SEKISHO_POLICY_RULE_SET_H

#include "policy/rule.h"
#include "policy/rule_index.h"
#include "policy/rule_pack.h"

#include <stddef.h>
#include <stdint.h>

struct numbers {
	uint32_t *values;
	size_t count, size;
};

struct rule_set {
	struct pack pack;
	struct numbers offsets;     /* of each rule in pack */
	struct numbers remembering; /* rules, from 0, with rule-applied or rule-evaluated */
	struct rule_index index;
};

static inline const uint8_t *rule_set_bytes(const struct rule_set *set, size_t rule)
{
	return set->pack.bytes + set->offsets.values[rule];
}

#endif
