/*
 * Leads from a device to the few rules that can match it. A rule stands in the index under the
 * values of all those attributes of which it wants one of few; a device's own values then find it,
 * whatever the other rules are about. A rule that wants nothing in particular is `general` and is
 * tried on every device.
 */
#ifndef SEKISHO_POLICY_RULE_INDEX_H
#define SEKISHO_POLICY_RULE_INDEX_H

#include "policy/rule_language.h"
#include "policy/rule_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_key; /* while the index is built */

/* Rules, ascending. */
struct rule_list {
	uint32_t *rules;
	size_t count, size;
};

struct index_entry {
	uint32_t tag; /* of the key: another key's rule is seldom looked at */
	uint32_t rule;
};

/* Zero is an empty one. */
struct rule_index {
	struct index_key *keys;
	size_t key_count, keys_size;
	uint32_t *buckets;           /* where each begins in entries, and where the last one ends */
	unsigned bits;               /* of the number of buckets */
	struct index_entry *entries; /* by bucket, then rule */
	uint32_t *crowds;            /* while the index is built: rules under an interface */
	struct rule_list general;    /* tried on every device */
	struct rule_list bare;       /* tried on a device without interfaces */
	uint8_t masks[256];          /* the combinations of values that occur */
	size_t mask_count;
	bool mask_seen[256];
	bool interfaces; /* some rule stands under an interface alone */
};

/* rule: from 0, ascending. 0 or ERR_MEMORY. */
int rule_index_add(struct rule_index *index, const struct rule *tree, uint32_t rule);
/* After the last one. 0 or ERR_MEMORY. */
int rule_index_finish(struct rule_index *index);
void rule_index_free(struct rule_index *index);

/* Whether the rule (from 0) matches. */
typedef bool rule_tried(const void *context, uint32_t rule);

/* The first rule before `before` that matches; `before` when none does. */
uint32_t rule_index_find(const struct rule_index *index, const struct subject *subject,
        uint32_t before, rule_tried *tried, const void *context);

#endif
