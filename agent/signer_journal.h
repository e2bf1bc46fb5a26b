/*
 * The journal as its only writer keeps it: lines are collected, made durable together, and
 * everything that somebody else did to the files is noticed by their size, times and inode and then
 * proved by a full verification.
 */
#ifndef SEKISHO_AGENT_SIGNER_JOURNAL_H
#define SEKISHO_AGENT_SIGNER_JOURNAL_H

#include "core/clock.h"
#include "core/journal.h"

#include <stdbool.h>
#include <sys/stat.h>

enum { JOURNAL_FILE_MAX = 16 << 20, JOURNAL_PENDING_MAX = 1 << 20, JOURNAL_NAME_SIZE = 64 };

struct journal_file {
	char name[JOURNAL_NAME_SIZE];
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

struct signer_journal {
	int dir;
	int fd; /* the file being written; -1 before the first line and after a fault in it */
	struct journal_file file;
	struct journal_head head; /* durable */
	struct journal_head next; /* with what is pending */
	char *pending;
	size_t pending_length;
	struct journal_file *files; /* as this process left or last verified them, by name */
	size_t file_count;
	off_t reserved; /* how far there is room on the disk that nobody else can take */
	bool suspect;   /* somebody else touched the files since then */
	bool broken;
	struct journal_fault fault; /* valid while broken */
	int failure;                /* errno of the last write that failed, 0 once one succeeded */
	char boot_id[CLOCK_BOOT_ID_SIZE];
};

/*
 * Takes dir (transferred). Verifies everything, cuts an unfinished last line off (event
 * journal.torn) and goes on from the last line as found; a broken chain, or a journal that no
 * longer holds the line `reported` (count 0: none), is an event journal.broken and broken = true,
 * no error. ERR_IO or ERR_MEMORY when the journal cannot be used at all.
 */
int signer_journal_open(struct signer_journal *j, int dir, const struct journal_head *reported);
void signer_journal_close(struct signer_journal *j);

/* Appends an event to what is pending; *seq (may be NULL) is its number. Nothing is durable yet. */
int signer_journal_add(struct signer_journal *j, const struct event_record *e, uint64_t *seq);

/* Writes and syncs what is pending. On an error nothing of it is in the journal, and its numbers
 * are used again. */
int signer_journal_commit(struct signer_journal *j);

/* Looks whether anybody else touched the files; if so, verifies them all, and says so in the
 * journal once per fault. Call with nothing pending. */
void signer_journal_inspect(struct signer_journal *j);

#endif
