/*
 * Stands in for agent/fido2_device.c in the process fido2 of tests/integration/key.sh, where there
 * is no hidraw: every entry of the directory SEKISHO_TEST_KEYS is a key that is plugged in
 * (soft_key.c), a pair of FIFOs that carry its HID reports. Nothing that is installed holds this
 * file.
 */
#include "agent/fido2_device.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPORT = 64, PATH_SIZE = 512 };

struct fifos {
	int to;
	int from;
};

static int open_below(const char *path, const char *name)
{
	char full[PATH_SIZE];

	(void)snprintf(full, sizeof(full), "%s/%s", path, name);
	return open(full, O_RDWR | O_NONBLOCK | O_CLOEXEC); /* for writing too: never at its end */
}

static void fifos_close(void *handle)
{
	struct fifos *f = handle;

	if (f->to >= 0)
		(void)close(f->to);
	if (f->from >= 0)
		(void)close(f->from);
	free(f);
}

/* What an earlier conversation left is nobody's. */
static void drain(int fd)
{
	uint8_t report[REPORT];

	while (read(fd, report, sizeof(report)) > 0)
		;
}

static void *fifos_open(const char *path)
{
	struct fifos *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->to = open_below(path, "to");
	f->from = open_below(path, "from");
	if (f->to < 0 || f->from < 0) {
		fifos_close(f);
		return NULL;
	}
	drain(f->from);
	return f;
}

/* A short report is a key that was pulled out. */
static int fifos_read(void *handle, unsigned char *bytes, size_t size, int timeout_ms)
{
	const struct fifos *f = handle;
	struct pollfd ready = {.fd = f->from, .events = POLLIN};

	if (size != REPORT || poll(&ready, 1, timeout_ms) != 1)
		return -1;
	return read(f->from, bytes, size) == REPORT ? REPORT : -1;
}

/* The first byte is the report's number, which is not sent. */
static int fifos_write(void *handle, const unsigned char *bytes, size_t size)
{
	const struct fifos *f = handle;

	if (size != REPORT + 1 || write(f->to, bytes + 1, REPORT) != REPORT)
		return -1;
	return (int)size;
}

static int find_keys(char path[static PATH_SIZE])
{
	const char *directory = getenv("SEKISHO_TEST_KEYS");
	DIR *keys = directory != NULL ? opendir(directory) : NULL;
	const struct dirent *entry = NULL;
	int count = 0;

	if (keys == NULL)
		return 0;
	while ((entry = readdir(keys)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, PATH_SIZE, "%s/%s", directory, entry->d_name);
		count++;
	}
	(void)closedir(keys);
	return count;
}

/* A FIFO hangs up when the key at its other end does. */
static int presence_open(const char *path)
{
	char full[PATH_SIZE];

	(void)snprintf(full, sizeof(full), "%s/from", path);
	return open(full, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

enum fido2_state fido2_device_open(fido_dev_t **device, int *presence)
{
	static const fido_dev_io_t io = {fifos_open, fifos_close, fifos_read, fifos_write};
	char path[PATH_SIZE] = "";
	int count = find_keys(path);

	*device = NULL;
	*presence = -1;
	if (count != 1)
		return count == 0 ? FIDO2_ABSENT : FIDO2_SEVERAL;
	*presence = presence_open(path);
	*device = fido_dev_new();
	if (*device != NULL && fido_dev_set_io_functions(*device, &io) == FIDO_OK &&
	        fido_dev_open(*device, path) == FIDO_OK)
		return FIDO2_PRESENT;
	fido_dev_free(device);
	return FIDO2_UNUSABLE;
}
