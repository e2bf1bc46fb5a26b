/* Every way a security key's answer may be wrong, against a key whose private half is here. */
#include "agent/fido2_check.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/encode.h"

static const char RP[] = "sekisho.mito-2026";
enum { FLAGS = 32, COUNTER = 36, SIZE = 37 };

struct world {
	EVP_PKEY *key;
	struct token_key token;
	uint8_t hash[FIDO2_HASH_SIZE];
	struct fido2_result result;
};

static void sign(struct world *w)
{
	uint8_t bytes[FIDO2_DATA_MAX + FIDO2_HASH_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = sizeof(w->result.signature);

	memcpy(bytes, w->result.data, w->result.data_length);
	memcpy(bytes + w->result.data_length, w->hash, sizeof(w->hash));
	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, w->key), 1);
	assert_int_equal(EVP_DigestSign(context, w->result.signature, &length, bytes,
	                         w->result.data_length + sizeof(w->hash)),
	        1);
	w->result.signature_length = length;
	EVP_MD_CTX_free(context);
}

static void open_world(struct world *w)
{
	uint8_t point[65];
	size_t length = 0;

	*w = (struct world){.key = EVP_EC_gen("P-256"), .hash = {1, 2, 3}};
	assert_non_null(w->key);
	assert_int_equal(EVP_PKEY_get_octet_string_param(
	                         w->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &length),
	        1);
	memcpy(w->token.point, point + 1, TOKEN_POINT_SIZE);
	w->token.credential_length = 4;
	w->token.counter = 5;
	assert_int_equal(encode_sha256(RP, strlen(RP), w->result.data), 0);
	w->result.data[FLAGS] = 0x05;
	w->result.data[COUNTER] = 6;
	w->result.data_length = SIZE;
	sign(w);
}

static enum fido2_fault check(const struct world *w, uint32_t *counter)
{
	return fido2_check(&w->token, RP, w->hash, &w->result, counter);
}

static void good_is_good(void **state)
{
	struct world w;
	uint32_t counter = 0;

	(void)state;
	open_world(&w);
	assert_int_equal(check(&w, &counter), FIDO2_GOOD);
	assert_int_equal(counter, 6);
	assert_null(fido2_fault_name(FIDO2_GOOD));
	EVP_PKEY_free(w.key);
}

/* Signed properly, and yet not what is asked. */
static void every_flag_is_asked_for(void **state)
{
	static const struct {
		uint8_t flags;
		enum fido2_fault fault;
	} cases[] = {{0x04, FIDO2_NOT_TOUCHED}, {0x01, FIDO2_NOT_VERIFIED},
	        {0x00, FIDO2_NOT_TOUCHED}, {0x07, FIDO2_BROKEN}, {0x0d, FIDO2_BROKEN},
	        {0x15, FIDO2_BROKEN}, {0x25, FIDO2_BROKEN}, {0x45, FIDO2_BROKEN},
	        {0x85, FIDO2_BROKEN}};
	struct world w;
	uint32_t counter = 0;

	(void)state;
	open_world(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w.result.data[FLAGS] = cases[i].flags;
		sign(&w);
		assert_int_equal(check(&w, &counter), cases[i].fault);
		assert_non_null(fido2_fault_name(cases[i].fault));
	}
	EVP_PKEY_free(w.key);
}

static void every_bit_counts(void **state)
{
	struct world w;
	uint32_t counter = 0;

	(void)state;
	open_world(&w);
	for (size_t bit = 0; bit < (size_t)SIZE * 8; bit++) {
		w.result.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_not_equal(check(&w, &counter), FIDO2_GOOD);
		w.result.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	w.hash[31] ^= 1;
	assert_int_equal(check(&w, &counter), FIDO2_FORGED);
	w.hash[31] ^= 1;
	w.result.signature[w.result.signature_length - 1] ^= 1;
	assert_int_equal(check(&w, &counter), FIDO2_FORGED);
	w.result.signature_length = 0;
	assert_int_equal(check(&w, &counter), FIDO2_FORGED);
	EVP_PKEY_free(w.key);
}

static void another_party_or_length_is_refused(void **state)
{
	struct world w;
	uint32_t counter = 0;

	(void)state;
	open_world(&w);
	assert_int_equal(fido2_check(&w.token, "sekisho.hokuto-2025", w.hash, &w.result, &counter),
	        FIDO2_OTHER_PARTY);
	w.result.data_length = SIZE + 1;
	sign(&w);
	assert_int_equal(check(&w, &counter), FIDO2_BROKEN);
	w.result.data_length = SIZE - 1;
	sign(&w);
	assert_int_equal(check(&w, &counter), FIDO2_BROKEN);
	EVP_PKEY_free(w.key);
}

static void counters_grow_or_are_none(void **state)
{
	static const struct {
		uint32_t before;
		uint8_t now;
		enum fido2_fault fault;
	} cases[] = {{5, 6, FIDO2_GOOD}, {5, 200, FIDO2_GOOD}, {5, 5, FIDO2_COUNTED_BACK},
	        {5, 4, FIDO2_COUNTED_BACK}, {5, 0, FIDO2_COUNTED_BACK}, {0, 0, FIDO2_GOOD},
	        {0, 1, FIDO2_GOOD}, {UINT32_MAX, 7, FIDO2_COUNTED_BACK}};
	struct world w;
	uint32_t counter = 0;

	(void)state;
	open_world(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w.token.counter = cases[i].before;
		w.result.data[COUNTER] = cases[i].now;
		sign(&w);
		assert_int_equal(check(&w, &counter), cases[i].fault);
	}
	/* Nobody without the key learns or moves anything by a counter. */
	w.token.counter = 5;
	w.result.signature[w.result.signature_length - 1] ^= 1;
	assert_int_equal(check(&w, &counter), FIDO2_FORGED);
	EVP_PKEY_free(w.key);
}

static void no_point_is_no_key(void **state)
{
	struct world w;
	uint32_t counter = 0;

	(void)state;
	open_world(&w);
	w.token.point[63] ^= 1;
	assert_int_equal(check(&w, &counter), FIDO2_FORGED);
	memset(w.token.point, 0, sizeof(w.token.point));
	assert_int_equal(check(&w, &counter), FIDO2_FORGED);
	EVP_PKEY_free(w.key);
}

/* What MakeCredential brings, with a credential of 4 bytes. */
static void make(struct world *w)
{
	static const uint8_t before_x[] = {
	        0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20};
	static const uint8_t before_y[] = {0x22, 0x58, 0x20};
	uint8_t *at = w->result.data + SIZE;

	w->result.data[FLAGS] = 0x45;
	memset(at, 7, 16);
	at += 16;
	memcpy(at, "\0\4abcd", 6);
	at += 6;
	memcpy(at, before_x, sizeof(before_x));
	at += sizeof(before_x);
	memcpy(at, w->token.point, 32);
	at += 32;
	memcpy(at, before_y, sizeof(before_y));
	at += sizeof(before_y);
	memcpy(at, w->token.point + 32, 32);
	at += 32;
	w->result.data_length = (size_t)(at - w->result.data);
}

static void new_credentials_are_taken_whole_or_not(void **state)
{
	struct world w;
	struct token_key key;
	size_t length = 0;

	(void)state;
	open_world(&w);
	make(&w);
	assert_int_equal(fido2_check_made(&w.result, RP, &key), FIDO2_GOOD);
	assert_int_equal(key.credential_length, 4);
	assert_memory_equal(key.credential, "abcd", 4);
	assert_memory_equal(key.point, w.token.point, TOKEN_POINT_SIZE);
	assert_int_equal(key.counter, 6);
	length = w.result.data_length;
	for (size_t i = 0; i < length; i++) {
		w.result.data_length = i;
		assert_int_not_equal(fido2_check_made(&w.result, RP, &key), FIDO2_GOOD);
	}
	w.result.data_length = length + 1;
	assert_int_equal(fido2_check_made(&w.result, RP, &key), FIDO2_BROKEN);
	w.result.data_length = length;
	w.result.data[SIZE + 17] = 0; /* no credential */
	assert_int_equal(fido2_check_made(&w.result, RP, &key), FIDO2_BROKEN);
	w.result.data[SIZE + 16] = 0xff; /* longer than all */
	assert_int_equal(fido2_check_made(&w.result, RP, &key), FIDO2_BROKEN);
	make(&w);
	w.result.data[SIZE + 16 + 6 + 4] ^= 1; /* another algorithm than ES256 */
	assert_int_equal(fido2_check_made(&w.result, RP, &key), FIDO2_BROKEN);
	make(&w);
	w.result.data[FLAGS] = 0x41;
	assert_int_equal(fido2_check_made(&w.result, RP, &key), FIDO2_NOT_VERIFIED);
	w.result.data[FLAGS] = 0x05;
	assert_int_equal(fido2_check_made(&w.result, RP, &key), FIDO2_BROKEN);
	EVP_PKEY_free(w.key);
}

static void challenges_are_of_one_user(void **state)
{
	static const uint8_t nonce[32] = {1};
	static const uint8_t other[32] = {2};
	uint8_t hashes[3][FIDO2_HASH_SIZE];
	char name[300];

	(void)state;
	assert_int_equal(fido2_challenge("hanako", nonce, hashes[0]), 0);
	assert_int_equal(fido2_challenge("jiro", nonce, hashes[1]), 0);
	assert_int_equal(fido2_challenge("hanako", other, hashes[2]), 0);
	assert_memory_not_equal(hashes[0], hashes[1], FIDO2_HASH_SIZE);
	assert_memory_not_equal(hashes[0], hashes[2], FIDO2_HASH_SIZE);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_not_equal(fido2_challenge(name, nonce, hashes[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_is_good),
	        cmocka_unit_test(every_flag_is_asked_for),
	        cmocka_unit_test(every_bit_counts),
	        cmocka_unit_test(another_party_or_length_is_refused),
	        cmocka_unit_test(counters_grow_or_are_none),
	        cmocka_unit_test(no_point_is_no_key),
	        cmocka_unit_test(new_credentials_are_taken_whole_or_not),
	        cmocka_unit_test(challenges_are_of_one_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
