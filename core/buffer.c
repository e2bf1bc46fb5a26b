#include "core/buffer.h"

#include "core/error.h"

#include <string.h>

struct buffer buffer_over(void *data, size_t size)
{
	return (struct buffer){.data = data, .size = size};
}

struct buffer buffer_from(const void *data, size_t length)
{
	/* The getters below only read. */
	return (struct buffer){
	        .data = (uint8_t *)(uintptr_t)data, .size = length, .length = length};
}

static void put(struct buffer *b, const void *bytes, size_t length)
{
	if (b->error != 0 || length == 0)
		return;
	if (length > b->size - b->length) {
		b->error = ERR_TOO_LONG;
		return;
	}
	memcpy(b->data + b->length, bytes, length);
	b->length += length;
}

static void put_integer(struct buffer *b, uint64_t value, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	put(b, bytes, size);
}

void buffer_put_u8(struct buffer *b, uint8_t value)
{
	put_integer(b, value, 1);
}

void buffer_put_u16(struct buffer *b, uint16_t value)
{
	put_integer(b, value, 2);
}

void buffer_put_u32(struct buffer *b, uint32_t value)
{
	put_integer(b, value, 4);
}

void buffer_put_u64(struct buffer *b, uint64_t value)
{
	put_integer(b, value, 8);
}

void buffer_put_bytes(struct buffer *b, const void *bytes, size_t length)
{
	if (length > UINT32_MAX) {
		if (b->error == 0)
			b->error = ERR_TOO_LONG;
		return;
	}
	buffer_put_u32(b, (uint32_t)length);
	put(b, bytes, length);
}

void buffer_put_string(struct buffer *b, const char *text)
{
	if (text == NULL)
		text = "";
	buffer_put_bytes(b, text, strlen(text));
}

static const uint8_t *get(struct buffer *b, size_t length)
{
	if (b->error != 0)
		return NULL;
	if (length > b->length - b->offset) {
		b->error = ERR_FORMAT;
		return NULL;
	}
	const uint8_t *bytes = b->data + b->offset;
	b->offset += length;
	return bytes;
}

static uint64_t get_integer(struct buffer *b, size_t size)
{
	const uint8_t *bytes = get(b, size);
	uint64_t value = 0;

	for (size_t i = 0; bytes != NULL && i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint8_t buffer_get_u8(struct buffer *b)
{
	return (uint8_t)get_integer(b, 1);
}

uint16_t buffer_get_u16(struct buffer *b)
{
	return (uint16_t)get_integer(b, 2);
}

uint32_t buffer_get_u32(struct buffer *b)
{
	return (uint32_t)get_integer(b, 4);
}

uint64_t buffer_get_u64(struct buffer *b)
{
	return get_integer(b, 8);
}

const uint8_t *buffer_get_bytes(struct buffer *b, size_t *length)
{
	size_t claimed = buffer_get_u32(b);
	const uint8_t *bytes = get(b, claimed);

	*length = bytes == NULL ? 0 : claimed;
	return bytes;
}

int buffer_copy_bytes(struct buffer *b, uint8_t *out, size_t size, size_t *length)
{
	const uint8_t *bytes = buffer_get_bytes(b, length);

	if (b->error != 0 || *length > size)
		return ERR_FORMAT;
	if (*length > 0)
		memcpy(out, bytes, *length);
	return 0;
}

void buffer_get_string(struct buffer *b, char *out, size_t size)
{
	size_t length = 0;
	const uint8_t *bytes = buffer_get_bytes(b, &length);

	if (size == 0) {
		b->error = b->error != 0 ? b->error : ERR_FORMAT;
		return;
	}
	out[0] = '\0';
	if (bytes == NULL)
		return;
	if (length >= size || memchr(bytes, '\0', length) != NULL) {
		b->error = ERR_FORMAT;
		return;
	}
	memcpy(out, bytes, length);
	out[length] = '\0';
}

int buffer_end(const struct buffer *b)
{
	if (b->error != 0)
		return b->error;
	return b->offset == b->length ? 0 : ERR_FORMAT;
}
