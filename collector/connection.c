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

void connection_free(struct connection *connection)
{
	if (connection == NULL)
		return;
	struct connection_list *list = connection->list;
	bool full = list->count >= list->max;

	TAILQ_REMOVE(&list->connections, connection, next);
	list->count--;
	if (connection->wait_end != NULL)
		event_free(connection->wait_end);
	if (connection->closed != NULL)
		event_free(connection->closed);
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
