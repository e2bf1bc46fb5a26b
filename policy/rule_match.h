/* Whether a packed rule speaks of a device. */
#ifndef SEKISHO_POLICY_RULE_MATCH_H
#define SEKISHO_POLICY_RULE_MATCH_H

#include "policy/rule_pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A device, its texts measured once for all the rules that are tried on it. */
struct subject {
	const struct device_facts *facts;
	struct item_text texts[ATTRIBUTE_COUNT]; /* of the kinds that are texts */
};

void subject_make(struct subject *subject, const struct device_facts *facts);

/* Of its attributes all match; conditions are not asked. */
bool rule_describes(const uint8_t *rule, const struct subject *subject);

/* What the conditions of one rule are asked with. */
struct moment_of_rule {
	const struct rule_context *context;
	size_t number; /* of the rule, from 1 */
};

bool rule_conditions_hold(const uint8_t *rule, const struct moment_of_rule *moment);

#endif
