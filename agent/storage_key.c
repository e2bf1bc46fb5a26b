#include "agent/storage_key.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/encode.h"
#include "core/error.h"

int storage_key_name(struct storage_key *key)
{
	static const char label[] = "sekisho-storage-key-1";
	uint8_t text[sizeof(label) + STORAGE_KEY_SIZE];
	uint8_t digest[SHA256_SIZE];
	int error = 0;

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), key->bytes, sizeof(key->bytes));
	error = encode_sha256(text, sizeof(text), digest);
	memcpy(key->id, digest, sizeof(key->id));
	explicit_bzero(text, sizeof(text));
	return error;
}

void storage_key_guard(const struct storage_key *key)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)key & ~(page - 1);
	uintptr_t end = ((uintptr_t)(key + 1) + page - 1) & ~(page - 1);

	(void)mlock((void *)begin, end - begin);
	(void)madvise((void *)begin, end - begin, MADV_DONTDUMP);
}

int storage_encrypt(const struct storage_key *key, const uint8_t nonce[static STORAGE_NONCE_SIZE],
        struct storage_bytes open, struct storage_bytes plain, uint8_t *out,
        uint8_t tag[static STORAGE_TAG_SIZE])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int length = 0;
	bool done = false;

	done = c != NULL &&
	       EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
	       EVP_EncryptUpdate(c, NULL, &length, open.at, (int)open.length) == 1 &&
	       EVP_EncryptUpdate(c, out, &length, plain.at, (int)plain.length) == 1 &&
	       EVP_EncryptFinal_ex(c, out + plain.length, &length) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, STORAGE_TAG_SIZE, tag) == 1;
	EVP_CIPHER_CTX_free(c);
	return done ? 0 : ERR_CRYPTO;
}

int storage_decrypt(const struct storage_key *key, const uint8_t nonce[static STORAGE_NONCE_SIZE],
        struct storage_bytes open, struct storage_bytes sealed,
        const uint8_t tag[static STORAGE_TAG_SIZE], uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t expected[STORAGE_TAG_SIZE];
	int length = 0;
	int error = ERR_CRYPTO;

	memcpy(expected, tag, sizeof(expected));
	if (c != NULL && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
	        EVP_DecryptUpdate(c, NULL, &length, open.at, (int)open.length) == 1 &&
	        EVP_DecryptUpdate(c, out, &length, sealed.at, (int)sealed.length) == 1 &&
	        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof(expected), expected) == 1)
		error = EVP_DecryptFinal_ex(c, out + sealed.length, &length) == 1 ? 0 : ERR_FORMAT;
	EVP_CIPHER_CTX_free(c);
	return error;
}

int storage_prepare(void)
{
	static const struct storage_key none;
	static const uint8_t zeros[STORAGE_TAG_SIZE];
	const struct storage_bytes sealed = {zeros, sizeof(zeros)};
	uint8_t out[sizeof(zeros)];

	/* It is no message under any key that we have. */
	return storage_decrypt(&none, zeros, sealed, sealed, zeros, out) == ERR_FORMAT ? 0
	                                                                               : ERR_CRYPTO;
}
