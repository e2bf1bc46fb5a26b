#include "agent/usb_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"

/* 64 buses of 127 devices, and the root hubs. */
enum { NAMES_MAX = 64 * 128 };

int usb_names_compare(const char *left, const char *right)
{
	int hubs = (int)device_name_is_hub(right) - (int)device_name_is_hub(left);

	if (hubs != 0)
		return hubs;
	return strlen(left) != strlen(right) ? (strlen(left) < strlen(right) ? -1 : 1)
	                                     : strcmp(left, right);
}

static int name_compare(const void *a, const void *b)
{
	return usb_names_compare(
	        ((const struct usb_name *)a)->text, ((const struct usb_name *)b)->text);
}

static bool name_counts(const char *name)
{
	return strlen(name) < DEVICE_NAME_MAX &&
	       (device_name_is_hub(name) || device_name_is_device(name));
}

int usb_names_read(int sys, struct usb_names *names)
{
	int fd = openat(sys, "bus/usb/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int r = dir == NULL && errno != ENOENT ? ERR_IO : 0;
	struct dirent *entry;

	*names = (struct usb_names){
	        .list = dir != NULL ? calloc(NAMES_MAX, sizeof(struct usb_name)) : NULL};
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (names->list == NULL)
		r = ERR_MEMORY;
	errno = 0;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (!name_counts(entry->d_name))
			continue;
		if (names->count == NAMES_MAX)
			r = ERR_TOO_LONG;
		else
			memcpy(names->list[names->count++].text, entry->d_name,
			        strlen(entry->d_name) + 1);
	}
	if (r == 0 && errno != 0)
		r = ERR_IO;
	closedir(dir);
	if (names->count > 0)
		qsort(names->list, names->count, sizeof(names->list[0]), name_compare);
	return r;
}

void usb_names_free(struct usb_names *names)
{
	free(names->list);
	*names = (struct usb_names){0};
}
