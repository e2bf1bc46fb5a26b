/* The collector's signed answer to a report (core/PROTOCOL.md §6). */
#ifndef SEKISHO_AGENT_RECEIPT_H
#define SEKISHO_AGENT_RECEIPT_H

#include "core/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* base64url of 32 bytes and the NUL */
enum { RECEIPT_NONCE_SIZE = 44 };

struct receipt {
	int64_t received; /* the collector's clock, seconds */
	char nonce[RECEIPT_NONCE_SIZE];
	bool full_state;
};

/* What a receipt must be for. */
struct receipt_claim {
	const char *ueid;
	uint64_t seq;
	const char *jws; /* the report */
	size_t length;
};

/* True for base64url of 32 bytes. */
bool receipt_nonce_is_valid(const char *nonce);

/* ERR_SIGNATURE: not by this key; ERR_FORMAT: not a receipt as it must be; ERR_DENIED: for another
 * report; ERR_TOO_LONG. */
int receipt_verify(const char *text, size_t length, const struct key *key,
        const struct receipt_claim *claim, struct receipt *receipt);

#endif
