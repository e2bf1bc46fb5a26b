#include "agent/auth_verify.h"

#include <openssl/crypto.h>
#include <string.h>

#include "agent/auth_otp.h"
#include "core/encode.h"
#include "core/error.h"

/* A login that waits longer for others of the same user than this was not a person's. */
enum { LOCK_TIMEOUT_MS = 10000, USE_SECONDS = 3600 };

static int read_state(const struct auth_file *file, struct auth_state *state)
{
	int error = auth_state_read(file, state);

	return error == ERR_NOT_FOUND && file->decoy ? auth_state_decoy(state) : error;
}

/* A policy that allows fewer tries than the one before finds no flag. */
static bool is_locked(const struct auth_state *state, const struct auth_rules *rules)
{
	return state->locked || state->failures >= rules->max_failures;
}

static bool otp_is_usable(const struct auth_token *token, const struct auth_rules *rules)
{
	if (!token_is_otp(token) || token->otp.digits < rules->digits)
		return false;
	return login_allows(&rules->combinations, token_factor(token->kind)) &&
	       (token->kind == TOKEN_HOTP || token->otp.step <= rules->step);
}

/* What all tokens say of a code. */
struct judgement {
	enum otp_verdict verdict;
	uint64_t counter;
	struct auth_token *token;
	bool weak; /* it is the code of a token that the policy does not take */
};

/* The code belongs to one token; that one of another person's devices shows the same by chance
 * makes no difference to what either may do. */
static int judge_tokens(struct auth_state *state, const struct auth_rules *rules, const char *code,
        int64_t now, struct judgement *j)
{
	*j = (struct judgement){0};
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		struct auth_token *token = &state->tokens[i];
		enum otp_verdict verdict = OTP_WRONG;
		uint64_t counter = 0;

		if (!token_is_otp(token))
			continue;
		if (otp_judge(token, now, rules->window, code, &verdict, &counter) != 0)
			return ERR_CRYPTO;
		if (!otp_is_usable(token, rules)) {
			j->weak |= verdict == OTP_RIGHT || verdict == OTP_SPENT;
			continue;
		}
		if (token->kind == TOKEN_HOTP)
			token->otp.resync = verdict == OTP_AHEAD ? counter : 0;
		if (verdict == OTP_WRONG || verdict == OTP_AHEAD || j->verdict == OTP_RIGHT)
			continue;
		*j = (struct judgement){verdict, counter, token, j->weak};
	}
	return 0;
}

static int accept(const struct auth_file *file, struct auth_state *state, const struct judgement *j,
        int64_t now, struct auth_answer *answer)
{
	state->failures = 0;
	otp_spend(j->token, j->counter);
	j->token->last_used = now;
	answer->outcome = AUTH_ACCEPTED;
	return auth_state_write(file, state);
}

static int refuse(const struct auth_file *file, const struct auth_rules *rules,
        struct auth_state *state, struct auth_answer *answer)
{
	state->locked = state->failures >= rules->max_failures;
	answer->outcome = state->locked ? AUTH_LOCKED_NOW : AUTH_WRONG;
	answer->left = state->locked ? 0 : rules->max_failures - state->failures;
	return auth_state_write(file, state);
}

/* What is found is on the disk before anybody hears of it, so whoever kills us before that has
 * learnt nothing, and has taken no try from the person either. */
static int judge(const struct auth_file *file, const struct auth_rules *rules, const char *code,
        int64_t now, struct auth_state *state, struct auth_answer *answer)
{
	struct judgement j = {0};
	int error = judge_tokens(state, rules, code, now, &j);

	if (error != 0)
		return error;
	if (file->decoy)
		j = (struct judgement){0}; /* a decoy's secret can be guessed too */
	if (j.verdict == OTP_WRONG && j.weak) {
		answer->outcome = AUTH_WEAK;
		return 0;
	}
	if (j.verdict == OTP_WRONG) {
		state->failures++;
		return refuse(file, rules, state, answer);
	}
	answer->kind = j.token->kind;
	answer->token = j.token->id;
	if (j.verdict == OTP_RIGHT)
		return accept(file, state, &j, now, answer);
	answer->outcome = j.verdict == OTP_BEHIND ? AUTH_CLOCK : AUTH_SPENT;
	return 0;
}

static int verify_locked_file(const struct auth_file *file, const struct auth_rules *rules,
        const char *code, int64_t now, struct auth_answer *answer)
{
	struct auth_state state;
	int error = read_state(file, &state);

	if (error != 0)
		goto out;
	if (is_locked(&state, rules)) {
		answer->outcome = state.locked ? AUTH_LOCKED : AUTH_LOCKED_NOW;
		if (state.locked)
			goto out;
		state.locked = true;
		error = auth_state_write(file, &state);
	} else {
		error = judge(file, rules, code, now, &state, answer);
	}
out:
	explicit_bzero(&state, sizeof(state));
	return error;
}

int auth_verify(const struct auth_file *file, const struct auth_rules *rules, const char *code,
        int64_t now, struct auth_answer *answer)
{
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*answer = (struct auth_answer){0};
	if (error != 0)
		return error;
	error = verify_locked_file(file, rules, code, now, answer);
	auth_state_unlock(file);
	if (error != 0)
		*answer = (struct auth_answer){0};
	return error;
}

/* Who has none is judged by a hash of nothing, in the same time. */
static int judge_voucher(const struct auth_file *file, const struct auth_rules *rules,
        const char *code, int32_t today, int64_t now, struct auth_state *state,
        struct auth_answer *answer)
{
	struct auth_voucher *v = &state->voucher;
	uint8_t hash[VOUCHER_HASH_SIZE];
	bool right = false;
	int error = voucher_hash(code, v->salt, hash);

	if (error != 0)
		return error;
	right = CRYPTO_memcmp(hash, v->hash, sizeof(hash)) == 0;
	explicit_bzero(hash, sizeof(hash));
	if (is_locked(state, rules)) {
		answer->outcome = AUTH_LOCKED;
		return 0;
	}
	if (!right || file->decoy || !rules->voucher || today == 0 || v->day != today) {
		state->failures++;
		return refuse(file, rules, state, answer);
	}
	answer->kind = (enum token_kind)TOKEN_VOUCHER;
	answer->outcome = v->used_at == 0 ? AUTH_ACCEPTED : AUTH_SPENT;
	if (answer->outcome == AUTH_SPENT)
		return 0;
	state->failures = 0;
	/* At a clock that was never set it is used all the same. */
	v->used_at = now > 0 ? now : 1;
	return auth_state_write(file, state);
}

int auth_verify_voucher(const struct auth_file *file, const struct auth_rules *rules,
        const char *code, int32_t today, int64_t now, struct auth_answer *answer,
        uint8_t id[static VOUCHER_ID_SIZE])
{
	struct auth_state state = {0};
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*answer = (struct auth_answer){0};
	if (error != 0)
		return error;
	error = read_state(file, &state);
	if (error == 0)
		error = judge_voucher(file, rules, code, today, now, &state, answer);
	auth_state_unlock(file);
	memcpy(id, state.voucher.id, VOUCHER_ID_SIZE);
	explicit_bzero(&state, sizeof(state));
	if (error != 0)
		*answer = (struct auth_answer){0};
	return error;
}

static struct auth_token *find_card(struct auth_state *state, const uint8_t *fingerprint)
{
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		struct auth_token *token = &state->tokens[i];

		if (token->kind == TOKEN_CARD &&
		        memcmp(token->card.fingerprint, fingerprint, TOKEN_FINGERPRINT_SIZE) == 0)
			return token;
	}
	return NULL;
}

/* A card's login spends nothing, and when it was last used is asked for in days: the disk, which a
 * counter waits for, is left alone where there is nothing to forgive. */
static bool is_worth_writing(
        const struct auth_state *state, const struct auth_token *card, int64_t now)
{
	return state->failures != 0 || now < card->last_used ||
	       now - card->last_used >= USE_SECONDS;
}

static int judge_card(const struct auth_file *file, const struct auth_rules *rules,
        enum card_proof proof, const uint8_t *fingerprint, int64_t now, struct auth_state *state,
        struct auth_answer *answer)
{
	struct auth_token *token = file->decoy ? NULL : find_card(state, fingerprint);

	if (is_locked(state, rules)) {
		answer->outcome = AUTH_LOCKED;
		return 0;
	}
	if (proof == PROOF_NONE) {
		answer->outcome = AUTH_NOT_JUDGED;
		return 0;
	}
	if (proof != PROOF_GOOD || token == NULL ||
	        !login_satisfied(&rules->combinations, FACTOR_CARD | FACTOR_PIN)) {
		state->failures++;
		return refuse(file, rules, state, answer);
	}
	answer->outcome = AUTH_ACCEPTED;
	answer->kind = token->kind;
	answer->token = token->id;
	if (!is_worth_writing(state, token, now))
		return 0;
	state->failures = 0;
	token->last_used = now;
	return auth_state_write(file, state);
}

int auth_verify_card(const struct auth_file *file, const struct auth_rules *rules,
        enum card_proof proof, const uint8_t fingerprint[static TOKEN_FINGERPRINT_SIZE],
        int64_t now, struct auth_answer *answer)
{
	struct auth_state state = {0};
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*answer = (struct auth_answer){0};
	if (error != 0)
		return error;
	error = read_state(file, &state);
	if (error == 0)
		error = judge_card(file, rules, proof, fingerprint, now, &state, answer);
	auth_state_unlock(file);
	explicit_bzero(&state, sizeof(state));
	if (error != 0)
		*answer = (struct auth_answer){0};
	return error;
}

static void add_credential(const struct auth_token *token, struct fido2_credentials *list)
{
	struct fido2_credential *c = &list->list[list->count++];

	c->length = token->key.credential_length;
	memcpy(c->bytes, token->key.credential, c->length);
}

/* There is one: a state without is none. */
static const struct auth_token *first_token(const struct auth_state *state)
{
	size_t i = 0;

	while (i < AUTH_TOKENS_MAX - 1 && state->tokens[i].kind == TOKEN_NONE)
		i++;
	return &state->tokens[i];
}

/* One that is as long as keys make them; from what only this user's state holds, one way. */
static int invent_credential(
        const struct auth_state *state, const char *user, struct fido2_credentials *list)
{
	static const char name[] = "sekisho-key-none-1";
	const struct auth_token *token = first_token(state);
	uint8_t bytes[sizeof(name) + 1 + AUTH_USER_MAX + TOKEN_SECRET_MAX] = {0};
	uint8_t *secret = bytes + sizeof(name) + 1 + AUTH_USER_MAX;
	struct fido2_credential *c = &list->list[0];
	int error = 0;

	memcpy(bytes, name, sizeof(name));
	memcpy(bytes + sizeof(name) + 1, user, strnlen(user, AUTH_USER_MAX));
	if (token_is_otp(token))
		memcpy(secret, token->otp.secret, token->otp.secret_length);
	else
		memcpy(secret, token->card.fingerprint, TOKEN_FINGERPRINT_SIZE);
	for (uint8_t half = 0; error == 0 && half < 2; half++) {
		bytes[sizeof(name)] = half;
		error = encode_sha256(bytes, sizeof(bytes), c->bytes + (size_t)half * SHA256_SIZE);
	}
	explicit_bzero(bytes, sizeof(bytes));
	c->length = (size_t)2 * SHA256_SIZE;
	list->count = 1;
	return error;
}

int auth_verify_credentials(
        const struct auth_file *file, const char *user, struct fido2_credentials *list)
{
	struct auth_state state = {0};
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	list->count = 0;
	if (error != 0)
		return error;
	error = auth_state_read(file, &state);
	if (error == ERR_NOT_FOUND && file->decoy) {
		/* Kept, so that the next one asks for the same. */
		error = auth_state_decoy(&state);
		if (error == 0)
			error = auth_state_write(file, &state);
	}
	auth_state_unlock(file);
	for (size_t i = 0; error == 0 && !file->decoy && i < AUTH_TOKENS_MAX; i++)
		if (state.tokens[i].kind == TOKEN_KEY)
			add_credential(&state.tokens[i], list);
	if (error == 0 && list->count == 0)
		error = invent_credential(&state, user, list);
	explicit_bzero(&state, sizeof(state));
	return error;
}

static struct auth_token *find_key(
        struct auth_state *state, const struct fido2_credential *credential)
{
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		struct auth_token *token = &state->tokens[i];

		if (token->kind == TOKEN_KEY &&
		        token->key.credential_length == credential->length &&
		        memcmp(token->key.credential, credential->bytes, credential->length) == 0)
			return token;
	}
	return NULL;
}

static int judge_key(const struct auth_file *file, const struct auth_rules *rules,
        const struct auth_key_claim *claim, int64_t now, struct auth_state *state,
        struct auth_answer *answer, enum fido2_fault *fault)
{
	struct auth_token *token = file->decoy ? NULL : find_key(state, &claim->result->credential);
	uint32_t counter = 0;

	if (is_locked(state, rules)) {
		answer->outcome = AUTH_LOCKED;
		return 0;
	}
	if (claim->proof == PROOF_NONE) {
		answer->outcome = AUTH_NOT_JUDGED;
		return 0;
	}
	if (claim->proof == PROOF_GOOD && token != NULL && rules->party[0] != '\0') {
		*fault = fido2_check(
		        &token->key, rules->party, claim->hash, claim->result, &counter);
		answer->kind = token->kind;
		answer->token = token->id;
	}
	if (claim->proof != PROOF_GOOD || token == NULL || *fault != FIDO2_GOOD ||
	        !login_satisfied(&rules->combinations, claim->shown)) {
		state->failures++;
		return refuse(file, rules, state, answer);
	}
	state->failures = 0;
	token->last_used = now;
	token->key.counter = counter;
	answer->outcome = AUTH_ACCEPTED;
	return auth_state_write(file, state);
}

int auth_verify_key(const struct auth_file *file, const struct auth_rules *rules,
        const struct auth_key_claim *claim, int64_t now, struct auth_answer *answer,
        enum fido2_fault *fault)
{
	struct auth_state state = {0};
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*answer = (struct auth_answer){0};
	*fault = FIDO2_BROKEN;
	if (error != 0)
		return error;
	error = read_state(file, &state);
	if (error == 0)
		error = judge_key(file, rules, claim, now, &state, answer, fault);
	auth_state_unlock(file);
	explicit_bzero(&state, sizeof(state));
	if (error != 0)
		*answer = (struct auth_answer){0};
	return error;
}

static int look(const struct auth_file *file, struct auth_state *state)
{
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*state = (struct auth_state){0};
	if (error != 0)
		return error;
	error = read_state(file, state);
	auth_state_unlock(file);
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		if (token_is_otp(&state->tokens[i]))
			explicit_bzero(state->tokens[i].otp.secret, TOKEN_SECRET_MAX);
	return error;
}

int auth_verify_locked(const struct auth_file *file, const struct auth_rules *rules, bool *locked)
{
	struct auth_state state;
	int error = look(file, &state);

	*locked = error != 0 || is_locked(&state, rules);
	return error;
}

int auth_verify_person(const struct auth_file *file, struct auth_person *person)
{
	struct auth_state state;
	int error = look(file, &state);

	*person = state.person;
	return error;
}

static bool is_shown(int64_t used, const struct auth_state *state, int64_t now)
{
	return used > state->session_at && used <= now && now - used <= SESSION_SECONDS;
}

static const struct auth_token *last_shown(const struct auth_state *state, int64_t now)
{
	const struct auth_token *last = NULL;

	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		const struct auth_token *t = &state->tokens[i];

		if (t->kind != TOKEN_NONE && is_shown(t->last_used, state, now) &&
		        (last == NULL || t->last_used > last->last_used))
			last = t;
	}
	return last;
}

static void tell_shown(const struct auth_state *state, int64_t now, struct auth_session *session)
{
	const struct auth_token *token = last_shown(state, now);
	int64_t used = state->voucher.used_at;

	if (is_shown(used, state, now) && (token == NULL || used > token->last_used)) {
		session->kind = (enum token_kind)TOKEN_VOUCHER;
		return;
	}
	session->kind = token != NULL ? token->kind : TOKEN_NONE;
	session->token = token != NULL ? token->id : 0;
}

static int note_session(const struct auth_file *file, const struct auth_visit *visit, bool login,
        struct auth_session *session)
{
	struct auth_state state;
	int error = read_state(file, &state);

	if (error != 0)
		goto out;
	tell_shown(&state, visit->at, session);
	session->uid = state.uid;
	session->person = state.person;
	session->last = state.visit;
	state.session_at = visit->at;
	if (login)
		state.visit = *visit;
	error = auth_state_write(file, &state);
out:
	explicit_bzero(&state, sizeof(state));
	return error;
}

int auth_verify_session(const struct auth_file *file, const struct auth_visit *visit, bool login,
        struct auth_session *session)
{
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*session = (struct auth_session){0};
	if (error != 0)
		return error;
	error = note_session(file, visit, login, session);
	auth_state_unlock(file);
	return error;
}

int auth_verify_owner(const struct auth_file *file, uint32_t uid, bool *owner)
{
	struct auth_state state;
	int error = look(file, &state);

	*owner = error == 0 && !file->decoy && state.uid == uid;
	return error;
}

int auth_verify_holds(const struct auth_file *file,
        const uint8_t fingerprint[static TOKEN_FINGERPRINT_SIZE], bool *holds)
{
	struct auth_state state;
	int error = look(file, &state);

	*holds = error == 0 && !file->decoy && find_card(&state, fingerprint) != NULL;
	return error;
}
