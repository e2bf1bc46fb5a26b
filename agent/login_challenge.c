#include "agent/login_challenge.h"

#include <string.h>

#include "core/encode.h"
#include "core/error.h"

enum { PURPOSE_MAX = 32, USER_MAX = 256 }; /* with their NUL */

int login_challenge(const char *purpose, const char *user,
        const uint8_t nonce[static CHALLENGE_NONCE_SIZE], uint8_t digest[static CHALLENGE_SIZE])
{
	uint8_t bytes[PURPOSE_MAX + USER_MAX + CHALLENGE_NONCE_SIZE];
	size_t first = strlen(purpose) + 1;
	size_t second = strlen(user) + 1;

	if (first > PURPOSE_MAX || second > USER_MAX)
		return ERR_CRYPTO;
	memcpy(bytes, purpose, first);
	memcpy(bytes + first, user, second);
	memcpy(bytes + first + second, nonce, CHALLENGE_NONCE_SIZE);
	return encode_sha256(bytes, first + second + CHALLENGE_NONCE_SIZE, digest);
}
