/* A key as cjose wants it, made once with the key: the import costs more than a verification. */
#ifndef SEKISHO_CORE_KEY_JWK_H
#define SEKISHO_CORE_KEY_JWK_H

#include "core/key.h"

/* The cjose_jwk_t of the public half, borrowed; never NULL. */
void *key_jwk(const struct key *key);

#endif
