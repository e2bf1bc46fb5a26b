/* The commands under `sekisho rules`; argv[0] is "check", "match" or "generate". The first two need
 * the C library alone. */
#ifndef SEKISHO_AGENT_COMMAND_RULES_H
#define SEKISHO_AGENT_COMMAND_RULES_H

#include "agent/sekisho.h"

int command_rules_usage(void); /* EXIT_USAGE */
int command_rules_check(int argc, char **argv);
int command_rules_match(int argc, char **argv);
int command_rules_generate(const struct cli *cli, int argc, char **argv);

#endif
