#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/receipt.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/jws.h"

#define UEID "AQAAAAAAAAAAAAAAAAAAAAA"
#define NONCE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct receipt_claim CLAIM = {UEID, 7, "a.b.c", 5};

/* A receipt as it must be, of which a member may be replaced (value NULL: removed) before it is
 * signed. */
static int verify(const struct key *signer, const struct key *expected, const char *typ,
        const char *name, json_t *value, struct receipt *receipt)
{
	char digest[SHA256_HEX_SIZE], *jws = NULL, *text;
	json_t *claims;
	int error;

	assert_int_equal(encode_sha256_hex(CLAIM.jws, CLAIM.length, digest), 0);
	claims = json_pack("{s:s,s:i,s:s,s:i,s:s,s:b,s:[]}", "ueid", UEID, "seq", 7, "digest",
	        digest, "received", 1795254562, "nonce", NONCE, "full_state", 1, "orders");
	if (name != NULL && value == NULL)
		json_object_del(claims, name);
	else if (name != NULL)
		json_object_set_new(claims, name, value);
	text = json_dumps(claims, JSON_COMPACT);
	assert_int_equal(jws_sign(signer, typ, text, strlen(text), &jws), 0);
	error = receipt_verify(jws, strlen(jws), expected, &CLAIM, receipt);
	free(jws);
	free(text);
	json_decref(claims);
	return error;
}

static int setup(void **state)
{
	struct key **keys =
	        calloc(2, sizeof(struct key *)); /* NOLINT(bugprone-sizeof-expression) */

	*state = keys;
	return key_generate(&keys[0]) != 0 || key_generate(&keys[1]) != 0;
}

static int teardown(void **state)
{
	struct key **keys = *state;

	key_free(&keys[0]);
	key_free(&keys[1]);
	free(keys);
	return 0;
}

static void takes_a_receipt(void **state)
{
	struct key **keys = *state;
	struct receipt r;

	assert_int_equal(verify(keys[0], keys[0], JWS_TYP_RECEIPT, NULL, NULL, &r), 0);
	assert_string_equal(r.nonce, NONCE);
	assert_int_equal(r.received, 1795254562);
	assert_true(r.full_state);
}

static void another_key_or_kind_signs_nothing(void **state)
{
	struct key **keys = *state;
	struct receipt r;

	assert_int_equal(verify(keys[1], keys[0], JWS_TYP_RECEIPT, NULL, NULL, &r), ERR_SIGNATURE);
	assert_int_equal(verify(keys[0], keys[0], JWS_TYP_ORDER, NULL, NULL, &r), ERR_SIGNATURE);
	assert_int_equal(verify(keys[0], keys[0], JWS_TYP_REPORT, NULL, NULL, &r), ERR_SIGNATURE);
}

static void anothers_receipt_is_no_receipt(void **state)
{
	struct key **keys = *state;
	struct receipt r;

	assert_int_equal(
	        verify(keys[0], keys[0], JWS_TYP_RECEIPT, "seq", json_integer(8), &r), ERR_DENIED);
	assert_int_equal(
	        verify(keys[0], keys[0], JWS_TYP_RECEIPT, "seq", json_integer(-7), &r), ERR_DENIED);
	assert_int_equal(verify(keys[0], keys[0], JWS_TYP_RECEIPT, "ueid",
	                         json_string("AQEBAQEBAQEBAQEBAQEBAQE"), &r),
	        ERR_DENIED);
	assert_int_equal(verify(keys[0], keys[0], JWS_TYP_RECEIPT, "digest", json_string("00"), &r),
	        ERR_DENIED);
}

static void other_members_are_no_receipt(void **state)
{
	static const char *const members[] = {
	        "ueid", "seq", "digest", "received", "nonce", "full_state", "orders"};
	struct key **keys = *state;
	struct receipt r;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		assert_int_equal(verify(keys[0], keys[0], JWS_TYP_RECEIPT, members[i], NULL, &r),
		        ERR_FORMAT);
		assert_int_equal(
		        verify(keys[0], keys[0], JWS_TYP_RECEIPT, members[i], json_real(1.5), &r),
		        ERR_FORMAT);
	}
	assert_int_equal(
	        verify(keys[0], keys[0], JWS_TYP_RECEIPT, "more", json_true(), &r), ERR_FORMAT);
	assert_int_equal(verify(keys[0], keys[0], JWS_TYP_RECEIPT, "nonce", json_string("AA"), &r),
	        ERR_FORMAT);
	/* An order of a later version is not silently passed over. */
	assert_int_equal(
	        verify(keys[0], keys[0], JWS_TYP_RECEIPT, "orders", json_pack("[s]", "x.y.z"), &r),
	        ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(takes_a_receipt),
	        cmocka_unit_test(another_key_or_kind_signs_nothing),
	        cmocka_unit_test(anothers_receipt_is_no_receipt),
	        cmocka_unit_test(other_members_are_no_receipt),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
