/*
 * The state of the terminal by section, as its processes last told it (core/PROTOCOL.md §5). A
 * section goes with the channel that brought it: what is not said by a living process is unknown.
 */
#ifndef SEKISHO_AGENT_SIGNER_STATE_H
#define SEKISHO_AGENT_SIGNER_STATE_H

#include "agent/message.h"
#include "agent/signer_journal.h"
#include "core/encode.h"
#include "core/event.h"

#include <jansson.h>
#include <stdint.h>

enum section {
	SECTION_AGENT,
	SECTION_AUTH,
	SECTION_GUARD,
	SECTION_JOURNAL,
	SECTION_POLICY,
	SECTION_REPORTER,
	SECTION_COUNT
};

enum { STATE_TEXT_MAX = 24576 };

struct signer_state {
	json_t *sections[SECTION_COUNT]; /* NULL: nobody has said it */
	uint32_t owners[SECTION_COUNT];  /* peer that said it */
	uint64_t revision;               /* grows with every change but those of volatile fields */
	json_t *settled; /* the state as reports tell it; may be older in volatile fields */
	uint64_t settled_revision;
};

/*
 * Replaces the sections a role may speak of: MAIN agent, AUTH auth, REPORTER reporter, GUARD guard
 * and policy (each where a field of it is there). ERR_DENIED for another role, ERR_FORMAT for a
 * field that is not the section's, ERR_TOO_LONG.
 */
int signer_state_set(
        struct signer_state *s, enum role role, uint32_t owner, const struct event_record *facts);

/* The signer's own section. */
int signer_state_set_journal(struct signer_state *s, const struct signer_journal *j);

/* Seconds until the next report is due, as the policy in force says; 0 when it does not. */
uint32_t signer_state_report_interval(const struct signer_state *s);

/* Forgets what this peer said. */
void signer_state_drop(struct signer_state *s, uint32_t owner);

/* Everything, as it is now; a new reference, NULL when memory is short. */
json_t *signer_state_live(const struct signer_state *s);

/*
 * The state for a report: the same value until something changes that is not volatile (outbox,
 * last_receipt change with every report and would make every report a new state). Borrowed; NULL
 * when memory is short.
 */
json_t *signer_state_settle(struct signer_state *s);

/* Hex SHA-256 of the state with sorted keys and no white space. */
int signer_state_digest(const json_t *state, char out[static SHA256_HEX_SIZE]);

void signer_state_clear(struct signer_state *s);

#endif
