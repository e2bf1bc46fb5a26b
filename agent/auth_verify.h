/* The moment that must not come apart: read, count, judge, remember, all under the user's lock. */
#ifndef SEKISHO_AGENT_AUTH_VERIFY_H
#define SEKISHO_AGENT_AUTH_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/auth_state.h"
#include "policy/login.h"

/* What the policy asks of a login. */
struct auth_rules {
	unsigned max_failures;
	unsigned digits; /* at least */
	unsigned step;   /* seconds, at most */
	unsigned window; /* steps either way */
	unsigned idle_days;
	struct login_combinations combinations;
};

enum auth_outcome {
	AUTH_ACCEPTED = 1,
	AUTH_WRONG,
	AUTH_SPENT,      /* the code was right and had been used: refused, and no failure */
	AUTH_LOCKED_NOW, /* wrong, and the last try */
	AUTH_LOCKED,     /* not judged: locked before */
	AUTH_WEAK,       /* not judged: no enrolled token is what the policy asks */
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

/* Is the user locked? Errors: auth_state.h's. */
int auth_verify_locked(const struct auth_file *file, const struct auth_rules *rules, bool *locked);

/* Is this the uid the user was enrolled with? Nobody is a decoy. Errors: auth_state.h's. */
int auth_verify_owner(const struct auth_file *file, uint32_t uid, bool *owner);

#endif
