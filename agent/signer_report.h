/* Signed reports (core/PROTOCOL.md §5): the terminal's key, the sequence number, and what the next
 * report must hold. */
#ifndef SEKISHO_AGENT_SIGNER_REPORT_H
#define SEKISHO_AGENT_SIGNER_REPORT_H

#include "agent/enrolment.h"
#include "agent/signer_journal.h"
#include "agent/signer_state.h"
#include "core/key.h"

#include <stdbool.h>

/* Events of one report as JSON text; a single longer event still goes alone. */
enum { REPORT_EVENTS_MAX = 65536 };

struct signer_report {
	int root;                   /* borrowed */
	int dir;                    /* PATH_SIGNER_DIR */
	struct key *key;            /* NULL: not enrolled */
	struct enrolment enrolment; /* all empty while not enrolled */
	uint64_t stored; /* sequence number of the last stored report, 0 before the first */
	struct journal_head reported;         /* the last event it held */
	char reported_state[SHA256_HEX_SIZE]; /* digest of the state it named; "" when this process
	                                         does not know */
	/* made, and not yet said to be stored */
	uint64_t made; /* 0: none */
	struct journal_head made_head;
	char made_state[SHA256_HEX_SIZE];
};

struct report_wish {
	const char *nonce; /* "" = none */
	const uint8_t *exporter;
	size_t exporter_length; /* 0 or 32 */
	bool full_state;
};

/* Opens the signer's directory. ERR_IO. */
int signer_report_open(struct signer_report *r, int root);
void signer_report_close(struct signer_report *r);

/*
 * Reads enrolment, key and counters (at start and after a new enrolment). No enrolment, or a key
 * that is not the certificate's, leaves the terminal not enrolled: 0. ERR_* when what is there
 * cannot be used (logged).
 */
int signer_report_load(struct signer_report *r);

/*
 * Makes the next report. Until signer_report_stored() it has the same sequence number, whatever it
 * holds. *jws is malloc'd. ERR_NOT_FOUND: not enrolled.
 */
int signer_report_make(struct signer_report *r, const struct signer_journal *j,
        struct signer_state *s, const struct report_wish *wish, char **jws, bool *more);

/* The report made last is stored: durable when this returns 0. ERR_FORMAT for another sequence
 * number. */
int signer_report_stored(struct signer_report *r, uint64_t seq);

/* The answer to CONTROL_STATUS, malloc'd. */
char *signer_report_status(const struct signer_report *r, const struct signer_journal *j,
        const struct signer_state *s);

#endif
