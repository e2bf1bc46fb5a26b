/* The server's side of TLS 1.3. */
#ifndef SEKISHO_COLLECTOR_TLS_H
#define SEKISHO_COLLECTOR_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* certificate: PEM, the server's own first, then its issuers. ERR_FORMAT when they are not usable
 * or do not belong together. */
int tls_open(const uint8_t *certificate, size_t certificate_length, const uint8_t *key,
        size_t key_length, SSL_CTX **tls);

/* RFC 9266: 32 bytes that only the two ends of this connection know. ERR_CRYPTO before the
 * handshake is done. */
int tls_exporter(SSL *ssl, uint8_t out[static 32]);

#endif
