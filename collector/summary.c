#include "collector/summary.h"

#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int read_facts(struct store *store, struct summary *s, const char *expected)
{
	char digest[SHA256_HEX_SIZE] = "";
	char *text = NULL;

	int error = store_get_state(store, s->terminal.id, digest, &text);
	if (error == ERR_NOT_FOUND)
		return 0;
	if (error == 0) {
		s->facts = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		s->current = s->facts != NULL && strcmp(digest, expected) == 0;
	}
	free(text);
	return error;
}

static int read_reports(struct store *store, struct summary *s)
{
	struct store_report last;

	int error = store_last_report(store, s->terminal.id, &last);
	if (error == ERR_NOT_FOUND)
		return 0;
	if (error != 0)
		return error;
	s->seq = last.seq;
	error = read_facts(store, s, last.state_digest);
	if (error != 0)
		return error;
	error = store_get_break(store, s->terminal.id, &s->fault);
	s->broken = error == 0;
	return error == ERR_NOT_FOUND ? 0 : error;
}

int summary_read(struct store *store, const struct config *config,
        const struct store_terminal *terminal, int64_t now, struct summary *s)
{
	*s = (struct summary){.terminal = *terminal, .now = now};
	int error = store_get_standing(store, terminal, &s->standing);
	if (error == 0)
		error = read_reports(store, s);
	if (error != 0) {
		summary_free(s);
		return error;
	}
	s->fresh = state_fresh_span(s->facts, (int64_t)config->fresh_seconds * 1000);
	int64_t stale = (int64_t)config->stale_seconds * 1000;
	const struct standing standing = {.now = now,
	        .verified = s->standing.verified,
	        .forged = s->standing.forged,
	        .cloned = s->standing.cloned,
	        .cleared = terminal->cleared,
	        .fresh = s->fresh,
	        .stale = stale > s->fresh ? stale : s->fresh};
	s->state = state_derive(&standing);
	return 0;
}

void summary_free(struct summary *summary)
{
	json_decref(summary->facts);
	summary->facts = NULL;
}

struct collecting {
	struct store *store;
	const struct config *config;
	const char *only;
	struct summary *summaries;
	struct store_terminal *terminals;
	size_t count;
};

static int collect_terminal(void *context, const struct store_terminal *terminal)
{
	struct collecting *c = context;

	if (c->only != NULL && strcmp(c->only, terminal->name) != 0)
		return 0;
	struct store_terminal *more = reallocarray(c->terminals, c->count + 1, sizeof(*more));
	if (more == NULL)
		return ERR_MEMORY;
	more[c->count++] = *terminal;
	c->terminals = more;
	return 0;
}

static int collect(struct collecting *c, int64_t now)
{
	int error = store_each_terminal(c->store, collect_terminal, c);

	if (error == 0 && c->only != NULL && c->count == 0)
		error = ERR_NOT_FOUND;
	if (error != 0)
		return error;
	c->summaries = calloc(c->count + 1, sizeof(*c->summaries));
	if (c->summaries == NULL)
		return ERR_MEMORY;
	for (size_t i = 0; i < c->count && error == 0; i++)
		error = summary_read(c->store, c->config, &c->terminals[i], now, &c->summaries[i]);
	return error;
}

/* One transaction, so that the whole table is of one moment. */
int summary_read_all(struct store *store, const struct config *config, const char *only,
        struct summary **summaries, size_t *count)
{
	struct collecting c = {.store = store, .config = config, .only = only};
	struct timespec now;

	*summaries = NULL;
	*count = 0;
	int error = store_begin_reading(store);
	if (error != 0)
		return error;
	clock_gettime(CLOCK_REALTIME, &now);
	error = collect(&c, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	store_rollback(store);
	if (error == 0) {
		*summaries = c.summaries;
		*count = c.count;
	} else if (c.summaries != NULL) {
		summary_free_all(&c.summaries, c.count);
	}
	free(c.terminals);
	return error;
}

void summary_free_all(struct summary **summaries, size_t count)
{
	for (size_t i = 0; *summaries != NULL && i < count; i++)
		summary_free(&(*summaries)[i]);
	free(*summaries);
	*summaries = NULL;
}

bool summary_is_fresh(const struct summary *summary)
{
	return summary->state == TERMINAL_FRESH && summary->current;
}

const char *summary_text(const struct summary *summary, const char *section, const char *field)
{
	return json_string_value(json_object_get(json_object_get(summary->facts, section), field));
}

int64_t summary_number(const struct summary *summary, const char *section, const char *field)
{
	const json_t *value = json_object_get(json_object_get(summary->facts, section), field);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* --- what to look at first --- */

typedef bool problem_check(const struct summary *s, char out[static 256]);

static bool say(char out[static 256], const char *sentence)
{
	snprintf(out, 256, "%s", sentence);
	return true;
}

static bool check_state(const struct summary *s, char out[static 256])
{
	switch (s->state) {
	case TERMINAL_CLONE:
		return say(out, LANGUAGE("同じ鍵の報告が二系統あります。端末の複製を調べてください",
		                        "two machines report with one key; look for a copy"));
	case TERMINAL_BAD_SIGNATURE:
		return say(out, LANGUAGE("この端末を名乗る偽の報告がありました",
		                        "a false report in this terminal's name was refused"));
	case TERMINAL_MISSING:
	case TERMINAL_STALE:
	case TERMINAL_FRESH:
		break;
	}
	return false;
}

static bool check_journal(const struct summary *s, char out[static 256])
{
	const char *state = summary_text(s, "journal", "journal_state");
	const char *file = summary_text(s, "journal", "file");
	char clean[128];

	if (state != NULL && strcmp(state, "whole") != 0) {
		snprintf(out, 256,
		        LANGUAGE("端末の記録が壊れています: %s の %lld 行目",
		                "the terminal's journal is broken: %s line %lld"),
		        log_printable(file == NULL ? "?" : file, clean, sizeof(clean)),
		        (long long)summary_number(s, "journal", "line"));
		return true;
	}
	if (!s->broken)
		return false;
	snprintf(out, 256,
	        LANGUAGE("受け取った記録が %llu 行目で連続していません (報告 %llu)",
	                "the journal received does not continue at line %llu (report %llu)"),
	        (unsigned long long)s->fault.seq, (unsigned long long)s->fault.report);
	return true;
}

static bool check_contact(const struct summary *s, char out[static 256])
{
	if (s->standing.waiting_for != 0) {
		snprintf(out, 256, LANGUAGE("報告 %llu が届いていません", "report %llu is missing"),
		        (unsigned long long)s->standing.waiting_for);
		return true;
	}
	if (s->state == TERMINAL_MISSING)
		return say(out, s->standing.verified == 0
		                        ? LANGUAGE("確認できた報告がまだありません",
		                                  "no verified report yet")
		                        : LANGUAGE("連絡がありません", "not heard of"));
	if (s->state == TERMINAL_STALE)
		return say(out, LANGUAGE("最近の報告がありません", "no recent report"));
	if (!s->current)
		return say(out, LANGUAGE("状態の詳細を待っています", "waiting for its full state"));
	return false;
}

static bool check_facts(const struct summary *s, char out[static 256])
{
	const char *policy = summary_text(s, "policy", "policy_state");
	const char *mode = summary_text(s, "agent", "mode");
	const char *bypassed = summary_text(s, "auth", "pam_bypassed");

	if (summary_number(s, "guard", "devices_unenforced") > 0)
		return say(out, LANGUAGE("判定を適用できなかった機器があります",
		                        "a device's verdict could not be applied"));
	if (policy != NULL && strcmp(policy, "in-force") != 0)
		return say(out,
		        strcmp(policy, "last-good") == 0
		                ? LANGUAGE("新しいポリシーが拒否され、前のものが有効です",
		                          "a newer policy was refused; the last good one is in "
		                          "force")
		                : LANGUAGE("有効なポリシーがありません", "no policy is in force"));
	if (bypassed != NULL && bypassed[0] != '\0')
		return say(out, LANGUAGE("二要素を通らないログインがあります",
		                        "a login does not pass the second factor"));
	if (mode != NULL && strcmp(mode, "observe") == 0)
		return say(out, LANGUAGE("観察モードです (強制していません)",
		                        "observe mode: nothing is enforced"));
	return false;
}

static bool check_refusals(const struct summary *s, char out[static 256])
{
	if (s->standing.refusals == 0)
		return false;
	snprintf(out, 256, LANGUAGE("拒否した報告があります: %s", "a report was refused: %s"),
	        s->standing.refusal);
	return true;
}

void summary_problem(const struct summary *s, char out[static 256])
{
	static problem_check *const checks[] = {
	        check_state, check_journal, check_contact, check_facts, check_refusals};

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i](s, out))
			return;
}
