/* What a card or a key signs at a login: what it is for, who logs in, and what nobody knew before.
 */
#ifndef SEKISHO_AGENT_LOGIN_CHALLENGE_H
#define SEKISHO_AGENT_LOGIN_CHALLENGE_H

#include <stdint.h>

enum { CHALLENGE_NONCE_SIZE = 32, CHALLENGE_SIZE = 32 };

/* SHA-256 over purpose and user, each with its NUL, and nonce. ERR_CRYPTO, also where a text is too
 * long. */
int login_challenge(const char *purpose, const char *user,
        const uint8_t nonce[static CHALLENGE_NONCE_SIZE], uint8_t digest[static CHALLENGE_SIZE]);

#endif
