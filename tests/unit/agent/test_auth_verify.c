#include "tests/unit/agent/auth_fixture.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sys/wait.h>

#include "core/encode.h"
#include "core/error.h"

static const struct auth_rules RULES = FIXTURE_RULES;
static const struct auth_rules RULES_BOTH = {.max_failures = 3,
        .digits = 6,
        .step = 30,
        .window = 1,
        .combinations = {.count = 2,
                .factors = {FACTOR_PASSWORD | FACTOR_TOTP, FACTOR_PASSWORD | FACTOR_HOTP}}};

static struct auth_token hotp_token(void)
{
	struct auth_token t = {.kind = TOKEN_HOTP,
	        .otp = {.algorithm = AUTH_SHA1, .digits = 6, .secret_length = 20}};

	memcpy(t.otp.secret, "12345678901234567890", 20);
	return t;
}

/* RFC 6238 appendix B: time, and the codes of SHA-1, SHA-256, SHA-512 with its secrets. */
static void rfc6238_vectors(void **state)
{
	static const struct {
		int64_t time;
		const char *codes[3];
	} vectors[] = {
	        {59, {"94287082", "46119246", "90693936"}},
	        {1111111109, {"07081804", "68084774", "25091201"}},
	        {1111111111, {"14050471", "67062674", "99943326"}},
	        {1234567890, {"89005924", "91819424", "93441116"}},
	        {2000000000, {"69279037", "90698825", "38618901"}},
	        {20000000000, {"65353130", "77737706", "47863826"}},
	};
	static const size_t lengths[] = {20, 32, 64};
	static const char secret[] = "1234567890123456789012345678901234567890"
	                             "123456789012345678901234";

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		for (uint8_t a = 0; a < 3; a++) {
			struct auth_token t = {.kind = TOKEN_TOTP,
			        .otp = {.algorithm = (uint8_t)(AUTH_SHA1 + a),
			                .digits = 8,
			                .step = 30,
			                .secret_length = lengths[a]}};
			enum otp_verdict verdict = OTP_WRONG;
			uint64_t step = 0;

			memcpy(t.otp.secret, secret, lengths[a]);
			assert_int_equal(otp_judge(&t, vectors[i].time, 0, vectors[i].codes[a],
			                         &verdict, &step),
			        0);
			assert_int_equal(verdict, OTP_RIGHT);
			assert_int_equal(step, vectors[i].time / 30);
		}
	}
}

/* RFC 4226 appendix D. */
static void rfc4226_vectors(void **state)
{
	static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
	        "254676", "287922", "162583", "399871", "520489"};

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		struct auth_token t = hotp_token();
		enum otp_verdict verdict = OTP_WRONG;
		char code[OTP_CODE_SIZE] = "";
		uint64_t counter = 99;

		assert_int_equal(otp_code(&t, i, code), 0);
		assert_string_equal(code, codes[i]);
		assert_int_equal(otp_judge(&t, 0, 0, codes[i], &verdict, &counter), 0);
		assert_int_equal(verdict, OTP_RIGHT);
		assert_int_equal(counter, i);
		otp_spend(&t, counter);
		assert_int_equal(t.otp.counter, i + 1);
		assert_int_equal(otp_judge(&t, 0, 0, codes[i], &verdict, &counter), 0);
		assert_int_equal(verdict, OTP_WRONG);
	}
}

static void window_is_the_policys(void **state)
{
	const struct auth_token t = fixture_state().tokens[0];

	(void)state;
	for (int off = -3; off <= 3; off++) {
		for (unsigned window = 0; window <= 2; window++) {
			enum otp_verdict verdict = OTP_WRONG;
			char code[OTP_CODE_SIZE];
			uint64_t step = 0;

			fixture_code(FIXTURE_NOW, off, code);
			assert_int_equal(
			        otp_judge(&t, FIXTURE_NOW, window, code, &verdict, &step), 0);
			assert_int_equal(
			        verdict, (unsigned)abs(off) <= window ? OTP_RIGHT : OTP_WRONG);
		}
	}
}

static void fold(void **state)
{
	static const struct {
		const char *typed;
		const char *code;
	} cases[] = {
	        {"123456", "123456"},
	        {" 123 456 ", "123456"},
	        {"12345678", "12345678"},
	        {"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xe3\x80\x80\xef\xbc\x94\xef\xbc\x95\xef\xbc"
	         "\x96",
	                "123456"},
	        {"\xef\xbc\x90\xef\xbc\x99", "09"},
	        {"", ""},
	        {"12345x", ""},
	        {"123456789", ""},
	        {"12\xef\xbc", ""},
	        {"\xef\xbc\x9a", ""},
	        {"\xef\xbc\x8f", ""},
	        {"\xe3\x80\x81", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char code[OTP_CODE_SIZE];

		otp_fold(cases[i].typed, code, OTP_CODE_SIZE);
		assert_string_equal(code, cases[i].code);
	}
}

static enum auth_outcome verify(const struct auth_file *file, int64_t now, const char *code)
{
	struct auth_answer answer;

	assert_int_equal(auth_verify(file, &RULES, code, now, &answer), 0);
	return answer.outcome;
}

static struct auth_state look(const struct auth_file *file)
{
	struct auth_state s;

	assert_int_equal(auth_state_read(file, &s), 0);
	return s;
}

static void used_code_is_refused(void **state)
{
	const struct auth_file file = fixture_file(*state);
	char code[OTP_CODE_SIZE];
	char before[OTP_CODE_SIZE];
	char after[OTP_CODE_SIZE];

	fixture_code(FIXTURE_NOW, 0, code);
	fixture_code(FIXTURE_NOW, -1, before);
	fixture_code(FIXTURE_NOW, 1, after);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_ACCEPTED);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_SPENT);
	assert_int_equal(verify(&file, FIXTURE_NOW, before), AUTH_SPENT);
	assert_int_equal(look(&file).failures, 0);
	assert_int_equal(verify(&file, FIXTURE_NOW, after), AUTH_ACCEPTED);
	assert_int_equal(verify(&file, FIXTURE_NOW + 30, after), AUTH_SPENT);
	assert_int_equal(look(&file).tokens[0].last_used, FIXTURE_NOW);
	close(file.fd);
}

static void three_wrong_codes_lock(void **state)
{
	struct workspace *w = *state;
	struct auth_file file = fixture_file(w);
	struct auth_answer answer;
	char code[OTP_CODE_SIZE];
	bool locked = true;

	fixture_code(FIXTURE_NOW, 0, code);
	assert_int_equal(auth_verify_locked(&file, &RULES, &locked), 0);
	assert_false(locked);
	assert_int_equal(auth_verify(&file, &RULES, "000000", FIXTURE_NOW, &answer), 0);
	assert_int_equal(answer.outcome, AUTH_WRONG);
	assert_int_equal(answer.left, 2);
	assert_int_equal(auth_verify(&file, &RULES, "", FIXTURE_NOW, &answer), 0);
	assert_int_equal(answer.outcome, AUTH_WRONG);
	assert_int_equal(answer.left, 1);
	assert_int_equal(verify(&file, FIXTURE_NOW, "000000"), AUTH_LOCKED_NOW);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_LOCKED);
	close(file.fd);
	file.fd = openat(w->fd, "hanako", O_RDWR | O_CLOEXEC); /* as after a reboot */
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_LOCKED);
	assert_int_equal(auth_verify_locked(&file, &RULES, &locked), 0);
	assert_true(locked);
	close(file.fd);
}

static void right_code_starts_the_count_anew(void **state)
{
	const struct auth_file file = fixture_file(*state);
	char code[OTP_CODE_SIZE];

	fixture_code(FIXTURE_NOW, 0, code);
	assert_int_equal(verify(&file, FIXTURE_NOW, "000000"), AUTH_WRONG);
	assert_int_equal(verify(&file, FIXTURE_NOW, "000000"), AUTH_WRONG);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_ACCEPTED);
	assert_int_equal(look(&file).failures, 0);
	close(file.fd);
}

/* What a policy of more tries leaves to one of fewer. */
static void tries_that_are_used_up_lock(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s = look(&file);
	char code[OTP_CODE_SIZE];

	fixture_code(FIXTURE_NOW, 0, code);
	s.failures = 3;
	assert_int_equal(auth_state_write(&file, &s), 0);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_LOCKED_NOW);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_LOCKED);
	assert_true(look(&file).locked);
	close(file.fd);
}

/* Nothing can be written: nothing is judged. */
static void no_durable_count_no_answer(void **state)
{
	struct workspace *w = *state;
	struct auth_file file = fixture_file(w);
	struct auth_answer answer;
	char code[OTP_CODE_SIZE];
	int full = 0;

	close(file.fd);
	full = openat(w->fd, "hanako", O_RDONLY | O_CLOEXEC);
	assert_true(full >= 0);
	file.fd = full;
	fixture_code(FIXTURE_NOW, 0, code);
	assert_int_equal(auth_verify(&file, &RULES, code, FIXTURE_NOW, &answer), ERR_IO);
	assert_int_equal(answer.outcome, 0);
	close(full);
}

static void weak_token_is_refused(void **state)
{
	struct auth_rules eight = RULES;
	struct auth_rules quick = RULES;
	const struct auth_file file = fixture_file(*state);
	struct auth_answer answer;
	char code[OTP_CODE_SIZE];

	eight.digits = 8;
	quick.step = 15;
	fixture_code(FIXTURE_NOW, 0, code);
	assert_int_equal(auth_verify(&file, &eight, code, FIXTURE_NOW, &answer), 0);
	assert_int_equal(answer.outcome, AUTH_WEAK);
	assert_int_equal(auth_verify(&file, &quick, code, FIXTURE_NOW, &answer), 0);
	assert_int_equal(answer.outcome, AUTH_WEAK);
	assert_int_equal(look(&file).failures, 0);
	/* Who does not have it hears what everybody does. */
	assert_int_equal(auth_verify(&file, &eight, "000000", FIXTURE_NOW, &answer), 0);
	assert_int_equal(answer.outcome, AUTH_WRONG);
	assert_int_equal(answer.left, 2);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_ACCEPTED);
	close(file.fd);
}

/* The terminal's clock is set back by half a day: no code of before is good again, no right one
 * counts as a failure, and it is no wrong code that is spoken of. */
static void clock_that_was_set_back(void **state)
{
	static const int64_t early = FIXTURE_NOW - 43200;
	const struct auth_file file = fixture_file(*state);
	char code[OTP_CODE_SIZE];

	fixture_code(FIXTURE_NOW, 0, code);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_ACCEPTED);
	assert_int_equal(verify(&file, early, code), AUTH_CLOCK);
	fixture_code(early, 0, code); /* as the terminal's clock has it */
	assert_int_equal(verify(&file, early, code), AUTH_CLOCK);
	fixture_code(early, 1, code);
	assert_int_equal(verify(&file, early, code), AUTH_CLOCK);
	fixture_code(FIXTURE_NOW, 5, code); /* as the person's has it */
	assert_int_equal(verify(&file, early, code), AUTH_CLOCK);
	assert_int_equal(look(&file).failures, 0);
	fixture_code(FIXTURE_NOW, -1, code);
	assert_int_equal(verify(&file, early, code), AUTH_WRONG);
	assert_int_equal(verify(&file, early, "000000"), AUTH_WRONG);
	assert_int_equal(look(&file).failures, 2);
	fixture_code(FIXTURE_NOW, 5, code); /* and set right again */
	assert_int_equal(verify(&file, FIXTURE_NOW + 150, code), AUTH_ACCEPTED);
	close(file.fd);
}

/* ... and forward: codes go on from there, and none of before. */
static void clock_that_was_set_forward(void **state)
{
	static const int64_t late = FIXTURE_NOW + 86400;
	const struct auth_file file = fixture_file(*state);
	char code[OTP_CODE_SIZE];

	fixture_code(FIXTURE_NOW, 0, code);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_ACCEPTED);
	assert_int_equal(verify(&file, late, code), AUTH_WRONG);
	fixture_code(late, 0, code);
	assert_int_equal(verify(&file, late, code), AUTH_ACCEPTED);
	fixture_code(FIXTURE_NOW, 3, code);
	assert_int_equal(verify(&file, FIXTURE_NOW + 90, code), AUTH_CLOCK);
	assert_int_equal(look(&file).failures, 0);
	close(file.fd);
}

/* HOTP and a second authenticator beside the first. */
static struct auth_file several_tokens(const struct workspace *w)
{
	const struct auth_file file = fixture_file(w);
	struct auth_state s = look(&file);
	struct auth_token hotp = hotp_token();
	struct auth_token backup = s.tokens[0];

	memcpy(backup.otp.secret, "another secret of 20", 20);
	assert_int_equal(auth_state_add(&s, &backup), 0);
	assert_int_equal(auth_state_add(&s, &hotp), 0);
	assert_int_equal(auth_state_write(&file, &s), 0);
	return file;
}

static struct auth_answer verify_both(const struct auth_file *file, const char *code)
{
	struct auth_answer answer;

	assert_int_equal(auth_verify(file, &RULES_BOTH, code, FIXTURE_NOW, &answer), 0);
	return answer;
}

static void any_token_of_a_person_will_do(void **state)
{
	const struct auth_file file = several_tokens(*state);
	struct auth_state s = look(&file);
	char code[OTP_CODE_SIZE] = "";
	struct auth_answer answer;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(otp_code(&s.tokens[i], FIXTURE_NOW / 30, code), 0);
		answer = verify_both(&file, code);
		assert_int_equal(answer.outcome, AUTH_ACCEPTED);
		assert_int_equal(answer.token, i + 1);
		assert_int_equal(answer.kind, TOKEN_TOTP);
		assert_int_equal(verify_both(&file, code).outcome, AUTH_SPENT);
	}
	answer = verify_both(&file, "755224");
	assert_int_equal(answer.outcome, AUTH_ACCEPTED);
	assert_int_equal(answer.token, 3);
	assert_int_equal(answer.kind, TOKEN_HOTP);
	assert_int_equal(look(&file).tokens[2].last_used, FIXTURE_NOW);
	assert_int_equal(verify_both(&file, "755224").outcome, AUTH_WRONG);
	/* A policy that does not name HOTP takes none. */
	assert_int_equal(verify(&file, FIXTURE_NOW, "287082"), AUTH_WEAK);
	assert_int_equal(verify_both(&file, "287082").outcome, AUTH_ACCEPTED);
	close(file.fd);
}

/* RFC 4226 section 7.4: a token that was pressed 40 times comes back with two codes in a row. */
static void hotp_is_brought_back(void **state)
{
	const struct auth_file file = several_tokens(*state);
	struct auth_token t = hotp_token();
	char one[OTP_CODE_SIZE] = "";
	char two[OTP_CODE_SIZE] = "";
	char four[OTP_CODE_SIZE] = "";

	assert_int_equal(otp_code(&t, 40, one), 0);
	assert_int_equal(otp_code(&t, 41, two), 0);
	assert_int_equal(otp_code(&t, 43, four), 0);
	assert_int_equal(verify_both(&file, one).outcome, AUTH_WRONG);
	assert_int_equal(verify_both(&file, four).outcome, AUTH_WRONG); /* not in a row */
	assert_int_equal(verify_both(&file, two).outcome, AUTH_LOCKED_NOW);
	close(file.fd);

	const struct auth_file again = several_tokens(*state);
	assert_int_equal(verify_both(&again, one).outcome, AUTH_WRONG);
	assert_int_equal(verify_both(&again, two).outcome, AUTH_ACCEPTED);
	assert_int_equal(look(&again).tokens[2].otp.counter, 42);
	assert_int_equal(look(&again).tokens[2].otp.resync, 0);
	assert_int_equal(look(&again).failures, 0);
	assert_int_equal(verify_both(&again, two).outcome, AUTH_WRONG);
	close(again.fd);
}

static void hotp_looks_ahead_so_far(void **state)
{
	struct auth_token t = hotp_token();
	char code[OTP_CODE_SIZE] = "";

	assert_int_equal(otp_code(&t, OTP_LOOK_AHEAD - 1, code), 0);
	const struct auth_file file = several_tokens(*state);
	assert_int_equal(verify_both(&file, code).outcome, AUTH_ACCEPTED);
	close(file.fd);
	assert_int_equal(otp_code(&t, OTP_LOOK_AHEAD, code), 0);
	const struct auth_file again = several_tokens(*state);
	assert_int_equal(verify_both(&again, code).outcome, AUTH_WRONG);
	close(again.fd);
}

static void decoy_never_accepts_and_locks(void **state)
{
	struct auth_file file = fixture_decoy(*state);
	struct auth_state s;
	char code[OTP_CODE_SIZE] = "";
	bool owner = true;

	assert_int_equal(auth_state_decoy_area(&file), 0);
	assert_int_equal(verify(&file, FIXTURE_NOW, "000000"), AUTH_WRONG);
	s = look(&file);
	assert_int_equal(otp_code(&s.tokens[0], FIXTURE_NOW / 30, code), 0);
	assert_int_equal(verify(&file, FIXTURE_NOW, code), AUTH_WRONG);
	assert_int_equal(auth_verify_owner(&file, 0, &owner), 0);
	assert_false(owner);
	assert_int_equal(verify(&file, FIXTURE_NOW, "000000"), AUTH_LOCKED_NOW);
	assert_int_equal(verify(&file, FIXTURE_NOW, "000000"), AUTH_LOCKED);
	close(file.fd);
}

static void owner_is_the_enrolled_uid(void **state)
{
	const struct auth_file file = fixture_file(*state);
	bool owner = false;

	assert_int_equal(auth_verify_owner(&file, FIXTURE_UID, &owner), 0);
	assert_true(owner);
	assert_int_equal(auth_verify_owner(&file, FIXTURE_UID + 1, &owner), 0);
	assert_false(owner);
	close(file.fd);
}

enum { RACERS = 20, ROUNDS = 10 };

static int race(const struct workspace *w, int64_t now, const char *code)
{
	pid_t pids[RACERS];
	int start[2];
	int accepted = 0;
	int status = 0;

	assert_int_equal(pipe(start), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct auth_file file =
			        fixture_of(openat(w->fd, "hanako", O_RDWR | O_CLOEXEC));
			struct auth_answer answer;
			char byte;

			close(start[1]);
			(void)!read(start[0], &byte, 1); /* all at once, when the pipe closes */
			if (auth_verify(&file, &RULES, code, now, &answer) != 0)
				_exit(99);
			_exit((int)answer.outcome);
		}
	}
	close(start[0]);
	close(start[1]);
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_true(
		        WEXITSTATUS(status) == AUTH_ACCEPTED || WEXITSTATUS(status) == AUTH_SPENT);
		accepted += WEXITSTATUS(status) == AUTH_ACCEPTED;
	}
	return accepted;
}

static const struct auth_rules RULES_CARD = {.max_failures = 3,
        .digits = 6,
        .step = 30,
        .window = 1,
        .combinations = {.count = 1, .factors = {FACTOR_CARD | FACTOR_PIN}}};
static const uint8_t OTHERS[TOKEN_FINGERPRINT_SIZE] = {9};

static void enrol_card(const struct auth_file *file, uint8_t fingerprint[TOKEN_FINGERPRINT_SIZE])
{
	struct auth_token card = {.kind = TOKEN_CARD, .card.fingerprint = {1, 2, 3}};
	struct auth_state state;

	memcpy(fingerprint, card.card.fingerprint, TOKEN_FINGERPRINT_SIZE);
	assert_int_equal(auth_state_read(file, &state), 0);
	assert_int_equal(auth_state_add(&state, &card), 0);
	assert_int_equal(auth_state_write(file, &state), 0);
	assert_int_equal(auth_state_add(&state, &card), ERR_EXISTS);
}

static enum auth_outcome show_card(const struct auth_file *file, const struct auth_rules *rules,
        enum card_proof proof, const uint8_t *fingerprint)
{
	struct auth_answer answer;

	assert_int_equal(
	        auth_verify_card(file, rules, proof, fingerprint, FIXTURE_NOW, &answer), 0);
	return answer.outcome;
}

static void card_is_the_users_or_nothing(void **state)
{
	const struct auth_file file = fixture_file(*state);
	uint8_t mine[TOKEN_FINGERPRINT_SIZE];
	bool holds = false;

	enrol_card(&file, mine);
	assert_int_equal(auth_verify_holds(&file, mine, &holds), 0);
	assert_true(holds);
	assert_int_equal(auth_verify_holds(&file, OTHERS, &holds), 0);
	assert_false(holds);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, mine), AUTH_ACCEPTED);
	assert_int_equal(look(&file).failures, 0);
	assert_int_equal(look(&file).tokens[1].last_used, FIXTURE_NOW);
	/* A policy that does not take cards. */
	assert_int_equal(show_card(&file, &RULES, PROOF_GOOD, mine), AUTH_WRONG);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, mine), AUTH_ACCEPTED);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, OTHERS), AUTH_WRONG);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_WRONG, mine), AUTH_WRONG);
	assert_int_equal(look(&file).failures, 2);
	/* What the card never judged is no failure, and no success. */
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_NONE, mine), AUTH_NOT_JUDGED);
	assert_int_equal(look(&file).failures, 2);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_WRONG, mine), AUTH_LOCKED_NOW);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, mine), AUTH_LOCKED);
	close(file.fd);
}

/* Locked between the PIN and the signature, by another login: the card comes too late. */
static void card_does_not_undo_a_lock(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_answer answer;
	uint8_t mine[TOKEN_FINGERPRINT_SIZE];

	enrol_card(&file, mine);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_WRONG, mine), AUTH_WRONG);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_WRONG, mine), AUTH_WRONG);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_WRONG, mine), AUTH_LOCKED_NOW);
	assert_int_equal(
	        auth_verify_card(&file, &RULES_CARD, PROOF_GOOD, mine, FIXTURE_NOW, &answer), 0);
	assert_int_equal(answer.outcome, AUTH_LOCKED);
	assert_true(look(&file).locked);
	close(file.fd);
}

/* Within the hour of its last use, and with nothing to forgive, a card's login writes nothing. */
static void cards_use_is_kept_by_the_hour(void **state)
{
	static const struct {
		int64_t after;
		bool written;
	} uses[] = {{0, true}, {60, false}, {3599, false}, {3600, true}, {3590, true}};
	const struct auth_file file = fixture_file(*state);
	uint8_t mine[TOKEN_FINGERPRINT_SIZE];
	struct auth_answer answer;

	enrol_card(&file, mine);
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		uint64_t before = look(&file).generation;

		assert_int_equal(auth_verify_card(&file, &RULES_CARD, PROOF_GOOD, mine,
		                         FIXTURE_NOW + uses[i].after, &answer),
		        0);
		assert_int_equal(answer.outcome, AUTH_ACCEPTED);
		assert_int_equal(look(&file).generation - before, uses[i].written);
	}
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_WRONG, mine), AUTH_WRONG);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, mine), AUTH_ACCEPTED);
	assert_int_equal(look(&file).failures, 0);
	close(file.fd);
}

static void decoy_holds_no_card(void **state)
{
	const struct auth_file file = fixture_decoy(*state);
	bool holds = true;

	assert_int_equal(auth_verify_holds(&file, OTHERS, &holds), 0);
	assert_false(holds);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, OTHERS), AUTH_WRONG);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, OTHERS), AUTH_WRONG);
	assert_int_equal(show_card(&file, &RULES_CARD, PROOF_GOOD, OTHERS), AUTH_LOCKED_NOW);
	close(file.fd);
}

static const struct auth_rules RULES_KEY = {.max_failures = 3,
        .digits = 6,
        .step = 30,
        .window = 1,
        .combinations = {.count = 1, .factors = {FACTOR_KEY | FACTOR_PIN}},
        .party = "sekisho.mito-2026"};
static const uint8_t HASH[FIDO2_HASH_SIZE] = {3};

/* What the key answers: present and verified, with this counter. */
static void sign_as_key(EVP_PKEY *key, uint8_t counter, struct fido2_result *r)
{
	uint8_t bytes[37 + FIDO2_HASH_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	*r = (struct fido2_result){.answer = FIDO2_DONE,
	        .credential = {.length = 4, .bytes = {1, 2, 3, 4}},
	        .data_length = 37,
	        .signature_length = sizeof(r->signature)};
	assert_int_equal(encode_sha256(RULES_KEY.party, strlen(RULES_KEY.party), r->data), 0);
	r->data[32] = 0x05;
	r->data[36] = counter;
	memcpy(bytes, r->data, 37);
	memcpy(bytes + 37, HASH, sizeof(HASH));
	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(
	        EVP_DigestSign(context, r->signature, &r->signature_length, bytes, sizeof(bytes)),
	        1);
	EVP_MD_CTX_free(context);
}

static EVP_PKEY *enrol_key(const struct auth_file *file)
{
	struct auth_token token = {.kind = TOKEN_KEY,
	        .key = {.credential_length = 4, .credential = {1, 2, 3, 4}, .counter = 10}};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t point[65];
	struct auth_state state;
	size_t length = 0;

	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_octet_string_param(
	                         key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &length),
	        1);
	memcpy(token.key.point, point + 1, TOKEN_POINT_SIZE);
	assert_int_equal(auth_state_read(file, &state), 0);
	assert_int_equal(auth_state_add(&state, &token), 0);
	assert_int_equal(auth_state_write(file, &state), 0);
	return key;
}

static enum auth_outcome show_key(const struct auth_file *file, const struct auth_rules *rules,
        enum card_proof proof, const struct fido2_result *r, enum fido2_fault *fault)
{
	const struct auth_key_claim claim = {proof, HASH, FACTOR_KEY | FACTOR_PIN, r};
	struct auth_answer answer;

	assert_int_equal(auth_verify_key(file, rules, &claim, FIXTURE_NOW, &answer, fault), 0);
	return answer.outcome;
}

static void key_signs_and_counts_or_nothing(void **state)
{
	const struct auth_file file = fixture_file(*state);
	const struct auth_file decoy = fixture_decoy(*state);
	EVP_PKEY *key = enrol_key(&file);
	struct fido2_result r;
	enum fido2_fault fault = FIDO2_GOOD;

	sign_as_key(key, 11, &r);
	assert_int_equal(show_key(&decoy, &RULES_KEY, PROOF_GOOD, &r, &fault), AUTH_WRONG);
	assert_int_equal(show_key(&file, &RULES, PROOF_GOOD, &r, &fault), AUTH_WRONG);
	assert_int_equal(show_key(&file, &RULES_CARD, PROOF_GOOD, &r, &fault), AUTH_WRONG);
	assert_int_equal(look(&file).tokens[1].key.counter, 10);
	assert_int_equal(show_key(&file, &RULES_KEY, PROOF_GOOD, &r, &fault), AUTH_ACCEPTED);
	assert_int_equal(look(&file).failures, 0);
	assert_int_equal(look(&file).tokens[1].key.counter, 11);
	assert_int_equal(look(&file).tokens[1].last_used, FIXTURE_NOW);
	/* The same answer once more: its counter did not grow. */
	assert_int_equal(show_key(&file, &RULES_KEY, PROOF_GOOD, &r, &fault), AUTH_WRONG);
	assert_int_equal(fault, FIDO2_COUNTED_BACK);
	assert_int_equal(show_key(&file, &RULES_KEY, PROOF_NONE, &r, &fault), AUTH_NOT_JUDGED);
	assert_int_equal(look(&file).failures, 1);
	sign_as_key(key, 12, &r);
	r.credential.bytes[0] = 9; /* not the user's */
	assert_int_equal(show_key(&file, &RULES_KEY, PROOF_GOOD, &r, &fault), AUTH_WRONG);
	assert_int_equal(show_key(&file, &RULES_KEY, PROOF_WRONG, &r, &fault), AUTH_LOCKED_NOW);
	r.credential.bytes[0] = 1;
	assert_int_equal(show_key(&file, &RULES_KEY, PROOF_GOOD, &r, &fault), AUTH_LOCKED);
	assert_int_equal(look(&file).tokens[1].key.counter, 11);
	EVP_PKEY_free(key);
	close(decoy.fd);
	close(file.fd);
}

static void credentials_are_asked_of_everybody(void **state)
{
	const struct auth_file files[2] = {fixture_file(*state), fixture_decoy(*state)};
	struct fido2_credentials first;
	struct fido2_credentials again;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(auth_verify_credentials(&files[i], "hanako", &first), 0);
		assert_int_equal(auth_verify_credentials(&files[i], "hanako", &again), 0);
		assert_int_equal(first.count, 1);
		assert_int_equal(first.list[0].length, 64);
		assert_memory_equal(first.list[0].bytes, again.list[0].bytes, 64);
		assert_int_equal(auth_verify_credentials(&files[i], "jiro", &again), 0);
		assert_memory_not_equal(first.list[0].bytes, again.list[0].bytes, 64);
	}
	EVP_PKEY_free(enrol_key(&files[0]));
	assert_int_equal(auth_verify_credentials(&files[0], "hanako", &again), 0);
	assert_int_equal(again.count, 1);
	assert_int_equal(again.list[0].length, 4);
	close(files[0].fd);
	close(files[1].fd);
}

static void same_code_at_once_is_accepted_once(void **state)
{
	const struct auth_file file = fixture_file(*state);
	char code[OTP_CODE_SIZE];

	for (int round = 0; round < ROUNDS; round++) {
		int64_t now = FIXTURE_NOW + 30 * round;

		fixture_code(now, 0, code);
		assert_int_equal(race(*state, now, code), 1);
	}
	assert_int_equal(look(&file).failures, 0);
	close(file.fd);
}

enum { TODAY = 12860 /* of FIXTURE_NOW, in UTC */ };

static void give_voucher(const struct auth_file *file, char code[static VOUCHER_CODE_SIZE])
{
	struct auth_state s;
	struct voucher v = {0};

	assert_int_equal(voucher_make(&v, code), 0);
	assert_int_equal(auth_state_read(file, &s), 0);
	s.voucher = (struct auth_voucher){.day = TODAY};
	memcpy(s.voucher.id, v.id, sizeof(v.id));
	memcpy(s.voucher.salt, v.salt, sizeof(v.salt));
	memcpy(s.voucher.hash, v.hash, sizeof(v.hash));
	assert_int_equal(auth_state_write(file, &s), 0);
}

static enum auth_outcome show_voucher(const struct auth_file *file, const struct auth_rules *rules,
        const char *code, int32_t today)
{
	struct auth_answer answer;
	uint8_t id[VOUCHER_ID_SIZE];

	assert_int_equal(
	        auth_verify_voucher(file, rules, code, today, FIXTURE_NOW, &answer, id), 0);
	return answer.outcome;
}

static void voucher_counts_once_on_its_day(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_rules rules = RULES;
	struct auth_session session;
	struct auth_visit visit = {.at = FIXTURE_NOW + 1};
	char code[VOUCHER_CODE_SIZE];

	rules.max_failures = 10;
	rules.voucher = true;
	assert_int_equal(show_voucher(&file, &rules, "0123456789012345", TODAY), AUTH_WRONG);
	give_voucher(&file, code);
	assert_int_equal(show_voucher(&file, &RULES, code, TODAY), AUTH_WRONG);
	assert_int_equal(show_voucher(&file, &rules, code, 0), AUTH_WRONG);
	assert_int_equal(show_voucher(&file, &rules, code, TODAY + 1), AUTH_WRONG);
	assert_int_equal(show_voucher(&file, &rules, code, TODAY - 1), AUTH_WRONG);
	assert_int_equal(show_voucher(&file, &rules, "0123456789012345", TODAY), AUTH_WRONG);
	assert_int_equal(show_voucher(&file, &rules, code, TODAY), AUTH_ACCEPTED);
	assert_int_equal(auth_verify_session(&file, &visit, true, &session), 0);
	assert_int_equal(session.kind, TOKEN_VOUCHER);
	assert_string_equal(token_kind_name(session.kind), "voucher");
	assert_int_equal(show_voucher(&file, &rules, code, TODAY), AUTH_SPENT);
	assert_int_equal(show_voucher(&file, &rules, code, TODAY + 1), AUTH_WRONG);
	visit.at++;
	assert_int_equal(auth_verify_session(&file, &visit, true, &session), 0);
	assert_int_equal(session.kind, TOKEN_NONE);
	close(file.fd);
}

static void voucher_does_not_undo_a_lock(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_rules rules = RULES;
	char code[VOUCHER_CODE_SIZE];

	rules.voucher = true;
	give_voucher(&file, code);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
		        show_voucher(&file, &rules, "0123456789012345", TODAY), AUTH_WRONG);
	assert_int_equal(show_voucher(&file, &rules, "0123456789012345", TODAY), AUTH_LOCKED_NOW);
	assert_int_equal(show_voucher(&file, &rules, code, TODAY), AUTH_LOCKED);
	close(file.fd);
}

static void decoy_takes_no_voucher(void **state)
{
	const struct auth_file file = fixture_decoy(*state);
	struct auth_rules rules = RULES;
	struct auth_state s;
	char code[VOUCHER_CODE_SIZE];

	rules.voucher = true;
	assert_int_equal(show_voucher(&file, &rules, "0123456789012345", TODAY), AUTH_WRONG);
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(s.failures, 1);
	give_voucher(&file, code);
	assert_int_equal(show_voucher(&file, &rules, code, TODAY), AUTH_WRONG);
	assert_int_equal(show_voucher(&file, &rules, code, TODAY), AUTH_LOCKED_NOW);
	close(file.fd);
}

/* Eight at once: one is let in. */
static void voucher_at_once_is_accepted_once(void **state)
{
	const struct workspace *w = *state;
	struct auth_file file = fixture_file(w);
	struct auth_rules rules = RULES;
	char code[VOUCHER_CODE_SIZE];
	unsigned accepted = 0;

	rules.voucher = true;
	give_voucher(&file, code);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			/* A lock is an open file description's: each has its own. */
			struct auth_file own =
			        fixture_of(openat(w->fd, "hanako", O_RDWR | O_CLOEXEC));

			_exit(show_voucher(&own, &rules, code, TODAY) == AUTH_ACCEPTED);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status = 0;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		accepted += WEXITSTATUS(status) == 1;
	}
	assert_int_equal(accepted, 1);
	close(file.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rfc6238_vectors),
	        cmocka_unit_test(rfc4226_vectors),
	        cmocka_unit_test(window_is_the_policys),
	        cmocka_unit_test(fold),
	        cmocka_unit_test_setup_teardown(
	                used_code_is_refused, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                three_wrong_codes_lock, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                right_code_starts_the_count_anew, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                tries_that_are_used_up_lock, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                no_durable_count_no_answer, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                weak_token_is_refused, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                clock_that_was_set_back, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                clock_that_was_set_forward, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                any_token_of_a_person_will_do, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                hotp_is_brought_back, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                hotp_looks_ahead_so_far, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                decoy_never_accepts_and_locks, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                owner_is_the_enrolled_uid, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                card_is_the_users_or_nothing, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                cards_use_is_kept_by_the_hour, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                card_does_not_undo_a_lock, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                decoy_holds_no_card, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                key_signs_and_counts_or_nothing, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                credentials_are_asked_of_everybody, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                voucher_counts_once_on_its_day, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                voucher_does_not_undo_a_lock, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                decoy_takes_no_voucher, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                voucher_at_once_is_accepted_once, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                same_code_at_once_is_accepted_once, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
