#include "collector/strict.h"

#include "core/encode.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

json_t *strict_parse(const void *bytes, size_t length)
{
	json_t *json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(json)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static bool value_matches(const json_t *value, const struct strict_member *member)
{
	switch (member->type) {
	case STRICT_STRING:
		return json_is_string(value) &&
		       (member->length_max == 0 || json_string_length(value) <= member->length_max);
	case STRICT_INTEGER:
		return json_is_integer(value);
	case STRICT_BOOLEAN:
		return json_is_boolean(value);
	case STRICT_OBJECT:
		return json_is_object(value);
	case STRICT_ARRAY:
		return json_is_array(value);
	}
	return false;
}

bool strict_matches(const json_t *object, const struct strict_member *members, size_t count)
{
	size_t seen = 0;

	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, members[i].name);
		if (value == NULL) {
			if (members[i].required)
				return false;
			continue;
		}
		if (!value_matches(value, &members[i]))
			return false;
		seen++;
	}
	return seen == json_object_size(object);
}

bool strict_is_hex(const char *text, size_t digits)
{
	return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

bool strict_is_base64url(const char *text, size_t size, uint8_t *out)
{
	uint8_t *bytes = NULL;
	size_t length = 0;

	if (decode_base64url(text, strlen(text), &bytes, &length) != 0)
		return false;
	bool good = length == size;
	if (good && out != NULL)
		memcpy(out, bytes, size);
	free(bytes);
	return good;
}

/* Characters that would let two names look alike, or turn a line of a table around. */
static bool is_invisible(uint32_t c)
{
	return c < 0x21 || (c >= 0x7f && c <= 0xa0) || c == 0xad || c == 0x34f || c == 0x61c ||
	       c == 0x1680 || (c >= 0x180b && c <= 0x180e) || (c >= 0x2000 && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) || c == 0x3000 ||
	       c == 0x3164 || (c >= 0xd800 && c <= 0xf8ff) || (c >= 0xfe00 && c <= 0xfe0f) ||
	       c == 0xfeff || (c >= 0xfff0 && c <= 0xffff) || c >= 0xe0000;
}

bool strict_is_name(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > 64 || text[0] == '-' || text[0] == '.')
		return false;
	while (*text != '\0') {
		uint32_t c = 0;
		size_t bytes = utf8_next(text, strlen(text), &c);
		if (bytes == 0 || is_invisible(c) || c == '/')
			return false;
		text += bytes;
	}
	return true;
}
