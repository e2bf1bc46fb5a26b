/* One terminal, as an officer sees it: everything derived at the moment of asking. */
#ifndef SEKISHO_COLLECTOR_SUMMARY_H
#define SEKISHO_COLLECTOR_SUMMARY_H

#include "collector/config.h"
#include "collector/state.h"
#include "collector/store.h"

#include <jansson.h>
#include <stdbool.h>

struct summary {
	struct store_terminal terminal;
	struct store_standing standing;
	enum terminal_state state;
	int64_t now;   /* ms */
	uint64_t seq;  /* of the last report taken; 0: none */
	int64_t fresh; /* FRESH up to this age, ms */
	json_t *facts; /* last full state, by section; NULL: none */
	bool current;  /* facts are what the last report speaks of */
	bool broken;   /* a journal break since the last clearance: */
	struct store_break fault;
};

/* Reads and derives; now in ms. */
int summary_read(struct store *store, const struct config *config,
        const struct store_terminal *terminal, int64_t now, struct summary *summary);
void summary_free(struct summary *summary);

/* All terminals, or only the one of this name (ERR_NOT_FOUND). *summaries malloc'd;
 * summary_free_all(). */
int summary_read_all(struct store *store, const struct config *config, const char *only,
        struct summary **summaries, size_t *count);
void summary_free_all(struct summary **summaries, size_t count);

/* Evidence may rest on the facts: verified within the freshness limit, and complete. */
bool summary_is_fresh(const struct summary *summary);

/* A string of a section; NULL when the terminal has not said it. */
const char *summary_text(const struct summary *summary, const char *section, const char *field);
/* A number; -1 when the terminal has not said it. */
int64_t summary_number(const struct summary *summary, const char *section, const char *field);

/* The most pressing thing to look at, in the person's language; "" when there is none. */
void summary_problem(const struct summary *summary, char out[static 256]);

/* Prints the table `terminals` shows. 0 or ERR_MEMORY. */
int summary_print(FILE *out, const struct summary *summaries, size_t count);

/* One terminal as `--json` shows it; NULL when memory is short. */
json_t *summary_json(const struct summary *summary);

#endif
