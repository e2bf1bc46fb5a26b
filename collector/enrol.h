/* POST /v1/enrol: a one-time token and a request make a terminal (core/PROTOCOL.md §6). */
#ifndef SEKISHO_COLLECTOR_ENROL_H
#define SEKISHO_COLLECTOR_ENROL_H

#include "collector/answer.h"
#include "collector/authority.h"
#include "collector/store.h"

struct enrolment {
	struct store *store;
	const struct authority *authority;
	const char *receipt_key; /* public, PEM */
};

/* Answers always; now in milliseconds. A refusal is recorded. */
void enrol_terminal(const struct enrolment *enrolment, const char *body, size_t length,
        const char *peer, int64_t now, struct answer *answer);

/* A new token for `name` (NULL: any), stored as its hash. *token malloc'd, the caller's to wipe. */
int enrol_new_token(struct store *store, const char *name, int64_t expires, char **token);

#endif
