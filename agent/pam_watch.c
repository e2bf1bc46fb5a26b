#include "agent/pam_watch.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/error.h"

enum {
	NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
	FILES = NAMES | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
};

/* A directory that is not there is seen to come by the one above it. */
static const struct {
	const char *path;
	uint32_t mask;
} PLACES[] = {
        {"etc", NAMES}, {"etc/pam.d", FILES},
        {"etc/systemd/system", NAMES}, /* display-manager.service is a link */
        {SEKISHO_PAMDIR, FILES},
        {"var/lib/dpkg/info", NAMES}, /* written after the module, when both are unpacked */
};

static void add_all(int fd, const char *root)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, PLACES[i].path);
		(void)inotify_add_watch(fd, path, PLACES[i].mask | IN_ONLYDIR);
	}
}

int pam_watch_open(const char *root, int *fd)
{
	*fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (*fd < 0)
		return ERR_IO;
	add_all(*fd, root);
	return 0;
}

void pam_watch_take(int fd, const char *root)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(fd, events, sizeof(events)) > 0)
		;
	add_all(fd, root);
}
