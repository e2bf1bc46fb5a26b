/* Time-based one-time passwords (RFC 6238), computed by liboath. */
#ifndef SEKISHO_AGENT_AUTH_TOTP_H
#define SEKISHO_AGENT_AUTH_TOTP_H

#include <stddef.h>
#include <stdint.h>

#include "agent/auth_state.h"

enum { TOTP_CODE_SIZE = 9 };

enum totp_verdict {
	TOTP_WRONG,
	TOTP_RIGHT, /* *step says which */
	TOTP_SPENT, /* right, but of a step that is not after the last accepted one */
};

/* The code of a time step. 0 or ERR_CRYPTO. */
int totp_code(const struct auth_state *state, uint64_t step, char out[static TOTP_CODE_SIZE]);

/*
 * Compares code with those of `window` steps either way of now (seconds since 1970), all of them,
 * in the same time whatever matches. 0 or ERR_CRYPTO.
 */
int totp_judge(const struct auth_state *state, int64_t now, unsigned window, const char *code,
        enum totp_verdict *verdict, uint64_t *step);

/* Copies what a person typed to out as bare digits: spaces (U+3000 too) left out, full-width digits
 * made ASCII. "" for anything that cannot be a code. */
void totp_fold(const char *typed, char out[static TOTP_CODE_SIZE]);

#endif
