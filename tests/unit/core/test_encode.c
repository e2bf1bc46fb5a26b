#include "tests/unit/cmocka_all.h"

#include "core/encode.h"
#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hex(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x9f, 0xab, 0xff};
	uint8_t out[4];
	char text[9];

	(void)state;
	encode_hex(bytes, sizeof(bytes), text);
	assert_string_equal(text, "009fabff");
	encode_hex(NULL, 0, text);
	assert_string_equal(text, "");
	assert_int_equal(decode_hex("009fABfF", out, 4), 0);
	assert_memory_equal(out, bytes, 4);
	static const char *const bad[] = {"", "009fabf", "009fabff0", "009fabff00", "009fabfg",
	        "g09fabff", "009fab f", "0x9fabff"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode_hex(bad[i], out, 4), ERR_FORMAT);
	assert_int_equal(decode_hex("", out, 0), 0);
}

typedef char *encoder(const uint8_t *, size_t);

static void encodes(encoder *encode, const char *bytes, const char *expected)
{
	char *text = encode((const uint8_t *)bytes, strlen(bytes));

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

/* RFC 4648 §10. */
static void rfc4648_vectors(void **state)
{
	static const char *const vectors[][3] = {
	        {"", "", ""},
	        {"f", "Zg==", "MY"},
	        {"fo", "Zm8=", "MZXQ"},
	        {"foo", "Zm9v", "MZXW6"},
	        {"foob", "Zm9vYg==", "MZXW6YQ"},
	        {"fooba", "Zm9vYmE=", "MZXW6YTB"},
	        {"foobar", "Zm9vYmFy", "MZXW6YTBOI"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char bare[16];
		snprintf(bare, sizeof(bare), "%s", vectors[i][1]);
		bare[strcspn(bare, "=")] = '\0';
		encodes(encode_base64, vectors[i][0], vectors[i][1]);
		encodes(encode_base64url, vectors[i][0], bare);
		encodes(encode_base32, vectors[i][0], vectors[i][2]);
	}
	encodes(encode_base64, "\xfb\xff\xfe", "+//+");
	encodes(encode_base64url, "\xfb\xff\xfe", "-__-");
	encodes(encode_base32, "12345678901234567890",
	        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"); /* RFC 4226's secret */
}

static void base64url_round_trip(void **state)
{
	uint8_t bytes[70];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 250);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		uint8_t *back = NULL;
		size_t back_length = 0;
		char *text = encode_base64url(bytes, length);
		assert_int_equal(decode_base64url(text, strlen(text), &back, &back_length), 0);
		assert_int_equal(back_length, length);
		assert_memory_equal(back, bytes, length);
		free(back);
		free(text);
	}
	/* RFC 7515 appendix C */
	static const uint8_t octets[] = {3, 236, 255, 224, 193};
	char *text = encode_base64url(octets, sizeof(octets));
	assert_string_equal(text, "A-z_4ME");
	free(text);
}

static void base64url_is_strict(void **state)
{
	static const char *const bad[] = {"A", "AAAAA", "Zg==", "Zg=", "Zm9+", "Zm9/", "Zm 9",
	        "Zm9v\n", "Zh", /* bits left */
	        "Zm9", "Zm\xc3\xa9", "Zg.", "*"};
	uint8_t *out = (uint8_t *)1;
	size_t length = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		        decode_base64url(bad[i], strlen(bad[i]), &out, &length), ERR_FORMAT);
		assert_null(out);
		assert_int_equal(length, 0);
	}
	assert_int_equal(decode_base64url("Zg\0A", 4, &out, &length), ERR_FORMAT);
	assert_int_equal(
	        decode_base64url("Zm9vXX", 4, &out, &length), 0); /* no further than told */
	assert_memory_equal(out, "foo", 4);
	free(out);
}

/* FIPS 180-4's examples. */
static void sha256(void **state)
{
	char hexed[SHA256_HEX_SIZE];
	uint8_t digest[SHA256_SIZE];
	char again[SHA256_HEX_SIZE];

	(void)state;
	assert_int_equal(encode_sha256_hex("abc", 3, hexed), 0);
	assert_string_equal(
	        hexed, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(encode_sha256_hex("", 0, hexed), 0);
	assert_string_equal(
	        hexed, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(encode_sha256("abc", 3, digest), 0);
	encode_hex(digest, sizeof(digest), again);
	assert_string_equal(
	        again, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(hex),
	        cmocka_unit_test(rfc4648_vectors),
	        cmocka_unit_test(base64url_round_trip),
	        cmocka_unit_test(base64url_is_strict),
	        cmocka_unit_test(sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
