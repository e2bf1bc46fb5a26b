/* A rule that describes a device. */
#ifndef SEKISHO_POLICY_RULE_GENERATE_H
#define SEKISHO_POLICY_RULE_GENERATE_H

#include "policy/rule.h"

#include <stdbool.h>

struct rule_form {
	enum rule_target target;
	bool hash;      /* the hash, and the parent's */
	bool only_hash; /* the hash and nothing else */
	bool port;      /* the port too; else only of a device without a serial number */
};

/* In canonical form, one line without newline; *text malloc'd. 0 or ERR_MEMORY. */
int rule_generate(const struct device_facts *facts, const struct rule_form *form, char **text);

#endif
