/* P-256 keys behind EVP, so that the key may lie in a file or, by a provider, in a TPM. */
#ifndef SEKISHO_CORE_KEY_H
#define SEKISHO_CORE_KEY_H

#include <stddef.h>
#include <stdint.h>

struct key; /* an EVP_PKEY on the curve P-256, private or public */

enum { KEY_SIGNATURE_SIZE = 64, KEY_ID_SIZE = 44 };

int key_generate(struct key **key);
void key_free(struct key **key); /* NULL-safe, nulls */

/* PEM, PKCS#8 (private), SubjectPublicKeyInfo or a certificate (public). Another curve or kind is
 * ERR_FORMAT. */
int key_read_private(const uint8_t *pem, size_t length, struct key **key);
int key_read_public(const uint8_t *pem, size_t length, struct key **key);

/* malloc'd PEM text. The private one is the caller's to wipe (OPENSSL_cleanse) and free. */
int key_write_private(const struct key *key, char **pem, size_t *length);
int key_write_public(const struct key *key, char **pem, size_t *length);

/* RFC 7638 thumbprint, base64url: the "kid" of our JWSs. */
int key_id(const struct key *key, char out[static KEY_ID_SIZE]);

/* ES256 (RFC 7518 §3.4): r || s over SHA-256 of the bytes. */
int key_sign(const struct key *key, const void *bytes, size_t length,
        uint8_t out[static KEY_SIGNATURE_SIZE]);

/* PKCS#10 request with CN = name, signed by the key; malloc'd PEM. */
int key_request(const struct key *key, const char *name, char **pem, size_t *length);

/* The EVP_PKEY inside, borrowed: for CMS, X.509 and TLS in files that speak OpenSSL themselves. */
void *key_evp(const struct key *key);

#endif
