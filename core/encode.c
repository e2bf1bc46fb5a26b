#include "core/encode.h"

#include "core/error.h"

#include <stdlib.h>
#include <string.h>

static const char base64_alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base32_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void encode_hex(const uint8_t *bytes, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

int decode_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int decode_hex(const char *text, uint8_t *out, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		int high = decode_hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : decode_hex_digit(text[2 * i + 1]);
		if (low < 0)
			return ERR_FORMAT;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return text[2 * length] == '\0' ? 0 : ERR_FORMAT;
}

/* RFC 4648: `bits` of the input a digit; pad: fill up to a whole group with '='. */
static char *encode_digits(
        const uint8_t *bytes, size_t length, const char *alphabet, unsigned bits, size_t pad)
{
	if (length > SIZE_MAX / 8 - 8)
		return NULL;
	size_t digits = (length * 8 + bits - 1) / bits;
	size_t total = pad == 0 ? digits : (digits + pad - 1) / pad * pad;
	char *text = malloc(total + 1);
	if (text == NULL)
		return NULL;
	uint32_t held = 0;
	unsigned held_bits = 0;
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		held = (held << 8 | bytes[i]) & 0xffff;
		held_bits += 8;
		while (held_bits >= bits) {
			held_bits -= bits;
			text[used++] = alphabet[held >> held_bits & ((1U << bits) - 1)];
		}
	}
	if (held_bits > 0)
		text[used++] = alphabet[held << (bits - held_bits) & ((1U << bits) - 1)];
	memset(text + used, '=', total - used);
	text[total] = '\0';
	return text;
}

char *encode_base64url(const uint8_t *bytes, size_t length)
{
	return encode_digits(bytes, length, base64url_alphabet, 6, 0);
}

char *encode_base64(const uint8_t *bytes, size_t length)
{
	return encode_digits(bytes, length, base64_alphabet, 6, 4);
}

char *encode_base32(const uint8_t *bytes, size_t length)
{
	return encode_digits(bytes, length, base32_alphabet, 5, 0);
}

static int base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

/* Fills bytes, which hold text_length * 6 / 8. */
static int decode_digits(const char *text, size_t text_length, uint8_t *bytes)
{
	uint32_t held = 0;
	unsigned held_bits = 0;

	for (size_t i = 0; i < text_length; i++) {
		int value = base64url_value(text[i]);
		if (value < 0)
			return ERR_FORMAT;
		held = (held << 6 | (uint32_t)value) & 0xffff;
		held_bits += 6;
		if (held_bits >= 8) {
			held_bits -= 8;
			*bytes++ = (uint8_t)(held >> held_bits);
		}
	}
	/* Bits that encode nothing must be zero: else two texts would stand for the same bytes. */
	return (held & ((1U << held_bits) - 1)) == 0 ? 0 : ERR_FORMAT;
}

int decode_base64url(const char *text, size_t text_length, uint8_t **out, size_t *length)
{
	*out = NULL;
	*length = 0;
	if (text_length % 4 == 1)
		return ERR_FORMAT;
	size_t size = text_length / 4 * 3 + text_length % 4 * 3 / 4;
	uint8_t *bytes = malloc(size + 1);
	if (bytes == NULL)
		return ERR_MEMORY;
	int error = decode_digits(text, text_length, bytes);
	if (error != 0) {
		free(bytes);
		return error;
	}
	bytes[size] = '\0';
	*out = bytes;
	*length = size;
	return 0;
}
