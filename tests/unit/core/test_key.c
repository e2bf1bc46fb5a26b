#include "tests/unit/rfc7515_key.h"
#include "tests/unit/workspace.h"

#include "core/error.h"
#include "core/key.h"
#include "core/key_jwk.h"

#include <cjose/cjose.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdbool.h>

static struct key *private_of(const char *pem)
{
	struct key *key = NULL;

	assert_int_equal(key_read_private((const uint8_t *)pem, strlen(pem), &key), 0);
	assert_non_null(key);
	return key;
}

static struct key *public_of(const char *pem)
{
	struct key *key = NULL;

	assert_int_equal(key_read_public((const uint8_t *)pem, strlen(pem), &key), 0);
	assert_non_null(key);
	return key;
}

static void thumbprint(void **state)
{
	char id[KEY_ID_SIZE];

	(void)state;
	struct key *private = private_of(RFC7515_PRIVATE);
	struct key *public = public_of(RFC7515_PUBLIC);
	assert_int_equal(key_id(private, id), 0);
	assert_string_equal(id, RFC7515_KID);
	assert_int_equal(key_id(public, id), 0);
	assert_string_equal(id, RFC7515_KID);
	key_free(&private);
	key_free(&public);
	assert_null(private);
	key_free(&private);
	key_free(NULL);
}

/* RFC 7515 A.3.1's x and y, and never the private half. */
static void jwk(void **state)
{
	(void)state;
	struct key *key = private_of(RFC7515_PRIVATE);
	char *json = cjose_jwk_to_json(key_jwk(key), true, NULL);
	assert_non_null(json);
	assert_non_null(strstr(json, "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""));
	assert_non_null(strstr(json, "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""));
	assert_null(strstr(json, "\"d\""));
	free(json);
	key_free(&key);
}

static void generate_and_write(void **state)
{
	struct key *key = NULL, *other = NULL;
	char *pem = NULL;
	size_t length = 0;
	char id[KEY_ID_SIZE], again[KEY_ID_SIZE];

	(void)state;
	assert_int_equal(key_generate(&key), 0);
	assert_int_equal(key_generate(&other), 0);
	assert_int_equal(key_id(key, id), 0);
	assert_int_equal(key_id(other, again), 0);
	assert_string_not_equal(id, again);
	key_free(&other);

	assert_int_equal(key_write_private(key, &pem, &length), 0);
	assert_int_equal(strlen(pem), length);
	assert_int_equal(strncmp(pem, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
	other = private_of(pem);
	OPENSSL_cleanse(pem, length);
	free(pem);
	assert_int_equal(key_id(other, again), 0);
	assert_string_equal(id, again);
	key_free(&other);

	assert_int_equal(key_write_public(key, &pem, &length), 0);
	assert_int_equal(strncmp(pem, "-----BEGIN PUBLIC KEY-----\n", 27), 0);
	assert_null(strstr(pem, "PRIVATE"));
	other = public_of(pem);
	free(pem);
	assert_int_equal(key_id(other, again), 0);
	assert_string_equal(id, again);
	/* a public key has nothing private to write */
	assert_int_equal(key_write_private(other, &pem, &length), ERR_CRYPTO);
	assert_null(pem);
	key_free(&other);
	key_free(&key);
}

static bool verifies(const struct key *key, const void *bytes, size_t length,
        const uint8_t raw[KEY_SIGNATURE_SIZE])
{
	unsigned char *der = NULL;
	ECDSA_SIG *signature = ECDSA_SIG_new();

	assert_int_equal(
	        ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)),
	        1);
	int der_length = i2d_ECDSA_SIG(signature, &der);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key_evp(key)), 1);
	bool good = EVP_DigestVerify(context, der, (size_t)der_length, bytes, length) == 1;
	EVP_MD_CTX_free(context);
	OPENSSL_free(der);
	return good;
}

static void sign(void **state)
{
	uint8_t raw[KEY_SIGNATURE_SIZE];

	(void)state;
	struct key *private = private_of(RFC7515_PRIVATE);
	struct key *public = public_of(RFC7515_PUBLIC);
	/* often enough that r or s is shorter than 32 bytes at times */
	for (int i = 0; i < 600; i++) {
		char text[32];
		int length = snprintf(text, sizeof(text), "text %d", i);
		assert_int_equal(key_sign(private, text, (size_t)length, raw), 0);
		assert_true(verifies(public, text, (size_t)length, raw));
	}
	assert_false(verifies(public, "another", 7, raw));
	assert_int_equal(key_sign(private, "", 0, raw), 0);
	assert_true(verifies(public, "", 0, raw));
	memset(raw, 0xff, sizeof(raw));
	assert_int_equal(key_sign(public, "text", 4, raw), ERR_CRYPTO);
	for (size_t i = 0; i < sizeof(raw); i++)
		assert_int_equal(raw[i], 0);
	key_free(&private);
	key_free(&public);
}

static void reads_as(
        const struct workspace *w, const char *command, const char *file, int private, int public)
{
	struct key *key = NULL;
	size_t length = 0;

	assert_int_equal(workspace_run(w, command), 0);
	char *pem = workspace_read(w, file, &length);
	assert_int_equal(key_read_private((const uint8_t *)pem, length, &key), private);
	assert_true((key == NULL) == (private != 0));
	key_free(&key);
	assert_int_equal(key_read_public((const uint8_t *)pem, length, &key), public);
	assert_true((key == NULL) == (public != 0));
	key_free(&key);
	free(pem);
}

static void what_openssl_writes(void **state)
{
	const struct workspace *w = *state;

	reads_as(w, "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out a.key",
	        "a.key", 0, ERR_FORMAT);
	reads_as(w, "openssl pkey -in a.key -pubout -out a.pub", "a.pub", ERR_FORMAT, 0);
	reads_as(w, "openssl req -x509 -new -key a.key -subj /CN=a -days 2 -out a.pem", "a.pem",
	        ERR_FORMAT, 0);
	/* another curve, another kind */
	reads_as(w, "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out b.key",
	        "b.key", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "openssl pkey -in b.key -pubout -out b.pub", "b.pub", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "openssl req -x509 -new -key b.key -subj /CN=b -days 2 -out b.pem", "b.pem",
	        ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "openssl genpkey -algorithm ed25519 -out e.key", "e.key", ERR_FORMAT,
	        ERR_FORMAT);
	reads_as(w, "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out r.key",
	        "r.key", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "openssl pkey -in r.key -pubout -out r.pub", "r.pub", ERR_FORMAT, ERR_FORMAT);
	/* the same curve with its parameters written out */
	reads_as(w,
	        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt "
	        "ec_param_enc:explicit -out x.key",
	        "x.key", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "openssl pkey -in x.key -pubout -out x.pub", "x.pub", ERR_FORMAT, ERR_FORMAT);
	/* a pass phrase is refused, not asked for */
	reads_as(w, "openssl pkcs8 -topk8 -in a.key -passout pass:secret -out p.key", "p.key",
	        ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "openssl ec -in a.key -out s.key", "s.key", ERR_FORMAT, ERR_FORMAT); /* SEC1 */
	reads_as(w, "cat a.key a.key >two.key", "two.key", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "{ echo note; cat a.key; } >note.key", "note.key", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "{ cat a.pub; echo note; } >note.pub", "note.pub", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, "{ cat a.pub; echo; echo; } >space.pub", "space.pub", ERR_FORMAT, 0);
	reads_as(w, "head -c 60 a.pub >cut.pub", "cut.pub", ERR_FORMAT, ERR_FORMAT);
	reads_as(w, ": >empty", "empty", ERR_FORMAT, ERR_FORMAT);
	/* a byte behind the key inside the block */
	reads_as(w,
	        "{ echo '-----BEGIN PUBLIC KEY-----'; { openssl pkey -pubin -in a.pub -outform "
	        "DER; printf x; } | base64 -w 64; "
	        "echo '-----END PUBLIC KEY-----'; } >tail.pub",
	        "tail.pub", ERR_FORMAT, ERR_FORMAT);
	/* a compressed point is the same key */
	assert_int_equal(
	        workspace_run(w, "openssl ec -in a.key -pubout -conv_form compressed -out c.pub"),
	        0);
	char *compressed = workspace_read(w, "c.pub", NULL);
	char *plain = workspace_read(w, "a.pub", NULL);
	struct key *one = public_of(compressed);
	struct key *two = public_of(plain);
	char id[KEY_ID_SIZE], again[KEY_ID_SIZE];
	assert_int_equal(key_id(one, id), 0);
	assert_int_equal(key_id(two, again), 0);
	assert_string_equal(id, again);
	key_free(&one);
	key_free(&two);
	free(compressed);
	free(plain);
}

static void request(void **state)
{
	const struct workspace *w = *state;
	struct key *key = NULL;
	char *pem = NULL;
	size_t length = 0;
	char longer[66];

	assert_int_equal(key_generate(&key), 0);
	assert_int_equal(key_request(key, "窓口 1", &pem, &length), 0);
	assert_int_equal(strlen(pem), length);
	workspace_write(w, "csr", pem, length);
	free(pem);
	assert_int_equal(key_write_public(key, &pem, &length), 0);
	workspace_write(w, "pub", pem, length);
	free(pem);
	assert_int_equal(workspace_run(w, "openssl req -in csr -verify -noout"), 0);
	assert_int_equal(workspace_run(w, "openssl req -in csr -noout -pubkey | cmp - pub"), 0);
	assert_int_equal(workspace_run(w, "openssl req -in csr -noout -subject -nameopt utf8 | "
	                                  "grep -Fx 'subject=CN=窓口 1'"),
	        0);
	assert_int_equal(
	        workspace_run(w, "openssl req -in csr -noout -text | grep ecdsa-with-SHA256"), 0);
	memset(longer, 'n', 65);
	longer[65] = '\0';
	assert_int_equal(key_request(key, longer, &pem, &length), ERR_FORMAT);
	assert_int_equal(key_request(key, "", &pem, &length), ERR_FORMAT);
	assert_null(pem);
	assert_int_equal(key_request(key, longer + 1, &pem, &length), 0);
	free(pem);
	key_free(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(thumbprint),
	        cmocka_unit_test(jwk),
	        cmocka_unit_test(generate_and_write),
	        cmocka_unit_test(sign),
	        cmocka_unit_test_setup_teardown(
	                what_openssl_writes, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(request, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
