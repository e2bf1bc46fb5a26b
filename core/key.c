#include "core/key.h"

#include "core/encode.h"
#include "core/error.h"
#include "core/key_jwk.h"
#include "core/pem.h"

#include <cjose/cjose.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	COORDINATE_SIZE = 32,
	NAME_MAX_CHARACTERS = 64, /* ub-common-name, RFC 5280 */
};

struct key {
	EVP_PKEY *evp;
	cjose_jwk_t *jwk; /* of the public half */
};

static int read_coordinate(EVP_PKEY *evp, const char *name, uint8_t out[static COORDINATE_SIZE])
{
	BIGNUM *value = NULL;
	int error = ERR_CRYPTO;

	if (EVP_PKEY_get_bn_param(evp, name, &value) == 1 &&
	        BN_bn2binpad(value, out, COORDINATE_SIZE) == COORDINATE_SIZE)
		error = 0;
	BN_free(value);
	return error;
}

static int read_point(
        EVP_PKEY *evp, uint8_t x[static COORDINATE_SIZE], uint8_t y[static COORDINATE_SIZE])
{
	int error = read_coordinate(evp, OSSL_PKEY_PARAM_EC_PUB_X, x);

	return error != 0 ? error : read_coordinate(evp, OSSL_PKEY_PARAM_EC_PUB_Y, y);
}

static cjose_jwk_t *import_jwk(EVP_PKEY *evp)
{
	uint8_t x[COORDINATE_SIZE];
	uint8_t y[COORDINATE_SIZE];
	cjose_err failure;

	if (read_point(evp, x, y) != 0)
		return NULL;
	cjose_jwk_ec_keyspec spec = {
	        .crv = CJOSE_JWK_EC_P_256,
	        .x = x,
	        .xlen = sizeof(x),
	        .y = y,
	        .ylen = sizeof(y),
	};
	return cjose_jwk_create_EC_spec(&spec, &failure);
}

/* Takes evp, which is freed on error. */
static int wrap(EVP_PKEY *evp, struct key **key)
{
	struct key *made = malloc(sizeof(*made));
	cjose_jwk_t *jwk = made == NULL ? NULL : import_jwk(evp);

	if (jwk == NULL) {
		EVP_PKEY_free(evp);
		*key = NULL;
		int error = made == NULL ? ERR_MEMORY : ERR_CRYPTO;
		free(made);
		return error;
	}
	*made = (struct key){.evp = evp, .jwk = jwk};
	*key = made;
	return 0;
}

int key_generate(struct key **key)
{
	*key = NULL;
	EVP_PKEY *evp = EVP_EC_gen("P-256");
	return evp == NULL ? ERR_CRYPTO : wrap(evp, key);
}

void key_free(struct key **key)
{
	if (key == NULL || *key == NULL)
		return;
	cjose_jwk_release((*key)->jwk);
	EVP_PKEY_free((*key)->evp);
	free(*key);
	*key = NULL;
}

/* The curve by its name: parameters written out could describe another one (CVE-2020-0601). */
static bool is_p256(EVP_PKEY *evp)
{
	char group[32] = "";
	int written_out = 0;

	if (evp == NULL || !EVP_PKEY_is_a(evp, "EC"))
		return false;
	if (EVP_PKEY_get_group_name(evp, group, sizeof(group), NULL) != 1)
		return false;
	if (EVP_PKEY_get_int_param(
	            evp, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &written_out) == 1 &&
	        written_out != 0)
		return false;
	return strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0;
}

/* Takes evp. */
static int check_and_wrap(EVP_PKEY *evp, struct key **key)
{
	bool good = is_p256(evp);

	if (good) {
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(evp, NULL);
		good = context != NULL && EVP_PKEY_public_check_quick(context) == 1;
		EVP_PKEY_CTX_free(context);
	}
	ERR_clear_error();
	if (good)
		return wrap(evp, key);
	EVP_PKEY_free(evp);
	return ERR_FORMAT;
}

static EVP_PKEY *decode_private(const struct pem_block *block)
{
	const unsigned char *at = block->bytes;
	EVP_PKEY *evp = NULL;

	if (strcmp(block->label, PEM_STRING_PKCS8INF) != 0)
		return NULL;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)block->length);
	if (info != NULL && at == block->bytes + block->length)
		evp = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return evp;
}

int key_read_private(const uint8_t *pem, size_t length, struct key **key)
{
	struct pem_block block;

	*key = NULL;
	int error = pem_read(pem, length, &block);
	if (error != 0)
		return error;
	error = check_and_wrap(decode_private(&block), key);
	pem_clear(&block);
	return error;
}

static EVP_PKEY *decode_certificate(const struct pem_block *block)
{
	const unsigned char *at = block->bytes;
	EVP_PKEY *evp = NULL;

	X509 *certificate = d2i_X509(NULL, &at, (long)block->length);
	if (certificate != NULL && at == block->bytes + block->length)
		evp = X509_get_pubkey(certificate);
	X509_free(certificate);
	return evp;
}

static EVP_PKEY *decode_public(const struct pem_block *block)
{
	const unsigned char *at = block->bytes;

	if (strcmp(block->label, PEM_STRING_X509) == 0)
		return decode_certificate(block);
	if (strcmp(block->label, PEM_STRING_PUBLIC) != 0)
		return NULL;
	EVP_PKEY *evp = d2i_PUBKEY(NULL, &at, (long)block->length);
	if (evp != NULL && at != block->bytes + block->length) {
		EVP_PKEY_free(evp);
		evp = NULL;
	}
	return evp;
}

int key_read_public(const uint8_t *pem, size_t length, struct key **key)
{
	struct pem_block block;

	*key = NULL;
	int error = pem_read(pem, length, &block);
	if (error != 0)
		return error;
	error = check_and_wrap(decode_public(&block), key);
	pem_clear(&block);
	return error;
}

int key_write_private(const struct key *key, char **pem, size_t *length)
{
	int error = ERR_CRYPTO;

	*pem = NULL;
	*length = 0;
	BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
	if (bio == NULL)
		return ERR_MEMORY;
	if (PEM_write_bio_PKCS8PrivateKey(bio, key->evp, NULL, NULL, 0, NULL, NULL) == 1)
		error = pem_copy_text(bio, pem, length);
	BIO_free(bio);
	ERR_clear_error();
	return error;
}

int key_write_public(const struct key *key, char **pem, size_t *length)
{
	int error = ERR_CRYPTO;

	*pem = NULL;
	*length = 0;
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio == NULL)
		return ERR_MEMORY;
	if (PEM_write_bio_PUBKEY(bio, key->evp) == 1)
		error = pem_copy_text(bio, pem, length);
	BIO_free(bio);
	ERR_clear_error();
	return error;
}

/* RFC 7638 §3: the required members in lexicographic order, no white space. */
static int hash_jwk(const char *x, const char *y, uint8_t digest[static SHA256_SIZE])
{
	char jwk[160];

	int length = snprintf(jwk, sizeof(jwk),
	        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
	if (length < 0 || (size_t)length >= sizeof(jwk))
		return ERR_CRYPTO;
	return encode_sha256(jwk, (size_t)length, digest);
}

int key_id(const struct key *key, char out[static KEY_ID_SIZE])
{
	uint8_t x[COORDINATE_SIZE];
	uint8_t y[COORDINATE_SIZE];
	uint8_t digest[SHA256_SIZE];
	char *x_text = NULL;
	char *y_text = NULL;
	char *id = NULL;

	out[0] = '\0';
	int error = read_point(key->evp, x, y);
	if (error != 0)
		return error;
	x_text = encode_base64url(x, sizeof(x));
	y_text = encode_base64url(y, sizeof(y));
	error = x_text == NULL || y_text == NULL ? ERR_MEMORY : hash_jwk(x_text, y_text, digest);
	if (error != 0)
		goto out;
	id = encode_base64url(digest, sizeof(digest));
	if (id == NULL)
		error = ERR_MEMORY;
	else
		memcpy(out, id, KEY_ID_SIZE);
out:
	free(id);
	free(y_text);
	free(x_text);
	return error;
}

/* EVP answers in DER, JWS wants the two integers at full width. */
static int flatten_signature(
        const uint8_t *der, size_t length, uint8_t out[static KEY_SIGNATURE_SIZE])
{
	const unsigned char *at = der;
	int error = ERR_CRYPTO;

	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
	if (signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32) == 32 &&
	        BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32) == 32)
		error = 0;
	ECDSA_SIG_free(signature);
	return error;
}

int key_sign(const struct key *key, const void *bytes, size_t length,
        uint8_t out[static KEY_SIGNATURE_SIZE])
{
	uint8_t der[80];
	size_t der_length = sizeof(der);
	int error = ERR_CRYPTO;

	memset(out, 0, KEY_SIGNATURE_SIZE);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context == NULL)
		return ERR_MEMORY;
	if (EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key->evp, NULL) == 1 &&
	        EVP_DigestSign(context, der, &der_length, bytes, length) == 1)
		error = flatten_signature(der, der_length, out);
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return error;
}

static bool fill_request(X509_REQ *request, const struct key *key, const char *name)
{
	X509_NAME *subject = X509_REQ_get_subject_name(request);

	return X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
	       X509_NAME_add_entry_by_txt(
	               subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1 &&
	       X509_REQ_set_pubkey(request, key->evp) == 1 &&
	       X509_REQ_sign(request, key->evp, EVP_sha256()) > 0;
}

int key_request(const struct key *key, const char *name, char **pem, size_t *length)
{
	int error = ERR_CRYPTO;

	*pem = NULL;
	*length = 0;
	if (name[0] == '\0' || strlen(name) > NAME_MAX_CHARACTERS)
		return ERR_FORMAT;
	X509_REQ *request = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	if (request == NULL || bio == NULL)
		error = ERR_MEMORY;
	else if (fill_request(request, key, name) && PEM_write_bio_X509_REQ(bio, request) == 1)
		error = pem_copy_text(bio, pem, length);
	BIO_free(bio);
	X509_REQ_free(request);
	ERR_clear_error();
	return error;
}

void *key_evp(const struct key *key)
{
	return key->evp;
}

void *key_jwk(const struct key *key)
{
	return key->jwk;
}
