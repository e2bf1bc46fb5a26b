/* The bodies' tables, catalogue_*.c: for catalogue.c only. Titles and numbers; not the documents'
 * sentences. */
#ifndef SEKISHO_POLICY_CATALOGUE_TABLES_H
#define SEKISHO_POLICY_CATALOGUE_TABLES_H

#include <stddef.h>

struct catalogue {
	const char *body;
	const struct clause *clauses;
	size_t count;
};

const struct catalogue *catalogue_mito(void);
const struct catalogue *catalogue_hokuto(void);
const struct catalogue *catalogue_sanbu(void);
const struct catalogue *catalogue_kawaguchi(void);
const struct catalogue *catalogue_toride(void);

#endif
