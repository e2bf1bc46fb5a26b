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

#endif
