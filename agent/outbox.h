/*
 * Reports on disk until the collector's receipt for each is verified (core/PROTOCOL.md §7). A
 * report is written to incoming/, synced, renamed to outgoing/<20 digits of its sequence
 * number>.jws, the directory synced; after a crash it is there whole or not.
 */
#ifndef SEKISHO_AGENT_OUTBOX_H
#define SEKISHO_AGENT_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct outbox {
	int incoming;
	int outgoing;
	uint64_t *seqs; /* what outgoing/ holds, ascending */
	size_t count;
	size_t capacity;
};

/* dir: PATH_OUTBOX_DIR, borrowed; creates the two directories, and clears what a crash left in
 * incoming/. Other names in outgoing/ are left alone. ERR_IO, ERR_MEMORY. */
int outbox_open(int dir, struct outbox *o);
void outbox_close(struct outbox *o);

/* Durable when this returns 0. A report of the same number is replaced: it was never sent
 * (MESSAGE_REPORT_STORED). */
int outbox_store(struct outbox *o, uint64_t seq, const char *jws, size_t length);

/* Lowest and highest sequence number, 0 when empty. */
uint64_t outbox_lowest(const struct outbox *o);
uint64_t outbox_highest(const struct outbox *o);

/* *jws is malloc'd and NUL-terminated. ERR_NOT_FOUND, ERR_TOO_LONG, ERR_IO. */
int outbox_read(const struct outbox *o, uint64_t seq, char **jws, size_t *length);

/* Its receipt is verified, or it belongs to an enrolment that is over. ERR_NOT_FOUND, ERR_IO. */
int outbox_remove(struct outbox *o, uint64_t seq);

#endif
