/* Certificates for tests: made with stock OpenSSL, by and for keys that live as long as the test.
 */
#ifndef SEKISHO_TESTS_CERTIFICATE_H
#define SEKISHO_TESTS_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* Self-signed, good for a day; names: a subjectAltName value, or NULL. malloc'd PEM. */
static inline char *certificate_make(EVP_PKEY *key, const char *names)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL, *pem;
	long length;

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(
	        subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	X509_set_pubkey(certificate, key);
	if (names != NULL) {
		X509_EXTENSION *extension =
		        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

		X509_add_ext(certificate, extension, -1);
		X509_EXTENSION_free(extension);
	}
	if (X509_sign(certificate, key, EVP_sha256()) == 0 ||
	        PEM_write_bio_X509(bio, certificate) != 1)
		abort();
	length = BIO_get_mem_data(bio, &data);
	pem = strndup(data, (size_t)length);
	BIO_free(bio);
	X509_free(certificate);
	return pem;
}

#endif
