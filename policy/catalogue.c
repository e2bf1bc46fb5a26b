#include "policy/catalogue.h"

#include <string.h>

#include "core/language.h"
#include "policy/catalogue_tables.h"

static const struct catalogue *(*const BODIES[])(void) = {
        catalogue_mito, catalogue_hokuto, catalogue_sanbu, catalogue_kawaguchi, catalogue_toride};

static const struct {
	const char *name, *ja, *en;
} STATES[CLAUSE_STATE_COUNT] = {
        [CLAUSE_MET] = {"met", "適合", "met"},
        [CLAUSE_UNMET] = {"unmet", "不適合", "unmet"},
        [CLAUSE_ATTESTED] = {"attested", "申告あり", "attested"},
        [CLAUSE_UNKNOWN] = {"unknown", "不明", "unknown"},
        [CLAUSE_NOT_IN_POLICY] = {"not_in_policy", "規定なし", "not in this policy"},
        [CLAUSE_NOT_APPLICABLE] = {"not_applicable", "端末の対象外", "not applicable"},
};

const struct catalogue *catalogue_at(size_t index)
{
	return index < sizeof(BODIES) / sizeof(BODIES[0]) ? BODIES[index]() : NULL;
}

const struct catalogue *catalogue_find(const char *body)
{
	const struct catalogue *c;

	for (size_t i = 0; (c = catalogue_at(i)); i++)
		if (strcmp(c->body, body) == 0)
			return c;
	return NULL;
}

const char *catalogue_body(const struct catalogue *c)
{
	return c->body;
}

size_t catalogue_count(const struct catalogue *c)
{
	return c->count;
}

const struct clause *catalogue_clause(const struct catalogue *c, size_t index)
{
	return index < c->count ? &c->clauses[index] : NULL;
}

const char *clause_state_name(enum clause_state state)
{
	return STATES[state].name;
}

const char *clause_state_text(enum clause_state state)
{
	return LANGUAGE(STATES[state].ja, STATES[state].en);
}
