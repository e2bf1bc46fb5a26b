#include "collector/authority.h"

#include "core/error.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tier has no way to reach a public authority, and nobody renews what hangs on a wall: years,
 * not days. */
enum {
	CA_DAYS = 20 * 365,
	SERVER_DAYS = 5 * 365,
	TERMINAL_DAYS = 5 * 365,
	SERIAL_SIZE = 16,
	PEM_MAX = 65536
};

struct authority {
	X509 *certificate;
	struct key *key;
};

struct extension {
	int nid;
	const char *value;
};

bool authority_is_host(const char *name)
{
	struct in6_addr address;
	size_t length = strlen(name);

	if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1)
		return true;
	if (length == 0 || length > 253)
		return false;
	for (size_t i = 0, label = 0; i <= length; i++) {
		bool edge = label == 0 || i + 1 >= length || name[i + 1] == '.';
		if (name[i] == '.' || name[i] == '\0') {
			if (label == 0 || label > 63)
				return false;
			label = 0;
			continue;
		}
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
		            name[i]) == NULL &&
		        (name[i] != '-' || edge))
			return false;
		label++;
	}
	return true;
}

static int set_serial(X509 *certificate)
{
	uint8_t bytes[SERIAL_SIZE];
	int error = ERR_CRYPTO;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return ERR_CRYPTO;
	bytes[0] &= 0x7f;
	BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	if (number != NULL &&
	        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL)
		error = 0;
	BN_free(number);
	return error;
}

static int set_subject(X509 *certificate, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	/* RFC 5280: 64 characters at most; a terminal's name is at most 64 bytes. */
	return X509_NAME_add_entry_by_txt(
	               subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1
	               ? 0
	               : ERR_FORMAT;
}

static int set_span(X509 *certificate, int64_t now, int days)
{
	time_t base = (time_t)now;

	/* An hour back: clocks of an isolated tier differ. */
	if (X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -3600, &base) == NULL ||
	        X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, &base) == NULL)
		return ERR_CRYPTO;
	return 0;
}

static int add_extension(X509 *certificate, X509 *issuer, const struct extension *wanted)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, wanted->nid, wanted->value);
	if (extension == NULL)
		return ERR_CRYPTO;
	int added = X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return added == 1 ? 0 : ERR_CRYPTO;
}

/* issuer NULL: self-signed. */
static X509 *make_certificate(
        const struct key *key, const char *name, int64_t now, int days, X509 *issuer)
{
	X509 *made = X509_new();

	if (made == NULL)
		return NULL;
	if (X509_set_version(made, X509_VERSION_3) == 1 && set_serial(made) == 0 &&
	        set_subject(made, name) == 0 && set_span(made, now, days) == 0 &&
	        X509_set_pubkey(made, key_evp(key)) == 1 &&
	        X509_set_issuer_name(made, X509_get_subject_name(issuer == NULL ? made : issuer)) ==
	                1)
		return made;
	X509_free(made);
	return NULL;
}

static int write_certificate(X509 *certificate, char **pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes = NULL;

	if (bio == NULL)
		return ERR_MEMORY;
	if (PEM_write_bio_X509(bio, certificate) == 1) {
		long length = BIO_get_mem_data(bio, &bytes);
		*pem = length > 0 ? strndup(bytes, (size_t)length) : NULL;
	}
	BIO_free(bio);
	return *pem == NULL ? ERR_CRYPTO : 0;
}

static int finish(X509 *certificate, X509 *issuer, const struct key *signer,
        const struct extension *extensions, size_t count, char **pem)
{
	int error = certificate == NULL ? ERR_CRYPTO : 0;

	*pem = NULL;
	for (size_t i = 0; i < count && error == 0; i++)
		error = add_extension(
		        certificate, issuer == NULL ? certificate : issuer, &extensions[i]);
	if (error == 0 && X509_sign(certificate, key_evp(signer), EVP_sha256()) == 0)
		error = ERR_CRYPTO;
	if (error == 0)
		error = write_certificate(certificate, pem);
	X509_free(certificate);
	ERR_clear_error();
	return error;
}

int authority_make(const struct key *key, const char *name, int64_t now, char **pem)
{
	static const struct extension extensions[] = {
	        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
	        {NID_key_usage, "critical,keyCertSign,cRLSign"},
	        {NID_subject_key_identifier, "hash"}};

	return finish(
	        make_certificate(key, name, now, CA_DAYS, NULL), NULL, key, extensions, 3, pem);
}

/* "DNS:a,IP:b": safe to build as text because authority_is_host() lets no separator through. */
static int write_names(const char *const *names, size_t count, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		struct in6_addr address;
		if (!authority_is_host(names[i]))
			return ERR_FORMAT;
		bool numeric = inet_pton(AF_INET, names[i], &address) == 1 ||
		               inet_pton(AF_INET6, names[i], &address) == 1;
		int wrote = snprintf(out + used, size - used, "%s%s:%s", i == 0 ? "" : ",",
		        numeric ? "IP" : "DNS", names[i]);
		if (wrote < 0 || (size_t)wrote >= size - used)
			return ERR_TOO_LONG;
		used += (size_t)wrote;
	}
	return count == 0 ? ERR_FORMAT : 0;
}

int authority_issue_server(const struct authority *authority, const struct key *key,
        const char *const *names, size_t count, int64_t now, char **pem)
{
	char alternatives[AUTHORITY_NAMES_MAX * 260];
	const struct extension extensions[] = {{NID_basic_constraints, "critical,CA:FALSE"},
	        {NID_key_usage, "critical,digitalSignature"}, {NID_ext_key_usage, "serverAuth"},
	        {NID_subject_alt_name, alternatives}, {NID_authority_key_identifier, "keyid"}};

	*pem = NULL;
	int error = write_names(names, count, alternatives, sizeof(alternatives));
	if (error != 0)
		return error;
	return finish(make_certificate(
	                      key, "Sekisho collector", now, SERVER_DAYS, authority->certificate),
	        authority->certificate, authority->key, extensions, 5, pem);
}

int authority_issue_terminal(const struct authority *authority, const struct key *key,
        const char *name, int64_t now, char **pem)
{
	static const struct extension extensions[] = {{NID_basic_constraints, "critical,CA:FALSE"},
	        {NID_key_usage, "critical,digitalSignature"}, {NID_ext_key_usage, "clientAuth"},
	        {NID_authority_key_identifier, "keyid"}};

	return finish(make_certificate(key, name, now, TERMINAL_DAYS, authority->certificate),
	        authority->certificate, authority->key, extensions, 4, pem);
}

static BIO *memory_bio(const char *pem, size_t length)
{
	return length == 0 || length > PEM_MAX ? NULL : BIO_new_mem_buf(pem, (int)length);
}

int authority_open(const char *pem, size_t length, struct key *key, struct authority **authority)
{
	BIO *bio = memory_bio(pem, length);
	struct authority *made = calloc(1, sizeof(*made));

	*authority = NULL;
	if (made == NULL) {
		BIO_free(bio);
		key_free(&key);
		return ERR_MEMORY;
	}
	made->key = key;
	if (bio != NULL)
		made->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (made->certificate == NULL ||
	        X509_check_private_key(made->certificate, key_evp(key)) != 1)
		authority_free(&made);
	ERR_clear_error();
	*authority = made;
	return made == NULL ? ERR_FORMAT : 0;
}

void authority_free(struct authority **authority)
{
	if (*authority == NULL)
		return;
	X509_free((*authority)->certificate);
	key_free(&(*authority)->key);
	free(*authority);
	*authority = NULL;
}

static int copy_public_key(EVP_PKEY *evp, struct key **key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	int error = ERR_FORMAT;

	if (bio == NULL)
		return ERR_MEMORY;
	if (PEM_write_bio_PUBKEY(bio, evp) == 1) {
		long length = BIO_get_mem_data(bio, &bytes);
		if (length > 0)
			error = key_read_public((const uint8_t *)bytes, (size_t)length, key);
	}
	BIO_free(bio);
	return error;
}

int authority_read_request(const char *pem, size_t length, struct key **key)
{
	BIO *bio = memory_bio(pem, length);
	X509_REQ *request = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	EVP_PKEY *evp = request == NULL ? NULL : X509_REQ_get0_pubkey(request);
	int error = ERR_FORMAT;

	*key = NULL;
	if (evp != NULL)
		error = copy_public_key(evp, key);
	if (error == 0 && X509_REQ_verify(request, evp) != 1) {
		key_free(key);
		error = ERR_SIGNATURE;
	}
	X509_REQ_free(request);
	BIO_free(bio);
	ERR_clear_error();
	return error;
}
