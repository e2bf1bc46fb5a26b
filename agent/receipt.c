#include "agent/receipt.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/error.h"
#include "core/jws.h"

enum { NONCE_BYTES = 32 };

bool receipt_nonce_is_valid(const char *nonce)
{
	uint8_t *bytes = NULL;
	size_t length = 0;
	bool valid = strlen(nonce) == RECEIPT_NONCE_SIZE - 1 &&
	             decode_base64url(nonce, strlen(nonce), &bytes, &length) == 0 &&
	             length == NONCE_BYTES;

	free(bytes);
	return valid;
}

/* This version knows no orders; one it does not know must not pass as taken. */
static int read_claims(
        const json_t *claims, const struct receipt_claim *claim, struct receipt *receipt)
{
	const char *ueid, *digest, *nonce;
	char expected[SHA256_HEX_SIZE];
	json_int_t seq, received;
	json_t *orders;
	int full;

	if (json_unpack((json_t *)(uintptr_t)claims, "{s:s,s:I,s:s,s:I,s:s,s:b,s:o!}", "ueid",
	            &ueid, "seq", &seq, "digest", &digest, "received", &received, "nonce", &nonce,
	            "full_state", &full, "orders", &orders) != 0)
		return ERR_FORMAT;
	if (!receipt_nonce_is_valid(nonce) || !json_is_array(orders) ||
	        json_array_size(orders) != 0)
		return ERR_FORMAT;
	if (encode_sha256_hex(claim->jws, claim->length, expected) != 0)
		return ERR_CRYPTO;
	if (strcmp(ueid, claim->ueid) != 0 || seq < 0 || (uint64_t)seq != claim->seq ||
	        strcmp(digest, expected) != 0)
		return ERR_DENIED;
	receipt->received = received;
	receipt->full_state = full != 0;
	snprintf(receipt->nonce, sizeof(receipt->nonce), "%s", nonce);
	return 0;
}

int receipt_verify(const char *text, size_t length, const struct key *key,
        const struct receipt_claim *claim, struct receipt *receipt)
{
	uint8_t *payload = NULL;
	size_t payload_length = 0;
	json_t *claims = NULL;
	int error;

	memset(receipt, 0, sizeof(*receipt));
	error = jws_verify(text, length, key, JWS_TYP_RECEIPT, &payload, &payload_length);
	if (error != 0)
		return error;
	claims = json_loadb((const char *)payload, payload_length, JSON_REJECT_DUPLICATES, NULL);
	error = read_claims(claims, claim, receipt);
	json_decref(claims);
	free(payload);
	return error;
}
