/*
 * The journal's format (core/PROTOCOL.md §4): JSON lines in files NNNNNNNNNNNNNNNNNNNN.jsonl named
 * after the first sequence number within. A line is
 *   {"seq":1,"time":"2026-11-21T08:47:11Z","boot":"<boot
 * id>","uptime_ms":1234,"event":"device.denied", <fields>,"prev":"<hex>"} with prev = SHA-256 of
 * the line before without its newline; the first line's prev is 64 zeros.
 */
#ifndef SEKISHO_CORE_JOURNAL_H
#define SEKISHO_CORE_JOURNAL_H

#include "core/encode.h"
#include "core/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_LINE_MAX = 32768 };
#define JOURNAL_GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

struct journal_head {
	uint64_t count;             /* sequence number of the last line; 0 before the first */
	char hash[SHA256_HEX_SIZE]; /* of the last line; JOURNAL_GENESIS before the first */
};

struct journal_fault {
	char file[64];   /* name within the directory; "" when the fault is in no file */
	uint64_t line;   /* from 1 */
	uint64_t seq;    /* expected there */
	char cause[128]; /* one English phrase: "hash of the line before does not match" */
};

struct journal_stamp {
	int64_t wall; /* seconds */
	int64_t boot_ms;
	const char *boot_id;
};

/* Builds the line that follows head (without newline) and advances head. *line malloc'd. Bytes of
 * values that are not UTF-8 become U+FFFD. */
int journal_line(const struct event_record *e, const struct journal_stamp *stamp,
        struct journal_head *head, char **line);

/* Does line continue head? Then head is advanced. ERR_CHAIN or ERR_FORMAT, and *cause (static
 * text), else. */
int journal_check_line(
        const char *line, size_t length, struct journal_head *head, const char **cause);

/* Walks all files of dir in order. ERR_CHAIN and *fault at the first line that does not continue;
 * ERR_IO. head: the last line, good or not, since the walk goes on behind a fault: a new line can
 * follow it. torn (may be NULL): bytes of an unfinished last line, which alone is no fault. */
int journal_verify(int dir, struct journal_head *head, size_t *torn, struct journal_fault *fault);

/* Calls each(context, line, length) for every line from seq on, in order; stops when it answers
 * non-zero and returns that. */
int journal_each(int dir, uint64_t from, int (*each)(void *, const char *, size_t), void *context);

/* Is the line that head describes still there, and the same? True for a head before the first line.
 */
bool journal_holds(int dir, const struct journal_head *head);

#endif
