#include "pam_module/unattended.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET "/run/sekisho/auth.sock"
#define DIRECTORY "/var/lib/sekisho/unattended"

enum { PATH_SIZE = 256, OTHERS_WRITE = S_IWGRP | S_IWOTH };

static bool is_roots(const struct stat *st, mode_t kind)
{
	return (st->st_mode & S_IFMT) == kind && st->st_uid == 0 &&
	       (st->st_mode & OTHERS_WRITE) == 0;
}

static int open_directory(const char *socket)
{
	char path[PATH_SIZE];
	size_t length = strlen(socket);
	size_t tail = strlen(SOCKET);

	if (length < tail || strcmp(socket + length - tail, SOCKET) != 0 ||
	        length - tail + sizeof(DIRECTORY) > sizeof(path))
		return -1;
	snprintf(path, sizeof(path), "%.*s%s", (int)(length - tail), socket, DIRECTORY);
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool unattended_has(const char *socket, const char *service)
{
	struct stat st;
	bool has = false;
	int dir = -1;

	if (service == NULL || service[0] == '\0' || service[0] == '.' ||
	        strchr(service, '/') != NULL)
		return false;
	dir = open_directory(socket);
	if (dir < 0)
		return false;
	has = fstat(dir, &st) == 0 && is_roots(&st, S_IFDIR) &&
	      fstatat(dir, service, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_roots(&st, S_IFREG);
	close(dir);
	return has;
}
