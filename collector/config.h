/* /etc/sekisho/collector.yaml: sekisho-collector.yaml(5). */
#ifndef SEKISHO_COLLECTOR_CONFIG_H
#define SEKISHO_COLLECTOR_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/sekisho/collector.yaml"
#define CONFIG_DIRECTORY "/var/lib/sekisho-collector"

struct config {
	char dir[256];        /* data directory, absolute or as given */
	char listen_host[64]; /* numeric address */
	uint16_t listen_port;
	uint32_t fresh_seconds; /* FRESH up to this age, or three of the terminal's own report
	                           intervals where that is longer */
	uint32_t stale_seconds; /* STALE up to this age, MISSING beyond */
	uint32_t connections_max;
	char tls_certificate[256]; /* the office's own, PEM chain; "": the one `init` made */
	char tls_key[256];
};

void config_defaults(struct config *config);

/* Reads YAML over the defaults. ERR_FORMAT and a message (which holds "line N" where the parser
 * knows it) for an unknown key, a wrong type or a value out of range. */
int config_parse(const uint8_t *text, size_t length, struct config *config, char message[200]);

/* path NULL: CONFIG_PATH, which may be missing. ERR_NOT_FOUND, ERR_UNSAFE (writable by others),
 * ERR_FORMAT, ERR_IO. */
int config_read(const char *path, struct config *config, char message[200]);

/* "ADDRESS:PORT" or "[ADDRESS6]:PORT"; ERR_FORMAT. */
int config_parse_listen(const char *text, struct config *config);

#endif
