/*
 * Files a privileged process may trust: opened first, checked afterwards on the descriptor, never
 * by path.
 */
#ifndef SEKISHO_CORE_FILE_H
#define SEKISHO_CORE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Opens a regular file read-only with O_NOFOLLOW | O_CLOEXEC. ERR_UNSAFE when it is not a regular
 * file, is not owned by owner, is writable by group or others, or has a mode bit outside max_mode;
 * ERR_TOO_LONG above max_size; ERR_NOT_FOUND; ERR_IO. *fd is -1 on every error. owner (uid_t)-1:
 * any owner.
 */
int file_open_checked(
        int dir, const char *path, uid_t owner, mode_t max_mode, size_t max_size, int *fd);

/* Reads the whole of fd, from its start unless it is a pipe; *data is malloc'd, NUL-terminated
 * beyond *length, wiped by nobody. */
int file_read(int fd, size_t max_size, uint8_t **data, size_t *length);

/* file_open_checked() and file_read() in one. */
int file_read_checked(int dir, const char *path, uid_t owner, mode_t max_mode, size_t max_size,
        uint8_t **data, size_t *length);

/* The same, any owner, any mode: for files named on a command line. */
int file_read_path(const char *path, size_t max_size, uint8_t **data, size_t *length);

/* What a command only looks at: links are followed, and a pipe is read to its end. */
int file_read_any(const char *path, size_t max_size, uint8_t **data, size_t *length);

/* Writes name.new, syncs it, renames it over name, syncs dir: after a power cut either the old or
 * the new content is there, whole. */
int file_replace(int dir, const char *name, const void *data, size_t length, mode_t mode);

/* Writes everything, over short writes and EINTR. */
int file_write(int fd, const void *data, size_t length);

/* Creates dir (one level) if missing and sets owner, group and mode on its descriptor. A symbolic
 * link or a thing of another kind is ERR_UNSAFE. *fd (may be NULL) is open on the directory. */
int file_ensure_directory(const char *path, uid_t owner, gid_t group, mode_t mode, int *fd);

#endif
