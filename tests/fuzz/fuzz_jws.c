/*
 * A JWS from the network. Odd first byte: what follows is payload and signature under the right
 * header, so that the library behind the header's check is reached too. The one statement ever made
 * with this key says {"seq":1}.
 */
#include "core/encode.h"
#include "core/jws.h"
#include "tests/unit/rfc7515_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] =
        "{\"alg\":\"ES256\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"" JWS_TYP_REPORT "\"}";

static struct key *public_key(void)
{
	static struct key *key;

	if (key == NULL &&
	        key_read_public((const uint8_t *)RFC7515_PUBLIC, strlen(RFC7515_PUBLIC), &key) != 0)
		abort();
	return key;
}

static void check(const char *jws, size_t length)
{
	uint8_t *payload = NULL;
	size_t payload_length = 0;

	if (jws_verify(jws, length, public_key(), JWS_TYP_REPORT, &payload, &payload_length) == 0) {
		if (payload_length != 9 || memcmp(payload, "{\"seq\":1}", 9) != 0)
			abort();
	} else if (payload != NULL || payload_length != 0) {
		abort();
	}
	free(payload);
	if (jws_peek(jws, length, &payload, &payload_length) == 0) {
		if (payload[payload_length] != '\0')
			abort();
	} else if (payload != NULL || payload_length != 0) {
		abort();
	}
	free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0) {
		check((const char *)data + 1, size - 1);
		return 0;
	}
	char *prefix = encode_base64url((const uint8_t *)header, sizeof(header) - 1);
	size_t length = strlen(prefix);
	char *jws = malloc(length + size);
	memcpy(jws, prefix, length);
	jws[length] = '.';
	memcpy(jws + length + 1, data + 1, size - 1);
	check(jws, length + size);
	free(jws);
	free(prefix);
	return 0;
}
