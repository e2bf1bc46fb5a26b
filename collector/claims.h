/* What a report says (core/PROTOCOL.md §5), strictly decoded. */
#ifndef SEKISHO_COLLECTOR_CLAIMS_H
#define SEKISHO_COLLECTOR_CLAIMS_H

#include "core/journal.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLAIMS_PROFILE "urn:sekisho:report:1"
enum { CLAIMS_EVENTS_MAX = 4096 };

struct claims {
	json_t *json; /* owns every pointer below */
	const char *ueid;
	const char *nonce;    /* NULL without one */
	const char *exporter; /* NULL without one */
	const char *boot;
	const char *state_digest;
	const json_t *state;  /* NULL when unchanged */
	const json_t *events; /* array of strings */
	const json_t *policy; /* {} while none is in force */
	int64_t iat;
	uint64_t seq;
	struct journal_head journal;
	bool more;
};

/* ERR_FORMAT, with *cause (static text) where the document is not one of a report. */
int claims_decode(const void *payload, size_t length, struct claims *claims, const char **cause);
void claims_free(struct claims *claims);

/* The ueid of a document that nobody has verified yet: whose key to verify with. ERR_FORMAT. out:
 * STORE_UEID_SIZE. */
int claims_peek_ueid(const void *payload, size_t length, char out[static 24]);

/* 17 bytes, the first 0x01 (RFC 9711 §4.2.1, type RAND), base64url. */
bool claims_is_ueid(const char *text);

#endif
