/* What the collector says of a terminal, derived from what it verified each time it is asked
 * (core/PROTOCOL.md §6). */
#ifndef SEKISHO_COLLECTOR_STATE_H
#define SEKISHO_COLLECTOR_STATE_H

#include <jansson.h>
#include <stdint.h>

enum terminal_state {
	TERMINAL_FRESH,
	TERMINAL_STALE,
	TERMINAL_MISSING,
	TERMINAL_BAD_SIGNATURE,
	TERMINAL_CLONE
};

/* Milliseconds since 1970 by the collector's clock; 0: never. */
struct standing {
	int64_t now;
	int64_t verified; /* last taken report that answered a live nonce of this collector on its
	                     own connection */
	int64_t forged;   /* last refusal of a bad signature or a re-bound report in this terminal's
	                     name */
	int64_t cloned;   /* last clone record */
	int64_t cleared;  /* last officer's clearance */
	int64_t fresh;    /* limits, as spans */
	int64_t stale;
};

/* How long a terminal is FRESH that said these facts (NULL: none): three of the report intervals
 * its policy asks for, and least at the least. All in milliseconds. */
int64_t state_fresh_span(const json_t *facts, int64_t least);

enum terminal_state state_derive(const struct standing *standing);

const char *state_name(enum terminal_state state); /* "FRESH" … */

#endif
