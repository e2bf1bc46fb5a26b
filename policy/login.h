/* What a policy asks of a login: combinations of factors, one of which must be shown. */
#ifndef SEKISHO_POLICY_LOGIN_H
#define SEKISHO_POLICY_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

enum factor {
	FACTOR_PASSWORD = 1, /* pam_unix asks for it, in the stack */
	FACTOR_TOTP = 2,
	FACTOR_HOTP = 4,
	FACTOR_CARD = 8,
	FACTOR_PIN = 16,         /* the card's or key's, checked by it */
	FACTOR_KEY = 32,         /* FIDO2 */
	FACTOR_FINGERPRINT = 64, /* read and checked by the key */
};

/* Each combination holds one token. */
enum { FACTORS_TOKEN = FACTOR_TOTP | FACTOR_HOTP | FACTOR_CARD | FACTOR_KEY };

enum { LOGIN_COMBINATIONS_MAX = 8, LOGIN_NAMES_SIZE = 256 };

struct login_combinations {
	size_t count;
	unsigned factors[LOGIN_COMBINATIONS_MAX]; /* bits of enum factor */
};

/* NULL, or why a policy may not name this combination: a sentence for a person. */
const char *login_refusal(unsigned factors);

/* Does any combination hold the factor? */
bool login_allows(const struct login_combinations *combinations, enum factor factor);

/* Is all of a combination shown, the password left out? */
bool login_satisfied(const struct login_combinations *combinations, unsigned shown);

/* "password totp or card pin" */
void login_print(const struct login_combinations *combinations, char out[static LOGIN_NAMES_SIZE]);

/* Of how many kinds of 知識, 所持, 存在 is the poorest combination of what login_print() wrote? */
unsigned login_kinds_printed(const char *names);

/* "totp"; NULL for what is no single factor. */
const char *login_factor_name(enum factor factor);

#endif
