/* UTF-8 (RFC 3629), one character at a time. */
#ifndef SEKISHO_CORE_UTF8_H
#define SEKISHO_CORE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of the character at text, 1 to 4, and the character itself; 0 when they are not UTF-8
 * (overlong forms, surrogates and cut sequences are not) or length is 0.
 */
size_t utf8_next(const char *text, size_t length, uint32_t *character);

/*
 * Copies text; each byte that is no part of UTF-8 becomes '?'. What does not fit into size, which
 * is 1 at least, is cut off at a whole character. Returns the copy's length.
 */
size_t utf8_clean(const char *text, char *out, size_t size);

#endif
