#include "policy/catalogue.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/language.h"
#include "core/utf8.h"
#include "policy/login.h"

/* Three of the longest report intervals a policy may ask for. */
enum { RECEIPT_AGE_MAX = 3 * 3600, NONE = -1 };

struct view {
	const json_t *state;
	enum freshness fresh;
	struct finding *finding;
};

/* The state's name and the sentence; what a device or file named goes last in it, and is cut at a
 * whole character. */
static enum clause_state __attribute__((format(printf, 3, 4)))
conclude(const struct view *v, enum clause_state state, const char *format, ...)
{
	char *text = v->finding->evidence;
	size_t length;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(v->finding->evidence), format, arguments);
	va_end(arguments);
	length = strlen(text);
	for (size_t at = 0, bytes; at < length; at += bytes) {
		uint32_t character;

		bytes = utf8_next(text + at, length - at, &character);
		if (!bytes) {
			text[at] = '\0';
			break;
		}
	}
	return state;
}

static const json_t *section(const struct view *v, const char *name)
{
	const json_t *found = json_object_get(v->state, name);

	return json_is_object(found) ? found : NULL;
}

/* NULL when absent or not text. */
static const char *text_of(const json_t *section, const char *name)
{
	return json_string_value(json_object_get(section, name));
}

/* NONE when absent, negative or not a number. */
static long long number_of(const json_t *section, const char *name)
{
	const json_t *value = json_object_get(section, name);

	return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
	                                                                : NONE;
}

/* Is word one of the words of a space-separated list? */
static bool list_has(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list) {
		size_t here = strcspn(list, " ");

		if (here == length && memcmp(list, word, length) == 0)
			return true;
		list += here + strspn(list + here, " ");
	}
	return false;
}

static enum clause_state missing(const struct view *v, const char *what)
{
	return conclude(v, CLAUSE_UNKNOWN,
	        LANGUAGE("端末からの報告に証拠がありません: %s",
	                "the terminal's report lacks the evidence: %s"),
	        what);
}

static enum clause_state judge_policy_section(const struct view *v)
{
	const json_t *policy = section(v, "policy");
	const char *state = policy ? text_of(policy, "policy_state") : NULL;
	const char *problem = policy ? text_of(policy, "policy_problem") : NULL;

	if (!state)
		return missing(v, "policy");
	if (strcmp(state, "in-force") == 0)
		return CLAUSE_MET;
	if (strcmp(state, "last-good") == 0)
		return conclude(v, CLAUSE_UNMET,
		        LANGUAGE("新しいポリシーが適用できず、前の版のままです: %s",
		                "a newer policy could not be applied and the one before is in "
		                "force: %s"),
		        problem ? problem : "?");
	return conclude(v, CLAUSE_UNMET,
	        LANGUAGE("有効なポリシーがありません: %s", "no policy is in force: %s"),
	        problem ? problem : state);
}

/* What guard's figures say against the export block; CLAUSE_MET when nothing. */
static enum clause_state judge_guard_figures(const struct view *v, const json_t *guard)
{
	long long hubs = number_of(guard, "hubs");
	long long denying = number_of(guard, "hubs_denying");
	long long unenforced = number_of(guard, "devices_unenforced");
	long long storage = number_of(guard, "storage_present");
	const json_t *controllers = json_object_get(guard, "controllers_deny");

	if (hubs == NONE || denying == NONE || unenforced == NONE || storage == NONE ||
	        !json_is_boolean(controllers))
		return missing(v, "guard");
	if (denying != hubs)
		return conclude(v, CLAUSE_UNMET,
		        LANGUAGE("USB ハブ %lld 個のうち新しい機器を拒むのは %lld 個だけです",
		                "of %lld USB hubs only %lld refuse new devices"),
		        hubs, denying);
	if (!json_is_true(controllers))
		return conclude(v, CLAUSE_UNMET, "%s",
		        LANGUAGE("後から増える USB コントローラーが機器を拒む設定になっていません",
		                "USB controllers added later do not refuse devices"));
	if (unenforced > 0)
		return conclude(v, CLAUSE_UNMET,
		        LANGUAGE("判定を適用できなかった機器が %lld 台あります",
		                "the verdict on %lld devices could not be applied"),
		        unenforced);
	if (storage > 0)
		return conclude(v, CLAUSE_UNMET,
		        LANGUAGE("使用できる外部記憶装置が %lld 台あります",
		                "%lld storage devices are usable"),
		        storage);
	return CLAUSE_MET;
}

static enum clause_state judge_export_block(const struct view *v)
{
	const json_t *guard = section(v, "guard");
	const char *mode = guard ? text_of(guard, "mode") : NULL;
	const char *watched = guard ? text_of(guard, "ways_watched") : NULL;
	const char *unwatched = guard ? text_of(guard, "ways_unwatched") : NULL;
	enum clause_state state;

	if (!mode)
		return missing(v, "guard");
	if (strcmp(mode, "enforce") != 0)
		return conclude(v, CLAUSE_UNMET, "%s",
		        LANGUAGE("観察モードです: 機器を記録するだけで拒否していません",
		                "observe mode: devices are recorded, not refused"));
	state = judge_policy_section(v);
	if (state == CLAUSE_MET)
		state = judge_guard_figures(v, guard);
	if (state != CLAUSE_MET)
		return state;
	if (!unwatched || !watched || !list_has(watched, "usb_storage"))
		return missing(v, "ways_watched");
	if (unwatched[0])
		return conclude(v, CLAUSE_UNKNOWN,
		        LANGUAGE("この版が見張っていない持ち出し経路があります: %s",
		                "there are ways out that this version does not watch: %s"),
		        unwatched);
	return conclude(v, CLAUSE_MET,
	        LANGUAGE("強制モード、USB ハブ %lld "
	                 "個すべてが新しい機器を拒否、使用できる外部記憶装置 0 台、"
	                 "見張っている経路: %s",
	                "enforcing; all %lld USB hubs refuse new devices; no usable storage; ways "
	                "watched: %s"),
	        number_of(guard, "hubs"), watched);
}

static bool stacks_cover(const char *stacks)
{
	return list_has(stacks, "login") && (list_has(stacks, "su") || list_has(stacks, "sudo") ||
	                                            list_has(stacks, "common-auth"));
}

static enum clause_state judge_factors(const struct view *v)
{
	const json_t *auth = section(v, "auth");
	const char *factors = auth ? text_of(auth, "factors") : NULL;
	const char *stacks = auth ? text_of(auth, "pam_stacks") : NULL;
	const char *bypassed = auth ? text_of(auth, "pam_bypassed") : NULL;

	if (!factors || !stacks || !bypassed)
		return missing(v, "auth");
	if (bypassed[0])
		return conclude(v, CLAUSE_UNMET,
		        LANGUAGE("第二の要素なしに入れるサービスがあります: %s",
		                "services that let in without the second factor: %s"),
		        bypassed);
	if (login_kinds_printed(factors) < 2)
		return conclude(v, CLAUSE_UNMET,
		        LANGUAGE("要素が二種類に足りません: %s",
		                "the factors are not of two kinds: %s"),
		        factors);
	if (!stacks_cover(stacks))
		return conclude(v, CLAUSE_UNMET,
		        LANGUAGE("login や su が二要素を求めていません。求めるもの: %s",
		                "login or su does not ask for both factors; those that do: %s"),
		        stacks[0] ? stacks : LANGUAGE("なし", "none"));
	return conclude(v, CLAUSE_MET,
	        LANGUAGE("要素: %s、求めるサービス: %s", "factors: %s; asked by: %s"), factors,
	        stacks);
}

/* Is the journal whole? CLAUSE_MET, or the conclusion. */
static enum clause_state judge_journal(const struct view *v)
{
	const json_t *journal = section(v, "journal");
	const char *state = journal ? text_of(journal, "journal_state") : NULL;
	const char *file = journal ? text_of(journal, "file") : NULL;

	if (!state)
		return missing(v, "journal");
	if (strcmp(state, "whole") == 0)
		return CLAUSE_MET;
	return conclude(v, CLAUSE_UNMET,
	        LANGUAGE("ジャーナルが正常ではありません: %s %s", "the journal is %s %s"), state,
	        file ? file : "");
}

static bool receipt_recent(const json_t *reporter)
{
	const char *receipt = text_of(reporter, "last_receipt");
	int64_t when;
	int64_t now = clock_wall();

	return receipt && clock_parse(receipt, &when) == 0 && when <= now &&
	       now - when <= RECEIPT_AGE_MAX;
}

static enum clause_state judge_monitoring(const struct view *v)
{
	static const char *const PROCESSES[] = {"main", "guard", "auth", "signer", "reporter"};
	const json_t *agent = section(v, "agent");
	const json_t *reporter = section(v, "reporter");
	const char *running = agent ? text_of(agent, "running") : NULL;
	enum clause_state state = judge_journal(v);

	if (state != CLAUSE_MET)
		return state;
	if (!running)
		return missing(v, "agent");
	for (size_t i = 0; i < sizeof(PROCESSES) / sizeof(PROCESSES[0]); i++)
		if (!list_has(running, PROCESSES[i]))
			return conclude(v, CLAUSE_UNMET,
			        LANGUAGE("止まっているプロセスがあります: %s",
			                "a process is not running: %s"),
			        PROCESSES[i]);
	if (v->fresh == STATE_OWN && (!reporter || !receipt_recent(reporter)))
		return conclude(v, CLAUSE_UNKNOWN, "%s",
		        LANGUAGE("収集サーバーからの新しい受領書がありません",
		                "there is no recent receipt from a collector"));
	return conclude(v, CLAUSE_MET,
	        LANGUAGE("署名付きの報告が届いており、ジャーナルは正常、動作中: %s",
	                "signed reports arrive, the journal is whole, running: %s"),
	        running);
}

static enum clause_state judge_checking(const struct view *v)
{
	static const char *const SECTIONS[] = {"agent", "guard", "policy", "auth"};
	enum clause_state state = judge_journal(v);

	if (state != CLAUSE_MET)
		return state;
	for (size_t i = 0; i < sizeof(SECTIONS) / sizeof(SECTIONS[0]); i++)
		if (!section(v, SECTIONS[i]))
			return missing(v, SECTIONS[i]);
	return conclude(v, CLAUSE_MET, "%s",
	        LANGUAGE("この端末の状態が条文ごとに評価されています",
	                "this terminal's state is evaluated clause by clause"));
}

/* Controls whose evidence this version collects; all others that are enforced or detected are
 * unknown. */
static const struct {
	const char *control;
	enum clause_state (*judge)(const struct view *v);
} JUDGES[] = {
        {"T1-NOEXP", judge_export_block},
        {"T1-MFA", judge_factors},
        {"OPS-MON", judge_monitoring},
        {"OPS-CHK", judge_checking},
};

static enum clause_state judge_machine(const struct view *v, const struct clause *clause)
{
	for (size_t i = 0; i < sizeof(JUDGES) / sizeof(JUDGES[0]); i++) {
		if (strcmp(JUDGES[i].control, clause->control) != 0)
			continue;
		if (!v->state)
			return conclude(v, CLAUSE_UNKNOWN, "%s",
			        LANGUAGE("端末の状態が報告されていません",
			                "no state has been reported"));
		if (v->fresh == STATE_OLD)
			return conclude(v, CLAUSE_UNKNOWN, "%s",
			        LANGUAGE("確認できた状態が古くなっています",
			                "the last verified state is not fresh"));
		return JUDGES[i].judge(v);
	}
	return conclude(v, CLAUSE_UNKNOWN, "%s",
	        LANGUAGE("この版はこの条文の証拠を集めていません",
	                "this version collects no evidence for this clause"));
}

struct finding catalogue_evaluate(
        const struct clause *clause, const void *state, enum freshness fresh)
{
	struct finding finding = {0};
	const struct view view = {.state = state, .fresh = fresh, .finding = &finding};

	if (!clause->class[0])
		finding.state = conclude(&view, CLAUSE_NOT_IN_POLICY, "%s",
		        LANGUAGE("この団体の基本方針に定めがありません",
		                "this body's policy does not ask for it"));
	else if (strpbrk(clause->class, "ED"))
		finding.state = judge_machine(&view, clause);
	else if (strchr(clause->class, 'A'))
		finding.state = conclude(&view, CLAUSE_UNKNOWN, "%s",
		        LANGUAGE("人による申告の条文で、申告の記録がありません",
		                "a person must attest this, and no attestation is recorded"));
	else
		finding.state = CLAUSE_NOT_APPLICABLE;
	return finding;
}
