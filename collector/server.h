/* The network side of serve: TLS 1.3 and HTTP/1.1 by libevent, one thread. */
#ifndef SEKISHO_COLLECTOR_SERVER_H
#define SEKISHO_COLLECTOR_SERVER_H

#include "collector/authority.h"
#include "collector/config.h"
#include "collector/connection.h"
#include "collector/enrol.h"
#include "collector/intake.h"
#include "collector/poll.h"

#include <event2/event.h>

enum {
	SERVER_BODY_MAX = 131072,
	SERVER_HEADERS_MAX = 8192,
	SERVER_WAIT_SECONDS = 55,
	SERVER_SILENCE_SECONDS = 25, /* a peer that acknowledges nothing so long is gone */
	SERVER_IDLE_SECONDS = 120,   /* no byte between requests */
	SERVER_STRANGER_SECONDS = 30 /* a connection bound to no terminal by then is closed */
};

struct server;

/* What a server works with; borrowed until server_free(). certificate and key are PEM. */
struct server_parts {
	struct event_base *base;
	const struct config *config;
	struct store *store;
	const struct authority *authority;
	const struct key *receipt_key;
	const char *receipt_public;
	const uint8_t *tls_certificate;
	size_t tls_certificate_length;
	const uint8_t *tls_key;
	size_t tls_key_length;
};

/* Binds and listens. ERR_FORMAT for a certificate or key that OpenSSL does not take, ERR_IO when
 * the address cannot be bound. */
int server_open(const struct server_parts *parts, struct server **server);
void server_free(struct server **server);

struct poll_board *server_polls(struct server *server);

#endif
