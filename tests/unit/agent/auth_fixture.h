/* Login states for tests: the file of a user whose secret is RFC 6238's for SHA-1. */
#ifndef SEKISHO_TESTS_UNIT_AGENT_AUTH_FIXTURE_H
#define SEKISHO_TESTS_UNIT_AGENT_AUTH_FIXTURE_H

#include "tests/unit/workspace.h"

#include "agent/auth_otp.h"
#include "agent/auth_state.h"
#include "agent/auth_verify.h"

enum { FIXTURE_UID = 4711 };
/* RFC 6238 appendix B, a time step's first second. */
#define FIXTURE_NOW 1111111080
#define FIXTURE_RULES                                                                              \
	{                                                                                          \
		.max_failures = 3, .digits = 6, .step = 30, .window = 1, .combinations = {         \
			.count = 1,                                                                \
			.factors = {FACTOR_PASSWORD | FACTOR_TOTP}                                 \
		}                                                                                  \
	}

static inline struct auth_state fixture_state(void)
{
	struct auth_state state = {.uid = FIXTURE_UID, .next_id = 2};

	state.tokens[0] = (struct auth_token){.id = 1,
	        .kind = TOKEN_TOTP,
	        .enrolled_at = 1000,
	        .by = "taro",
	        .otp = {.algorithm = AUTH_SHA1, .digits = 6, .step = 30, .secret_length = 20}};
	memcpy(state.tokens[0].otp.secret, "12345678901234567890", 20);
	return state;
}

static const struct storage_key fixture_key = {
        .bytes = "a key of exactly thirty-two byte", .id = "key one"};

static inline struct auth_file fixture_of(int fd)
{
	assert_true(fd >= 0);
	return (struct auth_file){.fd = fd, .user = "hanako", .key = &fixture_key};
}

static inline struct auth_file fixture_file(const struct workspace *w)
{
	const struct auth_file file =
	        fixture_of(openat(w->fd, "hanako", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	struct auth_state state = fixture_state();
	uint8_t bytes[AUTH_AREA_SIZE];

	assert_int_equal(auth_state_new(&file, &state, bytes), 0);
	assert_int_equal(write(file.fd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	return file;
}

static inline struct auth_file fixture_decoy(const struct workspace *w)
{
	struct auth_file file =
	        fixture_of(openat(w->fd, ".decoy", O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	file.decoy = true;
	return file;
}

/* The right code of the fixture's secret, `steps` after now. */
static inline void fixture_code(int64_t now, int steps, char code[static OTP_CODE_SIZE])
{
	struct auth_state state = fixture_state();

	memset(code, 0, OTP_CODE_SIZE);
	assert_int_equal(otp_code(&state.tokens[0], (uint64_t)(now / 30 + steps), code), 0);
}

#endif
