/* JSON from outside: nothing unlisted, nothing twice, nothing of another type (core/PROTOCOL.md,
 * first paragraph). */
#ifndef SEKISHO_COLLECTOR_STRICT_H
#define SEKISHO_COLLECTOR_STRICT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum strict_type { STRICT_STRING, STRICT_INTEGER, STRICT_BOOLEAN, STRICT_OBJECT, STRICT_ARRAY };

struct strict_member {
	const char *name;
	enum strict_type type;
	bool required;
	size_t length_max; /* of a string, in bytes; 0: no limit of its own */
};

/* Parses one JSON object; duplicate members are refused. NULL when it is not one. */
json_t *strict_parse(const void *bytes, size_t length);

/* Does the object hold the required members, and no other than those listed? */
bool strict_matches(const json_t *object, const struct strict_member *members, size_t count);

/* Exactly `digits` lower-case hexadecimal digits. */
bool strict_is_hex(const char *text, size_t digits);

/* base64url, without padding, of exactly `size` bytes; out (may be NULL) receives them. */
bool strict_is_base64url(const char *text, size_t size, uint8_t *out);

/* A name people give a terminal: 1 to 64 bytes of UTF-8 with no space, slash, control or invisible
 * character, not beginning with '-' or '.'. */
bool strict_is_name(const char *text);

#endif
