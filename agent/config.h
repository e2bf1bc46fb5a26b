/* /etc/sekisho/agent.yaml: what the office set on this terminal, root's file.
 * sekisho-agent.yaml(5). */
#ifndef SEKISHO_AGENT_CONFIG_H
#define SEKISHO_AGENT_CONFIG_H

#include <stdbool.h>

#define CONFIG_CARD_MODULE "opensc-pkcs11.so"

struct agent_config {
	bool enforce;          /* mode: enforce | observe */
	char collector[256];   /* "https://host:port", or "" */
	char card_module[256]; /* of PKCS#11: absolute, or a name in p11-kit's directory */
};

/*
 * Reads the file under root (a directory descriptor). Grammar: `key: value` lines of YAML, keys
 * `mode`, `collector` and `card_module`, all optional (enforce, "", "opensc-pkcs11.so").
 * ERR_NOT_FOUND (config holds the defaults), ERR_UNSAFE, ERR_FORMAT with line and message.
 */
int config_read(int root, struct agent_config *config, unsigned *line, char message[160]);

#endif
