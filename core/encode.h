#ifndef SEKISHO_CORE_ENCODE_H
#define SEKISHO_CORE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 65 };

/* Lower case; out holds 2 * length + 1 bytes. */
void encode_hex(const uint8_t *bytes, size_t length, char *out);
/* Either case; -1 when c is no hexadecimal digit. */
int decode_hex_digit(char c);
/* Either case; 0 or ERR_FORMAT when text is not exactly 2 * length digits. */
int decode_hex(const char *text, uint8_t *out, size_t length);

/* RFC 4648 §5 without padding; malloc'd, NULL when memory is short. */
char *encode_base64url(const uint8_t *bytes, size_t length);
/* Refuses padding, other alphabets and non-zero trailing bits. *out malloc'd, NULL on error. */
int decode_base64url(const char *text, size_t text_length, uint8_t **out, size_t *length);

/* RFC 4648 §4, as USBGuard prints device hashes; malloc'd. */
char *encode_base64(const uint8_t *bytes, size_t length);

/* RFC 4648 §6 without padding, as authenticator apps read TOTP secrets; malloc'd. */
char *encode_base32(const uint8_t *bytes, size_t length);

/* SHA-256 (FIPS 180-4) of bytes. 0 or ERR_CRYPTO. */
int encode_sha256(const void *bytes, size_t length, uint8_t out[static SHA256_SIZE]);
int encode_sha256_hex(const void *bytes, size_t length, char out[static SHA256_HEX_SIZE]);

#endif
