/*
 * What a security key signed, judged by us: Web Authentication §6.1 (authenticator data), ES256
 * over P-256. Presence and verification of the person are always asked; nothing turns any of it
 * off.
 */
#ifndef SEKISHO_AGENT_FIDO2_CHECK_H
#define SEKISHO_AGENT_FIDO2_CHECK_H

#include "agent/auth_token.h"
#include "agent/fido2_client.h"

enum {
	FIDO2_RP_SIZE = 80, /* of a relying party's id, with its NUL */
};

enum fido2_fault {
	FIDO2_GOOD,
	FIDO2_BROKEN,       /* no such authenticator data */
	FIDO2_OTHER_PARTY,  /* signed for somebody else's relying party */
	FIDO2_NOT_TOUCHED,  /* user presence flag off */
	FIDO2_NOT_VERIFIED, /* user verification flag off: without the PIN */
	FIDO2_FORGED,       /* not this credential's signature over it */
	FIDO2_COUNTED_BACK, /* the counter did not grow: there may be a copy of the key */
	FIDO2_FAULT_END
};

/* The relying party of the terminals of one body: "sekisho.mito-2026". */
void fido2_party(const char *body, char out[static FIDO2_RP_SIZE]);

/*
 * The client data of a login, or of an enrolment, hashed: SHA-256 of "sekisho-key-login-1", NUL,
 * the user's name, NUL, and 32 random bytes of ours. 0 or ERR_CRYPTO.
 */
int fido2_challenge(
        const char *user, const uint8_t nonce[static 32], uint8_t hash[static FIDO2_HASH_SIZE]);

/* What fido2_assert() brought, against an enrolled key. FIDO2_GOOD: *counter is what to remember.
 * A counter that is and always was 0 counts nothing, and is good. */
enum fido2_fault fido2_check(const struct token_key *key, const char *rp,
        const uint8_t hash[static FIDO2_HASH_SIZE], const struct fido2_result *result,
        uint32_t *counter);

/* What fido2_make() brought: *key is the new credential, without a proof that the key has it yet.
 */
enum fido2_fault fido2_check_made(
        const struct fido2_result *result, const char *rp, struct token_key *key);

/* "key-not-touched", for the journal; NULL for FIDO2_GOOD. */
const char *fido2_fault_name(enum fido2_fault fault);

#endif
