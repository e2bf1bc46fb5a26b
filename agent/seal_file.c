#include "agent/seal_file.h"

#include <string.h>

#include "core/buffer.h"
#include "core/encode.h"
#include "core/error.h"

enum { MAGIC = 0x534b534b, VERSION = 1 };

static void put_digest(struct buffer *b)
{
	uint8_t digest[SHA256_SIZE] = {0};

	if (b->error == 0)
		b->error = encode_sha256(b->data, b->length, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		buffer_put_u8(b, digest[i]);
}

int seal_file_encode(
        const struct seal_file *file, uint8_t out[static SEAL_FILE_MAX], size_t *length)
{
	struct buffer b = buffer_over(out, SEAL_FILE_MAX);

	buffer_put_u32(&b, MAGIC);
	buffer_put_u16(&b, VERSION);
	buffer_put_u8(&b, (uint8_t)file->way);
	buffer_put_u8(&b, 0);
	if (file->way == SEAL_BY_TPM) {
		buffer_put_bytes(&b, file->public.bytes, file->public.length);
		buffer_put_bytes(&b, file->private.bytes, file->private.length);
	} else {
		buffer_put_bytes(&b, file->key, sizeof(file->key));
	}
	put_digest(&b);
	*length = b.length;
	return b.error;
}

static int check_digest(const uint8_t *bytes, size_t length)
{
	uint8_t digest[SHA256_SIZE];
	int error = 0;

	if (length < sizeof(digest))
		return ERR_FORMAT;
	error = encode_sha256(bytes, length - sizeof(digest), digest);
	if (error != 0)
		return error;
	return memcmp(digest, bytes + length - sizeof(digest), sizeof(digest)) == 0 ? 0
	                                                                            : ERR_FORMAT;
}

static int get_part(struct buffer *b, struct seal_part *part)
{
	int error = buffer_copy_bytes(b, part->bytes, sizeof(part->bytes), &part->length);

	return error == 0 && part->length == 0 ? ERR_FORMAT : error;
}

static int get_way(struct buffer *b, struct seal_file *file)
{
	size_t length = 0;
	int error = 0;

	if (file->way == SEAL_BY_TPM) {
		error = get_part(b, &file->public);
		return error == 0 ? get_part(b, &file->private) : error;
	}
	if (file->way != SEAL_BY_HOST)
		return ERR_FORMAT;
	error = buffer_copy_bytes(b, file->key, sizeof(file->key), &length);
	return error == 0 && length != sizeof(file->key) ? ERR_FORMAT : error;
}

int seal_file_decode(const uint8_t *bytes, size_t length, struct seal_file *file)
{
	struct buffer b;
	uint16_t version = 0;
	int error = check_digest(bytes, length);

	*file = (struct seal_file){0};
	if (error != 0)
		return error;
	b = buffer_from(bytes, length - SHA256_SIZE);
	if (buffer_get_u32(&b) != MAGIC)
		return ERR_FORMAT;
	version = buffer_get_u16(&b);
	if (version != VERSION)
		return b.error != 0 ? ERR_FORMAT : ERR_VERSION;
	file->way = (enum seal_way)buffer_get_u8(&b);
	if (buffer_get_u8(&b) != 0)
		return ERR_FORMAT;
	error = get_way(&b, file);
	return error == 0 ? buffer_end(&b) : error;
}
