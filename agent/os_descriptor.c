#include "agent/os_descriptor.h"

#include <string.h>

#include "core/error.h"

enum { STRING_LENGTH = 18, STRING_TYPE = 3, STRING_CODE = 16 };
enum { HEADER_LENGTH = 16, HEADER_COUNT = 8, FUNCTION_LENGTH = 24, FUNCTION_ID = 2, ID_LENGTH = 8 };
enum { COMPATIBLE_INDEX = 4 };

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
	static const uint8_t mtp[ID_LENGTH] = {'M', 'T', 'P'};
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

		if (function[0] < 32 && memcmp(function + FUNCTION_ID, mtp, ID_LENGTH) == 0)
			*interfaces |= UINT32_C(1) << function[0];
	}
	return 0;
}
