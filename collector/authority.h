/* The office's certificate authority: the collector's own TLS certificate, and one for each
 * terminal's key. */
#ifndef SEKISHO_COLLECTOR_AUTHORITY_H
#define SEKISHO_COLLECTOR_AUTHORITY_H

#include "core/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct authority;

enum { AUTHORITY_NAMES_MAX = 16 };

/* A self-signed CA certificate for key; *pem malloc'd. now: seconds. */
int authority_make(const struct key *key, const char *name, int64_t now, char **pem);

/* ERR_FORMAT when the certificate is none or not this key's. Takes key, also on error. */
int authority_open(const char *pem, size_t length, struct key *key, struct authority **authority);
void authority_free(struct authority **authority);

/* A server certificate for names: DNS names or numeric addresses. ERR_FORMAT for anything else. */
int authority_issue_server(const struct authority *authority, const struct key *key,
        const char *const *names, size_t count, int64_t now, char **pem);

/* A certificate for a terminal's key, CN = name. */
int authority_issue_terminal(const struct authority *authority, const struct key *key,
        const char *name, int64_t now, char **pem);

/*
 * Reads a PKCS#10 request and proves possession of its key; of the request only the key is used.
 * ERR_FORMAT (also for a key that is not P-256), ERR_SIGNATURE.
 */
int authority_read_request(const char *pem, size_t length, struct key **key);

/* Could a server be called that? A numeric address, or labels of letters, digits and '-'. */
bool authority_is_host(const char *name);

#endif
