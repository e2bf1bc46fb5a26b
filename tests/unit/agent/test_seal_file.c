#include "agent/seal_file.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

#include "core/encode.h"
#include "core/error.h"

static struct seal_file by_tpm(void)
{
	struct seal_file file = {
	        .way = SEAL_BY_TPM, .public = {.length = SEAL_PART_MAX}, .private = {.length = 1}};

	memset(file.public.bytes, 0xa5, file.public.length);
	file.private.bytes[0] = 0x5a;
	return file;
}

static void both_ways(void **state)
{
	struct seal_file files[] = {by_tpm(), {.way = SEAL_BY_HOST, .key = {1, 2, 3}}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t bytes[SEAL_FILE_MAX];
		size_t length = 0;
		struct seal_file again;

		assert_int_equal(seal_file_encode(&files[i], bytes, &length), 0);
		assert_int_equal(seal_file_decode(bytes, length, &again), 0);
		assert_memory_equal(&again, &files[i], sizeof(again));
	}
}

/* Every byte counts, and so does every length. */
static void anything_else_is_refused(void **state)
{
	const struct seal_file file = by_tpm();
	uint8_t bytes[SEAL_FILE_MAX];
	size_t length = 0;
	struct seal_file again;

	(void)state;
	assert_int_equal(seal_file_encode(&file, bytes, &length), 0);
	for (size_t i = 0; i < length; i++) {
		bytes[i] ^= 1;
		assert_int_equal(seal_file_decode(bytes, length, &again), ERR_FORMAT);
		bytes[i] ^= 1;
		assert_int_equal(seal_file_decode(bytes, i, &again), ERR_FORMAT);
	}
	assert_int_equal(seal_file_decode(bytes, length + 1, &again), ERR_FORMAT);
}

static int forged(size_t at, uint8_t value, size_t longer)
{
	const struct seal_file file = {.way = SEAL_BY_HOST};
	uint8_t bytes[SEAL_FILE_MAX];
	size_t length = 0;
	struct seal_file again;

	assert_int_equal(seal_file_encode(&file, bytes, &length), 0);
	bytes[at] = value;
	length += longer - SHA256_SIZE;
	assert_int_equal(encode_sha256(bytes, length, bytes + length), 0);
	return seal_file_decode(bytes, length + SHA256_SIZE, &again);
}

static void what_the_format_does_not_allow(void **state)
{
	(void)state;
	assert_int_equal(forged(11, 32, 0), 0);
	assert_int_equal(forged(0, 'X', 0), ERR_FORMAT);
	assert_int_equal(forged(5, 2, 0), ERR_VERSION);
	assert_int_equal(forged(6, 0, 0), ERR_FORMAT);
	assert_int_equal(forged(6, SEAL_BY_TPM, 0), ERR_FORMAT); /* without its second part */
	assert_int_equal(forged(6, SEAL_WAY_END, 0), ERR_FORMAT);
	assert_int_equal(forged(7, 1, 0), ERR_FORMAT);
	assert_int_equal(forged(11, 31, 0), ERR_FORMAT); /* a shorter key */
	assert_int_equal(forged(11, 33, 1), ERR_FORMAT);
	assert_int_equal(forged(11, 32, 1), ERR_FORMAT); /* bytes behind it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_ways),
	        cmocka_unit_test(anything_else_is_refused),
	        cmocka_unit_test(what_the_format_does_not_allow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
