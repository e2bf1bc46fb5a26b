#include "collector/compliance.h"

#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>

/* Smaller is worse. A clause that is no terminal's matter on one of them does not spoil what the
 * others show. */
static const int RANK[CLAUSE_STATE_COUNT] = {
        [CLAUSE_UNMET] = 0,
        [CLAUSE_UNKNOWN] = 1,
        [CLAUSE_ATTESTED] = 2,
        [CLAUSE_NOT_IN_POLICY] = 3,
        [CLAUSE_MET] = 4,
        [CLAUSE_NOT_APPLICABLE] = 5,
};

enum clause_state compliance_worse(enum clause_state a, enum clause_state b)
{
	return RANK[b] < RANK[a] ? b : a;
}

/* A terminal may call its journal whole where the collector saw that it is not. */
static json_t *facts_as_seen(const struct summary *terminal)
{
	char place[32];

	if (!terminal->broken || terminal->facts == NULL)
		return json_incref(terminal->facts);
	snprintf(place, sizeof(place), "#%llu", (unsigned long long)terminal->fault.seq);
	json_t *seen = json_copy(terminal->facts);
	json_object_set_new(seen, "journal",
	        json_pack("{s:s, s:s, s:s}", "journal_state", "broken", "file", place, "cause",
	                terminal->fault.cause));
	return seen;
}

static struct finding evaluate_terminal(const struct clause *clause, const struct summary *terminal)
{
	json_t *facts = facts_as_seen(terminal);
	struct finding finding = catalogue_evaluate(
	        clause, facts, summary_is_fresh(terminal) ? STATE_VERIFIED : STATE_OLD);

	json_decref(facts);
	return finding;
}

static void evaluate_clause(const struct compliance *c, struct compliance_clause *row)
{
	if (c->terminal_count == 0) {
		row->findings[0] = catalogue_evaluate(row->clause, NULL, STATE_OLD);
		row->state = row->findings[0].state;
		return;
	}
	for (size_t i = 0; i < c->terminal_count; i++) {
		row->findings[i] = evaluate_terminal(row->clause, &c->terminals[i]);
		enum clause_state state = row->findings[i].state;
		if (i == 0 || RANK[state] < RANK[row->state]) {
			row->state = state;
			row->worst = i;
		}
	}
}

static int evaluate_all(struct compliance *c)
{
	for (size_t i = 0; i < c->clause_count; i++) {
		struct compliance_clause *row = &c->clauses[i];
		row->clause = catalogue_clause(c->catalogue, i);
		row->findings = calloc(c->terminal_count + 1, sizeof(*row->findings));
		if (row->findings == NULL)
			return ERR_MEMORY;
		evaluate_clause(c, row);
		c->totals[row->state]++;
	}
	return 0;
}

int compliance_evaluate(const struct catalogue *catalogue, const struct summary *terminals,
        size_t count, int64_t now, struct compliance **compliance)
{
	struct compliance *made = calloc(1, sizeof(*made));

	*compliance = NULL;
	if (made == NULL)
		return ERR_MEMORY;
	*made = (struct compliance){.catalogue = catalogue,
	        .made = now,
	        .terminals = terminals,
	        .terminal_count = count,
	        .clause_count = catalogue_count(catalogue)};
	made->clauses = calloc(made->clause_count + 1, sizeof(*made->clauses));
	int error = made->clauses == NULL ? ERR_MEMORY : evaluate_all(made);
	if (error != 0)
		compliance_free(&made);
	*compliance = made;
	return error;
}

void compliance_free(struct compliance **compliance)
{
	if (*compliance == NULL)
		return;
	for (size_t i = 0; (*compliance)->clauses != NULL && i < (*compliance)->clause_count; i++)
		free((*compliance)->clauses[i].findings);
	free((*compliance)->clauses);
	free(*compliance);
	*compliance = NULL;
}
