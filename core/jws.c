#include "core/jws.h"

#include "core/encode.h"
#include "core/error.h"
#include "core/key_jwk.h"

#include <cjose/cjose.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 256 };

struct part {
	const char *text;
	size_t length;
};

struct compact {
	struct part header;
	struct part payload;
	struct part signature;
};

/* The only header there is for this key and typ. */
static int print_header(const struct key *key, const char *typ, char out[static HEADER_MAX])
{
	char id[KEY_ID_SIZE];

	int error = key_id(key, id);
	if (error != 0)
		return error;
	int length = snprintf(
	        out, HEADER_MAX, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"%s\"}", id, typ);
	return length < 0 || length >= HEADER_MAX ? ERR_TOO_LONG : 0;
}

static int encode_parts(const char *header, const void *payload, size_t length, char **input)
{
	char *header_text = encode_base64url((const uint8_t *)header, strlen(header));
	char *payload_text = encode_base64url(payload, length);
	int error = ERR_MEMORY;

	*input = NULL;
	if (header_text != NULL && payload_text != NULL &&
	        asprintf(input, "%s.%s", header_text, payload_text) >= 0)
		error = 0;
	else
		*input = NULL;
	free(payload_text);
	free(header_text);
	return error;
}

static int sign_parts(const struct key *key, const char *input, char **jws)
{
	uint8_t signature[KEY_SIGNATURE_SIZE];

	*jws = NULL;
	int error = key_sign(key, input, strlen(input), signature);
	if (error != 0)
		return error;
	char *signature_text = encode_base64url(signature, sizeof(signature));
	if (signature_text == NULL)
		return ERR_MEMORY;
	if (asprintf(jws, "%s.%s", input, signature_text) < 0) {
		*jws = NULL;
		error = ERR_MEMORY;
	}
	free(signature_text);
	return error;
}

int jws_sign(const struct key *key, const char *typ, const void *payload, size_t length, char **jws)
{
	char header[HEADER_MAX];
	char *input = NULL;

	*jws = NULL;
	if (length > JWS_MAX)
		return ERR_TOO_LONG;
	int error = print_header(key, typ, header);
	if (error == 0)
		error = encode_parts(header, payload, length, &input);
	if (error == 0)
		error = sign_parts(key, input, jws);
	free(input);
	if (error == 0 && strlen(*jws) > JWS_MAX) {
		free(*jws);
		*jws = NULL;
		error = ERR_TOO_LONG;
	}
	return error;
}

/* Text up to the next dot, which is skipped. */
static bool take_part(struct part *rest, struct part *part)
{
	const char *dot = memchr(rest->text, '.', rest->length);

	if (dot == NULL)
		return false;
	part->text = rest->text;
	part->length = (size_t)(dot - rest->text);
	rest->text = dot + 1;
	rest->length -= part->length + 1;
	return true;
}

static int split(const char *jws, size_t length, struct compact *parts)
{
	struct part rest = {jws, length};

	if (length > JWS_MAX)
		return ERR_TOO_LONG;
	if (!take_part(&rest, &parts->header) || !take_part(&rest, &parts->payload))
		return ERR_FORMAT;
	parts->signature = rest; /* a further dot is no digit of base64url */
	return 0;
}

/* base64url throughout; *payload malloc'd. */
static int decode(const struct compact *parts, uint8_t **header, size_t *header_length,
        uint8_t **payload, size_t *payload_length, size_t *signature_length)
{
	uint8_t *signature = NULL;

	*header = NULL;
	*payload = NULL;
	int error =
	        decode_base64url(parts->header.text, parts->header.length, header, header_length);
	if (error == 0)
		error = decode_base64url(
		        parts->payload.text, parts->payload.length, payload, payload_length);
	if (error == 0)
		error = decode_base64url(parts->signature.text, parts->signature.length, &signature,
		        signature_length);
	free(signature);
	if (error == 0)
		return 0;
	free(*header);
	free(*payload);
	*header = NULL;
	*payload = NULL;
	*payload_length = 0;
	return error;
}

static int verify_by_cjose(const char *text, size_t length, const struct key *key)
{
	cjose_err failure;
	int error = ERR_SIGNATURE;

	cjose_jws_t *jws = cjose_jws_import(text, length, &failure);
	if (jws != NULL && cjose_jws_verify(jws, key_jwk(key), &failure))
		error = 0;
	cjose_jws_release(jws);
	ERR_clear_error();
	return error;
}

static int check(const char *jws, size_t jws_length, const struct key *key, const char *typ,
        const uint8_t *header, size_t header_length, size_t signature_length)
{
	char expected[HEADER_MAX];

	int error = print_header(key, typ, expected);
	if (error != 0)
		return error;
	/* Byte for byte: no other alg, kid, typ, member, order or spelling gets as far as the
	 * library. */
	if (header_length != strlen(expected) || memcmp(header, expected, header_length) != 0)
		return ERR_SIGNATURE;
	if (signature_length != KEY_SIGNATURE_SIZE)
		return ERR_SIGNATURE;
	return verify_by_cjose(jws, jws_length, key);
}

static int take_apart(const char *jws, size_t jws_length, uint8_t **header, size_t *header_length,
        uint8_t **payload, size_t *length, size_t *signature_length)
{
	struct compact parts;
	int error = split(jws, jws_length, &parts);

	*header = NULL;
	*payload = NULL;
	*length = 0;
	if (error != 0)
		return error;
	return decode(&parts, header, header_length, payload, length, signature_length);
}

int jws_verify(const char *jws, size_t jws_length, const struct key *key, const char *typ,
        uint8_t **payload, size_t *length)
{
	uint8_t *header = NULL;
	size_t header_length = 0;
	size_t signature_length = 0;

	int error = take_apart(
	        jws, jws_length, &header, &header_length, payload, length, &signature_length);
	if (error != 0)
		return error;
	error = check(jws, jws_length, key, typ, header, header_length, signature_length);
	free(header);
	if (error != 0) {
		free(*payload);
		*payload = NULL;
		*length = 0;
	}
	return error;
}

int jws_peek(const char *jws, size_t jws_length, uint8_t **payload, size_t *length)
{
	uint8_t *header = NULL;
	size_t header_length = 0;
	size_t signature_length = 0;

	int error = take_apart(
	        jws, jws_length, &header, &header_length, payload, length, &signature_length);
	free(header);
	return error;
}
