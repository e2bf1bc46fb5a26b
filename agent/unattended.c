#include "agent/unattended.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/error.h"

static int is_service(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool is_there(struct dirent *const *found, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(found[i]->d_name, name) == 0)
			return true;
	return false;
}

int unattended_publish(struct channel *channel, int root, const struct services *services)
{
	struct dirent **found = NULL;
	int count = scandirat(root, PATH_UNATTENDED_DIR, &found, is_service, NULL);
	int error = 0;

	for (int i = 0; i < count; i++)
		if (!services_have(services, found[i]->d_name) &&
		        services_refusal(found[i]->d_name) == NULL && error == 0)
			error = channel_request(
			        channel, REQUEST_UNATTENDED, found[i]->d_name, 0, -1, NULL);
	for (size_t i = 0; i < services->count; i++)
		if (!is_there(found, count, services->names[i]) && error == 0)
			error = channel_request(
			        channel, REQUEST_UNATTENDED, services->names[i], 1, -1, NULL);
	for (int i = 0; i < count; i++)
		free(found[i]);
	free(found);
	return error;
}
