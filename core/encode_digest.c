/* Apart from encode.c, so that who needs no digest does not load libcrypto. */
#include "core/encode.h"

#include "core/error.h"

#include <openssl/evp.h>

int encode_sha256(const void *bytes, size_t length, uint8_t out[static SHA256_SIZE])
{
	unsigned size = 0;

	if (EVP_Digest(bytes, length, out, &size, EVP_sha256(), NULL) != 1 || size != SHA256_SIZE)
		return ERR_CRYPTO;
	return 0;
}

int encode_sha256_hex(const void *bytes, size_t length, char out[static SHA256_HEX_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	out[0] = '\0';
	int error = encode_sha256(bytes, length, digest);
	if (error == 0)
		encode_hex(digest, sizeof(digest), out);
	return error;
}
