#include "agent/auth_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/auth_otp.h"
#include "agent/auth_voucher.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"
#include "core/log.h"

enum {
	BEGIN_TIMEOUT_MS = 5000,
	GIFT_TIMEOUT_MS = 10000,
	READER_TIMEOUT_MS = 10000,
	ANSWER_TIMEOUT_MS = 100000,
	REFUSED_MS = 2000,
	SETTLE_MS = 100, /* several times what a code takes to be judged and journalled */
};

int worker_receive(int fd, int timeout_ms, void *memory, size_t size, uint16_t type, size_t fds,
        struct frame *frame)
{
	int error = frame_receive(fd, timeout_ms, memory, size, frame);

	if (error != 0)
		return error;
	if (frame->type == type && frame->fd_count <= fds)
		return 0;
	frame_close_fds(frame);
	return ERR_FORMAT;
}

static int receive_begin(struct worker *w)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct begin *begin = &w->begin;
	struct frame frame;
	int error = worker_receive(
	        w->login->client, BEGIN_TIMEOUT_MS, memory, sizeof(memory), LOGIN_BEGIN, 0, &frame);

	if (error != 0)
		return error;
	begin->stage = buffer_get_u8(&frame.payload);
	buffer_get_string(&frame.payload, begin->service, sizeof(begin->service));
	buffer_get_string(&frame.payload, begin->user, sizeof(begin->user));
	buffer_get_string(&frame.payload, begin->tty, sizeof(begin->tty));
	buffer_get_string(&frame.payload, begin->rhost, sizeof(begin->rhost));
	/* A locker that runs since before an upgrade has a module that does not say it. */
	if (frame.payload.offset < frame.payload.length)
		begin->language = buffer_get_u8(&frame.payload);
	if (begin->language > LANGUAGE_JAPANESE)
		return ERR_FORMAT;
	return buffer_end(&frame.payload);
}

/* A worker serves one login: what it says from here on is in that one's language. */
static void speak(const struct begin *begin)
{
	bool japanese = language_of_login(
	        (enum language)begin->language, begin->service, begin->tty, language_said());

	(void)setenv("LC_ALL", japanese ? "ja_JP.UTF-8" : "C.UTF-8", 1);
}

static int send_ask(const struct worker *w)
{
	uint8_t memory[LOGIN_NAME_MAX + 8];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_string(&b, w->begin.user);
	if (b.error != 0)
		return b.error;
	return frame_send(w->login->parent, WORKER_ASK, b.data, b.length, NULL, 0);
}

/* The user's state, or a decoy's, and a channel to the signer: main and auth give them, this
 * process could not. */
static int get_gift(struct worker *w)
{
	uint8_t memory[64];
	struct frame frame;
	uint8_t gift = 0;
	int error = send_ask(w);

	if (error == 0)
		error = worker_receive(w->login->parent, GIFT_TIMEOUT_MS, memory, sizeof(memory),
		        WORKER_GIVEN, 2, &frame);
	if (error != 0)
		return error;
	gift = buffer_get_u8(&frame.payload);
	error = buffer_end(&frame.payload);
	if (error != 0 || frame.fd_count != 2 || (gift != GIFT_OWN && gift != GIFT_DECOY)) {
		frame_close_fds(&frame);
		return error != 0 ? error : ERR_CLOSED;
	}
	w->channel = (struct channel){.main_fd = -1, .signer_fd = frame.fds[0]};
	w->file = (struct auth_file){.fd = frame.fds[1],
	        .decoy = gift == GIFT_DECOY,
	        .user = w->begin.user,
	        .key = w->login->key};
	return 0;
}

int worker_reader(const struct worker *w, enum worker_message kind, int *fd)
{
	uint8_t memory[64];
	struct frame frame;
	int error = frame_send(w->login->parent, (uint16_t)kind, NULL, 0, NULL, 0);

	*fd = -1;
	if (error == 0)
		error = worker_receive(w->login->parent, READER_TIMEOUT_MS, memory, sizeof(memory),
		        WORKER_READER, 1, &frame);
	if (error != 0)
		return error;
	error = buffer_end(&frame.payload);
	if (error == 0 && frame.fd_count == 1)
		*fd = frame.fds[0]; /* transferred */
	else
		frame_close_fds(&frame);
	return error != 0 || *fd >= 0 ? error : ERR_CLOSED;
}

int worker_place(struct worker *w)
{
	const bool placed = w->file.base != 0;

	return w->file.decoy && !placed ? auth_state_decoy_area(&w->file) : 0;
}

int worker_say(const struct worker *w, enum login_style style, const char *text)
{
	uint8_t memory[LOGIN_TEXT_MAX + 16];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_u8(&b, (uint8_t)style);
	buffer_put_string(&b, text);
	if (b.error != 0)
		return b.error;
	return frame_send(w->login->client, LOGIN_PROMPT, b.data, b.length, NULL, 0);
}

int worker_ask(struct worker *w, enum login_style style, const char *text,
        char typed[static LOGIN_TEXT_MAX])
{
	uint8_t memory[LOGIN_TEXT_MAX + 64];
	struct frame frame;
	int error = worker_say(w, style, text);

	typed[0] = '\0';
	if (error == 0)
		error = worker_receive(w->login->client, ANSWER_TIMEOUT_MS, memory, sizeof(memory),
		        LOGIN_ANSWER, 0, &frame);
	if (error == 0) {
		buffer_get_string(&frame.payload, typed, LOGIN_TEXT_MAX);
		error = buffer_end(&frame.payload);
	}
	w->asked_ms = clock_boot_ms();
	explicit_bzero(memory, sizeof(memory));
	return error == 0 ? worker_place(w) : error;
}

static void pause_ms(int64_t milliseconds)
{
	struct timespec left = {.tv_sec = (time_t)(milliseconds / 1000),
	        .tv_nsec = (long)(milliseconds % 1000) * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

void worker_settle(struct worker *w)
{
	if (w->asked_ms != 0)
		pause_ms(SETTLE_MS - (clock_boot_ms() - w->asked_ms) % SETTLE_MS);
	w->asked_ms = 0;
}

static bool takes_codes(const struct auth_rules *rules)
{
	return login_allows(&rules->combinations, FACTOR_TOTP) ||
	       login_allows(&rules->combinations, FACTOR_HOTP);
}

static const char *code_prompt(const struct auth_rules *rules)
{
	if (rules->voucher && !takes_codes(rules))
		return LANGUAGE("利用票のコード: ", "Voucher code: ");
	return LANGUAGE("確認コード: ", "Verification code: ");
}

void worker_event(const struct worker *w, uint16_t kind, struct event_record *e)
{
	char by[32];

	event_start(e, kind);
	event_put(e, FIELD_USER, w->begin.user);
	event_put(e, FIELD_SERVICE, w->begin.service[0] != '\0' ? w->begin.service : NULL);
	event_put(e, FIELD_TTY, w->begin.tty[0] != '\0' ? w->begin.tty : NULL);
	if (w->login->peer == 0)
		return;
	/* What a client that is not root says about service and terminal is its own claim. */
	snprintf(by, sizeof(by), "uid %u", (unsigned)w->login->peer);
	event_put(e, FIELD_BY, by);
}

static int send_event(struct worker *w, const struct event_record *e)
{
	int error = channel_event(&w->channel, e);

	w->told = true;
	if (error != 0)
		log_error("%s: %s", event_kind_name(e->kind), error_text(error));
	return error;
}

int worker_tell(struct worker *w, uint16_t kind, uint16_t field, const char *value)
{
	static struct event_record e; /* 24 KiB: not for the stack */

	worker_event(w, kind, &e);
	if (field != 0)
		event_put(&e, field, value);
	return send_event(w, &e);
}

static int tell_accepted(struct worker *w, const struct auth_answer *answer)
{
	static struct event_record e; /* 24 KiB: not for the stack */

	worker_event(w, EVENT_LOGIN_ACCEPTED, &e);
	event_put(&e, FIELD_FACTOR, token_kind_name(answer->kind));
	if (answer->token != 0)
		event_put_number(&e, FIELD_TOKEN, answer->token);
	return send_event(w, &e);
}

enum login_result worker_refuse(
        struct worker *w, const struct auth_answer *answer, const char *cause)
{
	(void)worker_tell(w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, cause);
	if (answer->outcome == AUTH_LOCKED_NOW && !w->file.decoy)
		(void)worker_tell(w, EVENT_LOGIN_LOCKED, 0, NULL);
	worker_explain(w, answer);
	if (answer->outcome == AUTH_LOCKED || answer->outcome == AUTH_LOCKED_NOW)
		return LOGIN_MAXTRIES;
	return LOGIN_AUTH_ERR;
}

enum login_result worker_deny(struct worker *w, const char *cause, const char *text)
{
	(void)worker_tell(w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, cause);
	worker_settle(w);
	(void)worker_say(w, LOGIN_ERROR, text);
	return LOGIN_AUTH_ERR;
}

enum login_result worker_fail(struct worker *w, int error)
{
	bool sealed = error == ERR_SEALED;

	log_error("%s: %s", LANGUAGE("ログイン状態を扱えません", "login state"), error_text(error));
	(void)worker_tell(w, EVENT_LOGIN_REFUSED, FIELD_CAUSE,
	        sealed ? "secrets-unreadable" : "state-unusable");
	(void)worker_say(w, LOGIN_ERROR,
	        sealed ? LANGUAGE("この端末は登録情報を読み取れません。情報システム管理者に連絡し"
	                          "てください。",
	                         "This terminal cannot read what is enrolled; ask the "
	                         "administrator.")
	               : LANGUAGE("この利用者の登録情報を読み取れません。情報システム管理者に連絡"
	                          "してください。",
	                         "What is enrolled for this user cannot be read; ask the "
	                         "administrator."));
	return LOGIN_UNAVAILABLE;
}

/* Main keeps what stays with the token before that begins to wait: its end is never missed. */
static void tell_present(const struct worker *w)
{
	uint8_t memory[64];
	struct frame frame;
	int error = frame_send(
	        w->login->parent, WORKER_PRESENT, NULL, 0, &w->token, w->token >= 0 ? 1 : 0);

	if (error == 0)
		error = worker_receive(w->login->parent, GIFT_TIMEOUT_MS, memory, sizeof(memory),
		        WORKER_NOTED, 0, &frame);
	if (error != 0)
		log_error(
		        "%s: %s", LANGUAGE("在席を記録できません", "presence"), error_text(error));
}

/* Nobody enters unrecorded. An application may leave the account stage out: lockers do. */
enum login_result worker_accept(struct worker *w, const struct auth_answer *answer)
{
	enum login_result result = worker_admit(w, LOGIN_AUTH_ERR);

	if (result != LOGIN_SUCCESS)
		return result;
	if (tell_accepted(w, answer) != 0) {
		(void)worker_say(w, LOGIN_ERROR,
		        LANGUAGE("ログインを記録できないため入れません。情報システム管理者に連絡し"
		                 "てください。",
		                "This login cannot be recorded, so it is refused; ask the "
		                "administrator."));
		return LOGIN_UNAVAILABLE;
	}
	if (worker_is_arrival(w))
		tell_present(w);
	return LOGIN_SUCCESS;
}

static enum login_result conclude(struct worker *w, int error, const struct auth_answer *answer)
{
	if (error != 0)
		return worker_fail(w, error);
	if (answer->outcome != AUTH_ACCEPTED)
		return worker_refuse(w, answer, worker_cause(w, answer->outcome));
	return worker_accept(w, answer);
}

static enum login_result use_voucher(struct worker *w, const char *code)
{
	uint8_t id[VOUCHER_ID_SIZE];
	char text[2 * VOUCHER_ID_SIZE + 1];
	struct auth_answer answer = {0};
	int64_t now = clock_wall();
	int32_t today = 0;
	int error = 0;

	/* The zone may have been set since auth was started. */
	tzset();
	today = person_day_at(now);
	if (!voucher_in_force(w->login->root, w->begin.user, today))
		today = 0;
	error = auth_verify_voucher(&w->file, w->login->rules, code, today, now, &answer, id);
	encode_hex(id, sizeof(id), text);
	if (error == 0 && answer.outcome == AUTH_ACCEPTED &&
	        worker_tell(w, EVENT_VOUCHER_USED, FIELD_VOUCHER, text) != 0)
		return LOGIN_UNAVAILABLE;
	return conclude(w, error, &answer);
}

enum login_result authenticate_typed(struct worker *w, const char *typed)
{
	const struct auth_rules *rules = w->login->rules;
	char code[VOUCHER_CODE_SIZE] = "";
	struct auth_answer answer = {0};
	enum login_result result = LOGIN_UNAVAILABLE;
	size_t length = 0;
	int error = 0;

	otp_fold(typed, code, sizeof(code));
	length = strlen(code);
	/* Without codes of tokens anything is a voucher's: who has such a token is told no more. */
	if (rules->voucher && (length == VOUCHER_CODE_SIZE - 1 || !takes_codes(rules))) {
		result = use_voucher(w, code);
	} else {
		error = auth_verify(
		        &w->file, rules, length < OTP_CODE_SIZE ? code : "", clock_wall(), &answer);
		result = conclude(w, error, &answer);
	}
	explicit_bzero(code, sizeof(code));
	return result;
}

enum login_result authenticate_code(struct worker *w)
{
	char typed[LOGIN_TEXT_MAX];
	enum login_result result = LOGIN_UNAVAILABLE;
	int error = worker_ask(w, LOGIN_ECHO_OFF, code_prompt(w->login->rules), typed);

	if (error == 0)
		result = authenticate_typed(w, typed);
	explicit_bzero(typed, sizeof(typed));
	return result;
}

static enum login_result run_stage(struct worker *w)
{
	switch ((enum login_stage)w->begin.stage) {
	case LOGIN_AUTHENTICATE:
		/* Nobody types a secret for nothing, and everybody hears the same. */
		if (w->login->key == NULL)
			return worker_fail(w, ERR_SEALED);
		if (login_allows(&w->login->rules->combinations, FACTOR_KEY))
			return authenticate_key(w);
		if (login_allows(&w->login->rules->combinations, FACTOR_CARD))
			return authenticate_card(w);
		return authenticate_code(w);
	case LOGIN_ACCOUNT:
	case LOGIN_PASSWORD:
		return check_account(w);
	case LOGIN_SESSION_OPEN:
		return open_session(w);
	case LOGIN_SESSION_CLOSE:
		return close_session(w);
	}
	return LOGIN_UNAVAILABLE;
}

/* The uid in the state was taken at enrolment, so that no name service has to be asked from inside
 * the sandbox. */
static enum login_result run_checked(struct worker *w)
{
	bool owner = false;

	if (w->login->peer == 0)
		return run_stage(w);
	if (w->login->key == NULL)
		return worker_fail(w, ERR_SEALED);
	if (!w->file.decoy && auth_verify_owner(&w->file, w->login->peer, &owner) != 0)
		return LOGIN_UNAVAILABLE;
	if (owner)
		return run_stage(w);
	(void)worker_tell(w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, "not-the-user");
	return LOGIN_AUTH_ERR;
}

void login_serve(const struct login *login)
{
	struct worker w = {.login = login, .token = -1, .asked_ms = clock_boot_ms()};
	enum login_result result = LOGIN_UNAVAILABLE;
	uint8_t byte = 0;
	int error = receive_begin(&w);

	if (error == ERR_FORMAT)
		return;
	if (error == 0) {
		speak(&w.begin);
		error = get_gift(&w);
	}
	if (error == 0)
		result = run_checked(&w);
	else if (w.begin.stage == LOGIN_AUTHENTICATE)
		(void)worker_say(&w, LOGIN_ERROR,
		        LANGUAGE("ただいまログインを確認できません。しばらくしてからやり直してくだ"
		                 "さい。",
		                "Logins cannot be checked just now; try again in a moment."));
	/* Who goes at a prompt has tried to log in, too; a locker is left alone as it pleases. */
	if (error == 0 && w.begin.stage == LOGIN_AUTHENTICATE && !w.told && login->peer == 0)
		(void)worker_tell(&w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, "no-answer");
	/* root's programs wait by pam_fail_delay(3); nobody else is to fill the journal. */
	if (login->peer != 0 && w.told && result != LOGIN_SUCCESS)
		pause_ms(REFUSED_MS);
	else if (result != LOGIN_SUCCESS)
		worker_settle(&w);
	byte = (uint8_t)result;
	(void)frame_send(login->client, LOGIN_RESULT, &byte, sizeof(byte), NULL, 0);
}
