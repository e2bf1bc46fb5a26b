#include "tests/unit/cmocka_all.h"

#include "core/buffer.h"
#include "core/error.h"

#include <string.h>

static void round_trip(void **state)
{
	uint8_t memory[64];
	char text[8];
	size_t length = 0;

	(void)state;
	struct buffer out = buffer_over(memory, sizeof(memory));
	buffer_put_u8(&out, 0xab);
	buffer_put_u16(&out, 0x1234);
	buffer_put_u32(&out, 0xdeadbeef);
	buffer_put_u64(&out, 0x0102030405060708);
	buffer_put_bytes(&out, "xyz", 3);
	buffer_put_string(&out, "関");
	buffer_put_string(&out, NULL);
	assert_int_equal(out.error, 0);
	static const uint8_t expected[] = {0xab, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5,
	        6, 7, 8, 0, 0, 0, 3, 'x', 'y', 'z', 0, 0, 0, 3, 0xe9, 0x96, 0xa2, 0, 0, 0, 0};
	assert_int_equal(out.length, sizeof(expected));
	assert_memory_equal(memory, expected, sizeof(expected));

	struct buffer in = buffer_from(memory, out.length);
	assert_int_equal(buffer_get_u8(&in), 0xab);
	assert_int_equal(buffer_get_u16(&in), 0x1234);
	assert_int_equal(buffer_get_u32(&in), 0xdeadbeef);
	assert_true(buffer_get_u64(&in) == 0x0102030405060708);
	const uint8_t *bytes = buffer_get_bytes(&in, &length);
	assert_int_equal(length, 3);
	assert_memory_equal(bytes, "xyz", 3);
	buffer_get_string(&in, text, sizeof(text));
	assert_string_equal(text, "関");
	assert_int_equal(buffer_end(&in), ERR_FORMAT); /* the empty string is unread */
	buffer_get_string(&in, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(buffer_end(&in), 0);
}

static void put_past_the_end_sticks(void **state)
{
	uint8_t memory[8] = {0};

	(void)state;
	struct buffer out = buffer_over(memory, 5);
	buffer_put_u32(&out, 1);
	buffer_put_u16(&out, 0xffff);
	assert_int_equal(out.error, ERR_TOO_LONG);
	assert_int_equal(out.length, 4);
	buffer_put_u8(&out, 0xff); /* would fit, but the sequence is already wrong */
	assert_int_equal(out.length, 4);
	assert_int_equal(memory[4], 0);
	assert_int_equal(buffer_end(&out), ERR_TOO_LONG);

	out = buffer_over(memory, 6);
	buffer_put_bytes(&out, "abc", 3);
	assert_int_equal(out.error, ERR_TOO_LONG);
	out = buffer_over(memory, 8);
	buffer_put_bytes(&out, memory, (size_t)UINT32_MAX + 1);
	assert_int_equal(out.error, ERR_TOO_LONG);
	out = buffer_over(NULL, 0);
	buffer_put_u8(&out, 1);
	assert_int_equal(out.error, ERR_TOO_LONG);
}

static void get_past_the_end_sticks(void **state)
{
	size_t length = 9;

	(void)state;
	struct buffer in = buffer_from("\1\2\3", 3);
	assert_int_equal(buffer_get_u32(&in), 0);
	assert_int_equal(in.error, ERR_FORMAT);
	assert_int_equal(buffer_get_u8(&in), 0);
	assert_int_equal(buffer_end(&in), ERR_FORMAT);

	in = buffer_from("\0\0\0\4abc", 7); /* claims one byte more than there is */
	assert_null(buffer_get_bytes(&in, &length));
	assert_int_equal(length, 0);
	in = buffer_from("\xff\xff\xff\xff"
	                 "abc",
	        7);
	assert_null(buffer_get_bytes(&in, &length));
	assert_int_equal(in.error, ERR_FORMAT);
	in = buffer_from(NULL, 0);
	assert_int_equal(buffer_end(&in), 0);
	assert_int_equal(buffer_get_u8(&in), 0);
	assert_int_equal(buffer_end(&in), ERR_FORMAT);
}

static void strings_fit_and_hold_no_nul(void **state)
{
	char text[4] = "zzz";

	(void)state;
	struct buffer in = buffer_from("\0\0\0\4abcd", 8);
	buffer_get_string(&in, text, sizeof(text));
	assert_int_equal(in.error, ERR_FORMAT);
	assert_string_equal(text, "");
	in = buffer_from("\0\0\0\3a\0c", 7);
	buffer_get_string(&in, text, sizeof(text));
	assert_int_equal(in.error, ERR_FORMAT);
	in = buffer_from("\0\0\0\3abc", 7);
	buffer_get_string(&in, text, sizeof(text));
	assert_int_equal(buffer_end(&in), 0);
	assert_string_equal(text, "abc");
	in = buffer_from("\0\0\0\0", 4);
	buffer_get_string(&in, text, 0);
	assert_int_equal(in.error, ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(round_trip),
	        cmocka_unit_test(put_past_the_end_sticks),
	        cmocka_unit_test(get_past_the_end_sticks),
	        cmocka_unit_test(strings_fit_and_hold_no_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
