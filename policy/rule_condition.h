/* Conditions of the rule language: "!localtime(08:30-17:15)". */
#ifndef SEKISHO_POLICY_RULE_CONDITION_H
#define SEKISHO_POLICY_RULE_CONDITION_H

#include "policy/rule_scan.h"

/* 0, ERR_FORMAT or ERR_MEMORY. */
int scan_condition(struct scanner *s, const struct item_condition **condition);

#endif
