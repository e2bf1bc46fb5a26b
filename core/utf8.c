#include "core/utf8.h"

#include <string.h>

static size_t sequence_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	if (first >= 0xf0 && first <= 0xf4)
		return 4;
	return 0;
}

size_t utf8_next(const char *text, size_t length, uint32_t *character)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	const uint8_t *bytes = (const uint8_t *)text;

	*character = 0;
	if (length == 0)
		return 0;
	size_t size = sequence_length(bytes[0]);
	if (size == 0 || size > length)
		return 0;
	uint32_t value = bytes[0] & mask[size];
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3f);
	}
	if (value < smallest[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*character = value;
	return size;
}

size_t utf8_clean(const char *text, char *out, size_t size)
{
	size_t length = strlen(text);
	size_t used = 0;

	for (size_t at = 0; at < length;) {
		uint32_t character;
		size_t bytes = utf8_next(text + at, length - at, &character);
		const char *from = bytes > 0 ? text + at : "?";
		size_t step = bytes > 0 ? bytes : 1;

		if (used + step >= size)
			break;
		memcpy(out + used, from, step);
		used += step;
		at += step;
	}
	out[used] = '\0';
	return used;
}
