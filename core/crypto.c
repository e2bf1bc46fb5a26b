#include "core/crypto.h"

#include <openssl/crypto.h>

#include "core/error.h"

int crypto_start(void)
{
	const uint64_t without = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
	                         OPENSSL_INIT_NO_ADD_ALL_CIPHERS;

	return OPENSSL_init_crypto(without, NULL) == 1 ? 0 : ERR_IO;
}
