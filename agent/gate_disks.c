#include "agent/gate_disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/error.h"

enum { LINE_SIZE = 8192, DEVICE_TEXT = 24, DEPTH_MAX = 8 };

struct search {
	int root;
	gate_disk_found *found;
	void *context;
};

static int directory_open(int dir, const char *path)
{
	return openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static FILE *file_open(int root, const char *path)
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (file == NULL && fd >= 0)
		close(fd);
	return file;
}

/* "8:1" and nothing else. */
static bool numbers_parse(const char *text, uint32_t *major, uint32_t *minor)
{
	char *end;
	unsigned long left = strtoul(text, &end, 10);
	unsigned long right;

	if (end == text || *end != ':' || text[0] < '0' || text[0] > '9')
		return false;
	text = end + 1;
	if (*text < '0' || *text > '9')
		return false;
	right = strtoul(text, &end, 10);
	if ((*end != '\0' && *end != '\n') || left > 0xfff || right > 0xfffff)
		return false;
	*major = (uint32_t)left;
	*minor = (uint32_t)right;
	return true;
}

static bool device_read(int dir, const char *entry, uint32_t *major, uint32_t *minor)
{
	char path[NAME_MAX + 8];
	char text[DEVICE_TEXT] = "";
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "%s/dev", entry);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	return length > 0 && numbers_parse(text, major, minor);
}

static void device_add(const struct search *s, uint32_t major, uint32_t minor, unsigned depth);

static void slaves_add(const struct search *s, int disk, unsigned depth)
{
	int fd = directory_open(disk, "slaves");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	uint32_t major;
	uint32_t minor;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && device_read(fd, entry->d_name, &major, &minor))
			device_add(s, major, minor, depth + 1);
	}
	closedir(dir);
}

/* The disk's own number, and those of its partitions: directories in it that have one. */
static void disk_add(const struct search *s, int disk, unsigned depth)
{
	int fd = directory_open(disk, ".");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	uint32_t major;
	uint32_t minor;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, "..") != 0 &&
		        device_read(fd, entry->d_name, &major, &minor))
			s->found(s->context, major, minor);
	}
	closedir(dir);
	slaves_add(s, disk, depth);
}

static void device_add(const struct search *s, uint32_t major, uint32_t minor, unsigned depth)
{
	char path[64];
	int dir;
	int disk;

	if (depth > DEPTH_MAX)
		return;
	snprintf(path, sizeof(path), "sys/dev/block/%u:%u", major, minor);
	dir = directory_open(s->root, path);
	if (dir < 0)
		return;
	if (faccessat(dir, "partition", F_OK, 0) != 0) {
		disk_add(s, dir, depth);
	} else if ((disk = directory_open(dir, "..")) >= 0) {
		disk_add(s, disk, depth);
		close(disk);
	}
	close(dir);
}

/* A file system may have a number of its own (btrfs): then its source is a device node. */
static void node_add(const struct search *s, const char *path)
{
	struct stat status;

	if (path[0] == '/' && fstatat(s->root, path + 1, &status, 0) == 0 &&
	        S_ISBLK(status.st_mode))
		device_add(s, major(status.st_rdev), minor(status.st_rdev), 0);
}

static bool is_somebodys(const char *mount_point)
{
	static const char *const places[] = {"/media/", "/run/media/", "/mnt/"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strncmp(mount_point, places[i], strlen(places[i])) == 0)
			return true;
	}
	return strcmp(mount_point, "/mnt") == 0;
}

/* "36 35 98:0 /root /mount/point options optional... - type source options" */
static void mount_add(const struct search *s, char *line)
{
	char *rest = NULL;
	char *words[5];
	char *source;
	uint32_t major;
	uint32_t minor;

	for (size_t i = 0; i < 5; i++) {
		words[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
		if (words[i] == NULL)
			return;
	}
	if (is_somebodys(words[4]))
		return;
	if (numbers_parse(words[2], &major, &minor) && major != 0)
		device_add(s, major, minor, 0);
	source = rest != NULL ? strstr(rest, " - ") : NULL;
	if (source == NULL || strtok_r(source + 3, " ", &rest) == NULL)
		return;
	source = strtok_r(NULL, " ", &rest);
	if (source != NULL)
		node_add(s, source);
}

static void swap_add(const struct search *s, char *line)
{
	line[strcspn(line, " \t\n")] = '\0';
	node_add(s, line);
}

static int lines_read(
        const struct search *s, const char *path, void (*add)(const struct search *, char *))
{
	FILE *file = file_open(s->root, path);
	char line[LINE_SIZE];
	int r;

	if (file == NULL)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	while (fgets(line, sizeof(line), file) != NULL)
		add(s, line);
	r = ferror(file) != 0 ? ERR_IO : 0;
	fclose(file);
	return r;
}

/* loop, device-mapper, RAID, zram: what they stand on was opened through the same gate. */
static int virtual_add(const struct search *s)
{
	int fd = directory_open(s->root, "sys/devices/virtual/block");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int disk;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return errno == ENOENT ? 0 : ERR_IO;
	}
	while ((entry = readdir(dir)) != NULL) {
		disk = entry->d_name[0] != '.' ? directory_open(fd, entry->d_name) : -1;
		if (disk < 0)
			continue;
		disk_add(s, disk, DEPTH_MAX);
		close(disk);
	}
	closedir(dir);
	return 0;
}

int gate_disks_find(int root, gate_disk_found *found, void *context)
{
	const struct search s = {root, found, context};
	int r = lines_read(&s, "proc/self/mountinfo", mount_add);

	if (r != 0)
		return ERR_IO;
	r = lines_read(&s, "proc/swaps", swap_add);
	if (r != 0 && r != ERR_NOT_FOUND)
		return ERR_IO;
	return virtual_add(&s);
}
