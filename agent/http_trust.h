/* By whom a collector's certificate must be issued, and what it must name. */
#ifndef SEKISHO_AGENT_HTTP_TRUST_H
#define SEKISHO_AGENT_HTTP_TRUST_H

#include "agent/http_url.h"

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

struct http_trust; /* who may have issued the server's certificate */

/* PEM certificates. ERR_FORMAT when there is none, or one cannot be read. */
int http_trust_new(const uint8_t *pem, size_t length, struct http_trust **trust);
void http_trust_free(struct http_trust **trust);

/* A client's session that takes exactly this host's certificate: no wildcard for a part of a label,
 * no common name beside subjectAltName. TLS 1.3 only. NULL when memory is short. */
SSL *http_trust_session(const struct http_trust *trust, const struct http_url *url);

#endif
