/* Entry points of the PAM module: relay to the agent, map its answer. Never PAM_IGNORE. */
#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#define PAM_SM_SESSION
#define PAM_SM_PASSWORD

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "core/error.h"
#include "core/language.h"
#include "pam_module/conversation.h"
#include "pam_module/options.h"
#include "pam_module/unattended.h"

#define ENTRY __attribute__((visibility("default")))

/* The end of a session waits for nobody. */
enum { CLOSE_TIMEOUT = 2 };

struct relay {
	pam_handle_t *pam;
	int flags;
};

static int pam_style(enum login_style style)
{
	switch (style) {
	case LOGIN_ECHO_OFF:
		return PAM_PROMPT_ECHO_OFF;
	case LOGIN_ECHO_ON:
		return PAM_PROMPT_ECHO_ON;
	case LOGIN_INFO:
		return PAM_TEXT_INFO;
	case LOGIN_ERROR:
		return PAM_ERROR_MSG;
	}
	return PAM_ERROR_MSG;
}

static int ask(void *context, enum login_style style, const char *text, char **answer)
{
	const struct relay *relay = context;
	bool wanted = style == LOGIN_ECHO_OFF || style == LOGIN_ECHO_ON;

	if (!wanted && ((unsigned)relay->flags & PAM_SILENT) != 0)
		return 0;
	return pam_prompt(relay->pam, pam_style(style), wanted ? answer : NULL, "%s", text) ==
	                       PAM_SUCCESS
	               ? 0
	               : ERR_DENIED;
}

/* What is for the account stage to say, libpam could take for less than a refusal before it. */
static int pam_result(enum login_stage stage, enum login_result result)
{
	if (stage == LOGIN_AUTHENTICATE && result > LOGIN_UNAVAILABLE)
		return PAM_AUTHINFO_UNAVAIL;
	switch (result) {
	case LOGIN_SUCCESS:
		return PAM_SUCCESS;
	case LOGIN_AUTH_ERR:
		return PAM_AUTH_ERR;
	case LOGIN_MAXTRIES:
		return PAM_MAXTRIES;
	case LOGIN_UNAVAILABLE:
		return PAM_AUTHINFO_UNAVAIL;
	case LOGIN_ACCT_EXPIRED:
		return PAM_ACCT_EXPIRED;
	case LOGIN_PERM_DENIED:
		return PAM_PERM_DENIED;
	case LOGIN_NEW_AUTHTOK:
		return PAM_NEW_AUTHTOK_REQD;
	}
	return PAM_AUTHINFO_UNAVAIL;
}

static const char *item(const pam_handle_t *pam, int type)
{
	const void *value = NULL;

	return pam_get_item(pam, type, &value) == PAM_SUCCESS ? value : NULL;
}

/* Nobody enters by these, and what they run must not stop with the agent. */
static bool goes_on(const struct conversation *c)
{
	return (c->stage == LOGIN_ACCOUNT || c->stage == LOGIN_SESSION_OPEN) &&
	       unattended_has(c->socket, c->service);
}

/* The person is at the door, and nobody else can say why it stays shut. */
static void tell_away(struct relay *relay, const struct conversation *c)
{
	bool japanese = language_of_login(language_said(), c->service != NULL ? c->service : "",
	        c->tty != NULL ? c->tty : "", LANGUAGE_NOT_SAID);

	if (c->stage != LOGIN_AUTHENTICATE && c->stage != LOGIN_ACCOUNT)
		return;
	(void)ask(relay, LOGIN_ERROR,
	        japanese ? "ログインの確認サービスが応答しません。情報システム管理者に連絡してくだ"
	                   "さい。"
	                 : "The login service does not answer; ask the administrator.",
	        NULL);
}

static int converse(pam_handle_t *pam, int flags, enum login_stage stage, const char *user,
        const struct options *options)
{
	struct relay relay = {pam, flags};
	struct conversation conversation = {
	        .socket = options->socket,
	        .timeout = options->timeout,
	        .stage = stage,
	        .service = item(pam, PAM_SERVICE),
	        .user = user,
	        .tty = item(pam, PAM_TTY),
	        .rhost = item(pam, PAM_RHOST),
	        .ask = ask,
	        .context = &relay,
	};
	enum login_result result = LOGIN_UNAVAILABLE;
	int error = conversation_run(&conversation, &result);

	if (error == ERR_DENIED)
		return PAM_AUTH_ERR;
	if (result == LOGIN_UNAVAILABLE && goes_on(&conversation)) {
		pam_syslog(pam, LOG_WARNING,
		        "let in without the agent: the policy calls %s unattended",
		        conversation.service);
		return PAM_SUCCESS;
	}
	if (error != 0) {
		pam_syslog(pam, LOG_ERR, "the agent at %s did not answer: %s", options->socket,
		        error_text(error));
		tell_away(&relay, &conversation);
	}
	return error != 0 ? PAM_AUTHINFO_UNAVAIL : pam_result(stage, result);
}

static int relay(pam_handle_t *pam, int flags, enum login_stage stage, int argc, const char **argv)
{
	struct options options;
	const char *user = NULL;
	const char *bad = NULL;

	if (options_parse(&options, argc, argv, &bad) != 0) {
		pam_syslog(pam, LOG_ERR, "bad option: %s", bad);
		return PAM_AUTHINFO_UNAVAIL;
	}
	if (pam_get_user(pam, &user, NULL) != PAM_SUCCESS || user == NULL || user[0] == '\0' ||
	        strlen(user) >= LOGIN_NAME_MAX)
		return PAM_AUTH_ERR;
	if (stage == LOGIN_SESSION_CLOSE && options.timeout > CLOSE_TIMEOUT)
		options.timeout = CLOSE_TIMEOUT;
	return converse(pam, flags, stage, user, &options);
}

ENTRY int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	return relay(pam, flags, LOGIN_AUTHENTICATE, argc, argv);
}

/* There are no credentials to set: the verdict was pam_sm_authenticate()'s. */
ENTRY int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}

ENTRY int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	return relay(pam, flags, LOGIN_ACCOUNT, argc, argv);
}

/* A session that cannot be journalled is not opened. */
ENTRY int pam_sm_open_session(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	return relay(pam, flags, LOGIN_SESSION_OPEN, argc, argv);
}

/* Nothing keeps a person logged in: the agent is told, and what it says does not matter. */
ENTRY int pam_sm_close_session(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)relay(pam, flags, LOGIN_SESSION_CLOSE, argc, argv);
	return PAM_SUCCESS;
}

/* Asked in the first round whether this user may change a password; in the second there is nothing
 * of ours to change. */
ENTRY int pam_sm_chauthtok(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	if (((unsigned)flags & PAM_PRELIM_CHECK) == 0)
		return PAM_SUCCESS;
	return relay(pam, flags, LOGIN_PASSWORD, argc, argv);
}
