/*
 * A body's policy as a list of clauses, and what the terminal's state shows of each. Only evidence
 * makes `met`.
 */
#ifndef SEKISHO_POLICY_CATALOGUE_H
#define SEKISHO_POLICY_CATALOGUE_H

#include <stddef.h>
#include <stdint.h>

enum clause_state {
	CLAUSE_MET,
	CLAUSE_UNMET,
	CLAUSE_ATTESTED,
	CLAUSE_UNKNOWN,
	CLAUSE_NOT_IN_POLICY,
	CLAUSE_NOT_APPLICABLE,
	CLAUSE_STATE_COUNT
};

/* A row's key is (id, control): one paragraph may ask for several things, mito-2026:6-3-a for
 * T1-ISO, T1-NOEXP and T1-MFA. */
struct clause {
	const char *id; /* "mito-2026:6-3-a"; "BODY:none" for what other bodies ask for and this one
	                   does not */
	const char *control; /* "T1-NOEXP" */
	const char *class; /* letters of E enforce, D detect, A attested, O outside; "" not in this
	                      body's policy */
	const char *title; /* Japanese */
};

struct catalogue; /* a body's clauses, static */

const struct catalogue *catalogue_find(const char *body); /* NULL when unknown */
const struct catalogue *catalogue_at(size_t index);       /* NULL past the last */
const char *catalogue_body(const struct catalogue *c);
size_t catalogue_count(const struct catalogue *c);
const struct clause *catalogue_clause(const struct catalogue *c, size_t index);

struct finding {
	enum clause_state state;
	char evidence[256]; /* what the state rests on, in the person's language; "" only for
	                       not_applicable */
};

/* Whose word the state is, and how old. */
enum freshness {
	STATE_OLD = 0,      /* a collector's last verified state is beyond its freshness limit */
	STATE_OWN = 1,      /* the terminal itself asks its own running agent */
	STATE_VERIFIED = 2, /* a collector verified it within its freshness limit */
};

/*
 * Evaluates one clause from the full state of a report (JSON object by section: "agent", "guard",
 * "auth", "policy", "reporter", "journal"; core/PROTOCOL.md §5). state: a json_t *, NULL when there
 * is none.
 */
struct finding catalogue_evaluate(
        const struct clause *clause, const void *state, enum freshness fresh);

const char *clause_state_name(enum clause_state state); /* "met" … */
const char *clause_state_text(enum clause_state state); /* 適合 … in the person's language */

#endif
