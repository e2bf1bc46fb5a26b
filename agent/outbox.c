#include "agent/outbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/jws.h"
#include "core/log.h"

enum { NAME_SIZE = 32, NAME_DIGITS = 20 };

static void print_name(uint64_t seq, char out[static NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%020" PRIu64 ".jws", seq);
}

/* 0 for a name that is not a report's. */
static uint64_t parse_name(const char *name)
{
	char again[NAME_SIZE];
	uint64_t seq;

	if (strspn(name, "0123456789") != NAME_DIGITS)
		return 0;
	seq = strtoull(name, NULL, 10);
	print_name(seq, again);
	return strcmp(name, again) == 0 ? seq : 0;
}

static int open_within(int dir, const char *name, int *fd)
{
	if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
		return ERR_IO;
	*fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd >= 0 ? 0 : ERR_IO;
}

static int each_name(int dir, int (*each)(struct outbox *, const char *), struct outbox *o)
{
	int error = 0, copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;

	if (stream == NULL) {
		if (copy >= 0)
			close(copy);
		return ERR_IO;
	}
	while (error == 0) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(stream);
		if (entry == NULL) {
			error = errno != 0 ? ERR_IO : 0;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			error = each(o, entry->d_name);
	}
	closedir(stream);
	return error;
}

static int clear_name(struct outbox *o, const char *name)
{
	return unlinkat(o->incoming, name, 0) == 0 ? 0 : ERR_IO;
}

static int append_seq(struct outbox *o, uint64_t seq)
{
	if (o->count == o->capacity) {
		size_t capacity = o->capacity > 0 ? o->capacity * 2 : 16;
		uint64_t *grown = reallocarray(o->seqs, capacity, sizeof(*grown));

		if (grown == NULL)
			return ERR_MEMORY;
		o->seqs = grown;
		o->capacity = capacity;
	}
	o->seqs[o->count++] = seq;
	return 0;
}

static int note_name(struct outbox *o, const char *name)
{
	uint64_t seq = parse_name(name);
	char shown[128];

	if (seq == 0) {
		log_warning("outbox: %s", log_printable(name, shown, sizeof(shown)));
		return 0;
	}
	return append_seq(o, seq);
}

static int compare_seqs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int outbox_open(int dir, struct outbox *o)
{
	int error;

	*o = (struct outbox){.incoming = -1, .outgoing = -1};
	error = open_within(dir, "incoming", &o->incoming);
	if (error == 0)
		error = open_within(dir, "outgoing", &o->outgoing);
	if (error == 0)
		error = each_name(o->incoming, clear_name, o);
	if (error == 0)
		error = each_name(o->outgoing, note_name, o);
	if (error != 0) {
		outbox_close(o);
		return error;
	}
	if (o->count > 0)
		qsort(o->seqs, o->count, sizeof(o->seqs[0]), compare_seqs);
	return 0;
}

void outbox_close(struct outbox *o)
{
	if (o->incoming >= 0)
		close(o->incoming);
	if (o->outgoing >= 0)
		close(o->outgoing);
	free(o->seqs);
	*o = (struct outbox){.incoming = -1, .outgoing = -1};
}

/* Index of seq, or of the first above it. */
static size_t place_of(const struct outbox *o, uint64_t seq)
{
	size_t low = 0, high = o->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->seqs[middle] < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool holds(const struct outbox *o, uint64_t seq)
{
	size_t place = place_of(o, seq);

	return place < o->count && o->seqs[place] == seq;
}

static int note_seq(struct outbox *o, uint64_t seq)
{
	size_t place = place_of(o, seq);
	int error;

	if (place < o->count && o->seqs[place] == seq)
		return 0;
	error = append_seq(o, seq);
	if (error != 0)
		return error;
	memmove(o->seqs + place + 1, o->seqs + place, (o->count - 1 - place) * sizeof(o->seqs[0]));
	o->seqs[place] = seq;
	return 0;
}

static int write_incoming(const struct outbox *o, const char *name, const char *jws, size_t length)
{
	int fd, error;

	if (unlinkat(o->incoming, name, 0) != 0 && errno != ENOENT)
		return ERR_IO;
	fd = openat(o->incoming, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	error = file_write(fd, jws, length);
	if (error == 0 && fsync(fd) != 0)
		error = ERR_IO;
	if (close(fd) != 0)
		error = ERR_IO;
	if (error != 0)
		(void)unlinkat(o->incoming, name, 0);
	return error;
}

int outbox_store(struct outbox *o, uint64_t seq, const char *jws, size_t length)
{
	char name[NAME_SIZE];
	int error;

	if (seq == 0 || length == 0)
		return ERR_FORMAT;
	if (length > JWS_MAX)
		return ERR_TOO_LONG;
	print_name(seq, name);
	error = write_incoming(o, name, jws, length);
	if (error != 0)
		return error;
	if (renameat(o->incoming, name, o->outgoing, name) != 0) {
		(void)unlinkat(o->incoming, name, 0);
		return ERR_IO;
	}
	error = note_seq(o, seq);
	if (error == 0 && fsync(o->outgoing) != 0)
		error = ERR_IO;
	return error;
}

uint64_t outbox_lowest(const struct outbox *o)
{
	return o->count > 0 ? o->seqs[0] : 0;
}

uint64_t outbox_highest(const struct outbox *o)
{
	return o->count > 0 ? o->seqs[o->count - 1] : 0;
}

int outbox_read(const struct outbox *o, uint64_t seq, char **jws, size_t *length)
{
	char name[NAME_SIZE];
	uint8_t *data = NULL;
	int fd, error;

	*jws = NULL;
	*length = 0;
	if (!holds(o, seq))
		return ERR_NOT_FOUND;
	print_name(seq, name);
	error = file_open_checked(o->outgoing, name, (uid_t)-1, 0600, JWS_MAX, &fd);
	if (error != 0)
		return error;
	error = file_read(fd, JWS_MAX, &data, length);
	close(fd);
	*jws = (char *)data; /* transferred */
	return error;
}

int outbox_remove(struct outbox *o, uint64_t seq)
{
	size_t place = place_of(o, seq);
	char name[NAME_SIZE];

	if (!holds(o, seq))
		return ERR_NOT_FOUND;
	print_name(seq, name);
	if (unlinkat(o->outgoing, name, 0) != 0 && errno != ENOENT)
		return ERR_IO;
	/* Not synced: a report that comes back after a power cut is answered with its receipt
	 * again. */
	o->count--;
	memmove(o->seqs + place, o->seqs + place + 1, (o->count - place) * sizeof(o->seqs[0]));
	return 0;
}
