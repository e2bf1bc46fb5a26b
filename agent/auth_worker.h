/* What the files of a login worker share (auth_login.c, auth_card.c, auth_stages.c). */
#ifndef SEKISHO_AGENT_AUTH_WORKER_H
#define SEKISHO_AGENT_AUTH_WORKER_H

#include <stdbool.h>

#include "agent/auth_login.h"
#include "agent/channel.h"
#include "core/event.h"
#include "core/frame.h"
#include "core/login.h"

/* What a connection is about, as the client told it. */
struct begin {
	uint8_t stage;
	char service[LOGIN_NAME_MAX];
	char user[LOGIN_NAME_MAX];
	char tty[LOGIN_NAME_MAX];
	char rhost[LOGIN_NAME_MAX];
	uint8_t language; /* enum language: what the environment of the client says */
};

struct worker {
	const struct login *login;
	int token; /* the process card or fido2 that is to stay with what was shown; -1: none */
	struct begin begin;
	struct auth_file file;
	struct channel channel; /* the signer's alone */
	bool told;              /* the journal has something of it */
	int64_t asked_ms;       /* since when the client waits, by clock_boot_ms(); 0: settled */
};

/* Receives one frame of this type with at most so many descriptors. Errors of frame_receive(),
 * ERR_FORMAT. */
int worker_receive(int fd, int timeout_ms, void *memory, size_t size, uint16_t type, size_t fds,
        struct frame *frame);

/* Shows the person a line. Errors of frame_send(). */
int worker_say(const struct worker *w, enum login_style style, const char *text);

/* Where nobody is enrolled, finds the decoy's place for the name: work that others do not have, so
 * once the person has answered, and before anything is judged. Errors of auth_state_decoy_area().
 */
int worker_place(struct worker *w);

/* Asks the person, and does worker_place(); the caller wipes typed. Errors of frame_send() and
 * frame_receive(). */
int worker_ask(struct worker *w, enum login_style style, const char *text,
        char typed[static LOGIN_TEXT_MAX]);

/* Starts an event about this login. */
void worker_event(const struct worker *w, uint16_t kind, struct event_record *e);

/* Journals an event about this login; field 0: nothing more. Errors of channel_event(). */
int worker_tell(struct worker *w, uint16_t kind, uint16_t field, const char *value);

/* Journals and says that the login is let in, or why not. */
enum login_result worker_accept(struct worker *w, const struct auth_answer *answer);
enum login_result worker_refuse(
        struct worker *w, const struct auth_answer *answer, const char *cause);
/* Waits for a moment that does not depend on what was found, nor on whose name it is: before
 * anything is said of a refusal. */
void worker_settle(struct worker *w);

/* What the person hears of a code, and what the journal does. */
void worker_explain(struct worker *w, const struct auth_answer *answer);
const char *worker_cause(const struct worker *w, enum auth_outcome outcome);
/* The user's state cannot be used. */
enum login_result worker_fail(struct worker *w, int error);

/* LOGIN_SUCCESS when today is a day of this person's; otherwise journals and says why not, and is
 * refusal or LOGIN_UNAVAILABLE. */
enum login_result worker_admit(struct worker *w, enum login_result refusal);

/* The account and password stages. */
enum login_result check_account(struct worker *w);
enum login_result open_session(struct worker *w);
enum login_result close_session(struct worker *w);

/* Who is in already, and becomes another (su, sudo) has not arrived. */
bool worker_is_arrival(const struct worker *w);

/* Has main start a process card or fido2, by way of auth: WORKER_CARD, WORKER_FIDO2. ERR_CLOSED:
 * there is none; errors of worker_receive(). */
int worker_reader(const struct worker *w, enum worker_message kind, int *fd);

/* The journal is told more than the person, who is told nothing that depends on whose name it is.
 */
enum login_result worker_deny(struct worker *w, const char *cause, const char *text);

/* One-time codes, and vouchers'. */
enum login_result authenticate_code(struct worker *w);
/* The same for what was typed already. */
enum login_result authenticate_typed(struct worker *w, const char *typed);
/* Cards, where the policy takes them; it may turn to codes. */
enum login_result authenticate_card(struct worker *w);
/* Security keys, where the policy takes them; it may turn to cards or codes. */
enum login_result authenticate_key(struct worker *w);

#endif
