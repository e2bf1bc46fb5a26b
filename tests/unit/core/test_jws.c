#include "tests/unit/cmocka_all.h"
#include "tests/unit/rfc7515_key.h"

#include "core/crypto.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "{\"alg\":\"ES256\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"" JWS_TYP_REPORT "\"}"

static struct key *private, *public, *stranger;

static int keys_set_up(void **state)
{
	(void)state;
	assert_int_equal(key_read_private((const uint8_t *)RFC7515_PRIVATE, strlen(RFC7515_PRIVATE),
	                         &private),
	        0);
	assert_int_equal(
	        key_read_public((const uint8_t *)RFC7515_PUBLIC, strlen(RFC7515_PUBLIC), &public),
	        0);
	return key_generate(&stranger);
}

static int keys_tear_down(void **state)
{
	(void)state;
	key_free(&private);
	key_free(&public);
	key_free(&stranger);
	return 0;
}

static int verify(const char *jws, const struct key *key, const char *typ)
{
	uint8_t *payload = (uint8_t *)1;
	size_t length = 1;

	int error = jws_verify(jws, strlen(jws), key, typ, &payload, &length);
	assert_true((payload == NULL) == (error != 0));
	if (error != 0)
		assert_int_equal(length, 0);
	free(payload);
	return error;
}

static void round_trip(void **state)
{
	static const char claims[] = "{\"seq\":1}\0binary too";
	uint8_t *payload = NULL, *header = NULL;
	size_t length = 0;
	char *jws = NULL;

	(void)state;
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, claims, sizeof(claims), &jws), 0);
	assert_int_equal(decode_base64url(jws, strcspn(jws, "."), &header, &length), 0);
	assert_string_equal((char *)header, HEADER);
	free(header);
	assert_int_equal(
	        jws_verify(jws, strlen(jws), public, JWS_TYP_REPORT, &payload, &length), 0);
	assert_int_equal(length, sizeof(claims));
	assert_memory_equal(payload, claims, sizeof(claims));
	assert_int_equal(payload[length], 0);
	free(payload);
	assert_int_equal(jws_peek(jws, strlen(jws), &payload, &length), 0);
	assert_memory_equal(payload, claims, sizeof(claims));
	free(payload);
	free(jws);
	assert_int_equal(jws_sign(private, JWS_TYP_RECEIPT, "", 0, &jws), 0);
	assert_int_equal(verify(jws, public, JWS_TYP_RECEIPT), 0);
	free(jws);
	assert_int_equal(jws_sign(public, JWS_TYP_REPORT, "x", 1, &jws), ERR_CRYPTO);
	assert_null(jws);
}

static void another_key_or_kind(void **state)
{
	char *jws = NULL;

	(void)state;
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, "{}", 2, &jws), 0);
	assert_int_equal(verify(jws, stranger, JWS_TYP_REPORT), ERR_SIGNATURE);
	assert_int_equal(verify(jws, public, JWS_TYP_RECEIPT), ERR_SIGNATURE);
	assert_int_equal(verify(jws, public, JWS_TYP_ORDER), ERR_SIGNATURE);
	assert_int_equal(verify(jws, public, JWS_TYP_REPORT), 0);
	free(jws);
}

/* header.payload, signed by key however the header reads. */
static char *forge(const struct key *key, const char *header, const char *payload)
{
	uint8_t signature[KEY_SIGNATURE_SIZE];
	char *input = NULL, *jws = NULL;
	char *h = encode_base64url((const uint8_t *)header, strlen(header));
	char *p = encode_base64url((const uint8_t *)payload, strlen(payload));

	assert_true(asprintf(&input, "%s.%s", h, p) > 0);
	assert_int_equal(key_sign(key, input, strlen(input), signature), 0);
	char *s = encode_base64url(signature, sizeof(signature));
	assert_true(asprintf(&jws, "%s.%s", input, s) > 0);
	free(s);
	free(input);
	free(p);
	free(h);
	return jws;
}

static void only_our_header(void **state)
{
	static const char *const headers[] = {
	        "{\"alg\":\"ES256\"}",
	        "{\"alg\":\"none\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        "{\"alg\":\"HS256\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        "{\"alg\":\"ES384\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        "{\"alg\":\"ES256\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        "{\"alg\":\"ES256\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"JWT\"}",
	        "{\"alg\":\"ES256\",\"kid\":\"other\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        "{\"alg\":\"ES256\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"" JWS_TYP_REPORT
	        "\",\"crit\":[\"exp\"],\"exp\":1}",
	        "{\"alg\":\"ES256\",\"b64\":false,\"kid\":\"" RFC7515_KID
	        "\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        "{\"alg\":\"ES256\",\"kid\":\"" RFC7515_KID "\",\"typ\":\"" JWS_TYP_REPORT
	        "\",\"jku\":\"https://x\"}",
	        "{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"" RFC7515_KID
	        "\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        "{\"kid\":\"" RFC7515_KID "\",\"alg\":\"ES256\",\"typ\":\"" JWS_TYP_REPORT "\"}",
	        HEADER " ",
	        "{}",
	        "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		char *jws = forge(private, headers[i], "{}");
		if (verify(jws, public, JWS_TYP_REPORT) != ERR_SIGNATURE)
			fail_msg("taken: %s", headers[i]);
		free(jws);
	}
	char *jws = forge(private, HEADER, "{}"); /* the forger is right, with the right header */
	assert_int_equal(verify(jws, public, JWS_TYP_REPORT), 0);
	free(jws);
	assert_int_equal(verify(RFC7515_JWS, public, JWS_TYP_REPORT), ERR_SIGNATURE);
}

static void unsigned_statements(void **state)
{
	char *jws = NULL;

	(void)state;
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, "{}", 2, &jws), 0);
	char *dot = strrchr(jws, '.');
	dot[1] = '\0'; /* no signature at all */
	assert_int_equal(verify(jws, public, JWS_TYP_REPORT), ERR_SIGNATURE);
	dot[0] = '\0'; /* not even its place */
	assert_int_equal(verify(jws, public, JWS_TYP_REPORT), ERR_FORMAT);
	free(jws);
	jws = forge(private, "{\"alg\":\"none\"}", "{}");
	strrchr(jws, '.')[1] = '\0';
	assert_int_equal(verify(jws, public, JWS_TYP_REPORT), ERR_SIGNATURE);
	free(jws);
}

static void zero_signature(void **state)
{
	uint8_t zeros[KEY_SIGNATURE_SIZE + 1] = {0};
	char *jws = NULL, *forged = NULL;

	(void)state;
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, "{}", 2, &jws), 0);
	strrchr(jws, '.')[0] = '\0';
	for (size_t length = KEY_SIGNATURE_SIZE - 1; length <= KEY_SIGNATURE_SIZE + 1; length++) {
		char *s = encode_base64url(zeros, length);
		assert_true(asprintf(&forged, "%s.%s", jws, s) > 0);
		assert_int_equal(verify(forged, public, JWS_TYP_REPORT), ERR_SIGNATURE);
		free(forged);
		free(s);
	}
	free(jws);
}

/* Whatever character is changed, and however, the statement is refused. */
static void tampered(void **state)
{
	static const char digits[] = "Ax_9-+/=. ";
	char *jws = NULL;

	(void)state;
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, "{\"seq\":1}", 9, &jws), 0);
	size_t length = strlen(jws);
	for (size_t i = 0; i < length; i++) {
		char kept = jws[i];
		jws[i] = digits[i % (sizeof(digits) - 1)];
		if (jws[i] == kept)
			jws[i] = kept == 'A' ? 'B' : 'A';
		int error = verify(jws, public, JWS_TYP_REPORT);
		if (error != ERR_SIGNATURE && error != ERR_FORMAT)
			fail_msg("taken with byte %zu changed (%d)", i, error);
		jws[i] = kept;
	}
	for (size_t cut = 0; cut < length; cut += 7) {
		uint8_t *payload = NULL;
		size_t got = 0;
		int error = jws_verify(jws, cut, public, JWS_TYP_REPORT, &payload, &got);
		assert_true(error == ERR_SIGNATURE || error == ERR_FORMAT);
		assert_null(payload);
	}
	assert_int_equal(verify(jws, public, JWS_TYP_REPORT), 0);
	free(jws);
}

static void shape(void **state)
{
	static const char *const bad[] = {"", ".", "a", "YQ.YQ", "YQ.YQ.YQ.YQ", "YQ.YQ.YQ.",
	        "Y.YQ.YQ", "YQ.Y.YQ", "YQ.YQ.Y", "YQ==.YQ.YQ", " YQ.YQ.YQ", "YQ.YQ.YQ\n"};
	uint8_t *payload = NULL;
	size_t length = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(verify(bad[i], public, JWS_TYP_REPORT), ERR_FORMAT);
		assert_int_equal(jws_peek(bad[i], strlen(bad[i]), &payload, &length), ERR_FORMAT);
		assert_null(payload);
	}
	assert_int_equal(verify("YQ.YQ.YQ", public, JWS_TYP_REPORT), ERR_SIGNATURE);
	assert_int_equal(jws_peek("YQ.Yg.", 6, &payload, &length), 0);
	assert_string_equal((char *)payload, "b");
	free(payload);
}

static void size(void **state)
{
	uint8_t *payload = NULL;
	size_t length = 0;
	char *jws = NULL;
	char *large = calloc(1, JWS_MAX + 1);

	(void)state;
	assert_non_null(large);
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, large, 91800, &jws), 0);
	assert_true(strlen(jws) <= JWS_MAX && strlen(jws) > JWS_MAX - 500);
	assert_int_equal(verify(jws, public, JWS_TYP_REPORT), 0);
	free(jws);
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, large, (size_t)JWS_MAX / 4 * 3, &jws),
	        ERR_TOO_LONG);
	assert_null(jws);
	assert_int_equal(jws_sign(private, JWS_TYP_REPORT, large, JWS_MAX + 1, &jws), ERR_TOO_LONG);
	memset(large, 'A', JWS_MAX + 1);
	assert_int_equal(jws_verify(large, JWS_MAX + 1, public, JWS_TYP_REPORT, &payload, &length),
	        ERR_TOO_LONG);
	assert_int_equal(jws_peek(large, JWS_MAX + 1, &payload, &length), ERR_TOO_LONG);
	assert_null(payload);
	memset(large, 't', 300);
	large[300] = '\0';
	assert_int_equal(jws_sign(private, large, "{}", 2, &jws), ERR_TOO_LONG);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(round_trip),
	        cmocka_unit_test(another_key_or_kind),
	        cmocka_unit_test(only_our_header),
	        cmocka_unit_test(unsigned_statements),
	        cmocka_unit_test(zero_signature),
	        cmocka_unit_test(tampered),
	        cmocka_unit_test(shape),
	        cmocka_unit_test(size),
	};

	/* As guard, auth and signer do. */
	if (crypto_start() != 0)
		return 1;
	return cmocka_run_group_tests(tests, keys_set_up, keys_tear_down);
}
