/* A login by card: auth_worker.h's authenticate_card(). */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/auth_worker.h"
#include "agent/card_check.h"
#include "agent/card_client.h"
#include "agent/card_pin.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"
#include "core/log.h"

/* One certificate of the card in the reader, chosen for this login. */
struct choice {
	size_t which;
	const struct card_certificate *certificate;
	struct card_verdict verdict;
	uint8_t fingerprint[TOKEN_FINGERPRINT_SIZE];
	bool held; /* the user's */
};

struct card_login {
	struct worker *w;
	int reader;    /* the process card */
	bool code_too; /* the policy takes codes as well */
	struct card_view *view;
	struct card_trust *trust; /* NULL: trust_error */
	int trust_error;
	struct choice choice;
	char pin[LOGIN_TEXT_MAX];
	char typed[LOGIN_TEXT_MAX]; /* a voucher's code instead of the card */
};

static bool is_better(const struct choice *candidate, const struct choice *best)
{
	if (best->certificate == NULL)
		return true;
	if ((candidate->verdict.fault == CARD_GOOD) != (best->verdict.fault == CARD_GOOD))
		return candidate->verdict.fault == CARD_GOOD;
	return candidate->held && !best->held;
}

static int weigh(struct card_login *c, size_t which)
{
	const struct auth_rules *rules = c->w->login->rules;
	struct choice candidate = {.which = which, .certificate = &c->view->certificates[which]};
	const struct card_certificate *certificate = candidate.certificate;
	int error = encode_sha256(certificate->der, certificate->length, candidate.fingerprint);

	if (error == 0)
		error = auth_verify_holds(&c->w->file, candidate.fingerprint, &candidate.held);
	if (error != 0)
		return error;
	candidate.verdict = card_check(
	        c->trust, certificate->der, certificate->length, clock_wall(), rules->crl_grace);
	if (is_better(&candidate, &c->choice))
		c->choice = candidate;
	return 0;
}

/* The certificate to log in with: a good one, the user's own where there are several. */
static int choose(struct card_login *c)
{
	int error = c->trust_error;

	c->choice =
	        (struct choice){.verdict = {.fault = error == 0 ? CARD_BROKEN : CARD_UNTRUSTED}};
	if (error != 0)
		log_error("%s: %s", LANGUAGE("カードの認証局", "card authorities"),
		        error_text(error));
	for (size_t i = 0; error == 0 && i < c->view->count; i++)
		error = weigh(c, i);
	return error;
}

static enum card_kind kind_of(const struct card_login *c)
{
	return c->choice.certificate->kind;
}

static enum card_proof proof_of(
        const struct card_login *c, const struct card_signature *s, const uint8_t *digest)
{
	const struct card_certificate *certificate = c->choice.certificate;

	switch (s->answer) {
	case CARD_ANSWER_SIGNED:
		return card_signature_check(certificate->der, certificate->length, digest, s->bytes,
		               s->length) == 0
		               ? PROOF_GOOD
		               : PROOF_WRONG;
	case CARD_ANSWER_WRONG_PIN:
		return PROOF_WRONG;
	case CARD_ANSWER_LOCKED_PIN:
	case CARD_ANSWER_GONE:
	case CARD_ANSWER_FAILED:
		break;
	}
	return PROOF_NONE;
}

static const char *cause_of(const struct card_login *c, const struct card_signature *s)
{
	switch (s->answer) {
	case CARD_ANSWER_WRONG_PIN:
		return "wrong-pin";
	case CARD_ANSWER_LOCKED_PIN:
		return "pin-locked";
	case CARD_ANSWER_GONE:
		return "card-removed";
	case CARD_ANSWER_FAILED:
		return "card-failed";
	case CARD_ANSWER_SIGNED:
		break;
	}
	return c->choice.held ? "bad-signature" : "not-the-users-card";
}

static void explain(const struct card_login *c, const struct card_signature *s,
        const struct auth_answer *answer)
{
	char text[LOGIN_TEXT_MAX] = "";

	switch (s->answer) {
	case CARD_ANSWER_WRONG_PIN:
		snprintf(text, sizeof(text),
		        LANGUAGE("暗証番号が違います。%s%sあと%u回でこの利用者がロックされます。",
		                "Wrong PIN. %s%s%u more and this user is locked."),
		        card_pin_left(kind_of(c), s->tries),
		        s->tries == CARD_TRIES_ALL ? "" : LANGUAGE("\n", " "), answer->left);
		break;
	case CARD_ANSWER_LOCKED_PIN:
		snprintf(text, sizeof(text), "%s", card_pin_locked(kind_of(c)));
		break;
	case CARD_ANSWER_GONE:
		snprintf(text, sizeof(text), "%s",
		        LANGUAGE("カードが抜かれました。もう一度挿してやり直してください。",
		                "The card was taken out; put it in and try again."));
		break;
	case CARD_ANSWER_FAILED:
		snprintf(text, sizeof(text), "%s",
		        LANGUAGE("カードが応答しません。挿し直してください。",
		                "The card does not answer; put it in again."));
		break;
	case CARD_ANSWER_SIGNED:
		snprintf(text, sizeof(text), "%s",
		        LANGUAGE("このカードでは、この利用者としてログインできません。",
		                "This card does not log in this user."));
		break;
	}
	(void)worker_say(c->w, LOGIN_ERROR, text);
}

/* The process that read the card stays with it. */
static enum login_result accept_card(struct card_login *c, const struct auth_answer *answer)
{
	enum login_result result = LOGIN_UNAVAILABLE;

	c->w->token = c->reader;
	result = worker_accept(c->w, answer);
	if (result == LOGIN_SUCCESS)
		(void)card_watch(c->reader);
	c->w->token = -1;
	return result;
}

static enum login_result conclude(
        struct card_login *c, const struct card_signature *s, const struct auth_answer *answer)
{
	if (answer->outcome == AUTH_ACCEPTED) {
		if (c->choice.verdict.old_crl &&
		        worker_tell(c->w, EVENT_CARD_CRL_OLD, 0, NULL) != 0)
			return LOGIN_UNAVAILABLE;
		return accept_card(c, answer);
	}
	if (answer->outcome == AUTH_LOCKED || answer->outcome == AUTH_LOCKED_NOW) {
		if (s->tries == CARD_TRIES_NONE)
			(void)worker_say(c->w, LOGIN_ERROR, card_pin_locked(kind_of(c)));
		return worker_refuse(c->w, answer, cause_of(c, s));
	}
	(void)worker_tell(c->w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, cause_of(c, s));
	worker_settle(c->w);
	explain(c, s, answer);
	return LOGIN_AUTH_ERR;
}

/* A card of somebody else's signs like the user's own, so that how long it takes says nothing. */
static enum login_result prove(struct card_login *c)
{
	struct worker *w = c->w;
	struct auth_answer answer = {.outcome = AUTH_LOCKED};
	struct card_signature s = {0};
	uint8_t nonce[32];
	uint8_t digest[SHA256_SIZE];
	bool locked = true;
	int error = getrandom(nonce, sizeof(nonce), 0) == sizeof(nonce) ? 0 : ERR_CRYPTO;

	if (error == 0)
		error = card_challenge(w->begin.user, nonce, digest);
	if (error == 0)
		error = auth_verify_locked(&w->file, w->login->rules, &locked);
	if (error != 0)
		return worker_fail(w, error);
	if (locked)
		return worker_refuse(w, &answer, "locked");
	/* A reader that died has judged nothing. */
	(void)card_sign(c->reader, c->choice.which, c->pin, digest, &s);
	error = auth_verify_card(&w->file, w->login->rules, proof_of(c, &s, digest),
	        c->choice.fingerprint, clock_wall(), &answer);
	return error != 0 ? worker_fail(w, error) : conclude(c, &s, &answer);
}

/* What is wrong with the card is told, and the code may be asked for. */
static enum login_result refuse_card(struct card_login *c, const char *cause, const char *text)
{
	if (!c->code_too)
		return worker_deny(c->w, cause, text);
	(void)worker_say(c->w, LOGIN_INFO, text);
	return authenticate_code(c->w);
}

static enum login_result use_card(struct card_login *c)
{
	const struct card_verdict *verdict = &c->choice.verdict;
	const char *text = NULL;
	enum card_kind kind;
	int error = choose(c);

	if (error == ERR_NOT_FOUND || error == ERR_UNSAFE)
		error = 0; /* no authority: the card is nobody's */
	if (error != 0)
		return worker_fail(c->w, error);
	if (verdict->fault != CARD_GOOD)
		return refuse_card(
		        c, card_fault_name(verdict->fault), card_fault_text(verdict->fault));
	kind = kind_of(c);
	if (c->choice.certificate->tries == CARD_TRIES_NONE)
		return refuse_card(c, "pin-locked", card_pin_locked(kind));
	text = card_pin_warning(kind, c->choice.certificate->tries);
	if (text != NULL)
		(void)worker_say(c->w, LOGIN_INFO, text);
	if (worker_ask(c->w, LOGIN_ECHO_OFF, card_pin_prompt(kind, c->code_too), c->pin) != 0)
		return LOGIN_UNAVAILABLE;
	if (c->pin[0] == '\0' && c->code_too)
		return authenticate_code(c->w);
	text = card_pin_fault(kind, c->pin);
	return text != NULL ? worker_deny(c->w, "no-pin", text) : prove(c);
}

/* A card that is not there yet can be put in, where nothing else would do. */
static int look(struct card_login *c)
{
	bool voucher = c->w->login->rules->voucher;
	int error = card_look(c->reader, c->view);

	if (error != 0 || c->view->reader != CARD_ABSENT || c->code_too)
		return error;
	error = worker_ask(c->w, voucher ? LOGIN_ECHO_OFF : LOGIN_ECHO_ON,
	        voucher ? LANGUAGE("カードをリーダーに挿してEnterキーを押すか、利用票のコードを"
	                           "入力してください: ",
	                          "Put your card into the reader and press Enter, or type your "
	                          "voucher's code: ")
	                : LANGUAGE("カードをリーダーに挿してEnterキーを押してください: ",
	                          "Put your card into the reader and press Enter: "),
	        c->typed);
	if (!voucher)
		c->typed[0] = '\0';
	return error != 0 || c->typed[0] != '\0' ? error : card_look(c->reader, c->view);
}

static enum login_result without_card(struct card_login *c, int error)
{
	bool unusable = error == ERR_CLOSED || c->view->reader == CARD_UNUSABLE;

	if (c->typed[0] != '\0')
		return authenticate_typed(c->w, c->typed);
	if (c->code_too || (unusable && c->w->login->rules->voucher))
		return authenticate_code(c->w);
	if (unusable)
		return worker_deny(c->w, "no-card-reader",
		        LANGUAGE("カードリーダーが使えません。情報システム管理者に連絡してくださ"
		                 "い。",
		                "No card can be read here; ask the administrator."));
	return worker_deny(c->w, "no-card",
	        LANGUAGE("カードが見つかりません。", "There is no card in the reader."));
}

enum login_result authenticate_card(struct worker *w)
{
	static struct card_view view; /* 64 KiB: not for the stack */
	const struct login_combinations *combinations = &w->login->rules->combinations;
	struct card_login c = {.w = w,
	        .reader = -1,
	        .code_too = login_allows(combinations, FACTOR_TOTP) ||
	                    login_allows(combinations, FACTOR_HOTP),
	        .view = &view};
	enum login_result result = LOGIN_UNAVAILABLE;
	int error = worker_reader(w, WORKER_CARD, &c.reader);

	view = (struct card_view){.reader = CARD_UNUSABLE};
	/* While the process card starts. */
	c.trust_error = error == 0 ? card_trust_read(w->login->root, &c.trust) : 0;
	if (error == 0)
		error = look(&c);
	if (error == 0 && c.typed[0] == '\0' && view.reader == CARD_PRESENT)
		result = use_card(&c);
	else
		result = without_card(&c, error);
	explicit_bzero(c.pin, sizeof(c.pin));
	explicit_bzero(c.typed, sizeof(c.typed));
	card_trust_free(&c.trust);
	if (c.reader >= 0)
		close(c.reader);
	return result;
}
