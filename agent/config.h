/* /etc/sekisho/agent.yaml: what the office set on this terminal, root's file.
 * sekisho-agent.yaml(5). */
#ifndef SEKISHO_AGENT_CONFIG_H
#define SEKISHO_AGENT_CONFIG_H

#include <stdbool.h>

struct agent_config {
	bool enforce;        /* mode: enforce | observe */
	char collector[256]; /* "https://host:port", or "" */
};

/*
 * Reads the file under root (a directory descriptor). Grammar: `key: value` lines of YAML, keys
 * `mode` and `collector`, both optional (enforce, ""). ERR_NOT_FOUND (config holds the defaults),
 * ERR_UNSAFE, ERR_FORMAT with line and message.
 */
int config_read(int root, struct agent_config *config, unsigned *line, char message[160]);

#endif
