#include "agent/os_descriptor.h"

#include <stdbool.h>
#include <string.h>

#include "core/error.h"

enum { STRING_LENGTH = 18, STRING_TYPE = 3, STRING_CODE = 16 };
enum { HEADER_LENGTH = 16, HEADER_COUNT = 8, FUNCTION_LENGTH = 24, FUNCTION_ID = 2, ID_LENGTH = 8 };
enum { COMPATIBLE_INDEX = 4 };

/* Version 2.0: the BOS, and where its capability has the UUID and the code; the set. */
enum { BOS_LENGTH = 5, BOS_TYPE = 15, CAPABILITY_TYPE = 16, PLATFORM = 5 };
enum { PLATFORM_UUID = 4, UUID_LENGTH = 16, PLATFORM_CODE = 26, PLATFORM_LENGTH = 28 };
enum { SET_LENGTH = 10, SET_TOTAL = 8, PART_LENGTH = 4 };
enum { PART_CONFIGURATION = 1, PART_FUNCTION = 2, PART_COMPATIBLE = 3 };
enum { SUBSET_LENGTH = 8, COMPATIBLE_LENGTH = 20 };

static const uint8_t mtp_id[ID_LENGTH] = {'M', 'T', 'P'};

int os_descriptor_code(const uint8_t *bytes, size_t length, uint8_t *code)
{
	static const uint8_t signature[] = {'M', 0, 'S', 0, 'F', 0, 'T', 0, '1', 0, '0', 0, '0', 0};

	if (length < STRING_LENGTH || bytes[0] != STRING_LENGTH || bytes[1] != STRING_TYPE ||
	        memcmp(bytes + 2, signature, sizeof(signature)) != 0)
		return ERR_FORMAT;
	*code = bytes[STRING_CODE];
	return 0;
}

static size_t number_at(const uint8_t *bytes, size_t size)
{
	size_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (size_t)bytes[i] << 8 * i;
	return value;
}

int os_descriptor_mtp(const uint8_t *bytes, size_t length, uint32_t *interfaces)
{
	size_t count;

	*interfaces = 0;
	if (length < HEADER_LENGTH || number_at(bytes, 4) != length ||
	        number_at(bytes + 6, 2) != COMPATIBLE_INDEX)
		return ERR_FORMAT;
	count = bytes[HEADER_COUNT];
	if (length != HEADER_LENGTH + count * FUNCTION_LENGTH)
		return ERR_FORMAT;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *function = bytes + HEADER_LENGTH + i * FUNCTION_LENGTH;

		if (function[0] < 32 && memcmp(function + FUNCTION_ID, mtp_id, ID_LENGTH) == 0)
			*interfaces |= UINT32_C(1) << function[0];
	}
	return 0;
}

static bool is_platform(const uint8_t *capability)
{
	/* D8DD60DF-4589-4CC7-9CD2-659D9E648A9F */
	static const uint8_t uuid[UUID_LENGTH] = {0xdf, 0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c,
	        0x9c, 0xd2, 0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f};

	return capability[0] >= PLATFORM_LENGTH && capability[1] == CAPABILITY_TYPE &&
	       capability[2] == PLATFORM &&
	       memcmp(capability + PLATFORM_UUID, uuid, UUID_LENGTH) == 0;
}

int os_descriptor_2_code(const uint8_t *bytes, size_t length, uint8_t *code)
{
	if (length < BOS_LENGTH || bytes[0] != BOS_LENGTH || bytes[1] != BOS_TYPE ||
	        number_at(bytes + 2, 2) != length)
		return ERR_FORMAT;
	for (size_t at = BOS_LENGTH; at < length; at += bytes[at]) {
		if (length - at < 3 || bytes[at] < 3 || bytes[at] > length - at)
			return ERR_FORMAT;
		if (is_platform(bytes + at)) {
			*code = bytes[at + PLATFORM_CODE];
			return 0;
		}
	}
	return ERR_FORMAT;
}

/* One descriptor of the set, whole. *scope: the interfaces that a compatible id is of. */
static int part_take(const uint8_t *part, size_t size, uint32_t *scope, uint32_t *interfaces)
{
	switch (number_at(part + 2, 2)) {
	case PART_CONFIGURATION:
		*scope = UINT32_MAX;
		return size == SUBSET_LENGTH ? 0 : ERR_FORMAT;
	case PART_FUNCTION:
		if (size != SUBSET_LENGTH)
			return ERR_FORMAT;
		*scope = part[4] < 32 ? UINT32_C(1) << part[4] : 0;
		return 0;
	case PART_COMPATIBLE:
		if (size != COMPATIBLE_LENGTH)
			return ERR_FORMAT;
		if (memcmp(part + PART_LENGTH, mtp_id, ID_LENGTH) == 0)
			*interfaces |= *scope;
		return 0;
	default:
		return 0;
	}
}

int os_descriptor_2_mtp(const uint8_t *bytes, size_t length, uint32_t *interfaces)
{
	uint32_t scope = UINT32_MAX;
	uint32_t found = 0;
	size_t size;
	int r = 0;

	*interfaces = 0;
	if (length < SET_LENGTH || number_at(bytes, 2) != SET_LENGTH ||
	        number_at(bytes + 2, 2) != 0 || number_at(bytes + SET_TOTAL, 2) != length)
		return ERR_FORMAT;
	for (size_t at = SET_LENGTH; r == 0 && at < length; at += size) {
		size = length - at >= PART_LENGTH ? number_at(bytes + at, 2) : 0;
		if (size < PART_LENGTH || size > length - at)
			return ERR_FORMAT;
		r = part_take(bytes + at, size, &scope, &found);
	}
	if (r == 0)
		*interfaces = found;
	return r;
}
