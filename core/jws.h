/*
 * JWS in compact serialisation (RFC 7515), ES256 only. The protected header is exactly
 *     {"alg":"ES256","kid":KID,"typ":TYP}
 * and TYP separates the kinds of statement, so that a signature on one never passes for another.
 */
#ifndef SEKISHO_CORE_JWS_H
#define SEKISHO_CORE_JWS_H

#include "core/key.h"

#include <stddef.h>
#include <stdint.h>

#define JWS_TYP_REPORT "sekisho-report+jwt"
#define JWS_TYP_RECEIPT "sekisho-receipt+jwt"
#define JWS_TYP_ORDER "sekisho-order+jwt"

enum { JWS_MAX = 122880 };

/* *jws is malloc'd, NUL-terminated. */
int jws_sign(
        const struct key *key, const char *typ, const void *payload, size_t length, char **jws);

/*
 * Verified by cjose with key, after the header was compared byte for byte with the one above.
 * ERR_FORMAT (not three parts of base64url), ERR_TOO_LONG (over JWS_MAX), ERR_SIGNATURE (everything
 * else: another header, key or typ, no signature, a wrong one). *payload is malloc'd and
 * NUL-terminated beyond *length; NULL on error.
 */
int jws_verify(const char *jws, size_t jws_length, const struct key *key, const char *typ,
        uint8_t **payload, size_t *length);

/* The payload without verification, only to learn whose key to verify with. Same errors but the
 * signature's. */
int jws_peek(const char *jws, size_t jws_length, uint8_t **payload, size_t *length);

#endif
