/* A directory that a test has for itself. *state points to its descriptor. */
#ifndef SEKISHO_TESTS_TEMPORARY_H
#define SEKISHO_TESTS_TEMPORARY_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct temporary {
	int dir; /* first: *state is an int * too */
	char path[64];
};

static inline int temporary_setup(void **state)
{
	struct temporary *t = calloc(1, sizeof(*t));

	snprintf(t->path, sizeof(t->path), "/tmp/sekisho-test-XXXXXX");
	if (mkdtemp(t->path) == NULL) {
		free(t);
		return -1;
	}
	t->dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = t;
	return t->dir >= 0 ? 0 : -1;
}

static inline int temporary_unlink(
        const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline int temporary_teardown(void **state)
{
	struct temporary *t = *state;

	close(t->dir);
	nftw(t->path, temporary_unlink, 8, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static inline void temporary_write(int dir, const char *name, const char *text, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	        fchmod(fd, mode) != 0)
		abort();
	close(fd);
}

#endif
