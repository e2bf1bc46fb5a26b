/*
 * One TLS 1.3 connection to a collector, and HTTP/1.1 on it by libevent, one request at a time. The
 * server must show a certificate under the given CA for the URL's host; nothing is sent before.
 * Callbacks come from the event loop only, never from within a call, and may close the client.
 */
#ifndef SEKISHO_AGENT_HTTP_CLIENT_H
#define SEKISHO_AGENT_HTTP_CLIENT_H

#include "agent/http_trust.h"
#include "agent/http_url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_BODY_MAX = 131072,
	HTTP_HEADERS_MAX = 16384,
	HTTP_EXPORTER_SIZE = 32,
	HTTP_CONNECT_SECONDS = 15,
	HTTP_SILENCE_S = 25 /* a peer that acknowledges nothing so long is gone */
};

struct http_answer {
	int status;
	const char *type; /* media type without parameters, "" when absent */
	const uint8_t *body;
	size_t length; /* HTTP_BODY_MAX at most */
};

struct http_handlers {
	/* The handshake is done and the server verified; exporter: RFC 9266. Now http_client_post()
	 * may be called. */
	void (*secured)(void *context, const uint8_t exporter[HTTP_EXPORTER_SIZE]);
	void (*answered)(void *context, const struct http_answer *answer);
	/* The connection is over; only http_client_close() may follow. cause: an English phrase. */
	void (*failed)(void *context, int error, const char *cause);
};

struct event_base;
struct evdns_base;
struct http_client;

/*
 * Connects. dns: NULL asks the system's resolver, which blocks. first: path of the first request,
 * which is a POST. handlers, trust: borrowed for the client's life.
 */
int http_client_open(struct event_base *base, struct evdns_base *dns,
        const struct http_trust *trust, const struct http_url *url, const char *first,
        const struct http_handlers *handlers, void *context, struct http_client **client);

/* One request at a time, each answered or failed within seconds. The first one's path is that of
 * http_client_open(). ERR_CLOSED, ERR_USAGE while another is under way, ERR_MEMORY. */
int http_client_post(struct http_client *c, const char *path, const char *type, const void *body,
        size_t length, int seconds);
int http_client_get(struct http_client *c, const char *path, int seconds);

void http_client_close(struct http_client **client);

#endif
