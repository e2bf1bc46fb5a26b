/* libcrypto, for processes that verify and sign and no more. */
#ifndef SEKISHO_CORE_CRYPTO_H
#define SEKISHO_CORE_CRYPTO_H

/*
 * Before anything else of libcrypto: without its configuration file, which could name modules to be
 * loaded, and without the texts of errors and the names of ciphers, 80 kB that nobody here reads.
 * OPENSSL_init_crypto(3). 0 or ERR_IO.
 */
int crypto_start(void);

#endif
