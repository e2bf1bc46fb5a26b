/*
 * Is a card's certificate one that may log somebody in, and is a signature the card's? Chain,
 * purpose, dates and revocation are always checked; nothing turns any of it off.
 */
#ifndef SEKISHO_AGENT_CARD_CHECK_H
#define SEKISHO_AGENT_CARD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum card_fault {
	CARD_GOOD,
	CARD_UNTRUSTED, /* no chain to PATH_CARD_CA, or a bad signature in it */
	CARD_EXPIRED,   /* or not valid yet */
	CARD_REVOKED,
	CARD_NO_CRL,  /* PATH_CARD_CRL has none of an issuer in the chain */
	CARD_OLD_CRL, /* older than the policy's grace */
	CARD_PURPOSE, /* not for logging in: a signature certificate, an authority's */
	CARD_WEAK,    /* another key than EC P-256, P-384, RSA of 2,048 to 8,192 bits */
	CARD_BROKEN,  /* no certificate at all */
	CARD_FAULT_END
};

struct card_verdict {
	enum card_fault fault;
	bool old_crl; /* good, but by a list past its date */
};

/* What the office trusts, read once a login. */
struct card_trust;

/*
 * PATH_CARD_CA and PATH_CARD_CRL under root: PEM, root's. Certificates that are not their own
 * issuer are links of a chain, never its end. A list without a date for the next one is none, nor
 * is one of changes alone. ERR_NOT_FOUND: no authority's certificate; ERR_UNSAFE, ERR_FORMAT,
 * ERR_IO, ERR_MEMORY.
 */
int card_trust_read(int root, struct card_trust **trust);
/* The same from memory, for tests. */
int card_trust_parse(const uint8_t *ca, size_t ca_length, const uint8_t *crl, size_t crl_length,
        struct card_trust **trust);
void card_trust_free(struct card_trust **trust);

/* now: seconds since 1970; grace: seconds. */
struct card_verdict card_check(const struct card_trust *trust, const uint8_t *der, size_t length,
        int64_t now, int64_t grace);

/* "card-revoked", for the journal; NULL for CARD_GOOD. */
const char *card_fault_name(enum card_fault fault);
/* A sentence for the person. */
const char *card_fault_text(enum card_fault fault);

/* The holder, as one line for an administrator: "CN=...,O=...", cut to size. 0 or ERR_FORMAT. */
int card_holder(const uint8_t *der, size_t length, char *out, size_t size);

/*
 * What a card signs to log in: SHA-256 of "sekisho-card-login-1", NUL, the user's name, NUL, and
 * the host's 32 random bytes. No other document can be made of it. 0 or ERR_CRYPTO.
 */
int card_challenge(const char *user, const uint8_t nonce[static 32], uint8_t digest[static 32]);

/* The signature over the digest by the certificate's key: PKCS#1 v1.5, or r and s one after the
 * other. 0 or ERR_SIGNATURE. */
int card_signature_check(const uint8_t *der, size_t length, const uint8_t digest[static 32],
        const uint8_t *signature, size_t signature_length);

#endif
