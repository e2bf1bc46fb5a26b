/* Open connections: which terminal each is bound to, and which of them wait to be polled. */
#ifndef SEKISHO_COLLECTOR_CONNECTION_H
#define SEKISHO_COLLECTOR_CONNECTION_H

#include "collector/intake.h"

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct connection {
	TAILQ_ENTRY(connection) next;
	struct connection_list *list; /* NULL once the list has stopped */
	struct intake_channel channel;
	char peer[STORE_PEER_SIZE];
	int64_t opened_ms;               /* clock_boot_ms() */
	struct bufferevent *bufferevent; /* borrowed: libevent's, which frees this struct with it */
	struct evhttp_request *waiting;  /* a GET /v1/wait not yet answered */
	struct event *wait_end;          /* answers 204 */
	struct event *closed;            /* sees the peer leave while it waits */
	bool has_exporter;
};

TAILQ_HEAD(connection_queue, connection);

struct connection_list {
	struct connection_queue connections;
	size_t count;
	size_t max;
	void (*room)(void *context); /* called when the list was full and no longer is */
	void *context;
};

void connection_list_start(
        struct connection_list *list, size_t max, void (*room)(void *), void *context);
/* Before the list goes: libevent frees a connection when its loop next turns, or with its base. */
void connection_list_stop(struct connection_list *list);

/* NULL when memory is short. */
struct connection *connection_new(struct connection_list *list);
/* Also called by OpenSSL when it frees the SSL the connection hangs on. NULL-safe. */
void connection_free(struct connection *connection);

/* The one on which the terminal waits, the newest if several; NULL. */
struct connection *connection_find_waiting(const struct connection_list *list, int64_t terminal);
bool connection_is_bound(const struct connection_list *list, int64_t terminal);
/* The one that has been open longest without showing which terminal it is; NULL. */
struct connection *connection_find_stranger(const struct connection_list *list);

#endif
