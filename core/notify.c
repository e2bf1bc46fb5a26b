#include "core/notify.h"

#include "core/error.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int connect_to(const char *path, int *fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || length >= sizeof(address.sun_path))
		return ERR_FORMAT;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract name */
	*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return ERR_IO;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (connect(*fd, (const struct sockaddr *)&address, size) == 0)
		return 0;
	close(*fd);
	*fd = -1;
	return ERR_IO;
}

static int read_number(const char *name, int64_t *number)
{
	const char *text = getenv(name);
	char *end = NULL;

	*number = 0;
	if (text == NULL)
		return 0;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || *number < 0 ? ERR_FORMAT : 0;
}

int notify_open(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int64_t span = 0;
	int64_t pid = 0;

	*notify = (struct notify){.fd = -1};
	if (path == NULL)
		return 0;
	int error = read_number("WATCHDOG_USEC", &span);
	if (error == 0)
		error = read_number("WATCHDOG_PID", &pid);
	if (error == 0)
		error = connect_to(path, &notify->fd);
	if (error == 0 && (pid == 0 || pid == getpid()))
		notify->every_us = span / 2;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return error;
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

void notify_send(const struct notify *notify, const char *state)
{
	if (notify->fd >= 0)
		send(notify->fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void notify_reloading(const struct notify *notify)
{
	char state[64];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%jd",
	        (intmax_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_send(notify, state);
}
