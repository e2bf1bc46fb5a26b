/* POST /v1/report: who says it, over which connection, in which order, continuing which journal
 * (core/PROTOCOL.md §6). */
#ifndef SEKISHO_COLLECTOR_INTAKE_H
#define SEKISHO_COLLECTOR_INTAKE_H

#include "collector/answer.h"
#include "collector/store.h"

enum { INTAKE_EXPORTER_SIZE = 32 };

struct intake {
	struct store *store;
	const struct key *receipt_key; /* private */
	int64_t fresh_ms; /* a nonce older than this, or three of the terminal's report intervals
	                     where that is longer, proves nothing fresh */
};

/* The connection a report came by. */
struct intake_channel {
	const char *peer; /* address, for the record */
	uint8_t exporter[INTAKE_EXPORTER_SIZE];
	int64_t terminal; /* bound to; 0: to none. Set by intake_report() */
};

/* What was taken, for whoever waits for it. */
struct intake_taken {
	char terminal[STORE_NAME_SIZE]; /* "" when nothing was taken */
	char nonce[STORE_NONCE_SIZE];   /* the live nonce it answered, "" when none */
	uint64_t seq;
};

/* Answers always; now in milliseconds. The answer is 200 only once the report is durable. */
void intake_report(const struct intake *intake, struct intake_channel *channel, const char *body,
        size_t length, int64_t now, struct intake_taken *taken, struct answer *answer);

/* A fresh nonce for the terminal, stored. */
int intake_new_nonce(struct store *store, int64_t terminal, enum store_nonce kind, int64_t now,
        char out[static STORE_NONCE_SIZE]);

#endif
