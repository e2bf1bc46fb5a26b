#include "core/cms.h"

#include "core/encode.h"
#include "core/error.h"
#include "core/key.h"
#include "core/pem.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int read_certificate(const char *pem, X509 **certificate, struct key **public)
{
	struct pem_block block;

	*certificate = NULL;
	/* key_read_public() sees to it that the key is on P-256. */
	int error = key_read_public((const uint8_t *)pem, strlen(pem), public);
	if (error == 0)
		error = pem_read((const uint8_t *)pem, strlen(pem), &block);
	if (error != 0)
		return error;
	const unsigned char *at = block.bytes;
	if (strcmp(block.label, PEM_STRING_X509) == 0)
		*certificate = d2i_X509(NULL, &at, (long)block.length);
	pem_clear(&block);
	return *certificate == NULL ? ERR_FORMAT : 0;
}

static bool is_signed_data(CMS_ContentInfo *cms)
{
	ASN1_OCTET_STRING **content = NULL;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		return false;
	if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
		return false;
	content = CMS_get0_content(cms);
	return content != NULL && *content != NULL;
}

static int read_message(const uint8_t *pem, size_t length, CMS_ContentInfo **cms)
{
	struct pem_block block;

	*cms = NULL;
	if (length > CMS_SIGNED_MAX)
		return ERR_TOO_LONG;
	int error = pem_read(pem, length, &block);
	if (error != 0)
		return error;
	const unsigned char *at = block.bytes;
	if (strcmp(block.label, PEM_STRING_CMS) == 0)
		*cms = d2i_CMS_ContentInfo(NULL, &at, (long)block.length);
	bool good = *cms != NULL && at == block.bytes + block.length && is_signed_data(*cms);
	pem_clear(&block);
	if (good)
		return 0;
	CMS_ContentInfo_free(*cms);
	*cms = NULL;
	return ERR_FORMAT;
}

/* Signed attributes bind the content's type and digest; without them a signature over attributes
 * could be shown as one over content. SHA-256 with ECDSA and nothing else. */
static bool is_acceptable(CMS_SignerInfo *signer)
{
	X509_ALGOR *digest = NULL;
	X509_ALGOR *signature = NULL;
	const ASN1_OBJECT *digest_name = NULL;
	const ASN1_OBJECT *signature_name = NULL;

	CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, &signature);
	X509_ALGOR_get0(&digest_name, NULL, NULL, digest);
	X509_ALGOR_get0(&signature_name, NULL, NULL, signature);
	return CMS_signed_get_attr_count(signer) > 0 && OBJ_obj2nid(digest_name) == NID_sha256 &&
	       OBJ_obj2nid(signature_name) == NID_ecdsa_with_SHA256;
}

static int check_signers(CMS_ContentInfo *cms)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
	int count = sk_CMS_SignerInfo_num(signers);

	if (count < 1)
		return ERR_SIGNATURE;
	if (count > CMS_SIGNERS_MAX)
		return ERR_TOO_LONG;
	for (int i = 0; i < count; i++) {
		if (!is_acceptable(sk_CMS_SignerInfo_value(signers, i)))
			return ERR_SIGNATURE;
	}
	return 0;
}

/* Every signature in the message, by the certificates given (NULL: by those inside). */
static int verify_all(CMS_ContentInfo *cms, STACK_OF(X509) * certificates, BIO *content)
{
	unsigned flags =
	        CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | (certificates == NULL ? 0U : CMS_NOINTERN);

	int error = check_signers(cms);
	if (error != 0)
		return error;
	return CMS_verify(cms, certificates, NULL, NULL, content, flags) == 1 ? 0 : ERR_SIGNATURE;
}

static bool has_signed(CMS_ContentInfo *cms, X509 *certificate)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

	for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
		if (CMS_SignerInfo_cert_cmp(sk_CMS_SignerInfo_value(signers, i), certificate) == 0)
			return true;
	}
	return false;
}

static int sign_content(const uint8_t *content, size_t length, X509 *certificate, EVP_PKEY *key,
        CMS_ContentInfo **out)
{
	const unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL;

	*out = NULL;
	if (length > CMS_CONTENT_MAX)
		return ERR_TOO_LONG;
	BIO *bio = BIO_new_mem_buf(content, (int)length);
	if (bio == NULL)
		return ERR_MEMORY;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	if (cms != NULL && CMS_add1_signer(cms, certificate, key, EVP_sha256(), flags) != NULL &&
	        CMS_final(cms, bio, NULL, flags) == 1) {
		*out = cms;
		cms = NULL; /* transferred */
	}
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	return *out == NULL ? ERR_CRYPTO : 0;
}

/* The added signature takes over the digest that stands in the others, so these must be right
 * first. */
static int sign_again(
        const char *signed_pem, X509 *certificate, EVP_PKEY *key, CMS_ContentInfo **out)
{
	const unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_REUSE_DIGEST;
	CMS_ContentInfo *cms = NULL;

	*out = NULL;
	int error = read_message((const uint8_t *)signed_pem, strlen(signed_pem), &cms);
	if (error == 0)
		error = verify_all(cms, NULL, NULL);
	if (error == 0 && has_signed(cms, certificate))
		error = ERR_EXISTS;
	if (error == 0 && sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) >= CMS_SIGNERS_MAX)
		error = ERR_TOO_LONG;
	if (error == 0 && CMS_add1_signer(cms, certificate, key, EVP_sha256(), flags) == NULL)
		error = ERR_CRYPTO;
	if (error != 0) {
		CMS_ContentInfo_free(cms);
		return error;
	}
	*out = cms; /* transferred */
	return 0;
}

static int write_message(CMS_ContentInfo *cms, char **out, size_t *length)
{
	unsigned char *bytes = NULL;
	int error = ERR_CRYPTO;

	int size = i2d_CMS_ContentInfo(cms, &bytes);
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio == NULL)
		error = ERR_MEMORY;
	else if (size > 0 && PEM_write_bio(bio, PEM_STRING_CMS, "", bytes, size) > 0)
		error = pem_copy_text(bio, out, length);
	BIO_free(bio);
	OPENSSL_free(bytes);
	return error;
}

int cms_sign(const uint8_t *content, size_t length, const char *signed_pem,
        const char *certificate_pem, const char *key_pem, char **out, size_t *out_length)
{
	X509 *certificate = NULL;
	struct key *public = NULL;
	struct key *private = NULL;
	CMS_ContentInfo *cms = NULL;

	*out = NULL;
	*out_length = 0;
	if ((content == NULL) == (signed_pem == NULL))
		return ERR_USAGE;
	int error = read_certificate(certificate_pem, &certificate, &public);
	if (error == 0)
		error = key_read_private((const uint8_t *)key_pem, strlen(key_pem), &private);
	if (error == 0 && X509_check_private_key(certificate, key_evp(private)) != 1)
		error = ERR_FORMAT;
	if (error != 0)
		goto out;
	if (signed_pem == NULL)
		error = sign_content(content, length, certificate, key_evp(private), &cms);
	else
		error = sign_again(signed_pem, certificate, key_evp(private), &cms);
	if (error == 0)
		error = write_message(cms, out, out_length);
out:
	CMS_ContentInfo_free(cms);
	key_free(&private);
	key_free(&public);
	X509_free(certificate);
	ERR_clear_error();
	return error;
}

static void free_certificates(STACK_OF(X509) * certificates)
{
	sk_X509_pop_free(certificates, X509_free);
}

static bool is_on_p256(X509 *certificate)
{
	struct key *public = NULL;
	bool good = false;

	BIO *bio = BIO_new(BIO_s_mem());
	if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1) {
		char *text = NULL;
		long length = BIO_get_mem_data(bio, &text);
		good = key_read_public((const uint8_t *)text, (size_t)length, &public) == 0;
	}
	key_free(&public);
	BIO_free(bio);
	return good;
}

/* Certificates only, one after the other. */
static int read_bundle(const uint8_t *pem, size_t length, STACK_OF(X509) * *certificates)
{
	int error = 0;

	*certificates = NULL;
	if (length > CMS_SIGNED_MAX)
		return ERR_TOO_LONG;
	BIO *bio = BIO_new_mem_buf(pem, (int)length);
	STACK_OF(X509) *list = sk_X509_new_null();
	if (bio == NULL || list == NULL) {
		error = ERR_MEMORY;
		goto out;
	}
	while (error == 0) {
		X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (certificate == NULL)
			break;
		if (!is_on_p256(certificate))
			error = ERR_FORMAT;
		else if (sk_X509_push(list, certificate) > 0)
			continue; /* transferred */
		else
			error = ERR_MEMORY;
		X509_free(certificate);
	}
	/* Anything but the end of the text is a certificate that cannot be read. */
	if (error == 0 && ERR_peek_last_error() != 0 &&
	        ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		error = ERR_FORMAT;
	if (error == 0 && sk_X509_num(list) == 0)
		error = ERR_SIGNATURE;
	if (error == 0) {
		*certificates = list;
		list = NULL; /* transferred */
	}
out:
	free_certificates(list);
	BIO_free(bio);
	ERR_clear_error();
	return error;
}

/* A renewed certificate over the same key is the same signer. */
static bool is_known(X509 *const *known, size_t count, X509 *certificate)
{
	for (size_t i = 0; i < count; i++) {
		if (EVP_PKEY_eq(X509_get0_pubkey(known[i]), X509_get0_pubkey(certificate)) == 1)
			return true;
	}
	return false;
}

static int describe(X509 *certificate, struct cms_signer *signer)
{
	uint8_t digest[SHA256_SIZE];
	unsigned size = 0;
	char *text = NULL;

	memset(signer, 0, sizeof(*signer));
	if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1 || size != sizeof(digest))
		return ERR_CRYPTO;
	encode_hex(digest, sizeof(digest), signer->fingerprint);
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio == NULL)
		return ERR_MEMORY;
	X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
	        XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	long length = BIO_get_mem_data(bio, &text);
	size_t room = sizeof(signer->subject) - 1;
	if (length > 0)
		memcpy(signer->subject, text, (size_t)length < room ? (size_t)length : room);
	BIO_free(bio);
	return 0;
}

static int collect_signers(CMS_ContentInfo *cms, struct cms_signer *signers, size_t *count)
{
	X509 *known[CMS_SIGNERS_MAX];
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);

	*count = 0;
	for (int i = 0; i < sk_CMS_SignerInfo_num(infos); i++) {
		X509 *certificate = NULL;
		CMS_SignerInfo_get0_algs(
		        sk_CMS_SignerInfo_value(infos, i), NULL, &certificate, NULL, NULL);
		if (certificate == NULL || *count >= CMS_SIGNERS_MAX)
			return ERR_SIGNATURE;
		if (is_known(known, *count, certificate))
			continue;
		int error = signers == NULL ? 0 : describe(certificate, &signers[*count]);
		if (error != 0)
			return error;
		known[(*count)++] = certificate;
	}
	return 0;
}

static int copy_content(BIO *bio, uint8_t **content, size_t *length)
{
	char *data = NULL;
	long size = BIO_get_mem_data(bio, &data);

	if (size < 0 || size > CMS_CONTENT_MAX)
		return ERR_TOO_LONG;
	uint8_t *copy = malloc((size_t)size + 1);
	if (copy == NULL)
		return ERR_MEMORY;
	if (size > 0)
		memcpy(copy, data, (size_t)size);
	copy[size] = '\0';
	*content = copy;
	*length = (size_t)size;
	return 0;
}

int cms_verify(const uint8_t *pem, size_t pem_length, const uint8_t *trusted_pem,
        size_t trusted_length, size_t needed, uint8_t **content, size_t *length,
        struct cms_signer signers[CMS_SIGNERS_MAX], size_t *signer_count)
{
	STACK_OF(X509) *pinned = NULL;
	CMS_ContentInfo *cms = NULL;
	BIO *bio = NULL;
	size_t count = 0;

	*content = NULL;
	*length = 0;
	if (signer_count != NULL)
		*signer_count = 0;
	if (needed == 0)
		return ERR_USAGE;
	int error = read_bundle(trusted_pem, trusted_length, &pinned);
	if (error == 0)
		error = read_message(pem, pem_length, &cms);
	if (error != 0)
		goto out;
	bio = BIO_new(BIO_s_mem());
	error = bio == NULL ? ERR_MEMORY : verify_all(cms, pinned, bio);
	if (error == 0)
		error = collect_signers(cms, signers, &count);
	if (error == 0 && count < needed)
		error = ERR_SIGNATURE;
	if (error == 0)
		error = copy_content(bio, content, length);
	if (error == 0 && signer_count != NULL)
		*signer_count = count;
out:
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
	free_certificates(pinned);
	ERR_clear_error();
	return error;
}
