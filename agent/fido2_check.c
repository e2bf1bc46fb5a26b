#include "agent/fido2_check.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#include "agent/login_challenge.h"
#include "core/encode.h"
#include "core/error.h"

enum { COORDINATE = 32 };

/* Authenticator data: 32 bytes of the relying party's hash, flags, u32 counter. */
enum { AT_FLAGS = 32, AT_COUNTER = 33, DATA_SIZE = 37, AT_CREDENTIAL = DATA_SIZE + 16 };
enum { FLAG_UP = 0x01, FLAG_UV = 0x04, FLAG_AT = 0x40, FLAGS_UNKNOWN = 0xba };

static const char *const names[FIDO2_FAULT_END] = {
        [FIDO2_BROKEN] = "key-data-broken",
        [FIDO2_OTHER_PARTY] = "key-other-party",
        [FIDO2_NOT_TOUCHED] = "key-not-touched",
        [FIDO2_NOT_VERIFIED] = "key-not-verified",
        [FIDO2_FORGED] = "key-bad-signature",
        [FIDO2_COUNTED_BACK] = "key-counted-back",
};

const char *fido2_fault_name(enum fido2_fault fault)
{
	return (unsigned)fault < FIDO2_FAULT_END ? names[fault] : NULL;
}

void fido2_party(const char *body, char out[static FIDO2_RP_SIZE])
{
	(void)snprintf(out, FIDO2_RP_SIZE, "sekisho.%s", body);
}

int fido2_challenge(
        const char *user, const uint8_t nonce[static 32], uint8_t hash[static FIDO2_HASH_SIZE])
{
	return login_challenge("sekisho-key-login-1", user, nonce, hash);
}

static uint32_t counter_of(const uint8_t *data)
{
	return (uint32_t)data[AT_COUNTER] << 24 | (uint32_t)data[AT_COUNTER + 1] << 16 |
	       (uint32_t)data[AT_COUNTER + 2] << 8 | (uint32_t)data[AT_COUNTER + 3];
}

/* What a login and an enrolment ask alike. Extensions (0x80) are never asked for, and what can be
 * backed up (0x08, 0x10) is no possession. */
static enum fido2_fault check_data(const uint8_t *data, const char *rp, unsigned wanted)
{
	uint8_t party[SHA256_SIZE];
	unsigned flags = data[AT_FLAGS];

	if ((flags & FLAGS_UNKNOWN) != 0 || (flags & FLAG_AT) != (wanted & FLAG_AT))
		return FIDO2_BROKEN;
	if (encode_sha256(rp, strlen(rp), party) != 0 || memcmp(data, party, sizeof(party)) != 0)
		return FIDO2_OTHER_PARTY;
	if ((flags & FLAG_UP) == 0)
		return FIDO2_NOT_TOUCHED;
	return (flags & FLAG_UV) == 0 ? FIDO2_NOT_VERIFIED : FIDO2_GOOD;
}

/* NULL where the two numbers are no point of the curve. */
static EVP_PKEY *public_key(const uint8_t point[static TOKEN_POINT_SIZE])
{
	char group[] = "P-256";
	uint8_t encoded[1 + TOKEN_POINT_SIZE] = {0x04};
	OSSL_PARAM parameters[] = {
	        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	        OSSL_PARAM_construct_octet_string(
	                OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof(encoded)),
	        OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(encoded + 1, point, TOKEN_POINT_SIZE);
	if (context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
	        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

static bool verify(EVP_PKEY *key, const struct fido2_result *r, const uint8_t *hash)
{
	uint8_t signed_bytes[DATA_SIZE + FIDO2_HASH_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = false;

	memcpy(signed_bytes, r->data, DATA_SIZE);
	memcpy(signed_bytes + DATA_SIZE, hash, FIDO2_HASH_SIZE);
	good = context != NULL &&
	       EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
	       EVP_DigestVerify(context, r->signature, r->signature_length, signed_bytes,
	               sizeof(signed_bytes)) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

enum fido2_fault fido2_check(const struct token_key *key, const char *rp,
        const uint8_t hash[static FIDO2_HASH_SIZE], const struct fido2_result *result,
        uint32_t *counter)
{
	enum fido2_fault fault = FIDO2_BROKEN;
	EVP_PKEY *public = NULL;

	if (result->data_length != DATA_SIZE)
		return FIDO2_BROKEN;
	fault = check_data(result->data, rp, 0);
	if (fault != FIDO2_GOOD)
		return fault;
	public = public_key(key->point);
	if (public == NULL || !verify(public, result, hash))
		fault = FIDO2_FORGED;
	EVP_PKEY_free(public);
	if (fault != FIDO2_GOOD)
		return fault;
	*counter = counter_of(result->data);
	if (*counter <= key->counter && (*counter != 0 || key->counter != 0))
		return FIDO2_COUNTED_BACK;
	return FIDO2_GOOD;
}

/* A COSE key (RFC 9053 §7.1.1) as CTAP2's canonical CBOR writes one of ES256, byte by byte: kty 2,
 * alg -7, crv 1, x, y. */
static bool take_point(const uint8_t *cose, size_t length, uint8_t point[static TOKEN_POINT_SIZE])
{
	static const uint8_t before_x[] = {
	        0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, COORDINATE};
	static const uint8_t before_y[] = {0x22, 0x58, COORDINATE};
	const uint8_t *x = cose + sizeof(before_x);
	const uint8_t *y = x + COORDINATE + sizeof(before_y);

	if (length != sizeof(before_x) + sizeof(before_y) + TOKEN_POINT_SIZE ||
	        memcmp(cose, before_x, sizeof(before_x)) != 0 ||
	        memcmp(x + COORDINATE, before_y, sizeof(before_y)) != 0)
		return false;
	memcpy(point, x, COORDINATE);
	memcpy(point + COORDINATE, y, COORDINATE);
	return true;
}

enum fido2_fault fido2_check_made(
        const struct fido2_result *result, const char *rp, struct token_key *key)
{
	const uint8_t *data = result->data;
	size_t length = 0;
	enum fido2_fault fault = FIDO2_BROKEN;

	*key = (struct token_key){0};
	if (result->data_length < AT_CREDENTIAL + 2)
		return FIDO2_BROKEN;
	fault = check_data(data, rp, FLAG_AT);
	if (fault != FIDO2_GOOD)
		return fault;
	length = (size_t)data[AT_CREDENTIAL] << 8 | data[AT_CREDENTIAL + 1];
	data += AT_CREDENTIAL + 2;
	if (length == 0 || length > TOKEN_CREDENTIAL_MAX ||
	        length > result->data_length - (AT_CREDENTIAL + 2) ||
	        !take_point(data + length, result->data_length - (AT_CREDENTIAL + 2) - length,
	                key->point))
		return FIDO2_BROKEN;
	memcpy(key->credential, data, length);
	key->credential_length = length;
	key->counter = counter_of(result->data);
	return FIDO2_GOOD;
}
