#include "agent/auth_totp.h"

#include <liboath/oath.h>
#include <stdbool.h>
#include <string.h>

#include "core/error.h"

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

int totp_code(const struct auth_state *state, uint64_t step, char out[static TOTP_CODE_SIZE])
{
	time_t moment = (time_t)(step * state->step);

	if (oath_totp_generate2((const char *)state->secret, state->secret_length, moment,
	            state->step, 0, state->digits, oath_flags(state->algorithm), out) != OATH_OK)
		return ERR_CRYPTO;
	return 0;
}

/* code is zero-filled to the whole size: nothing here depends on where two codes differ. */
static bool is_equal(const char a[static TOTP_CODE_SIZE], const char b[static TOTP_CODE_SIZE])
{
	unsigned char difference = 0;

	for (size_t i = 0; i < TOTP_CODE_SIZE; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}

int totp_judge(const struct auth_state *state, int64_t now, unsigned window, const char *code,
        enum totp_verdict *verdict, uint64_t *step)
{
	char given[TOTP_CODE_SIZE] = {0};
	int64_t middle = now / state->step;

	*verdict = TOTP_WRONG;
	*step = 0;
	memcpy(given, code, strnlen(code, sizeof(given) - 1));
	for (int64_t at = middle - window; at <= middle + (int64_t)window; at++) {
		char expected[TOTP_CODE_SIZE] = {0};

		if (at <= 0)
			continue;
		if (totp_code(state, (uint64_t)at, expected) != 0)
			return ERR_CRYPTO;
		if (is_equal(given, expected) && *verdict != TOTP_RIGHT) {
			*step = (uint64_t)at;
			*verdict = (uint64_t)at > state->last_step ? TOTP_RIGHT : TOTP_SPENT;
		}
		explicit_bzero(expected, sizeof(expected));
	}
	explicit_bzero(given, sizeof(given));
	return 0;
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

void totp_fold(const char *typed, char out[static TOTP_CODE_SIZE])
{
	size_t length = 0;
	char digit = '\0';

	memset(out, 0, TOTP_CODE_SIZE);
	while (*typed != '\0') {
		typed += fold_one(typed, &digit);
		if (digit == ' ')
			continue;
		if (digit == '\0' || length == TOTP_CODE_SIZE - 1) {
			explicit_bzero(out, TOTP_CODE_SIZE);
			return;
		}
		out[length++] = digit;
	}
}
