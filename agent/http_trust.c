#include "agent/http_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/error.h"

struct http_trust {
	SSL_CTX *context;
};

static int add_certificates(X509_STORE *store, BIO *bio)
{
	int count = 0;

	for (;;) {
		X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		int added;

		if (certificate == NULL)
			break;
		added = X509_STORE_add_cert(store, certificate);
		X509_free(certificate);
		if (added != 1)
			return ERR_FORMAT;
		count++;
	}
	/* The end of the file is the one reason to stop that is no fault. */
	if (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return ERR_FORMAT;
	return 0;
}

int http_trust_new(const uint8_t *pem, size_t length, struct http_trust **trust)
{
	struct http_trust *t = calloc(1, sizeof(*t));
	BIO *bio = length <= INT32_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
	int error = ERR_CRYPTO;

	*trust = NULL;
	if (t == NULL || bio == NULL)
		goto out;
	t->context = SSL_CTX_new(TLS_client_method());
	if (t->context == NULL || SSL_CTX_set_min_proto_version(t->context, TLS1_3_VERSION) != 1)
		goto out;
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(t->context, SSL_SESS_CACHE_OFF);
	error = add_certificates(SSL_CTX_get_cert_store(t->context), bio);
	if (error == 0) {
		*trust = t; /* transferred */
		t = NULL;
	}
out:
	ERR_clear_error();
	BIO_free(bio);
	http_trust_free(&t);
	return error;
}

void http_trust_free(struct http_trust **trust)
{
	if (*trust == NULL)
		return;
	SSL_CTX_free((*trust)->context);
	free(*trust);
	*trust = NULL;
}

SSL *http_trust_session(const struct http_trust *trust, const struct http_url *url)
{
	SSL *ssl = SSL_new(trust->context);
	X509_VERIFY_PARAM *param = ssl != NULL ? SSL_get0_param(ssl) : NULL;
	bool set;

	if (ssl == NULL)
		return NULL;
	if (url->numeric) {
		set = X509_VERIFY_PARAM_set1_ip_asc(param, url->host) == 1;
	} else {
		X509_VERIFY_PARAM_set_hostflags(param,
		        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
		set = X509_VERIFY_PARAM_set1_host(param, url->host, 0) == 1 &&
		      SSL_set_tlsext_host_name(ssl, url->host) == 1;
	}
	if (set)
		return ssl;
	SSL_free(ssl);
	return NULL;
}
