/* The commands under `sekisho rules` that have a file of their own. */
#ifndef SEKISHO_AGENT_COMMAND_RULES_H
#define SEKISHO_AGENT_COMMAND_RULES_H

#include "agent/sekisho.h"

int command_rules_usage(void); /* EXIT_USAGE */
int command_rules_generate(const struct cli *cli, int argc, char **argv);

#endif
