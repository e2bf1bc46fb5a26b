#include "agent/auth_token.h"

#include <string.h>

static const enum factor factors[TOKEN_KIND_END] = {
        [TOKEN_TOTP] = FACTOR_TOTP,
        [TOKEN_HOTP] = FACTOR_HOTP,
        [TOKEN_CARD] = FACTOR_CARD,
        [TOKEN_KEY] = FACTOR_KEY,
};

enum factor token_factor(enum token_kind kind)
{
	return (unsigned)kind < TOKEN_KIND_END ? factors[kind] : 0;
}

const char *token_kind_name(enum token_kind kind)
{
	if (kind == (enum token_kind)TOKEN_VOUCHER)
		return "voucher";
	return login_factor_name(token_factor(kind));
}

bool token_is_otp(const struct auth_token *token)
{
	return token->kind == TOKEN_TOTP || token->kind == TOKEN_HOTP;
}

/* RFC 4226 knows SHA-1 alone. */
static bool hotp_is_allowed(const struct token_otp *o)
{
	return o->algorithm == AUTH_SHA1 && o->step == 0;
}

static bool totp_is_allowed(const struct token_otp *o)
{
	return o->algorithm >= AUTH_SHA1 && o->algorithm <= AUTH_SHA512 && o->step >= 15 &&
	       o->step <= 120 && o->resync == 0;
}

static bool otp_is_allowed(enum token_kind kind, const struct token_otp *o)
{
	return (kind == TOKEN_HOTP ? hotp_is_allowed(o) : totp_is_allowed(o)) &&
	       (o->digits == 6 || o->digits == 8) && o->secret_length >= TOKEN_SECRET_MIN &&
	       o->secret_length <= TOKEN_SECRET_MAX;
}

static bool text_is_allowed(const char text[static TOKEN_TEXT_SIZE])
{
	return memchr(text, '\0', TOKEN_TEXT_SIZE) != NULL;
}

bool token_is_allowed(const struct auth_token *token)
{
	if (token->id == 0 || !text_is_allowed(token->by) || !text_is_allowed(token->label))
		return false;
	switch (token->kind) {
	case TOKEN_TOTP:
	case TOKEN_HOTP:
		return otp_is_allowed(token->kind, &token->otp);
	case TOKEN_CARD:
		return true;
	case TOKEN_KEY:
		return token->key.credential_length >= 1 &&
		       token->key.credential_length <= TOKEN_CREDENTIAL_MAX;
	case TOKEN_NONE:
	case TOKEN_KIND_END:
		break;
	}
	return false;
}
