/* Certificates, chains and lists as no honest authority makes them, made here by OpenSSL. */
#include "agent/card_check.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"

#include "core/error.h"

#define DAY INT64_C(86400)
enum { EXTENSIONS_MAX = 4, DER_MAX = 8192, SERIAL = 7 };
static const int64_t NOW = 1800000000;

/* Names of OpenSSL's configuration and their values; {NULL} ends them. */
struct extension {
	const char *name;
	const char *value;
};

static const struct extension ROOT[EXTENSIONS_MAX] = {
        {"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,keyCertSign,cRLSign"}};
static const struct extension LOGIN[EXTENSIONS_MAX] = {{"basicConstraints", "critical,CA:FALSE"},
        {"keyUsage", "critical,digitalSignature"}, {"extendedKeyUsage", "clientAuth"}};

struct authority {
	X509 *certificate;
	EVP_PKEY *key;
};

struct world {
	struct authority root;
	struct authority link; /* under the root */
	EVP_PKEY *key;         /* a card's */
};

struct list {
	int64_t from;  /* seconds from now */
	int64_t until; /* 0: none */
	bool revokes;  /* the serial number that all certificates here have */
	struct extension extension;
};

static const struct list EMPTY = {.from = -DAY, .until = DAY};
static const struct list REVOKES = {.from = -DAY, .until = DAY, .revokes = true};

static EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY *key = NULL;

	if (strcmp(kind, "ED25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	else if (strncmp(kind, "RSA", 3) == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(kind + 3, NULL, 10));
	else
		key = EVP_EC_gen(kind);
	assert_non_null(key);
	return key;
}

static X509_EXTENSION *make_extension(X509 *issuer, X509 *subject, const struct extension *e)
{
	X509V3_CTX context;
	X509_EXTENSION *made = NULL;

	X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&context);
	made = X509V3_EXT_nconf(NULL, &context, e->name, e->value);
	assert_non_null(made);
	return made;
}

static void name(X509_NAME *out, const char *text)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(
	                         out, "CN", MBSTRING_ASC, (const uint8_t *)text, -1, -1, 0),
	        1);
}

static const EVP_MD *digest_of(const EVP_PKEY *key, bool sha1)
{
	if (EVP_PKEY_is_a(key, "ED25519"))
		return NULL;
	return sha1 ? EVP_sha1() : EVP_sha256();
}

/* issuer NULL: its own. */
static X509 *issue(const struct authority *issuer, EVP_PKEY *key, const char *subject,
        const struct extension extensions[EXTENSIONS_MAX], int64_t until, bool sha1)
{
	X509 *made = X509_new();
	EVP_PKEY *signer = issuer != NULL ? issuer->key : key;

	assert_non_null(made);
	assert_int_equal(X509_set_version(made, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made), SERIAL), 1);
	name(X509_get_subject_name(made), subject);
	assert_int_equal(
	        X509_set_issuer_name(
	                made, X509_get_subject_name(issuer != NULL ? issuer->certificate : made)),
	        1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(made), (time_t)(NOW - 30 * DAY)));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(made), (time_t)(NOW + until)));
	assert_int_equal(X509_set_pubkey(made, key), 1);
	for (size_t i = 0; i < EXTENSIONS_MAX && extensions[i].name != NULL; i++) {
		X509_EXTENSION *e = make_extension(
		        issuer != NULL ? issuer->certificate : made, made, &extensions[i]);

		assert_int_equal(X509_add_ext(made, e, -1), 1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(made, signer, digest_of(signer, sha1)) > 0);
	return made;
}

static void add_time(X509_CRL *crl, int64_t from_now, bool next)
{
	ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(NOW + from_now));

	assert_non_null(time);
	assert_int_equal(
	        next ? X509_CRL_set1_nextUpdate(crl, time) : X509_CRL_set1_lastUpdate(crl, time),
	        1);
	ASN1_TIME_free(time);
}

static void add_revoked(X509_CRL *crl)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_TIME *date = ASN1_TIME_new();

	assert_true(revoked != NULL && serial != NULL && date != NULL);
	assert_int_equal(ASN1_INTEGER_set(serial, SERIAL), 1);
	assert_int_equal(X509_REVOKED_set_serialNumber(revoked, serial), 1);
	assert_non_null(ASN1_TIME_set(date, (time_t)(NOW - 2 * DAY)));
	assert_int_equal(X509_REVOKED_set_revocationDate(revoked, date), 1);
	assert_int_equal(X509_CRL_add0_revoked(crl, revoked), 1);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(date);
}

/* signer: whose key; the name is the authority's. */
static void put_list(BIO *out, const struct authority *a, EVP_PKEY *signer, const struct list *list)
{
	X509_CRL *crl = X509_CRL_new();

	assert_non_null(crl);
	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(a->certificate)), 1);
	add_time(crl, list->from, false);
	if (list->until != 0)
		add_time(crl, list->until, true);
	if (list->revokes)
		add_revoked(crl);
	if (list->extension.name != NULL) {
		X509_EXTENSION *e = make_extension(a->certificate, NULL, &list->extension);

		assert_int_equal(X509_CRL_add_ext(crl, e, -1), 1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_CRL_sign(crl, signer, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509_CRL(out, crl), 1);
	X509_CRL_free(crl);
}

static void put_certificate(BIO *out, X509 *certificate)
{
	assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
}

static struct card_verdict judge_at(BIO *authorities, BIO *lists, X509 *certificate, int64_t grace)
{
	struct card_trust *trust = NULL;
	struct card_verdict verdict;
	uint8_t *der = NULL;
	uint8_t *ca = NULL;
	uint8_t *crl = NULL;
	long ca_length = BIO_get_mem_data(authorities, &ca);
	long crl_length = BIO_get_mem_data(lists, &crl);
	int length = i2d_X509(certificate, &der);

	assert_true(length > 0);
	assert_int_equal(
	        card_trust_parse(ca, (size_t)ca_length, crl_length > 0 ? crl : (const uint8_t *)"",
	                (size_t)crl_length, &trust),
	        0);
	verdict = card_check(trust, der, (size_t)length, NOW, grace);
	card_trust_free(&trust);
	OPENSSL_free(der);
	return verdict;
}

/* Under root and link, by whole lists of both; certificate is freed. */
static enum card_fault judge(const struct world *w, X509 *certificate)
{
	BIO *authorities = BIO_new(BIO_s_mem());
	BIO *lists = BIO_new(BIO_s_mem());
	enum card_fault fault = CARD_GOOD;

	put_certificate(authorities, w->root.certificate);
	put_certificate(authorities, w->link.certificate);
	put_list(lists, &w->root, w->root.key, &EMPTY);
	put_list(lists, &w->link, w->link.key, &EMPTY);
	fault = judge_at(authorities, lists, certificate, 0).fault;
	BIO_free(authorities);
	BIO_free(lists);
	X509_free(certificate);
	return fault;
}

static int set_up(void **state)
{
	static struct world w;

	w.root.key = make_key("P-256");
	w.root.certificate = issue(NULL, w.root.key, "root", ROOT, 30 * DAY, false);
	w.link.key = make_key("P-256");
	w.link.certificate = issue(&w.root, w.link.key, "link", ROOT, 30 * DAY, false);
	w.key = make_key("P-256");
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	X509_free(w->root.certificate);
	X509_free(w->link.certificate);
	EVP_PKEY_free(w->root.key);
	EVP_PKEY_free(w->link.key);
	EVP_PKEY_free(w->key);
	return 0;
}

static void keys(void **state)
{
	static const struct {
		const char *kind;
		enum card_fault fault;
	} lines[] = {
	        {"P-256", CARD_GOOD},
	        {"P-384", CARD_GOOD},
	        {"RSA2048", CARD_GOOD},
	        {"RSA1024", CARD_WEAK},
	        {"P-224", CARD_WEAK},
	        {"P-521", CARD_WEAK},
	        {"secp256k1", CARD_WEAK},
	        {"ED25519", CARD_WEAK},
	};
	const struct world *w = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		EVP_PKEY *key = make_key(lines[i].kind);

		assert_int_equal(
		        judge(w, issue(&w->link, key, "card", LOGIN, DAY, false)), lines[i].fault);
		EVP_PKEY_free(key);
	}
}

/* The extensions of a card's own certificate. */
static void purposes(void **state)
{
	static const struct {
		struct extension extensions[EXTENSIONS_MAX];
		enum card_fault fault;
	} lines[] = {
	        {{{"keyUsage", "critical,digitalSignature"}}, CARD_GOOD},
	        {{{"keyUsage", "digitalSignature,keyEncipherment"},
	                 {"extendedKeyUsage", "clientAuth,emailProtection"}},
	                CARD_GOOD},
	        {{{"keyUsage", "digitalSignature,nonRepudiation"}}, CARD_PURPOSE},
	        {{{"keyUsage", "critical,nonRepudiation"}, {"extendedKeyUsage", "clientAuth"}},
	                CARD_PURPOSE},
	        {{{"keyUsage", "critical,keyEncipherment"}}, CARD_PURPOSE},
	        {{{"extendedKeyUsage", "clientAuth"}}, CARD_PURPOSE},
	        {{{NULL, NULL}}, CARD_PURPOSE},
	        {{{"keyUsage", "digitalSignature"}, {"extendedKeyUsage", "anyExtendedKeyUsage"}},
	                CARD_PURPOSE},
	        {{{"keyUsage", "digitalSignature"}, {"extendedKeyUsage", "serverAuth"}},
	                CARD_PURPOSE},
	        {{{"keyUsage", "digitalSignature"}, {"extendedKeyUsage", "1.3.6.1.4.1.311.20.2.2"}},
	                CARD_PURPOSE},
	        {{{"basicConstraints", "CA:TRUE"}, {"keyUsage", "digitalSignature,keyCertSign"}},
	                CARD_PURPOSE},
	        {{{"keyUsage", "critical,digitalSignature"}, {"1.2.3.4", "critical,ASN1:NULL"}},
	                CARD_UNTRUSTED},
	        {{{"keyUsage", "critical,digitalSignature"}, {"1.2.3.4", "ASN1:NULL"}}, CARD_GOOD},
	};
	const struct world *w = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(
		        judge(w, issue(&w->link, w->key, "card", lines[i].extensions, DAY, false)),
		        lines[i].fault);
}

static void dates_and_digests(void **state)
{
	const struct world *w = *state;

	assert_int_equal(judge(w, issue(&w->link, w->key, "card", LOGIN, -1, false)), CARD_EXPIRED);
	assert_int_equal(
	        judge(w, issue(&w->link, w->key, "card", LOGIN, DAY, true)), CARD_UNTRUSTED);
	assert_int_equal(judge(w, issue(NULL, w->key, "card", LOGIN, DAY, false)), CARD_UNTRUSTED);
}

static void every_byte_counts(void **state)
{
	const struct world *w = *state;
	X509 *good = issue(&w->root, w->key, "card", LOGIN, DAY, false);
	BIO *authorities = BIO_new(BIO_s_mem());
	BIO *lists = BIO_new(BIO_s_mem());
	struct card_trust *trust = NULL;
	uint8_t der[DER_MAX];
	uint8_t *at = der;
	uint8_t *ca = NULL;
	uint8_t *crl = NULL;
	size_t length = (size_t)i2d_X509(good, &at);
	long ca_length = 0;
	long crl_length = 0;

	put_certificate(authorities, w->root.certificate);
	put_list(lists, &w->root, w->root.key, &EMPTY);
	ca_length = BIO_get_mem_data(authorities, &ca);
	crl_length = BIO_get_mem_data(lists, &crl);
	assert_int_equal(
	        card_trust_parse(ca, (size_t)ca_length, crl, (size_t)crl_length, &trust), 0);
	assert_int_equal(card_check(trust, der, length, NOW, 0).fault, CARD_GOOD);
	for (size_t i = 0; i < length; i++) {
		assert_int_not_equal(card_check(trust, der, i, NOW, 0).fault, CARD_GOOD);
		der[i] ^= 1;
		assert_int_not_equal(card_check(trust, der, length, NOW, 0).fault, CARD_GOOD);
		der[i] ^= 1;
	}
	der[length] = 0;
	assert_int_equal(card_check(trust, der, length + 1, NOW, 0).fault, CARD_BROKEN);
	card_trust_free(&trust);
	BIO_free(authorities);
	BIO_free(lists);
	X509_free(good);
}

/* A card under an authority of these extensions, which is under the root. */
static enum card_fault judge_under(const struct world *w, const char *kind, int64_t until,
        bool own_root, const struct extension extensions[EXTENSIONS_MAX],
        const struct extension card[EXTENSIONS_MAX])
{
	struct world other = {.root = w->root, .link = {.key = make_key(kind)}};
	enum card_fault fault = CARD_GOOD;

	other.link.certificate = issue(
	        own_root ? NULL : &w->root, other.link.key, "other link", extensions, until, false);
	fault = judge(&other, issue(&other.link, w->key, "card", card, DAY, false));
	X509_free(other.link.certificate);
	EVP_PKEY_free(other.link.key);
	return fault;
}

static void chains(void **state)
{
	static const struct extension leaf[EXTENSIONS_MAX] = {
	        {"basicConstraints", "CA:FALSE"}, {"keyUsage", "digitalSignature,cRLSign"}};
	static const struct extension silent[EXTENSIONS_MAX] = {
	        {"keyUsage", "keyCertSign,cRLSign"}};
	static const struct extension no_signing[EXTENSIONS_MAX] = {
	        {"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,cRLSign"}};
	static const struct extension server[EXTENSIONS_MAX] = {
	        {"basicConstraints", "critical,CA:TRUE"},
	        {"keyUsage", "critical,keyCertSign,cRLSign"}, {"extendedKeyUsage", "serverAuth"}};
	static const struct extension narrow[EXTENSIONS_MAX] = {
	        {"basicConstraints", "critical,CA:TRUE"},
	        {"keyUsage", "critical,keyCertSign,cRLSign"},
	        {"nameConstraints", "critical,permitted;email:.city.example.jp"}};
	static const struct extension inside[EXTENSIONS_MAX] = {{"keyUsage", "digitalSignature"},
	        {"subjectAltName", "email:hanako@a.city.example.jp"}};
	static const struct extension outside[EXTENSIONS_MAX] = {
	        {"keyUsage", "digitalSignature"}, {"subjectAltName", "email:hanako@example.com"}};
	const struct world *w = *state;

	assert_int_equal(judge_under(w, "P-256", DAY, false, ROOT, LOGIN), CARD_GOOD);
	assert_int_equal(judge_under(w, "P-256", DAY, true, ROOT, LOGIN), CARD_GOOD);
	assert_int_equal(judge_under(w, "P-256", -1, false, ROOT, LOGIN), CARD_EXPIRED);
	assert_int_equal(judge_under(w, "RSA1024", DAY, false, ROOT, LOGIN), CARD_UNTRUSTED);
	assert_int_equal(judge_under(w, "RSA1024", DAY, true, ROOT, LOGIN), CARD_UNTRUSTED);
	assert_int_not_equal(judge_under(w, "P-256", DAY, false, leaf, LOGIN), CARD_GOOD);
	assert_int_not_equal(judge_under(w, "P-256", DAY, false, silent, LOGIN), CARD_GOOD);
	assert_int_not_equal(judge_under(w, "P-256", DAY, false, no_signing, LOGIN), CARD_GOOD);
	assert_int_not_equal(judge_under(w, "P-256", DAY, false, server, LOGIN), CARD_GOOD);
	assert_int_equal(judge_under(w, "P-256", DAY, false, narrow, inside), CARD_GOOD);
	assert_int_equal(judge_under(w, "P-256", DAY, false, narrow, outside), CARD_UNTRUSTED);
}

static void paths_have_a_length(void **state)
{
	static const struct extension shallow[EXTENSIONS_MAX] = {
	        {"basicConstraints", "critical,CA:TRUE,pathlen:0"},
	        {"keyUsage", "critical,keyCertSign,cRLSign"}};
	const struct world *w = *state;
	struct world other = {.root = {.key = w->root.key}, .link = {.key = w->link.key}};

	other.root.certificate = issue(NULL, w->root.key, "shallow", shallow, DAY, false);
	other.link.certificate = issue(&other.root, w->link.key, "link", ROOT, DAY, false);
	assert_int_equal(
	        judge(&other, issue(&other.root, w->key, "card", LOGIN, DAY, false)), CARD_GOOD);
	assert_int_equal(judge(&other, issue(&other.link, w->key, "card", LOGIN, DAY, false)),
	        CARD_UNTRUSTED);
	X509_free(other.root.certificate);
	X509_free(other.link.certificate);
}

/* Another authority of the same name is another. */
static void names_are_not_keys(void **state)
{
	const struct world *w = *state;
	struct authority twin = {.key = make_key("P-256")};

	twin.certificate = issue(NULL, twin.key, "link", ROOT, DAY, false);
	assert_int_equal(judge(w, issue(&twin, w->key, "card", LOGIN, DAY, false)), CARD_UNTRUSTED);
	X509_free(twin.certificate);
	EVP_PKEY_free(twin.key);
}

/* A card right under the root, by these lists of the root's. */
static struct card_verdict judge_by(const struct world *w, const struct list *first,
        const struct list *second, EVP_PKEY *signer, int64_t grace)
{
	BIO *authorities = BIO_new(BIO_s_mem());
	BIO *lists = BIO_new(BIO_s_mem());
	X509 *card = issue(&w->root, w->key, "card", LOGIN, DAY, false);
	struct card_verdict verdict;

	put_certificate(authorities, w->root.certificate);
	if (first != NULL)
		put_list(lists, &w->root, signer, first);
	if (second != NULL)
		put_list(lists, &w->root, signer, second);
	verdict = judge_at(authorities, lists, card, grace);
	BIO_free(authorities);
	BIO_free(lists);
	X509_free(card);
	return verdict;
}

#define LIST(NAME, VALUE)                                                                          \
	{                                                                                          \
		-60, DAY, false,                                                                   \
		{                                                                                  \
			NAME, VALUE                                                                \
		}                                                                                  \
	}

static void lists_that_are_none(void **state)
{
	static const struct list changes = LIST("2.5.29.27", "critical,ASN1:INTEGER:1");
	static const struct {
		struct list list;
		enum card_fault fault;
	} lines[] = {
	        {{-DAY, DAY, false, {0}}, CARD_GOOD},
	        {{-DAY, DAY, true, {0}}, CARD_REVOKED},
	        {{-DAY, 0, false, {0}}, CARD_NO_CRL},
	        {{60, DAY, false, {0}}, CARD_NO_CRL},
	        {{-DAY, -1, false, {0}}, CARD_OLD_CRL},
	        {LIST("issuingDistributionPoint", "critical,onlyuser:TRUE"), CARD_GOOD},
	        {LIST("issuingDistributionPoint", "critical,onlyCA:TRUE"), CARD_NO_CRL},
	        {LIST("issuingDistributionPoint", "critical,onlyAA:TRUE"), CARD_NO_CRL},
	        {LIST("issuingDistributionPoint", "critical,indirectCRL:TRUE"), CARD_NO_CRL},
	        {LIST("issuingDistributionPoint", "critical,onlysomereasons:keyCompromise"),
	                CARD_NO_CRL},
	        {LIST("1.2.3.4", "critical,ASN1:NULL"), CARD_NO_CRL},
	        {LIST("1.2.3.4", "ASN1:NULL"), CARD_GOOD},
	        {LIST("2.5.29.27", "critical,ASN1:INTEGER:1"), CARD_NO_CRL},
	        {LIST("2.5.29.27", "ASN1:INTEGER:1"), CARD_NO_CRL},
	};
	const struct world *w = *state;

	assert_int_equal(judge_by(w, NULL, NULL, NULL, DAY).fault, CARD_NO_CRL);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(
		        judge_by(w, &lines[i].list, NULL, w->root.key, 0).fault, lines[i].fault);
	/* The changes since do not bring a revoked card back, whichever is read first. */
	assert_int_equal(judge_by(w, &REVOKES, &changes, w->root.key, 0).fault, CARD_REVOKED);
	assert_int_equal(judge_by(w, &changes, &REVOKES, w->root.key, 0).fault, CARD_REVOKED);
	/* An authority's key of before, or anybody's. */
	assert_int_equal(judge_by(w, &EMPTY, NULL, w->link.key, 0).fault, CARD_NO_CRL);
}

static void of_two_lists_the_later_counts(void **state)
{
	static const struct list later = {.from = -60, .until = DAY, .revokes = true};
	static const struct list before = {.from = -3 * DAY, .until = -2 * DAY};
	const struct world *w = *state;

	assert_int_equal(judge_by(w, &EMPTY, &later, w->root.key, 0).fault, CARD_REVOKED);
	assert_int_equal(judge_by(w, &later, &EMPTY, w->root.key, 0).fault, CARD_REVOKED);
	assert_int_equal(judge_by(w, &before, &REVOKES, w->root.key, 9 * DAY).fault, CARD_REVOKED);
	assert_int_equal(judge_by(w, &before, &EMPTY, w->root.key, 0).fault, CARD_GOOD);
}

static void grace_is_the_policys(void **state)
{
	static const struct list old = {.from = -3 * DAY, .until = -DAY};
	static const struct list old_revokes = {-3 * DAY, -DAY, true, {0}};
	const struct world *w = *state;
	struct card_verdict verdict = judge_by(w, &old, NULL, w->root.key, DAY + 60);

	assert_int_equal(verdict.fault, CARD_GOOD);
	assert_true(verdict.old_crl);
	assert_int_equal(judge_by(w, &old, NULL, w->root.key, DAY - 60).fault, CARD_OLD_CRL);
	assert_int_equal(
	        judge_by(w, &old_revokes, NULL, w->root.key, DAY + 60).fault, CARD_REVOKED);
	assert_false(judge_by(w, &EMPTY, NULL, w->root.key, DAY).old_crl);
}

/* A link of the chain is asked about, as the card is; the root alone need not be. */
static void links_are_looked_up(void **state)
{
	static const struct {
		const struct list *of_root;
		const struct list *of_link;
		enum card_fault fault;
	} lines[] = {
	        {&EMPTY, &EMPTY, CARD_GOOD},
	        {&REVOKES, &EMPTY, CARD_REVOKED},
	        {&EMPTY, &REVOKES, CARD_REVOKED},
	        {NULL, &EMPTY, CARD_NO_CRL},
	        {&EMPTY, NULL, CARD_NO_CRL},
	};
	const struct world *w = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		BIO *authorities = BIO_new(BIO_s_mem());
		BIO *crls = BIO_new(BIO_s_mem());
		X509 *card = issue(&w->link, w->key, "card", LOGIN, DAY, false);

		put_certificate(authorities, w->root.certificate);
		put_certificate(authorities, w->link.certificate);
		if (lines[i].of_root != NULL)
			put_list(crls, &w->root, w->root.key, lines[i].of_root);
		if (lines[i].of_link != NULL)
			put_list(crls, &w->link, w->link.key, lines[i].of_link);
		assert_int_equal(judge_at(authorities, crls, card, 0).fault, lines[i].fault);
		BIO_free(authorities);
		BIO_free(crls);
		X509_free(card);
	}
}

struct signature {
	uint8_t bytes[512];
	size_t length;
};

static struct signature sign(EVP_PKEY *key, const uint8_t digest[32], const EVP_MD *md, int padding)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	struct signature s = {.length = sizeof(s.bytes)};

	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	if (padding != 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, padding), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, md), 1);
	assert_int_equal(
	        EVP_PKEY_sign(context, s.bytes, &s.length, digest, (size_t)EVP_MD_get_size(md)), 1);
	EVP_PKEY_CTX_free(context);
	return s;
}

/* r and s one after the other, as a card gives them. */
static struct signature sign_raw(EVP_PKEY *key, const uint8_t digest[32])
{
	struct signature der = sign(key, digest, EVP_sha256(), 0);
	const uint8_t *at = der.bytes;
	ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)der.length);
	struct signature raw = {.length = 64};

	assert_non_null(parts);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(parts), raw.bytes, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(parts), raw.bytes + 32, 32), 32);
	ECDSA_SIG_free(parts);
	return raw;
}

static int check(X509 *certificate, const uint8_t digest[32], const struct signature *s)
{
	uint8_t *der = NULL;
	int length = i2d_X509(certificate, &der);
	int error = card_signature_check(der, (size_t)length, digest, s->bytes, s->length);

	OPENSSL_free(der);
	return error;
}

static void signatures_of_curves(void **state)
{
	static const uint8_t digest[32] = {1, 2, 3};
	static const uint8_t other[32] = {3, 2, 1};
	const struct world *w = *state;
	X509 *card = issue(&w->root, w->key, "card", LOGIN, DAY, false);
	struct signature s = sign_raw(w->key, digest);
	struct signature bad = {0};

	assert_int_equal(check(card, digest, &s), 0);
	assert_int_equal(check(card, other, &s), ERR_SIGNATURE);
	for (size_t i = 0; i < s.length; i++) {
		bad = s;
		bad.bytes[i] ^= 0x80;
		assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	}
	for (size_t length = 0; length < 70; length++) {
		bad = s;
		bad.length = length;
		if (length != 64)
			assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	}
	bad = (struct signature){.length = 64}; /* 0, 0 */
	assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	bad = sign(w->key, digest, EVP_sha256(), 0); /* DER */
	assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	bad = sign_raw(w->link.key, digest);
	assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	X509_free(card);
}

static void signatures_of_rsa(void **state)
{
	static const uint8_t digest[32] = {1, 2, 3};
	const struct world *w = *state;
	EVP_PKEY *key = make_key("RSA2048");
	X509 *card = issue(&w->root, key, "card", LOGIN, DAY, false);
	struct signature s = sign(key, digest, EVP_sha256(), RSA_PKCS1_PADDING);
	struct signature bad = s;

	assert_int_equal(check(card, digest, &s), 0);
	bad.length--;
	assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	bad.length = 0;
	assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	bad = sign(key, digest, EVP_sha256(), RSA_PKCS1_PSS_PADDING);
	assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	bad = sign(key, digest, EVP_sha1(), RSA_PKCS1_PADDING);
	assert_int_equal(check(card, digest, &bad), ERR_SIGNATURE);
	X509_free(card);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(keys, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(purposes, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(dates_and_digests, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(every_byte_counts, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(chains, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(paths_have_a_length, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(names_are_not_keys, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(lists_that_are_none, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(of_two_lists_the_later_counts, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(grace_is_the_policys, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(links_are_looked_up, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(signatures_of_curves, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(signatures_of_rsa, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
