#include "agent/card_check.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/login_challenge.h"
#include "agent/paths.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"

enum {
	CA_FILE_MAX = 1 << 20,
	CRL_FILE_MAX = 64 << 20, /* an authority's of a whole country */
	AUTH_LEVEL = 2,          /* OpenSSL's: 112 bits */
	DEPTH_MAX = 6,
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 8192,
};

struct card_trust {
	X509_STORE *store; /* roots and lists */
	STACK_OF(X509) * links;
};

/* What the callback is to know, and tells. */
struct judgement {
	int64_t now;
	int64_t grace;
	bool old_crl;
};

static const struct {
	const char *name;
	const char *japanese;
	const char *english;
} FAULTS[CARD_FAULT_END] = {
        [CARD_GOOD] = {NULL, "", ""},
        [CARD_UNTRUSTED] = {"card-untrusted",
                "このカードは、この端末で使えるカードではありません。",
                "This is not a card for this terminal."},
        [CARD_EXPIRED] = {"card-expired",
                "カードの証明書の有効期間外です。カードの更新を依頼してください。",
                "The card's certificate is outside its dates; ask for it to be renewed."},
        [CARD_REVOKED] = {"card-revoked",
                "このカードは失効しています。情報システム管理者に連絡してください。",
                "This card is revoked; ask the administrator."},
        [CARD_NO_CRL] = {"card-no-crl",
                "カードの失効情報がありません。情報システム管理者に連絡してください。",
                "There is no revocation list for this card; ask the administrator."},
        [CARD_OLD_CRL] = {"card-crl-too-old",
                "カードの失効情報が古くなりました。情報システム管理者に連絡してください。",
                "The revocation list for this card is too old; ask the administrator."},
        [CARD_PURPOSE] = {"card-wrong-purpose",
                "この証明書はログイン用ではありません（署名用は使いません）。",
                "This certificate is not for logging in (one for signatures is never used)."},
        [CARD_WEAK] = {"card-weak-key", "このカードの鍵は強度が足りません。",
                "The card's key is too weak."},
        [CARD_BROKEN] = {"card-unreadable", "カードに読み取れる証明書がありません。",
                "The card holds no certificate that can be read."},
};

const char *card_fault_name(enum card_fault fault)
{
	return FAULTS[fault].name;
}

const char *card_fault_text(enum card_fault fault)
{
	return LANGUAGE(FAULTS[fault].japanese, FAULTS[fault].english);
}

static enum card_fault fault_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return CARD_EXPIRED;
	case X509_V_ERR_CERT_REVOKED:
		return CARD_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
		return CARD_NO_CRL;
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return CARD_OLD_CRL;
	case X509_V_ERR_INVALID_PURPOSE:
		return CARD_PURPOSE;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
		return CARD_WEAK;
	default:
		return CARD_UNTRUSTED;
	}
}

/* The authority's own certificate, trusted by being in the file: its list need not say of it that
 * it is not revoked, and where the list is of users alone, as that of My Number cards, it cannot.
 */
static bool is_own_root(X509_STORE_CTX *context)
{
	int error = X509_STORE_CTX_get_error(context);
	int depth = X509_STORE_CTX_get_error_depth(context);

	return depth > 0 && depth == sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1 &&
	       (error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_DIFFERENT_CRL_SCOPE);
}

/* What is let pass: a list past its date, for as long as the policy says, and no list about the
 * authority itself. */
static int on_error(int ok, X509_STORE_CTX *context)
{
	struct judgement *j = X509_STORE_CTX_get_app_data(context);
	const X509_CRL *crl = X509_STORE_CTX_get0_current_crl(context);
	time_t limit = (time_t)(j->now - j->grace);

	if (ok || is_own_root(context))
		return 1;
	if (X509_STORE_CTX_get_error(context) != X509_V_ERR_CRL_HAS_EXPIRED || crl == NULL)
		return 0;
	if (j->grace <= 0 || X509_cmp_time(X509_CRL_get0_nextUpdate(crl), &limit) <= 0)
		return 0;
	j->old_crl = true;
	return 1;
}

static enum card_fault check_chain(
        const struct card_trust *trust, X509 *certificate, struct judgement *j)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *parameters = NULL;
	enum card_fault fault = CARD_UNTRUSTED;

	if (context == NULL ||
	        X509_STORE_CTX_init(context, trust->store, certificate, trust->links) != 1)
		goto out;
	parameters = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(parameters, (time_t)j->now);
	X509_VERIFY_PARAM_set_depth(parameters, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
	if (X509_VERIFY_PARAM_set_flags(
	            parameters, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1 ||
	        X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) != 1)
		goto out;
	X509_STORE_CTX_set_app_data(context, j);
	X509_STORE_CTX_set_verify_cb(context, on_error);
	fault = X509_verify_cert(context) == 1 ? CARD_GOOD
	                                       : fault_of(X509_STORE_CTX_get_error(context));
out:
	X509_STORE_CTX_free(context);
	return fault;
}

/* Made to log in with, and for nothing that binds its holder to a document: of a card with several
 * keys, the signature key is never touched. */
static bool is_for_login(X509 *certificate)
{
	uint32_t flags = X509_get_extension_flags(certificate);
	uint32_t usage = X509_get_key_usage(certificate);

	if ((flags & EXFLAG_CA) != 0 || (flags & EXFLAG_INVALID) != 0 ||
	        (flags & EXFLAG_KUSAGE) == 0)
		return false;
	if ((usage & KU_DIGITAL_SIGNATURE) == 0)
		return false;
	if ((flags & EXFLAG_XKUSAGE) != 0)
		return (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) != 0;
	return (usage & KU_NON_REPUDIATION) == 0;
}

static bool is_named_curve(const EVP_PKEY *key)
{
	char name[32] = "";
	size_t length = 0;

	return EVP_PKEY_get_group_name(key, name, sizeof(name), &length) == 1 &&
	       (strcmp(name, "prime256v1") == 0 || strcmp(name, "secp384r1") == 0);
}

static bool key_is_allowed(X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);

	if (key == NULL)
		return false;
	if (EVP_PKEY_is_a(key, "EC"))
		return is_named_curve(key);
	return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN &&
	       EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
}

static X509 *parse(const uint8_t *der, size_t length)
{
	const uint8_t *at = der;
	X509 *certificate = d2i_X509(NULL, &at, (long)length);

	if (certificate != NULL && at != der + length) {
		X509_free(certificate);
		certificate = NULL;
	}
	return certificate;
}

struct card_verdict card_check(const struct card_trust *trust, const uint8_t *der, size_t length,
        int64_t now, int64_t grace)
{
	struct judgement j = {.now = now, .grace = grace};
	struct card_verdict verdict = {.fault = CARD_BROKEN};
	X509 *certificate = parse(der, length);

	if (certificate == NULL)
		return verdict;
	if (!key_is_allowed(certificate))
		verdict.fault = CARD_WEAK;
	else if (!is_for_login(certificate))
		verdict.fault = CARD_PURPOSE;
	else
		verdict.fault = check_chain(trust, certificate, &j);
	verdict.old_crl = verdict.fault == CARD_GOOD && j.old_crl;
	X509_free(certificate);
	return verdict;
}

static int add_certificate(struct card_trust *t, X509 *certificate)
{
	bool root = (X509_get_extension_flags(certificate) & EXFLAG_SI) != 0;

	if (root)
		return X509_STORE_add_cert(t->store, certificate) == 1 ? 0 : ERR_MEMORY;
	if (X509_up_ref(certificate) != 1)
		return ERR_MEMORY;
	if (sk_X509_push(t->links, certificate) > 0)
		return 0;
	X509_free(certificate);
	return ERR_MEMORY;
}

static int add_certificates(struct card_trust *t, BIO *in, size_t *count)
{
	int error = 0;

	for (*count = 0; error == 0; (*count)++) {
		X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);

		if (certificate == NULL)
			break;
		error = add_certificate(t, certificate);
		X509_free(certificate);
	}
	return error;
}

/* OpenSSL takes a list of changes (RFC 5280 5.2.4) for a whole one, which forgets what was revoked
 * before. One without a date for the next is of no day. */
static bool is_whole(const X509_CRL *crl)
{
	return X509_CRL_get0_nextUpdate(crl) != NULL &&
	       X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) < 0;
}

static int add_lists(struct card_trust *t, BIO *in)
{
	int error = 0;

	while (error == 0) {
		X509_CRL *crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);

		if (crl == NULL)
			break;
		if (is_whole(crl) && X509_STORE_add_crl(t->store, crl) != 1)
			error = ERR_MEMORY;
		X509_CRL_free(crl);
	}
	return error;
}

void card_trust_free(struct card_trust **trust)
{
	if (*trust == NULL)
		return;
	X509_STORE_free((*trust)->store);
	sk_X509_pop_free((*trust)->links, X509_free);
	free(*trust);
	*trust = NULL;
}

int card_trust_parse(const uint8_t *ca, size_t ca_length, const uint8_t *crl, size_t crl_length,
        struct card_trust **trust)
{
	struct card_trust *t = calloc(1, sizeof(*t));
	BIO *authorities = BIO_new_mem_buf(ca, (int)ca_length);
	BIO *lists = BIO_new_mem_buf(crl, (int)crl_length);
	size_t count = 0;
	int error = ERR_MEMORY;

	*trust = NULL;
	if (t == NULL || authorities == NULL || lists == NULL)
		goto out;
	t->store = X509_STORE_new();
	t->links = sk_X509_new_null();
	if (t->store == NULL || t->links == NULL)
		goto out;
	error = add_certificates(t, authorities, &count);
	if (error == 0 && count == 0)
		error = ERR_FORMAT;
	if (error == 0)
		error = add_lists(t, lists);
	if (error != 0)
		goto out;
	*trust = t; /* transferred */
	t = NULL;
out:
	card_trust_free(&t);
	BIO_free(authorities);
	BIO_free(lists);
	return error;
}

int card_trust_read(int root, struct card_trust **trust)
{
	uint8_t *ca = NULL;
	uint8_t *crl = NULL;
	size_t ca_length = 0;
	size_t crl_length = 0;
	int error = file_read_checked(root, PATH_CARD_CA, 0, 0755, CA_FILE_MAX, &ca, &ca_length);

	*trust = NULL;
	if (error == 0) {
		error = file_read_checked(
		        root, PATH_CARD_CRL, 0, 0755, CRL_FILE_MAX, &crl, &crl_length);
		if (error == ERR_NOT_FOUND)
			error = 0; /* and no card passes */
	}
	if (error == 0)
		error = card_trust_parse(
		        ca, ca_length, crl != NULL ? crl : (const uint8_t *)"", crl_length, trust);
	free(ca);
	free(crl);
	return error;
}

int card_holder(const uint8_t *der, size_t length, char *out, size_t size)
{
	X509 *certificate = parse(der, length);
	BIO *text = BIO_new(BIO_s_mem());
	int error = ERR_FORMAT;
	int got = 0;

	out[0] = '\0';
	/* XN_FLAG_RFC2253 escapes whatever is not printable. */
	if (certificate != NULL && text != NULL &&
	        X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >=
	                0) {
		got = BIO_read(text, out, (int)size - 1);
		out[got > 0 ? got : 0] = '\0';
		error = 0;
	}
	BIO_free(text);
	X509_free(certificate);
	return error;
}

int card_challenge(const char *user, const uint8_t nonce[static 32], uint8_t digest[static 32])
{
	return login_challenge("sekisho-card-login-1", user, nonce, digest);
}

/* r and s one after the other, each as long as the curve's order: what PKCS#11 gives, as DER. */
static uint8_t *ecdsa_der(const uint8_t *raw, size_t length, int *der_length)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, (int)(length / 2), NULL);
	BIGNUM *s = BN_bin2bn(raw + length / 2, (int)(length / 2), NULL);
	uint8_t *der = NULL;

	*der_length = 0;
	if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else {
		*der_length = i2d_ECDSA_SIG(signature, &der);
	}
	ECDSA_SIG_free(signature);
	return *der_length > 0 ? der : NULL;
}

static bool verify(EVP_PKEY *key, const uint8_t *digest, const uint8_t *signature, size_t length)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool good = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
	            (!EVP_PKEY_is_a(key, "RSA") ||
	                    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1) &&
	            EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
	            EVP_PKEY_verify(context, signature, length, digest, SHA256_SIZE) == 1;

	EVP_PKEY_CTX_free(context);
	return good;
}

static bool verify_ec(EVP_PKEY *key, const uint8_t *digest, const uint8_t *signature, size_t length)
{
	size_t half = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
	int der_length = 0;
	uint8_t *der = NULL;
	bool good = false;

	if (length != 2 * half)
		return false;
	der = ecdsa_der(signature, length, &der_length);
	good = der != NULL && verify(key, digest, der, (size_t)der_length);
	OPENSSL_free(der);
	return good;
}

int card_signature_check(const uint8_t *der, size_t length, const uint8_t digest[static 32],
        const uint8_t *signature, size_t signature_length)
{
	X509 *certificate = parse(der, length);
	EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
	bool good = false;

	if (key != NULL && key_is_allowed(certificate))
		good = EVP_PKEY_is_a(key, "EC")
		               ? verify_ec(key, digest, signature, signature_length)
		               : verify(key, digest, signature, signature_length);
	X509_free(certificate);
	return good ? 0 : ERR_SIGNATURE;
}
