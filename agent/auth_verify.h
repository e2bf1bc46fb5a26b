/* The moment that must not come apart: read, count, judge, remember, all under the user's lock. */
#ifndef SEKISHO_AGENT_AUTH_VERIFY_H
#define SEKISHO_AGENT_AUTH_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/auth_state.h"
#include "agent/fido2_check.h"
#include "policy/login.h"
#include "policy/services.h"

/* What the policy asks of a login. */
struct auth_rules {
	unsigned max_failures;
	unsigned digits; /* at least */
	unsigned step;   /* seconds, at most */
	unsigned window; /* steps either way */
	unsigned idle_days;
	unsigned crl_grace; /* seconds */
	bool voucher;       /* may one stand in for a token? */
	unsigned idle_lock; /* seconds */
	struct login_combinations combinations;
	char party[FIDO2_RP_SIZE]; /* whose security keys log in; "": nobody's */
	struct services unattended;
};

enum auth_outcome {
	AUTH_ACCEPTED = 1,
	AUTH_WRONG,
	AUTH_SPENT,      /* the code was right and had been used: refused, and no failure */
	AUTH_LOCKED_NOW, /* wrong, and the last try */
	AUTH_LOCKED,     /* not judged: locked before */
	AUTH_NOT_JUDGED, /* PROOF_NONE */
	AUTH_WEAK,       /* right, of a token that is not what the policy asks: no failure */
	AUTH_CLOCK,      /* right, if the clock had not been set back: no failure */
};

struct auth_answer {
	enum auth_outcome outcome;
	unsigned left;        /* tries, after AUTH_WRONG */
	enum token_kind kind; /* of the token, after AUTH_ACCEPTED and AUTH_SPENT */
	unsigned token;       /* its id */
};

/*
 * Judges a code (bare digits) of the moment now against every TOTP and HOTP token of the user. A
 * wrong code is counted on the disk, and a right one spent there, before this returns: whatever
 * kills us before leaves everything as it was, afterwards never a second use.
 * A decoy answers like a user whose codes are all wrong. Errors: auth_state.h's.
 */
int auth_verify(const struct auth_file *file, const struct auth_rules *rules, const char *code,
        int64_t now, struct auth_answer *answer);

/*
 * The same for the code of a voucher. today: as person_day_at(), or 0 where none of this user's is
 * in force. Takes the same time whoever the user is. id: the voucher's, after AUTH_ACCEPTED.
 */
int auth_verify_voucher(const struct auth_file *file, const struct auth_rules *rules,
        const char *code, int32_t today, int64_t now, struct auth_answer *answer,
        uint8_t id[static VOUCHER_ID_SIZE]);

enum card_proof {
	PROOF_NONE = 1, /* nothing was judged, and nothing is counted */
	PROOF_WRONG,    /* wrong PIN, or no signature of the card's key */
	PROOF_GOOD,     /* a good signature, PIN checked, by the card with this certificate */
};

/*
 * What came of a card. The lock is not held while the card works, so look before
 * (auth_verify_locked()) whether it is to see the PIN. AUTH_ACCEPTED only for PROOF_GOOD and a card
 * that is the user's, who is not locked by now either.
 */
int auth_verify_card(const struct auth_file *file, const struct auth_rules *rules,
        enum card_proof proof, const uint8_t fingerprint[static TOKEN_FINGERPRINT_SIZE],
        int64_t now, struct auth_answer *answer);

/* Is the card with this certificate one of the user's? Nobody's is a decoy's. Errors:
 * auth_state.h's. */
int auth_verify_holds(const struct auth_file *file,
        const uint8_t fingerprint[static TOKEN_FINGERPRINT_SIZE], bool *holds);

/*
 * The credentials to ask a security key for. Whoever has no key, and nobody at all, has one that no
 * key holds, the same each time. Errors: auth_state.h's.
 */
int auth_verify_credentials(
        const struct auth_file *file, const char *user, struct fido2_credentials *list);

struct auth_key_claim {
	enum card_proof proof; /* PROOF_GOOD: result is to be judged */
	const uint8_t *hash;   /* of the client data that was to be signed */
	unsigned shown;        /* FACTOR_KEY and how the key was to verify the person */
	const struct fido2_result *result;
};

/* What came of it, as auth_verify_card(): AUTH_ACCEPTED only for one of the user's keys that signed
 * all it should; its counter is on the disk then. *fault says what was wrong with a signature;
 * answer->token whose it claims to be. */
int auth_verify_key(const struct auth_file *file, const struct auth_rules *rules,
        const struct auth_key_claim *claim, int64_t now, struct auth_answer *answer,
        enum fido2_fault *fault);

/* Is the user locked? Errors: auth_state.h's. */
int auth_verify_locked(const struct auth_file *file, const struct auth_rules *rules, bool *locked);

/* Whom the user's tokens belong to. Errors: auth_state.h's. */
int auth_verify_person(const struct auth_file *file, struct auth_person *person);

/* What there is to say of a session. */
struct auth_session {
	uint32_t uid;
	struct auth_person person;
	enum token_kind kind;   /* of the token the person showed for it */
	unsigned token;         /* its id; 0: a voucher; or none, as when root becomes somebody */
	struct auth_visit last; /* the login before; at 0: there was none */
};

/*
 * A session is opened: notes the visit, as the user's last login if it is one. The token is the one
 * that was accepted last, unless an earlier session was opened with it or SESSION_SECONDS have
 * passed. Errors: auth_state.h's.
 */
enum { SESSION_SECONDS = 300 };
int auth_verify_session(const struct auth_file *file, const struct auth_visit *visit, bool login,
        struct auth_session *session);

/* Is this the uid the user was enrolled with? Nobody is a decoy. Errors: auth_state.h's. */
int auth_verify_owner(const struct auth_file *file, uint32_t uid, bool *owner);

#endif
