/* The key under which login states lie on the disk: AES-256-GCM (NIST SP 800-38D). How it is kept
 * itself: agent/seal.h. */
#ifndef SEKISHO_AGENT_STORAGE_KEY_H
#define SEKISHO_AGENT_STORAGE_KEY_H

#include <stddef.h>
#include <stdint.h>

enum {
	STORAGE_KEY_SIZE = 32,
	STORAGE_KEY_ID_SIZE = 8,
	STORAGE_NONCE_SIZE = 12,
	STORAGE_TAG_SIZE = 16,
};

struct storage_key {
	uint8_t bytes[STORAGE_KEY_SIZE];
	uint8_t id[STORAGE_KEY_ID_SIZE]; /* says which key, and nothing of it */
};

struct storage_bytes {
	const uint8_t *at;
	size_t length;
};

/* Sets the id that belongs to key->bytes. 0 or ERR_CRYPTO. */
int storage_key_name(struct storage_key *key);

/* Keeps the pages of a key from swap and core files; as far as the system lets it. */
void storage_key_guard(const struct storage_key *key);

/* Has libcrypto look for the cipher now, which takes it longer than a decryption: whoever is forked
 * from here on finds it. 0 or ERR_CRYPTO. */
int storage_prepare(void);

/* Encrypts plain to out, which is as long; open is protected and stays readable. The nonce must be
 * random and new. 0 or ERR_CRYPTO. */
int storage_encrypt(const struct storage_key *key, const uint8_t nonce[static STORAGE_NONCE_SIZE],
        struct storage_bytes open, struct storage_bytes plain, uint8_t *out,
        uint8_t tag[static STORAGE_TAG_SIZE]);

/* The way back. ERR_FORMAT: not these bytes, under this key; out is not to be used then.
 * ERR_CRYPTO.
 */
int storage_decrypt(const struct storage_key *key, const uint8_t nonce[static STORAGE_NONCE_SIZE],
        struct storage_bytes open, struct storage_bytes sealed,
        const uint8_t tag[static STORAGE_TAG_SIZE], uint8_t *out);

#endif
