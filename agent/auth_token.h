/* What a person shows beside a password: a token enrolled to a user. */
#ifndef SEKISHO_AGENT_AUTH_TOKEN_H
#define SEKISHO_AGENT_AUTH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/login.h"

enum {
	TOKEN_SECRET_MIN = 20,
	TOKEN_SECRET_MAX = 64,
	TOKEN_TEXT_SIZE = 64, /* with its NUL */
	TOKEN_FINGERPRINT_SIZE = 32,
	TOKEN_CREDENTIAL_MAX = 320,
	TOKEN_POINT_SIZE = 64,
};

enum token_kind { TOKEN_NONE = 0, TOKEN_TOTP, TOKEN_HOTP, TOKEN_CARD, TOKEN_KEY, TOKEN_KIND_END };

/* What took a token's place for a day (agent/voucher.h): no kind that is enrolled. */
enum { TOKEN_VOUCHER = TOKEN_KIND_END };

enum auth_algorithm { AUTH_SHA1 = 1, AUTH_SHA256, AUTH_SHA512 };

/* TOTP and HOTP. */
struct token_otp {
	uint8_t algorithm; /* enum auth_algorithm */
	uint8_t digits;
	uint16_t step;    /* seconds; HOTP: 0 */
	uint64_t counter; /* TOTP: last accepted time step; HOTP: the next to be accepted */
	uint64_t resync;  /* HOTP: the code that brings a token back that ran ahead; 0: none */
	size_t secret_length;
	uint8_t secret[TOKEN_SECRET_MAX];
};

struct token_card {
	uint8_t fingerprint[TOKEN_FINGERPRINT_SIZE]; /* SHA-256 of the certificate */
};

/* A FIDO2 security key. */
struct token_key {
	size_t credential_length;
	uint8_t credential[TOKEN_CREDENTIAL_MAX]; /* the id the key gave it */
	uint8_t point[TOKEN_POINT_SIZE];          /* x and y on P-256 */
	uint32_t counter;                         /* the last one seen */
};

struct auth_token {
	uint16_t id; /* from 1; no other token of the user ever had it */
	enum token_kind kind;
	int64_t enrolled_at;
	int64_t last_used; /* 0: never */
	char by[TOKEN_TEXT_SIZE];
	char label[TOKEN_TEXT_SIZE];
	union {
		struct token_otp otp;
		struct token_card card;
		struct token_key key;
	};
};

/* What a token of this kind is to a policy. */
enum factor token_factor(enum token_kind kind);

/* "totp"; NULL for what is none. */
const char *token_kind_name(enum token_kind kind);

bool token_is_otp(const struct auth_token *token);

/* Is every value one that the format allows? */
bool token_is_allowed(const struct auth_token *token);

#endif
