/* A body's clauses against its terminals: rounded down, never up. */
#ifndef SEKISHO_COLLECTOR_COMPLIANCE_H
#define SEKISHO_COLLECTOR_COMPLIANCE_H

#include "collector/summary.h"
#include "policy/catalogue.h"

#include <stdio.h>

struct compliance_clause {
	const struct clause *clause;
	enum clause_state state;  /* the worst of all terminals; unknown where there is none */
	size_t worst;             /* index of the first terminal in that state */
	struct finding *findings; /* one for each terminal, in their order; one of no terminal when
	                             there are none */
};

struct compliance {
	const struct catalogue *catalogue;
	int64_t made; /* seconds */
	const struct summary *terminals;
	size_t terminal_count;
	struct compliance_clause *clauses;
	size_t clause_count;
	size_t totals[CLAUSE_STATE_COUNT]; /* clauses in each state */
};

/* terminals: borrowed. ERR_MEMORY. */
int compliance_evaluate(const struct catalogue *catalogue, const struct summary *terminals,
        size_t count, int64_t now, struct compliance **compliance);
void compliance_free(struct compliance **compliance);

/* The worse of two: unmet, unknown, attested, not_in_policy, met, not_applicable. Only `met` by all
 * is met. */
enum clause_state compliance_worse(enum clause_state a, enum clause_state b);

/* Each 0 or ERR_MEMORY; the caller checks the stream. */
int compliance_write_json(FILE *out, const struct compliance *compliance);
/* RFC 4180, UTF-8 with a byte order mark, which Excel wants; no cell can be read as a formula. */
int compliance_write_csv(FILE *out, const struct compliance *compliance);
/* One page, nothing fetched from elsewhere, to print on A4. */
int compliance_write_html(FILE *out, const struct compliance *compliance);

#endif
