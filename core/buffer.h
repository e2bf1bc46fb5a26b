/*
 * A bounded buffer: writes past its end and reads past its length set an error that sticks, so that
 * a sequence of puts or gets is checked once, at its end. Integers are big-endian on the wire.
 */
#ifndef SEKISHO_CORE_BUFFER_H
#define SEKISHO_CORE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data; /* borrowed from the caller of buffer_over() */
	size_t size;   /* capacity */
	size_t length; /* bytes written */
	size_t offset; /* bytes read */
	int error;     /* 0, ERR_TOO_LONG (put) or ERR_FORMAT (get); sticks */
};

/* An empty buffer to put into. */
struct buffer buffer_over(void *data, size_t size);

/* A buffer to get from. data is not written to. */
struct buffer buffer_from(const void *data, size_t length);

void buffer_put_u8(struct buffer *b, uint8_t value);
void buffer_put_u16(struct buffer *b, uint16_t value);
void buffer_put_u32(struct buffer *b, uint32_t value);
void buffer_put_u64(struct buffer *b, uint64_t value);
/* u32 length and the bytes. */
void buffer_put_bytes(struct buffer *b, const void *bytes, size_t length);
/* u32 length and the bytes of a string without its NUL; NULL is put as "". */
void buffer_put_string(struct buffer *b, const char *text);

uint8_t buffer_get_u8(struct buffer *b);
uint16_t buffer_get_u16(struct buffer *b);
uint32_t buffer_get_u32(struct buffer *b);
uint64_t buffer_get_u64(struct buffer *b);
/* A view into the buffer; NULL and length 0 after an error. */
const uint8_t *buffer_get_bytes(struct buffer *b, size_t *length);
/* The same, copied to out. ERR_FORMAT after an error, or where there are more than size. */
int buffer_copy_bytes(struct buffer *b, uint8_t *out, size_t size, size_t *length);
/* Copies a string to out and ends it with NUL; a string that does not fit, or holds a NUL, is
 * ERR_FORMAT. */
void buffer_get_string(struct buffer *b, char *out, size_t size);

/* After gets (after puts look at error): 0 when all went well and nothing is left unread; else the
 * error (ERR_FORMAT for trailing bytes). */
int buffer_end(const struct buffer *b);

#endif
