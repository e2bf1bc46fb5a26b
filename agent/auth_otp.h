/* One-time passwords: time-based (RFC 6238) and counted (RFC 4226), computed by liboath. */
#ifndef SEKISHO_AGENT_AUTH_OTP_H
#define SEKISHO_AGENT_AUTH_OTP_H

#include <stddef.h>
#include <stdint.h>

#include "agent/auth_token.h"

enum {
	OTP_CODE_SIZE = 9,
	/* Codes of a HOTP token that may have been made and not used (RFC 4226 section 7.2). */
	OTP_LOOK_AHEAD = 10,
	/* A token that ran further ahead than that is taken back at its second code in a row
	 * (section 7.4), if the first is one of so many. */
	OTP_RESYNC = 100,
};

enum otp_verdict {
	OTP_WRONG,
	OTP_RIGHT,  /* *counter says which */
	OTP_SPENT,  /* TOTP: right, but of a step that is not after the last accepted one */
	OTP_AHEAD,  /* HOTP: wrong now; the code of *counter would be right next */
	OTP_BEHIND, /* TOTP: of now or of the day after the last accepted step, which the clock has
	               not come to (again): it was set back */
};

/* The code of a time step or counter. 0 or ERR_CRYPTO. */
int otp_code(const struct auth_token *token, uint64_t counter, char out[static OTP_CODE_SIZE]);

/*
 * TOTP: compares code with those of `window` steps either way of now (seconds since 1970), all of
 * them. HOTP: with those that may come next. 0 or ERR_CRYPTO.
 */
int otp_judge(const struct auth_token *token, int64_t now, unsigned window, const char *code,
        enum otp_verdict *verdict, uint64_t *counter);

/* What the token must remember once a code was accepted. */
void otp_spend(struct auth_token *token, uint64_t counter);

/* Copies what a person typed to out as bare digits: spaces (U+3000 too) left out, full-width digits
 * made ASCII. "" for anything that cannot be a code of less than size digits. */
void otp_fold(const char *typed, char *out, size_t size);

#endif
