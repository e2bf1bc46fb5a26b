#include "core/pem.h"

#include "core/error.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char begin[] = "-----BEGIN ";

static bool only_white_space(BIO *bio)
{
	char *rest = NULL;
	long length = BIO_get_mem_data(bio, &rest);

	for (long i = 0; i < length; i++) {
		if (rest[i] != ' ' && rest[i] != '\t' && rest[i] != '\r' && rest[i] != '\n')
			return false;
	}
	return true;
}

int pem_read(const uint8_t *pem, size_t length, struct pem_block *block)
{
	char *label = NULL;
	char *header = NULL;
	unsigned char *bytes = NULL;
	long size = 0;
	int error = ERR_FORMAT;

	*block = (struct pem_block){0};
	if (length > INT_MAX)
		return ERR_TOO_LONG;
	if (length < sizeof(begin) - 1 || memcmp(pem, begin, sizeof(begin) - 1) != 0)
		return ERR_FORMAT;
	BIO *bio = BIO_new_mem_buf(pem, (int)length);
	if (bio == NULL)
		return ERR_MEMORY;
	if (PEM_read_bio(bio, &label, &header, &bytes, &size) != 1 || size < 0)
		goto out;
	block->label = label;
	block->bytes = bytes;
	block->length = (size_t)size;
	if (header[0] == '\0' && only_white_space(bio))
		error = 0;
out:
	if (error != 0)
		pem_clear(block);
	OPENSSL_free(header);
	BIO_free(bio);
	ERR_clear_error();
	return error;
}

void pem_clear(struct pem_block *block)
{
	OPENSSL_free(block->label);
	OPENSSL_clear_free(block->bytes, block->length);
	*block = (struct pem_block){0};
}

int pem_copy_text(void *bio, char **text, size_t *length)
{
	char *data = NULL;
	long size = BIO_get_mem_data((BIO *)bio, &data);

	*text = NULL;
	*length = 0;
	if (size <= 0)
		return ERR_CRYPTO;
	char *copy = malloc((size_t)size + 1);
	if (copy == NULL)
		return ERR_MEMORY;
	memcpy(copy, data, (size_t)size);
	copy[size] = '\0';
	*text = copy;
	*length = (size_t)size;
	return 0;
}
