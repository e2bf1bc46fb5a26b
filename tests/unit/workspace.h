/* A directory of the test's own, and commands in it. */
#ifndef SEKISHO_TESTS_UNIT_WORKSPACE_H
#define SEKISHO_TESTS_UNIT_WORKSPACE_H

#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct workspace {
	char path[64];
	int fd;
};

static inline int workspace_set_up(void **state)
{
	struct workspace *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	snprintf(w->path, sizeof(w->path), "/tmp/sekisho-test-XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->fd = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->fd >= 0);
	*state = w;
	return 0;
}

/* The command's exit status, in the workspace. */
static inline int workspace_run(const struct workspace *w, const char *command)
{
	char line[4096];

	snprintf(line, sizeof(line), "cd %s && { %s; } >output 2>&1", w->path, command);
	int status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int workspace_tear_down(void **state)
{
	struct workspace *w = *state;
	char line[128];

	snprintf(line, sizeof(line), "rm -rf %s", w->path);
	assert_int_equal(system(line), 0);
	close(w->fd);
	free(w);
	return 0;
}

static inline void workspace_write(
        const struct workspace *w, const char *name, const void *data, size_t length)
{
	int fd = openat(w->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), (ssize_t)length);
	close(fd);
}

static inline void workspace_write_text(
        const struct workspace *w, const char *name, const char *text)
{
	workspace_write(w, name, text, strlen(text));
}

/* malloc'd, NUL-terminated. */
static inline char *workspace_read(const struct workspace *w, const char *name, size_t *length)
{
	struct stat status;
	int fd = openat(w->fd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	char *data = malloc((size_t)status.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)status.st_size), status.st_size);
	data[status.st_size] = '\0';
	close(fd);
	if (length != NULL)
		*length = (size_t)status.st_size;
	return data;
}

#endif
