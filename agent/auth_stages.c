/* The stages of a login besides the tokens: who may be here today, and who came and went. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/auth_worker.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"
#include "core/log.h"

static void explain(const struct worker *w, const struct auth_person *p, enum person_standing s)
{
	char first[PERSON_DAY_SIZE];
	char last[PERSON_DAY_SIZE];
	char text[LOGIN_TEXT_MAX] = "";

	person_day_print(p->first_day, first);
	person_day_print(p->last_day, last);
	switch (s) {
	case PERSON_EARLY:
		snprintf(text, sizeof(text),
		        LANGUAGE("ご利用は %s からです。", "You may use this terminal from %s."),
		        first);
		break;
	case PERSON_ENDED:
		snprintf(text, sizeof(text),
		        LANGUAGE("ご利用期間は %s "
		                 "まででした。延長は情報システム管理者にご相談ください。",
		                "You could use this terminal until %s; the administrator can "
		                "extend it."),
		        last);
		break;
	case PERSON_UNDATED:
		snprintf(text, sizeof(text), "%s",
		        LANGUAGE("利用期間が登録されていません。情報システム管理者に登録を依頼して"
		                 "ください。",
		                "No period of use is registered for you; ask the administrator to "
		                "do it."));
		break;
	case PERSON_CURRENT:
		return;
	}
	(void)worker_say(w, LOGIN_ERROR, text);
}

enum login_result worker_admit(struct worker *w, enum login_result refusal)
{
	struct auth_person person;
	enum person_standing standing = PERSON_CURRENT;

	if (w->file.decoy)
		return LOGIN_SUCCESS;
	if (auth_verify_person(&w->file, &person) != 0)
		return LOGIN_UNAVAILABLE;
	/* The zone may have been set since auth was started. */
	tzset();
	standing = person_judge(&person, clock_wall());
	if (standing == PERSON_CURRENT)
		return LOGIN_SUCCESS;
	(void)worker_tell(w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, person_cause(standing));
	explain(w, &person, standing);
	return refusal;
}

/* Nobody is there to show anything, or to be kept out by it; what a client that is not root calls
 * itself is its own claim. */
static bool is_unattended(const struct worker *w)
{
	return w->login->peer == 0 && services_have(&w->login->rules->unattended, w->begin.service);
}

static enum login_result refuse_locked(struct worker *w)
{
	const struct auth_answer answer = {.outcome = AUTH_LOCKED};

	(void)worker_tell(w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, "locked");
	worker_explain(w, &answer);
	return LOGIN_PERM_DENIED;
}

/* Only root opens sessions; a locker's word about one would be a hole in the record. */
static enum login_result refuse_user(struct worker *w)
{
	(void)worker_tell(w, EVENT_LOGIN_REFUSED, FIELD_CAUSE, "not-root");
	return LOGIN_PERM_DENIED;
}

/* A locked user is no user for now, but what cron runs for him goes on: else three wrong codes for
 * root would stop it. */
enum login_result check_account(struct worker *w)
{
	bool locked = true;
	enum login_result result = worker_admit(w, LOGIN_ACCT_EXPIRED);

	if (result != LOGIN_SUCCESS || w->file.decoy || is_unattended(w))
		return result;
	if (auth_verify_locked(&w->file, w->login->rules, &locked) != 0)
		return LOGIN_UNAVAILABLE;
	return locked ? refuse_locked(w) : LOGIN_SUCCESS;
}

/* It is recorded, and is no login to be shown. */
bool worker_is_arrival(const struct worker *w)
{
	static const char *const others[] = {
	        "su", "su-l", "sudo", "sudo-i", "runuser", "runuser-l", "polkit-1", "pkexec"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(w->begin.service, others[i]) == 0)
			return false;
	return true;
}

static void show_last(const struct worker *w, const struct auth_visit *last)
{
	time_t seconds = (time_t)last->at;
	char text[LOGIN_TEXT_MAX];
	char moment[32];
	struct tm local;

	if (last->at == 0 || localtime_r(&seconds, &local) == NULL ||
	        strftime(moment, sizeof(moment), "%Y-%m-%d %H:%M", &local) == 0)
		return;
	snprintf(text, sizeof(text),
	        LANGUAGE("前回のログイン: %s %s (%s)", "Last login: %s %s (%s)"), moment,
	        last->tty[0] != '\0' ? last->tty : "-", last->service);
	(void)worker_say(w, LOGIN_INFO, text);
}

static void put_person(struct event_record *e, const struct auth_session *s)
{
	event_put(e, FIELD_PERSON_CLASS, person_class_name(s->person.class));
	event_put(e, FIELD_FACTOR, token_kind_name(s->kind));
	if (s->token != 0)
		event_put_number(e, FIELD_TOKEN, s->token);
}

/* What cannot be read here is no reason to refuse: who may come in was decided before. */
static struct auth_session note_session(const struct worker *w, bool arrival)
{
	struct auth_visit visit = {.at = clock_wall()};
	struct auth_session session = {0};
	int error = 0;

	snprintf(visit.service, sizeof(visit.service), "%.*s", (int)sizeof(visit.service) - 1,
	        w->begin.service);
	snprintf(visit.tty, sizeof(visit.tty), "%.*s", (int)sizeof(visit.tty) - 1, w->begin.tty);
	if (!w->file.decoy)
		error = auth_verify_session(&w->file, &visit, arrival, &session);
	if (error != 0)
		log_error("%s: %s", LANGUAGE("ログイン状態を扱えません", "login state"),
		        error_text(error));
	return session;
}

/* From here on it is locked when its person goes. What keeps that from being is an event of main's,
 * and no reason to keep the person out. */
static void watch_session(const struct worker *w, uint32_t uid)
{
	uint8_t memory[4];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_u32(&b, uid);
	(void)frame_send(w->login->parent, WORKER_SESSION, b.data, b.length, &w->login->client, 1);
}

enum login_result open_session(struct worker *w)
{
	static struct event_record e; /* 24 KiB: not for the stack */
	bool arrival = worker_is_arrival(w);
	struct auth_session session;

	if (w->login->peer != 0)
		return refuse_user(w);
	if (is_unattended(w))
		return LOGIN_SUCCESS;
	session = note_session(w, arrival);
	worker_event(w, EVENT_SESSION_OPENED, &e);
	put_person(&e, &session);
	if (channel_event(&w->channel, &e) != 0)
		return LOGIN_UNAVAILABLE;
	tzset();
	if (arrival)
		show_last(w, &session.last);
	if (arrival && !w->file.decoy)
		watch_session(w, session.uid);
	return LOGIN_SUCCESS;
}

enum login_result close_session(struct worker *w)
{
	if (w->login->peer != 0)
		return refuse_user(w);
	if (is_unattended(w))
		return LOGIN_SUCCESS;
	return worker_tell(w, EVENT_SESSION_CLOSED, 0, NULL) == 0 ? LOGIN_SUCCESS
	                                                          : LOGIN_UNAVAILABLE;
}
