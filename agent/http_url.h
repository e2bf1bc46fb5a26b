/* Where a collector is. */
#ifndef SEKISHO_AGENT_HTTP_URL_H
#define SEKISHO_AGENT_HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_HOST_SIZE = 254 };

struct http_url {
	char host[HTTP_HOST_SIZE]; /* a name, or an address without brackets */
	uint16_t port;
	bool numeric;
};

/* "https://HOST[:PORT]" and nothing more; HOST a DNS name, an IPv4 address or a bracketed IPv6
 * address. ERR_FORMAT. */
int http_url_parse(const char *text, struct http_url *url);

#endif
