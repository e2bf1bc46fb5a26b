/* Do a report's journal lines continue the journal the collector knows? (core/PROTOCOL.md §6,
 * chain) */
#ifndef SEKISHO_COLLECTOR_CHAIN_H
#define SEKISHO_COLLECTOR_CHAIN_H

#include "core/journal.h"

#include <jansson.h>
#include <stdbool.h>

struct chain_break {
	bool found;
	uint64_t seq;      /* sequence number expected where the chain first did not continue */
	const char *cause; /* static English phrase */
	const char *line; /* the line seen there, borrowed from events; NULL when it is the end that
	                     is wrong */
};

/*
 * Walks events (array of strings) from head on; claimed is where the report says the journal ended.
 * head becomes the place from which the next report must continue: after a break, where this report
 * says it ended, so that one break is told once.
 */
void chain_follow(const json_t *events, const struct journal_head *claimed, bool more,
        struct journal_head *head, struct chain_break *fault);

/* Sequence number a line gives itself, 0 when it gives none. */
uint64_t chain_line_seq(const char *line, size_t length);

#endif
