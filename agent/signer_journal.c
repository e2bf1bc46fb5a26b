#include "agent/signer_journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"

/* Some thousand events. */
enum { RESERVE = 1 << 20 };

/* Wider than the names we give: whatever journal_verify() reads is watched. */
static bool is_journal_name(const char *name)
{
	size_t length = strlen(name);

	return length < JOURNAL_NAME_SIZE && length >= 6 &&
	       strcmp(name + length - 6, ".jsonl") == 0;
}

static void identify(const struct stat *status, struct journal_file *file)
{
	file->inode = status->st_ino;
	file->size = status->st_size;
	file->modified = status->st_mtim;
	file->changed = status->st_ctim;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct journal_file *a, const struct journal_file *b)
{
	return strcmp(a->name, b->name) == 0 && a->inode == b->inode && a->size == b->size &&
	       same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(
	        ((const struct journal_file *)a)->name, ((const struct journal_file *)b)->name);
}

static int list_add(struct journal_file **files, size_t *count, int dir, const char *name)
{
	struct journal_file *grown;
	struct stat status;

	if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return ERR_IO;
	grown = reallocarray(*files, *count + 1, sizeof(**files));
	if (grown == NULL)
		return ERR_MEMORY;
	*files = grown;
	memset(&grown[*count], 0, sizeof(grown[*count]));
	snprintf(grown[*count].name, sizeof(grown[*count].name), "%s", name);
	identify(&status, &grown[*count]);
	++*count;
	return 0;
}

/* *files: malloc'd, sorted by name. */
static int list_files(int dir, struct journal_file **files, size_t *count)
{
	int error = 0, copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);

	*files = NULL;
	*count = 0;
	if (stream == NULL) {
		if (copy >= 0)
			close(copy);
		return ERR_IO;
	}
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(stream);
		if (entry == NULL) {
			error = errno != 0 ? ERR_IO : 0;
			break;
		}
		if (is_journal_name(entry->d_name))
			error = list_add(files, count, dir, entry->d_name);
		if (error != 0)
			break;
	}
	closedir(stream);
	if (error == 0 && *count > 0)
		qsort(*files, *count, sizeof(**files), compare_names);
	if (error != 0) {
		free(*files);
		*files = NULL;
		*count = 0;
	}
	return error;
}

static bool files_unchanged(
        const struct signer_journal *j, const struct journal_file *files, size_t count)
{
	if (count != j->file_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!same_file(&files[i], &j->files[i]))
			return false;
	return true;
}

/* The identity of the current file after this process's own write, in the list too. */
static int remember_current(struct signer_journal *j)
{
	struct stat status;

	if (fstat(j->fd, &status) != 0)
		return ERR_IO;
	identify(&status, &j->file);
	for (size_t i = 0; i < j->file_count; i++) {
		if (strcmp(j->files[i].name, j->file.name) == 0) {
			j->files[i] = j->file;
			return 0;
		}
	}
	return list_add(&j->files, &j->file_count, j->dir, j->file.name);
}

static bool current_untouched(const struct signer_journal *j)
{
	struct journal_file now = j->file;
	struct stat status;

	if (fstat(j->fd, &status) != 0 || status.st_nlink == 0)
		return false;
	identify(&status, &now);
	return same_file(&now, &j->file);
}

static void let_go(struct signer_journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* Room behind the last line, so that who fills the disk keeps nobody from logging in. It changes
 * the file's times: before remember_current(). */
static void reserve(struct signer_journal *j)
{
	struct stat status;

	if (fstat(j->fd, &status) != 0 || j->reserved - status.st_size >= RESERVE / 2)
		return;
	if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, status.st_size, RESERVE) == 0)
		j->reserved = status.st_size + RESERVE;
	else if (errno == ENOSPC)
		log_error("journal: %s", strerror(errno));
}

static int take_file(struct signer_journal *j, const char *name, int flags)
{
	struct stat status;
	int fd = openat(j->dir, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

	if (fd < 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_IO;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return ERR_UNSAFE;
	}
	let_go(j);
	j->fd = fd; /* transferred */
	memset(&j->file, 0, sizeof(j->file));
	snprintf(j->file.name, sizeof(j->file.name), "%s", name);
	j->reserved = 0;
	reserve(j);
	return remember_current(j);
}

/* The file whose first line will be the next durable one. An empty one may be left from a write
 * that failed. */
static int start_file(struct signer_journal *j)
{
	char name[JOURNAL_NAME_SIZE];
	struct stat status;
	int error;

	snprintf(name, sizeof(name), "%020" PRIu64 ".jsonl", j->head.count + 1);
	error = take_file(j, name, O_CREAT | O_EXCL);
	if (error == ERR_EXISTS && fstatat(j->dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	        status.st_size == 0)
		error = take_file(j, name, 0);
	if (error == 0 && fsync(j->dir) != 0)
		error = ERR_IO;
	return error;
}

int signer_journal_add(struct signer_journal *j, const struct event_record *e, uint64_t *seq)
{
	struct journal_stamp stamp = {clock_wall(), clock_boot_ms(), j->boot_id};
	struct journal_head before = j->next;
	char *line = NULL, *grown;
	size_t length;
	int error = journal_line(e, &stamp, &j->next, &line);

	if (error != 0)
		goto out;
	length = strlen(line);
	/* A file ends at its size: what belongs into the old one goes there first. */
	if (j->pending_length + length >= JOURNAL_PENDING_MAX ||
	        (j->fd >= 0 &&
	                (size_t)j->file.size + j->pending_length + length >= JOURNAL_FILE_MAX)) {
		struct journal_head after = j->next;

		j->next = before;
		error = signer_journal_commit(j);
		if (error != 0)
			goto out;
		j->next = after;
		if (j->fd >= 0 && (size_t)j->file.size + length >= JOURNAL_FILE_MAX)
			let_go(j);
	}
	grown = realloc(j->pending, j->pending_length + length + 1);
	if (grown == NULL) {
		error = ERR_MEMORY;
		goto out;
	}
	j->pending = grown;
	memcpy(grown + j->pending_length, line, length);
	grown[j->pending_length + length] = '\n';
	j->pending_length += length + 1;
	if (seq != NULL)
		*seq = j->next.count;
out:
	if (error != 0)
		j->next = before;
	free(line);
	return error;
}

static int write_pending(struct signer_journal *j)
{
	int error = 0;

	if (j->fd >= 0 && !current_untouched(j)) {
		/* What is in there is not ours alone any more: evidence, not a place to write
		 * behind. */
		j->suspect = true;
		let_go(j);
	}
	if (j->fd < 0)
		error = start_file(j);
	if (error != 0)
		return error;
	if (file_write(j->fd, j->pending, j->pending_length) != 0 || fdatasync(j->fd) != 0) {
		int number = errno;

		j->reserved = 0;
		if (ftruncate(j->fd, j->file.size) != 0 || remember_current(j) != 0)
			let_go(j);
		errno = number;
		return ERR_IO;
	}
	reserve(j);
	return remember_current(j);
}

int signer_journal_commit(struct signer_journal *j)
{
	int error;

	if (j->pending_length == 0)
		return 0;
	errno = 0;
	error = write_pending(j);
	j->pending_length = 0;
	if (error != 0) {
		j->next = j->head;
		j->failure = errno != 0 ? errno : EIO;
		log_error("journal: %s", strerror(j->failure));
		return error;
	}
	j->failure = 0;
	j->head = j->next;
	return 0;
}

static uint64_t first_of(const char *name)
{
	return strtoull(name, NULL, 10);
}

static int add_fault_event(struct signer_journal *j)
{
	struct event_record *e = calloc(1, sizeof(*e));
	int error;

	if (e == NULL)
		return ERR_MEMORY;
	event_start(e, EVENT_JOURNAL_BROKEN);
	event_put(e, FIELD_FILE, j->fault.file);
	event_put_number(e, FIELD_LINE, j->fault.line);
	event_put(e, FIELD_CAUSE, j->fault.cause);
	error = signer_journal_add(j, e, NULL);
	free(e);
	return error;
}

static int add_torn_event(struct signer_journal *j, const char *name, uint64_t line, size_t bytes)
{
	struct event_record *e = calloc(1, sizeof(*e));
	int error;

	if (e == NULL)
		return ERR_MEMORY;
	event_start(e, EVENT_JOURNAL_TORN);
	event_put(e, FIELD_FILE, name);
	event_put_number(e, FIELD_LINE, line);
	event_put_number(e, FIELD_BYTES, bytes);
	error = signer_journal_add(j, e, NULL);
	free(e);
	return error;
}

static void set_fault(
        struct journal_fault *fault, const char *file, uint64_t seq, const char *cause)
{
	memset(fault, 0, sizeof(*fault));
	snprintf(fault->file, sizeof(fault->file), "%s", file);
	fault->seq = seq;
	fault->line = file[0] != '\0' && seq >= first_of(file) ? seq - first_of(file) + 1 : 1;
	snprintf(fault->cause, sizeof(fault->cause), "%s", cause);
}

/* The file that holds, or would hold, line seq: the last whose name is not above it. */
static const char *file_of(const struct signer_journal *j, uint64_t seq)
{
	const char *name = j->file.name; /* where none is left: the one that was */

	for (size_t i = 0; i < j->file_count; i++)
		if (first_of(j->files[i].name) <= seq)
			name = j->files[i].name;
	return name;
}

/* Verifies all files against the chain and against `expected`, a line that must be among them. Sets
 * broken and fault. */
static int verify_all(struct signer_journal *j, const struct journal_head *expected,
        struct journal_head *found, size_t *torn)
{
	struct journal_file *files = NULL;
	size_t count = 0;
	struct journal_fault fault = {0};
	int error = list_files(j->dir, &files, &count);

	if (error != 0)
		return error;
	free(j->files);
	j->files = files; /* transferred */
	j->file_count = count;
	error = journal_verify(j->dir, found, torn, &fault);
	if (error == ERR_IO && fault.cause[0] == '\0')
		set_fault(&fault, fault.file, 0, "cannot be read");
	if (error == 0 && expected != NULL && !journal_holds(j->dir, expected)) {
		uint64_t at = found->count < expected->count ? found->count + 1 : expected->count;

		set_fault(&fault, file_of(j, at), at,
		        "a line that was written is missing or changed");
		error = ERR_CHAIN;
	}
	if (error != 0 && error != ERR_CHAIN && error != ERR_IO && error != ERR_FORMAT)
		return error;
	j->broken = error != 0;
	j->fault = fault;
	return 0;
}

static int cut_torn(struct signer_journal *j, size_t torn)
{
	const char *name = j->files[j->file_count - 1].name;
	off_t size = j->files[j->file_count - 1].size;
	uint64_t first = first_of(name);
	uint64_t line = j->head.count >= first ? j->head.count - first + 2 : 1;
	int fd, error = 0;

	if ((off_t)torn > size)
		return ERR_FORMAT;
	fd = openat(j->dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	if (ftruncate(fd, size - (off_t)torn) != 0 || fsync(fd) != 0)
		error = ERR_IO;
	close(fd);
	if (error == 0)
		error = take_file(j, name, 0);
	if (error == 0)
		error = add_torn_event(j, name, line, torn);
	return error;
}

static int find_told(void *context, const char *line, size_t length)
{
	return memmem(line, length, context, strlen(context)) != NULL ? 1 : 0;
}

/* An old break is found again at every start; it was told when it was found first. */
static bool fault_was_told(const struct signer_journal *j)
{
	char said[256];

	snprintf(said, sizeof(said),
	        "\"event\":\"journal.broken\",\"file\":\"%s\",\"line\":%" PRIu64 ",", j->fault.file,
	        j->fault.line);
	return journal_each(j->dir, 1, find_told, said) == 1;
}

/* Where the next line goes: behind the last one where that file is as it should be, else into a new
 * file. */
static int resume(struct signer_journal *j, size_t torn)
{
	const char *last = j->file_count > 0 ? j->files[j->file_count - 1].name : NULL;

	if (last == NULL)
		return 0;
	if (j->broken && (torn > 0 || strcmp(j->fault.file, last) == 0 || first_of(last) == 0))
		return 0;
	return torn > 0 ? cut_torn(j, torn) : take_file(j, last, 0);
}

int signer_journal_open(struct signer_journal *j, int dir, const struct journal_head *reported)
{
	size_t torn = 0;
	int error;

	memset(j, 0, sizeof(*j));
	j->dir = dir; /* transferred */
	j->fd = -1;
	error = clock_boot_id(j->boot_id);
	if (error == 0)
		error = verify_all(j, reported, &j->head, &torn);
	if (error != 0)
		return error;
	j->next = j->head;
	error = resume(j, torn);
	if (error == 0 && j->broken && !fault_was_told(j))
		error = add_fault_event(j);
	if (error == 0 && signer_journal_commit(j) != 0)
		log_error("journal: nothing can be written; every request that needs it will be "
		          "denied");
	return error;
}

void signer_journal_close(struct signer_journal *j)
{
	let_go(j);
	if (j->dir >= 0)
		close(j->dir);
	j->dir = -1;
	free(j->pending);
	free(j->files);
	j->pending = NULL;
	j->files = NULL;
}

static bool same_fault(const struct journal_fault *a, const struct journal_fault *b)
{
	return a->line == b->line && strcmp(a->file, b->file) == 0 &&
	       strcmp(a->cause, b->cause) == 0;
}

void signer_journal_inspect(struct signer_journal *j)
{
	bool was_broken = j->broken;
	struct journal_fault before = j->fault;
	struct journal_file *files = NULL;
	struct journal_head found;
	size_t count = 0, torn = 0;

	if (list_files(j->dir, &files, &count) != 0 || !files_unchanged(j, files, count))
		j->suspect = true;
	free(files);
	if (!j->suspect)
		return;
	/* What is written from here on goes to a file of its own: the touched ones stay as they
	 * were found. */
	let_go(j);
	j->suspect = false;
	if (verify_all(j, &j->head, &found, &torn) != 0) {
		j->broken = true;
		set_fault(&j->fault, "", 0, "cannot be read");
	} else if (!j->broken && (torn > 0 || found.count != j->head.count)) {
		j->broken = true;
		set_fault(&j->fault, file_of(j, j->head.count + 1), j->head.count + 1,
		        "holds lines that this agent did not write");
	}
	if (!j->broken || (was_broken && same_fault(&before, &j->fault)))
		return;
	log_error("journal: %s:%" PRIu64 ": %s", j->fault.file, j->fault.line, j->fault.cause);
	if (add_fault_event(j) == 0)
		(void)signer_journal_commit(j);
}
