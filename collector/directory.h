/* The data directory: one owner, nobody else's business. */
#ifndef SEKISHO_COLLECTOR_DIRECTORY_H
#define SEKISHO_COLLECTOR_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIRECTORY_DATABASE "collector.db"
#define DIRECTORY_CA_KEY "ca.key"
#define DIRECTORY_CA "ca.pem" /* what terminals need: trust/collector-ca.pem */
#define DIRECTORY_TLS_KEY "tls.key"
#define DIRECTORY_TLS "tls.pem"
#define DIRECTORY_RECEIPT_KEY "receipt.key"
#define DIRECTORY_RECEIPT "receipt.pem" /* public */
#define DIRECTORY_CONTROL "control.sock"

/*
 * Becomes `user` (name or number) for good: groups, then ids. ERR_NOT_FOUND when there is no such
 * user, ERR_DENIED when the process is not root and not already that user.
 */
int directory_become(const char *user);

/*
 * Opens the directory and makes it the working directory. As root it first becomes `user`, or with
 * NULL the directory's owner, so that no file of the database is ever root's in another's
 * directory. ERR_UNSAFE unless the directory is then the process's own and has no mode bit beyond
 * 0700; ERR_NOT_FOUND, ERR_DENIED, ERR_IO.
 */
int directory_enter(const char *path, const char *user);

/* Makes the directory (0700) if it is missing, gives it to `user` (may be NULL) and enters it;
 * ERR_EXISTS when it is not empty. */
int directory_create(const char *path, const char *user);

/* Writes a new file; ERR_EXISTS. mode is 0600 or 0644. */
int directory_write(const char *name, const void *bytes, size_t length, bool secret);

/* Reads a file of the directory, which must be the process's own; a secret one must be 0600. *data
 * malloc'd. */
int directory_read(const char *name, bool secret, uint8_t **data, size_t *length);

#endif
