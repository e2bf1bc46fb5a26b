/* What is said of a code: auth_worker.h's worker_explain() and worker_cause(). */
#include <stdio.h>
#include <time.h>

#include "agent/auth_worker.h"
#include "core/clock.h"
#include "core/language.h"

/* By the hour: it is a wrong clock that is to be seen, and everybody is to be told the same. */
static void explain_clock(const struct worker *w)
{
	time_t now = (time_t)clock_wall();
	char text[LOGIN_TEXT_MAX];
	struct tm local;

	/* The zone may have been set since auth was started. */
	tzset();
	if (!login_allows(&w->login->rules->combinations, FACTOR_TOTP) ||
	        localtime_r(&now, &local) == NULL)
		return;
	snprintf(text, sizeof(text),
	        LANGUAGE("確認コードは時刻で変わります。この端末の時計は%d年%d月%d日%d時台です。",
	                "Codes go by the clock; this terminal's says %04d-%02d-%02d, %02d h."),
	        local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour);
	(void)worker_say(w, LOGIN_INFO, text);
}

static void explain_wrong(const struct worker *w, unsigned left)
{
	char text[LOGIN_TEXT_MAX];

	snprintf(text, sizeof(text),
	        LANGUAGE("確認コードが違います。あと%u回間違えるとロックされます。",
	                "Wrong verification code; %u more and this user is locked."),
	        left);
	if (left == 1)
		explain_clock(w);
	(void)worker_say(w, LOGIN_ERROR, text);
}

static const char *spent_text(enum token_kind kind)
{
	if (kind == (enum token_kind)TOKEN_VOUCHER)
		return LANGUAGE(
		        "この利用票は使用済みです。必要なときは、新しい利用票を依頼してください。",
		        "This voucher has been used; ask for a new one if you need to log in "
		        "again.");
	return LANGUAGE("この確認コードは使用済みです。次のコードが表示されるまでお待ちください。",
	        "This verification code has been used; wait for the next one.");
}

void worker_explain(struct worker *w, const struct auth_answer *answer)
{
	worker_settle(w);
	switch (answer->outcome) {
	case AUTH_WRONG:
		explain_wrong(w, answer->left);
		break;
	case AUTH_SPENT:
		(void)worker_say(w, LOGIN_ERROR, spent_text(answer->kind));
		break;
	case AUTH_LOCKED_NOW:
	case AUTH_LOCKED:
		(void)worker_say(w, LOGIN_ERROR,
		        LANGUAGE("この利用者はロックされています。情報システム管理者に解除を依頼し"
		                 "てください。",
		                "This user is locked after wrong codes; ask the administrator to "
		                "unlock it."));
		break;
	case AUTH_WEAK:
		(void)worker_say(w, LOGIN_ERROR,
		        LANGUAGE("登録の強度が足りません。情報システム管理者に再登録を依頼してくだ"
		                 "さい。",
		                "Your token is weaker than the policy asks; ask the administrator "
		                "for a new one."));
		break;
	case AUTH_CLOCK:
		(void)worker_say(w, LOGIN_ERROR,
		        LANGUAGE("この端末の時計が前回のログインより前に戻っています。情報システム"
		                 "管理者に時計を合わせるよう依頼してください。",
		                "This terminal's clock is set back, before your last login; ask "
		                "the administrator to set it right."));
		break;
	case AUTH_NOT_JUDGED:
	case AUTH_ACCEPTED:
		break;
	}
}

const char *worker_cause(const struct worker *w, enum auth_outcome outcome)
{
	if (w->file.decoy)
		return "not-enrolled";
	switch (outcome) {
	case AUTH_SPENT:
		return "code-used";
	case AUTH_LOCKED:
		return "locked";
	case AUTH_WEAK:
		return "token-below-policy";
	case AUTH_CLOCK:
		return "clock-set-back";
	case AUTH_ACCEPTED:
	case AUTH_NOT_JUDGED:
	case AUTH_WRONG:
	case AUTH_LOCKED_NOW:
		break;
	}
	return "wrong-code";
}
