#include "collector/tls.h"

#include "core/error.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"

static int use_chain(SSL_CTX *tls, BIO *bio)
{
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int used = certificate == NULL ? 0 : SSL_CTX_use_certificate(tls, certificate);

	X509_free(certificate);
	if (used != 1)
		return ERR_FORMAT;
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (SSL_CTX_add0_chain_cert(tls, certificate) != 1) {
			X509_free(certificate);
			return ERR_FORMAT;
		}
	}
	return 0;
}

static int use_key(SSL_CTX *tls, BIO *bio)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	int used = key == NULL ? 0 : SSL_CTX_use_PrivateKey(tls, key);

	EVP_PKEY_free(key);
	return used == 1 && SSL_CTX_check_private_key(tls) == 1 ? 0 : ERR_FORMAT;
}

static int load(SSL_CTX *tls, const uint8_t *certificate, size_t certificate_length,
        const uint8_t *key, size_t key_length)
{
	BIO *first = BIO_new_mem_buf(certificate, (int)certificate_length);
	BIO *second = BIO_new_mem_buf(key, (int)key_length);
	int error = first == NULL || second == NULL ? ERR_MEMORY : 0;

	if (error == 0)
		error = use_chain(tls, first);
	if (error == 0)
		error = use_key(tls, second);
	BIO_free(first);
	BIO_free(second);
	ERR_clear_error();
	return error;
}

int tls_open(const uint8_t *certificate, size_t certificate_length, const uint8_t *key,
        size_t key_length, SSL_CTX **tls)
{
	SSL_CTX *made = SSL_CTX_new(TLS_server_method());

	*tls = NULL;
	if (made == NULL)
		return ERR_MEMORY;
	/* No resumption: each connection's exporter comes of a whole handshake, and memory stays
	 * small. */
	if (SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION) != 1 ||
	        SSL_CTX_set_num_tickets(made, 0) != 1) {
		SSL_CTX_free(made);
		return ERR_CRYPTO;
	}
	SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS);
	int error = load(made, certificate, certificate_length, key, key_length);
	if (error != 0)
		SSL_CTX_free(made);
	else
		*tls = made;
	return error;
}

int tls_exporter(SSL *ssl, uint8_t out[static 32])
{
	return SSL_export_keying_material(
	               ssl, out, 32, EXPORTER_LABEL, strlen(EXPORTER_LABEL), NULL, 0, 0) == 1
	               ? 0
	               : ERR_CRYPTO;
}
