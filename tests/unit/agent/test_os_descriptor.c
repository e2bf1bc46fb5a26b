#include "agent/os_descriptor.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

#include "core/error.h"

static const uint8_t STRING[] = {
        18, 3, 'M', 0, 'S', 0, 'F', 0, 'T', 0, '1', 0, '0', 0, '0', 0, 0x42, 0};

/* Interface 2 is MTP, interface 0 RNDIS. */
static const uint8_t IDS[] = {64, 0, 0, 0, 0, 1, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0,            /* */
        0, 1, 'R', 'N', 'D', 'I', 'S', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* */
        2, 1, 'M', 'T', 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static void the_vendor_code_is_found(void **state)
{
	uint8_t bytes[sizeof(STRING)];
	uint8_t code = 0;

	(void)state;
	assert_int_equal(os_descriptor_code(STRING, sizeof(STRING), &code), 0);
	assert_int_equal(code, 0x42);
	for (size_t length = 0; length < sizeof(STRING); length++)
		assert_int_equal(os_descriptor_code(STRING, length, &code), ERR_FORMAT);
	for (size_t i = 0; i < 16; i++) {
		memcpy(bytes, STRING, sizeof(bytes));
		bytes[i] ^= 1;
		assert_int_equal(os_descriptor_code(bytes, sizeof(bytes), &code), ERR_FORMAT);
	}
}

static void mtp_interfaces_are_found(void **state)
{
	uint8_t bytes[sizeof(IDS)];
	uint32_t interfaces;

	(void)state;
	assert_int_equal(os_descriptor_mtp(IDS, sizeof(IDS), &interfaces), 0);
	assert_int_equal(interfaces, 1u << 2);
	for (size_t length = 0; length < sizeof(IDS); length++)
		assert_int_equal(os_descriptor_mtp(IDS, length, &interfaces), ERR_FORMAT);
	memcpy(bytes, IDS, sizeof(bytes));
	bytes[8] = 3; /* more functions than there is room for */
	assert_int_equal(os_descriptor_mtp(bytes, sizeof(bytes), &interfaces), ERR_FORMAT);
	memcpy(bytes, IDS, sizeof(bytes));
	bytes[40] = 200; /* no interface has this number */
	assert_int_equal(os_descriptor_mtp(bytes, sizeof(bytes), &interfaces), 0);
	assert_int_equal(interfaces, 0);
	memcpy(bytes, IDS, sizeof(bytes));
	bytes[45] = 'X'; /* "MTPX" */
	assert_int_equal(os_descriptor_mtp(bytes, sizeof(bytes), &interfaces), 0);
	assert_int_equal(interfaces, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_vendor_code_is_found),
	        cmocka_unit_test(mtp_interfaces_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
