/* Rules in canonical form. */
#ifndef SEKISHO_POLICY_RULE_PRINT_H
#define SEKISHO_POLICY_RULE_PRINT_H

#include <stdint.h>

/* A packed rule, one line without newline; malloc'd, NULL when memory is short. */
char *rule_print(const uint8_t *rule);

#endif
