#include "collector/connection.h"

#include "core/clock.h"

#include <stdlib.h>

void connection_list_start(
        struct connection_list *list, size_t max, void (*room)(void *), void *context)
{
	*list = (struct connection_list){.max = max, .room = room, .context = context};
	TAILQ_INIT(&list->connections);
}

struct connection *connection_new(struct connection_list *list)
{
	struct connection *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return NULL;
	made->list = list;
	made->channel.peer = made->peer;
	made->opened_ms = clock_boot_ms();
	TAILQ_INSERT_HEAD(&list->connections, made, next);
	list->count++;
	return made;
}

static void free_events(struct connection *connection)
{
	if (connection->wait_end != NULL)
		event_free(connection->wait_end);
	connection->wait_end = NULL;
	if (connection->closed != NULL)
		event_free(connection->closed);
	connection->closed = NULL;
}

static void leave_list(struct connection *connection)
{
	TAILQ_REMOVE(&connection->list->connections, connection, next);
	connection->list->count--;
	connection->list = NULL;
}

void connection_list_stop(struct connection_list *list)
{
	struct connection *connection = TAILQ_FIRST(&list->connections);

	while (connection != NULL) {
		struct connection *next = TAILQ_NEXT(connection, next);
		free_events(connection);
		leave_list(connection);
		connection = next;
	}
}

void connection_free(struct connection *connection)
{
	if (connection == NULL)
		return;
	struct connection_list *list = connection->list;
	bool full = list != NULL && list->count >= list->max;

	free_events(connection);
	if (list != NULL)
		leave_list(connection);
	free(connection);
	if (full && list->room != NULL)
		list->room(list->context);
}

struct connection *connection_find_waiting(const struct connection_list *list, int64_t terminal)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &list->connections, next)
	if (connection->waiting != NULL && connection->channel.terminal == terminal)
		return connection;
	return NULL;
}

bool connection_is_bound(const struct connection_list *list, int64_t terminal)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &list->connections, next)
	if (connection->channel.terminal == terminal)
		return true;
	return false;
}

/* New ones come at the head. */
struct connection *connection_find_stranger(const struct connection_list *list)
{
	struct connection *connection;

	TAILQ_FOREACH_REVERSE(connection, &list->connections, connection_queue, next)
	if (connection->channel.terminal == 0)
		return connection;
	return NULL;
}
