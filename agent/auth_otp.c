#include "agent/auth_otp.h"

#include <liboath/oath.h>
#include <stdbool.h>
#include <string.h>

#include "core/error.h"

enum { DAY_SECONDS = 86400 };

static int oath_flags(uint8_t algorithm)
{
	switch (algorithm) {
	case AUTH_SHA256:
		return OATH_TOTP_HMAC_SHA256;
	case AUTH_SHA512:
		return OATH_TOTP_HMAC_SHA512;
	default:
		return 0;
	}
}

static int totp_code(const struct token_otp *o, uint64_t step, char *out)
{
	return oath_totp_generate2((const char *)o->secret, o->secret_length,
	        (time_t)(step * o->step), o->step, 0, o->digits, oath_flags(o->algorithm), out);
}

static int hotp_code(const struct token_otp *o, uint64_t counter, char *out)
{
	return oath_hotp_generate((const char *)o->secret, o->secret_length, counter, o->digits,
	        false, OATH_HOTP_DYNAMIC_TRUNCATION, out);
}

int otp_code(const struct auth_token *token, uint64_t counter, char out[static OTP_CODE_SIZE])
{
	int result = OATH_INVALID_DIGITS;

	if (token->kind == TOKEN_TOTP)
		result = totp_code(&token->otp, counter, out);
	else if (token->kind == TOKEN_HOTP)
		result = hotp_code(&token->otp, counter, out);
	return result == OATH_OK ? 0 : ERR_CRYPTO;
}

/* given is zero-filled to the whole size: nothing here depends on where two codes differ. */
static int compare(const struct auth_token *token, uint64_t counter,
        const char given[static OTP_CODE_SIZE], bool *equal)
{
	char expected[OTP_CODE_SIZE] = {0};
	unsigned char difference = 0;
	int error = otp_code(token, counter, expected);

	for (size_t i = 0; i < OTP_CODE_SIZE; i++)
		difference |= (unsigned char)(given[i] ^ expected[i]);
	*equal = error == 0 && difference == 0;
	explicit_bzero(expected, sizeof(expected));
	return error;
}

/* The clock was set back, and the token's was not: its codes are of after the last one accepted.
 * None is let in by this. */
static int judge_behind(const struct auth_token *token, const char given[static OTP_CODE_SIZE],
        enum otp_verdict *verdict)
{
	uint64_t steps = DAY_SECONDS / token->otp.step;
	bool equal = false;

	for (uint64_t at = token->otp.counter; at <= token->otp.counter + steps; at++) {
		if (compare(token, at, given, &equal) != 0)
			return ERR_CRYPTO;
		if (equal)
			*verdict = OTP_BEHIND;
	}
	return 0;
}

static int judge_totp(const struct auth_token *token, int64_t now, unsigned window,
        const char given[static OTP_CODE_SIZE], enum otp_verdict *verdict, uint64_t *counter)
{
	int64_t middle = now / token->otp.step;
	bool behind = token->otp.counter > (uint64_t)middle + window;
	bool equal = false;

	for (int64_t at = middle - window; at <= middle + (int64_t)window; at++) {
		if (at <= 0)
			continue;
		if (compare(token, (uint64_t)at, given, &equal) != 0)
			return ERR_CRYPTO;
		if (!equal || *verdict == OTP_RIGHT)
			continue;
		*counter = (uint64_t)at;
		*verdict = (uint64_t)at > token->otp.counter ? OTP_RIGHT : OTP_SPENT;
	}
	if (behind && *verdict == OTP_SPENT)
		*verdict = OTP_BEHIND;
	return behind && *verdict == OTP_WRONG ? judge_behind(token, given, verdict) : 0;
}

static int judge_hotp(const struct auth_token *token, const char given[static OTP_CODE_SIZE],
        enum otp_verdict *verdict, uint64_t *counter)
{
	const struct token_otp *o = &token->otp;
	bool equal = false;

	for (uint64_t at = o->counter; at < o->counter + OTP_RESYNC; at++) {
		bool near = at < o->counter + OTP_LOOK_AHEAD;

		if (compare(token, at, given, &equal) != 0)
			return ERR_CRYPTO;
		if (!equal || *verdict == OTP_RIGHT)
			continue;
		if (near || at == o->resync) {
			*verdict = OTP_RIGHT;
			*counter = at;
		} else if (*verdict == OTP_WRONG) {
			*verdict = OTP_AHEAD;
			*counter = at + 1;
		}
	}
	return 0;
}

int otp_judge(const struct auth_token *token, int64_t now, unsigned window, const char *code,
        enum otp_verdict *verdict, uint64_t *counter)
{
	char given[OTP_CODE_SIZE] = {0};
	int error = 0;

	*verdict = OTP_WRONG;
	*counter = 0;
	memcpy(given, code, strnlen(code, sizeof(given) - 1));
	if (token->kind == TOKEN_TOTP)
		error = judge_totp(token, now, window, given, verdict, counter);
	else
		error = judge_hotp(token, given, verdict, counter);
	explicit_bzero(given, sizeof(given));
	return error;
}

void otp_spend(struct auth_token *token, uint64_t counter)
{
	token->otp.resync = 0;
	token->otp.counter = token->kind == TOKEN_HOTP ? counter + 1 : counter;
}

/* One character of what was typed: its length in bytes, and its digit, or ' ', or '\0' for what no
 * code has. */
static size_t fold_one(const char *at, char *digit)
{
	*digit = '\0';
	if ((*at >= '0' && *at <= '9') || *at == ' ') {
		*digit = *at;
		return 1;
	}
	if (strncmp(at, "\xe3\x80\x80", 3) == 0) { /* U+3000 */
		*digit = ' ';
		return 3;
	}
	if (strncmp(at, "\xef\xbc", 2) == 0 && (unsigned char)at[2] >= 0x90 &&
	        (unsigned char)at[2] <= 0x99) { /* U+FF10 to U+FF19 */
		*digit = (char)('0' + ((unsigned char)at[2] - 0x90));
		return 3;
	}
	return 1;
}

void otp_fold(const char *typed, char *out, size_t size)
{
	size_t length = 0;
	char digit = '\0';

	memset(out, 0, size);
	while (*typed != '\0') {
		typed += fold_one(typed, &digit);
		if (digit == ' ')
			continue;
		if (digit == '\0' || length == size - 1) {
			explicit_bzero(out, size);
			return;
		}
		out[length++] = digit;
	}
}
