/* A login by security key: auth_worker.h's authenticate_key(). */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/auth_worker.h"
#include "agent/fido2_client.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"

struct key_login {
	struct worker *w;
	int reader;     /* the process fido2 */
	bool other_too; /* the policy takes cards or codes as well */
	bool by_pin;    /* and what it takes of a key */
	bool by_fingerprint;
	struct fido2_found found;
	char pin[LOGIN_TEXT_MAX];
	char typed[LOGIN_TEXT_MAX]; /* a voucher's code instead of the key */
	uint8_t hash[FIDO2_HASH_SIZE];
	struct fido2_result result;
};

static enum login_result use_other(struct worker *w)
{
	return login_allows(&w->login->rules->combinations, FACTOR_CARD) ? authenticate_card(w)
	                                                                 : authenticate_code(w);
}

static const char *cause_of(const struct fido2_result *r, enum fido2_fault fault)
{
	switch (r->answer) {
	case FIDO2_WRONG_PIN:
		return "wrong-pin";
	case FIDO2_BLOCKED_PIN:
		return "pin-blocked";
	case FIDO2_LOCKED_PIN:
		return "pin-locked";
	case FIDO2_NOT_HELD:
		return "not-the-users-key";
	case FIDO2_WRONG_FINGER:
		return "wrong-fingerprint";
	case FIDO2_BLOCKED_FINGER:
		return "fingerprint-blocked";
	case FIDO2_UNTOUCHED:
		return "key-not-touched";
	case FIDO2_GONE:
		return "key-removed";
	case FIDO2_FAILED:
		return "key-failed";
	case FIDO2_DONE:
		break;
	}
	return fault != FIDO2_GOOD ? fido2_fault_name(fault) : "not-in-policy";
}

static void print_tries(unsigned tries, char out[static LOGIN_TEXT_MAX / 2])
{
	out[0] = '\0';
	if (tries == 0)
		(void)snprintf(out, LOGIN_TEXT_MAX / 2, "%s%s", fido2_answer_text(FIDO2_LOCKED_PIN),
		        LANGUAGE("\n", " "));
	else if (tries != FIDO2_TRIES_UNKNOWN)
		(void)snprintf(out, LOGIN_TEXT_MAX / 2,
		        LANGUAGE("あと%u回間違えるとセキュリティキーがロックされます。\n",
		                "%u more and the security key is locked. "),
		        tries);
}

static void explain_wrong_pin(const struct key_login *k, const struct auth_answer *answer)
{
	char text[LOGIN_TEXT_MAX];
	char tries[LOGIN_TEXT_MAX / 2];

	print_tries(k->result.tries, tries);
	(void)snprintf(text, sizeof(text),
	        LANGUAGE("暗証番号が違います。%sあと%u回でこの利用者がロックされます。",
	                "Wrong PIN. %s%u more and this user is locked."),
	        tries, answer->left);
	(void)worker_say(k->w, LOGIN_ERROR, text);
}

static int tell_alarm(struct key_login *k, const struct auth_answer *answer)
{
	char token[8];

	snprintf(token, sizeof(token), "%u", answer->token);
	return worker_tell(k->w, EVENT_KEY_COUNTED_BACK, FIELD_TOKEN, token);
}

/* The process that spoke to the key stays with it. */
static enum login_result accept_key(struct key_login *k, const struct auth_answer *answer)
{
	enum login_result result = LOGIN_UNAVAILABLE;

	k->w->token = k->reader;
	result = worker_accept(k->w, answer);
	if (result == LOGIN_SUCCESS)
		(void)fido2_watch(k->reader);
	k->w->token = -1;
	return result;
}

static enum login_result conclude(
        struct key_login *k, const struct auth_answer *answer, enum fido2_fault fault)
{
	const char *cause = NULL;

	if (answer->outcome == AUTH_ACCEPTED)
		return accept_key(k, answer);
	if (k->result.answer == FIDO2_DONE && fault == FIDO2_COUNTED_BACK &&
	        tell_alarm(k, answer) != 0)
		return LOGIN_UNAVAILABLE;
	cause = cause_of(&k->result, fault);
	if (answer->outcome == AUTH_LOCKED || answer->outcome == AUTH_LOCKED_NOW)
		return worker_refuse(k->w, answer, cause);
	if (k->result.answer != FIDO2_WRONG_PIN)
		return worker_deny(k->w, cause, fido2_answer_text(k->result.answer));
	(void)worker_tell(k->w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, cause);
	worker_settle(k->w);
	explain_wrong_pin(k, answer);
	return LOGIN_AUTH_ERR;
}

static enum card_proof proof_of(enum fido2_answer answer)
{
	switch (answer) {
	case FIDO2_DONE:
		return PROOF_GOOD;
	case FIDO2_WRONG_PIN:
	case FIDO2_WRONG_FINGER:
	case FIDO2_NOT_HELD: /* somebody else's key is as wrong as a code */
		return PROOF_WRONG;
	case FIDO2_BLOCKED_PIN:
	case FIDO2_LOCKED_PIN:
	case FIDO2_BLOCKED_FINGER:
	case FIDO2_UNTOUCHED:
	case FIDO2_GONE:
	case FIDO2_FAILED:
		break;
	}
	return PROOF_NONE;
}

static int ask_key(struct key_login *k)
{
	static struct fido2_request request;
	uint8_t nonce[32];
	int error = getrandom(nonce, sizeof(nonce), 0) == sizeof(nonce) ? 0 : ERR_CRYPTO;

	request = (struct fido2_request){.rp = k->w->login->rules->party,
	        .user = k->w->begin.user,
	        .pin = k->pin,
	        .hash = k->hash};
	if (error == 0)
		error = fido2_challenge(k->w->begin.user, nonce, k->hash);
	if (error == 0)
		error = auth_verify_credentials(
		        &k->w->file, k->w->begin.user, &request.credentials);
	if (error != 0)
		return error;
	(void)worker_say(k->w, LOGIN_INFO,
	        k->pin[0] != '\0' ? LANGUAGE("セキュリティキーが光ったら触れてください。",
	                                    "Touch the security key when it blinks.")
	                          : LANGUAGE("セキュリティキーが光ったら指を当ててください。",
	                                    "Put your finger on the security key when it blinks."));
	/* A process that died has judged nothing. */
	(void)fido2_assert(k->reader, &request, &k->result);
	return 0;
}

static enum login_result prove(struct key_login *k)
{
	struct worker *w = k->w;
	struct auth_answer answer = {.outcome = AUTH_LOCKED};
	enum fido2_fault fault = FIDO2_BROKEN;
	struct auth_key_claim claim = {.hash = k->hash,
	        .shown = FACTOR_KEY |
	                 (unsigned)(k->pin[0] != '\0' ? FACTOR_PIN : FACTOR_FINGERPRINT),
	        .result = &k->result};
	bool locked = true;
	int error = worker_place(w);

	if (error == 0)
		error = auth_verify_locked(&w->file, w->login->rules, &locked);
	if (error != 0)
		return worker_fail(w, error);
	if (locked)
		return worker_refuse(w, &answer, "locked");
	error = ask_key(k);
	if (error != 0)
		return worker_fail(w, error);
	claim.proof = proof_of(k->result.answer);
	error = auth_verify_key(&w->file, w->login->rules, &claim, clock_wall(), &answer, &fault);
	return error != 0 ? worker_fail(w, error) : conclude(k, &answer, fault);
}

static const char *empty_text(const struct key_login *k)
{
	if (k->by_fingerprint)
		return LANGUAGE("、空のままEnter: 指紋", "; empty: fingerprint");
	return k->other_too ? LANGUAGE("、空のままEnter: 別の方法", "; empty: another way") : "";
}

static int ask_pin(struct key_login *k)
{
	char text[LOGIN_TEXT_MAX];

	if (k->found.tries != FIDO2_TRIES_UNKNOWN)
		(void)snprintf(text, sizeof(text),
		        LANGUAGE("セキュリティキーの暗証番号（あと%u回まで%s）: ",
		                "Security key PIN (%u tries left%s): "),
		        k->found.tries, empty_text(k));
	else
		(void)snprintf(text, sizeof(text), "%s",
		        LANGUAGE("セキュリティキーの暗証番号: ", "Security key PIN: "));
	return worker_ask(k->w, LOGIN_ECHO_OFF, text, k->pin);
}

static enum login_result use_pin(struct key_login *k)
{
	if (k->found.tries == 0)
		return worker_deny(k->w, "pin-locked", fido2_answer_text(FIDO2_LOCKED_PIN));
	if (ask_pin(k) != 0)
		return LOGIN_UNAVAILABLE;
	if (k->pin[0] == '\0' && k->other_too && !k->by_fingerprint)
		return use_other(k->w);
	/* None at all, or none that a key could have: nothing is tried. */
	if ((k->pin[0] == '\0' && !k->by_fingerprint) || strlen(k->pin) >= FIDO2_PIN_MAX)
		return worker_deny(k->w, "no-pin",
		        LANGUAGE("暗証番号が入力されていません。", "No PIN was typed."));
	return prove(k);
}

static enum login_result use_key(struct key_login *k)
{
	if (k->by_pin)
		return use_pin(k);
	if (k->by_fingerprint)
		return prove(k);
	if (k->other_too)
		return use_other(k->w);
	return worker_deny(k->w, "key-without-fingerprint",
	        LANGUAGE("このセキュリティキーには指紋が登録されていません。",
	                "This security key knows no fingerprint."));
}

/* A key that is not there yet can be put in, where nothing else would do. */
static int look(struct key_login *k)
{
	bool voucher = k->w->login->rules->voucher;
	int error = fido2_look(k->reader, &k->found);

	if (error != 0 || k->found.state != FIDO2_ABSENT || k->other_too)
		return error;
	error = worker_ask(k->w, voucher ? LOGIN_ECHO_OFF : LOGIN_ECHO_ON,
	        voucher ? LANGUAGE("セキュリティキーを挿してEnterキーを押すか、利用票のコードを"
	                           "入力してください: ",
	                          "Put your security key in and press Enter, or type your "
	                          "voucher's code: ")
	                : LANGUAGE("セキュリティキーを挿してEnterキーを押してください: ",
	                          "Put your security key in and press Enter: "),
	        k->typed);
	if (!voucher)
		k->typed[0] = '\0';
	return error != 0 || k->typed[0] != '\0' ? error : fido2_look(k->reader, &k->found);
}

static const char *state_name(enum fido2_state state)
{
	switch (state) {
	case FIDO2_ABSENT:
		return "no-key";
	case FIDO2_SEVERAL:
		return "several-keys";
	case FIDO2_WITHOUT_PIN:
		return "key-without-pin";
	case FIDO2_UNUSABLE:
	case FIDO2_PRESENT:
		break;
	}
	return "key-unusable";
}

static enum login_result without_key(struct key_login *k)
{
	enum fido2_state state = k->found.state;

	if (k->typed[0] != '\0')
		return authenticate_typed(k->w, k->typed);
	if (!k->other_too && state == FIDO2_UNUSABLE && k->w->login->rules->voucher)
		return authenticate_code(k->w);
	if (!k->other_too)
		return worker_deny(k->w, state_name(state), fido2_state_text(state));
	if (state == FIDO2_SEVERAL || state == FIDO2_WITHOUT_PIN)
		(void)worker_say(k->w, LOGIN_INFO, fido2_state_text(state));
	return use_other(k->w);
}

enum login_result authenticate_key(struct worker *w)
{
	const struct login_combinations *combinations = &w->login->rules->combinations;
	struct key_login k = {.w = w,
	        .reader = -1,
	        .other_too = login_allows(combinations, FACTOR_CARD) ||
	                     login_allows(combinations, FACTOR_TOTP) ||
	                     login_allows(combinations, FACTOR_HOTP),
	        .by_pin = login_satisfied(combinations, FACTOR_KEY | FACTOR_PIN),
	        .found = {FIDO2_UNUSABLE, FIDO2_TRIES_UNKNOWN, false}};
	enum login_result result = LOGIN_UNAVAILABLE;
	int error = worker_reader(w, WORKER_FIDO2, &k.reader);

	if (error == 0)
		error = look(&k);
	k.by_fingerprint = k.found.fingerprint &&
	                   login_satisfied(combinations, FACTOR_KEY | FACTOR_FINGERPRINT);
	if (error == 0 && k.typed[0] == '\0' && k.found.state == FIDO2_PRESENT)
		result = use_key(&k);
	else
		result = without_key(&k);
	explicit_bzero(k.pin, sizeof(k.pin));
	explicit_bzero(k.typed, sizeof(k.typed));
	if (k.reader >= 0)
		close(k.reader);
	return result;
}
