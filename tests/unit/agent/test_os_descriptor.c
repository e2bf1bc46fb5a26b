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

/* A container id, then version 2.0 with the vendor code 0x42. */
static const uint8_t BOS[] = {5, 15, 53, 0, 2, 20, 16, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        13, 14, 15, 16, 28, 16, 5, 0, 0xdf, 0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c, 0x9c, 0xd2,
        0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f, 0, 0, 3, 6, 66, 0, 0x42, 0};

/* Of one configuration interface 0 is RNDIS, interface 2 MTP. */
static const uint8_t SET[] = {10, 0, 0, 0, 0, 0, 3, 6, 74, 0, 8, 0, 1, 0, 0, 0, 64, 0, /* */
        8, 0, 2, 0, 0, 0, 28, 0, 20, 0, 3, 0, 'R', 'N', 'D', 'I', 'S', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, /* */
        8, 0, 2, 0, 2, 0, 28, 0, 20, 0, 3, 0, 'M', 'T', 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static void version_2_announces_itself(void **state)
{
	uint8_t bytes[sizeof(BOS)];
	uint8_t code = 0;

	(void)state;
	assert_int_equal(os_descriptor_2_code(BOS, sizeof(BOS), &code), 0);
	assert_int_equal(code, 0x42);
	for (size_t length = 0; length < sizeof(BOS); length++)
		assert_int_equal(os_descriptor_2_code(BOS, length, &code), ERR_FORMAT);
	for (size_t i = 29; i < 45; i++) {
		memcpy(bytes, BOS, sizeof(bytes));
		bytes[i] ^= 1; /* another platform's */
		assert_int_equal(os_descriptor_2_code(bytes, sizeof(bytes), &code), ERR_FORMAT);
	}
	memcpy(bytes, BOS, sizeof(bytes));
	bytes[5] = 0; /* no end of it */
	assert_int_equal(os_descriptor_2_code(bytes, sizeof(bytes), &code), ERR_FORMAT);
	bytes[5] = 20;
	bytes[25] = 29; /* longer than there is */
	assert_int_equal(os_descriptor_2_code(bytes, sizeof(bytes), &code), ERR_FORMAT);
}

static void version_2_says_which_interface_is_mtp(void **state)
{
	uint8_t bytes[sizeof(SET)];
	uint32_t interfaces;

	(void)state;
	assert_int_equal(os_descriptor_2_mtp(SET, sizeof(SET), &interfaces), 0);
	assert_int_equal(interfaces, 1u << 2);
	for (size_t length = 0; length < sizeof(SET); length++) {
		assert_int_equal(os_descriptor_2_mtp(SET, length, &interfaces), ERR_FORMAT);
		assert_int_equal(interfaces, 0);
	}
	memcpy(bytes, SET, sizeof(bytes));
	bytes[18 + 4] = 200; /* no interface has this number */
	memcpy(bytes + 30, "MTP\0", 5);
	assert_int_equal(os_descriptor_2_mtp(bytes, sizeof(bytes), &interfaces), 0);
	assert_int_equal(interfaces, 1u << 2);
	bytes[20] = 9; /* of no function, so of all */
	bytes[12] = 9;
	assert_int_equal(os_descriptor_2_mtp(bytes, sizeof(bytes), &interfaces), 0);
	assert_int_equal(interfaces, UINT32_MAX);
	bytes[46] = 3; /* less than a descriptor has */
	assert_int_equal(os_descriptor_2_mtp(bytes, sizeof(bytes), &interfaces), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_vendor_code_is_found),
	        cmocka_unit_test(mtp_interfaces_are_found),
	        cmocka_unit_test(version_2_announces_itself),
	        cmocka_unit_test(version_2_says_which_interface_is_mtp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
