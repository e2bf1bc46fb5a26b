#include "core/file.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int error_of_open(void)
{
	switch (errno) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case ELOOP: /* a symbolic link under O_NOFOLLOW */
	case ENXIO: /* a socket */
		return ERR_UNSAFE;
	default:
		return ERR_IO;
	}
}

/* O_NONBLOCK so that a FIFO put in a file's place cannot hold the opener; it means nothing to a
 * regular file. */
static int open_regular(int dir, const char *path, size_t max_size, struct stat *status, int *fd)
{
	*fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0) {
		*fd = -1;
		return error_of_open();
	}
	int error = 0;
	if (fstat(*fd, status) != 0)
		error = ERR_IO;
	else if (!S_ISREG(status->st_mode))
		error = ERR_UNSAFE;
	else if (status->st_size < 0 || (uintmax_t)status->st_size > max_size)
		error = ERR_TOO_LONG;
	if (error != 0) {
		close(*fd);
		*fd = -1;
	}
	return error;
}

int file_open_checked(
        int dir, const char *path, uid_t owner, mode_t max_mode, size_t max_size, int *fd)
{
	struct stat status;

	int error = open_regular(dir, path, max_size, &status, fd);
	if (error != 0)
		return error;
	bool owned = owner == (uid_t)-1 || status.st_uid == owner;
	mode_t mode = status.st_mode & 07777;
	if (owned && (mode & (S_IWGRP | S_IWOTH)) == 0 && (mode & ~max_mode) == 0)
		return 0;
	close(*fd);
	*fd = -1;
	return ERR_UNSAFE;
}

/* Room for all the file is known to hold and one byte to see whether there is more. */
static size_t first_capacity(int fd, size_t max_size)
{
	struct stat status;
	size_t size = 4096;

	if (fstat(fd, &status) == 0 && status.st_size > 0 && (uintmax_t)status.st_size <= max_size)
		size = (size_t)status.st_size;
	return (size < max_size ? size : max_size) + 1;
}

/* Twice the room, but never more than max_size and the one byte. */
static int grow(uint8_t **data, size_t *capacity, size_t max_size)
{
	size_t larger = *capacity < max_size / 2 ? *capacity * 2 : max_size + 1;
	uint8_t *moved = realloc(*data, larger);

	if (moved == NULL)
		return ERR_MEMORY;
	*data = moved;
	*capacity = larger;
	return 0;
}

static int read_all(int fd, size_t max_size, uint8_t **data, size_t *capacity, size_t *length)
{
	for (;;) {
		if (*length == *capacity) {
			if (*length > max_size)
				return ERR_TOO_LONG;
			int error = grow(data, capacity, max_size);
			if (error != 0)
				return error;
		}
		ssize_t got = pread(fd, *data + *length, *capacity - *length, (off_t)*length);
		if (got < 0 && errno == ESPIPE)
			got = read(fd, *data + *length, *capacity - *length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		if (got == 0)
			return *length > max_size ? ERR_TOO_LONG : 0;
		*length += (size_t)got;
	}
}

int file_read(int fd, size_t max_size, uint8_t **data, size_t *length)
{
	uint8_t *bytes = NULL;
	size_t used = 0;
	int error = 0;

	*data = NULL;
	*length = 0;
	if (max_size >= SIZE_MAX / 2)
		return ERR_TOO_LONG;
	size_t capacity = first_capacity(fd, max_size);
	bytes = malloc(capacity);
	if (bytes == NULL)
		return ERR_MEMORY;
	error = read_all(fd, max_size, &bytes, &capacity, &used);
	if (error != 0)
		goto out;
	/* EOF is only seen with a byte to spare, so the NUL has its place. */
	bytes[used] = '\0';
	*data = bytes;
	*length = used;
	bytes = NULL; /* transferred */
out:
	free(bytes);
	return error;
}

int file_read_checked(int dir, const char *path, uid_t owner, mode_t max_mode, size_t max_size,
        uint8_t **data, size_t *length)
{
	int fd;
	int error = file_open_checked(dir, path, owner, max_mode, max_size, &fd);

	*data = NULL;
	*length = 0;
	if (error != 0)
		return error;
	error = file_read(fd, max_size, data, length);
	close(fd);
	return error;
}

int file_read_path(const char *path, size_t max_size, uint8_t **data, size_t *length)
{
	struct stat status;
	int fd = -1;

	*data = NULL;
	*length = 0;
	int error = open_regular(AT_FDCWD, path, max_size, &status, &fd);
	if (error != 0)
		return error;
	error = file_read(fd, max_size, data, length);
	close(fd);
	return error;
}

int file_read_any(const char *path, size_t max_size, uint8_t **data, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	*data = NULL;
	*length = 0;
	if (fd < 0)
		return error_of_open();
	int error = file_read(fd, max_size, data, length);
	close(fd);
	return error;
}

int file_write(int fd, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return ERR_IO;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

/* A rename is durable once the directory that holds the name is synced. */
static int sync_parent(int dir, const char *name)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(name, '/');

	if (slash == NULL)
		snprintf(parent, sizeof(parent), ".");
	else
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - name) + 1, name);
	int fd = openat(dir, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	int error = fsync(fd) == 0 ? 0 : ERR_IO;
	close(fd);
	return error;
}

static int write_new(int dir, const char *name, const void *data, size_t length, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	int error = file_write(fd, data, length);
	if (error == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		error = ERR_IO;
	if (close(fd) != 0)
		error = ERR_IO;
	return error;
}

int file_replace(int dir, const char *name, const void *data, size_t length, mode_t mode)
{
	char new_name[PATH_MAX];

	int printed = snprintf(new_name, sizeof(new_name), "%s.new", name);
	if (printed < 0 || (size_t)printed >= sizeof(new_name))
		return ERR_TOO_LONG;
	/* What a power cut may have left; O_EXCL then sees to it that the file written is ours. */
	if (unlinkat(dir, new_name, 0) != 0 && errno != ENOENT)
		return ERR_IO;
	int error = write_new(dir, new_name, data, length, mode);
	if (error == 0 && renameat(dir, new_name, dir, name) != 0)
		error = ERR_IO;
	if (error != 0) {
		int saved = errno;
		(void)unlinkat(dir, new_name, 0);
		errno = saved;
		return error;
	}
	return sync_parent(dir, name);
}

static bool directory_is(const char *path, uid_t owner, gid_t group, mode_t mode)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == owner &&
	       st.st_gid == group && (st.st_mode & 07777) == mode;
}

int file_ensure_directory(const char *path, uid_t owner, gid_t group, mode_t mode, int *fd)
{
	int error = 0;

	if (fd == NULL && directory_is(path, owner, group, mode))
		return 0; /* under systemd main has neither CAP_CHOWN nor a writable /etc */
	if (fd != NULL)
		*fd = -1;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ELOOP || errno == ENOTDIR ? ERR_UNSAFE : ERR_IO;
	/* Narrow first: between the two calls nobody may have more than he shall. */
	if (fchmod(dir, mode & 0700) != 0 || fchown(dir, owner, group) != 0 ||
	        fchmod(dir, mode) != 0)
		error = ERR_IO;
	if (error == 0 && fd != NULL) {
		*fd = dir;
		dir = -1; /* transferred */
	}
	if (dir >= 0)
		close(dir);
	return error;
}
