#include "agent/http_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

enum { DEFAULT_PORT = 443 };

static bool is_address(const char *host)
{
	uint8_t bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool is_name(const char *host)
{
	size_t length = strlen(host);

	return length > 0 && host[0] != '.' && host[0] != '-' &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
	               length;
}

static int parse_port(const char *text, uint16_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long value;

	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return ERR_FORMAT;
	value = strtoul(text, NULL, 10);
	if (value == 0 || value > UINT16_MAX)
		return ERR_FORMAT;
	*port = (uint16_t)value;
	return 0;
}

int http_url_parse(const char *text, struct http_url *url)
{
	static const char scheme[] = "https://";
	const char *host, *end;
	bool bracketed;
	size_t length;

	memset(url, 0, sizeof(*url));
	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return ERR_FORMAT;
	host = text + sizeof(scheme) - 1;
	bracketed = host[0] == '[';
	host += bracketed ? 1 : 0;
	length = strcspn(host, bracketed ? "]" : ":");
	end = host + length;
	if (length == 0 || length >= sizeof(url->host) || (bracketed && *end++ != ']'))
		return ERR_FORMAT;
	memcpy(url->host, host, length);
	url->numeric = is_address(url->host);
	if (bracketed ? !url->numeric || strchr(url->host, ':') == NULL : !is_name(url->host))
		return ERR_FORMAT;
	url->port = DEFAULT_PORT;
	if (*end == '\0')
		return 0;
	return *end == ':' ? parse_port(end + 1, &url->port) : ERR_FORMAT;
}
