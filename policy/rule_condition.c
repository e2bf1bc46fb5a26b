#include "policy/rule_condition.h"

#include <string.h>

#include "core/error.h"
#include "core/language.h"

static const char *const CONDITIONS[CONDITION_COUNT] = {"true", "false", "localtime",
        "allowed-matches", "rule-applied", "rule-evaluated", "random"};

const char *condition_name(enum condition_kind kind)
{
	return CONDITIONS[kind];
}

/* What stands between the parentheses is taken up to the first one that closes, as if the line
 * ended there. */
static int scan_query(struct scanner *s, struct item_condition *condition)
{
	const char *close = memchr(s->text + s->at, ')', s->length - s->at);
	struct rule *query = arena_take(s->arena, sizeof(*query));
	size_t start = s->at;
	struct rule_error error = {0};
	bool empty;
	int result;

	if (!query)
		return ERR_MEMORY;
	if (!close)
		return scan_refuse(
		        s, start - 1, LANGUAGE("括弧が閉じていません", "no closing parenthesis"));
	s->at = (size_t)(close - s->text);
	result = scan_one_line(s, start);
	if (result)
		return result;
	result = rule_parse_line(
	        s->arena, s->text + start, s->at - start, PART_QUERY, query, &empty, &error);
	if (result == ERR_FORMAT)
		return scan_refuse(s, start + error.column - 1, "%s", error.message);
	condition->query = query;
	return result;
}

static int scan_malformed(struct scanner *s, size_t at, enum condition_kind kind)
{
	switch (kind) {
	case CONDITION_LOCALTIME:
		return scan_refuse(s, at,
		        LANGUAGE("localtime は HH:MM[:SS] か HH:MM[:SS]-HH:MM[:SS] です",
		                "localtime takes HH:MM[:SS] or HH:MM[:SS]-HH:MM[:SS]"));
	case CONDITION_RANDOM:
		return scan_refuse(s, at,
		        LANGUAGE("random の確率は 0 から 1 までの数です (例 0.5)",
		                "random takes a number from 0 to 1 (0.5)"));
	default:
		return scan_refuse(s, at,
		        LANGUAGE("期間は SS, HH:MM, HH:MM:SS のどれかです",
		                "a duration is SS, HH:MM or HH:MM:SS"));
	}
}

/* From behind the opening parenthesis to the closing one. */
static int scan_parameter(struct scanner *s, struct item_condition *condition)
{
	size_t start = s->at;
	bool good;

	switch (condition->kind) {
	case CONDITION_ALLOWED_MATCHES:
		return scan_query(s, condition);
	case CONDITION_LOCALTIME:
		good = scan_window(s, &condition->begin, &condition->end);
		break;
	case CONDITION_RANDOM:
		good = scan_probability(s, &condition->probability);
		break;
	default:
		good = scan_duration(s, &condition->seconds);
		break;
	}
	if (!good || scan_peek(s) != ')')
		return scan_malformed(s, start, condition->kind);
	return 0;
}

static bool takes_parameter(enum condition_kind kind)
{
	return kind != CONDITION_TRUE && kind != CONDITION_FALSE;
}

static bool needs_parameter(enum condition_kind kind)
{
	return kind == CONDITION_LOCALTIME || kind == CONDITION_ALLOWED_MATCHES;
}

static int scan_parentheses(struct scanner *s, struct item_condition *condition)
{
	const char *name = condition_name(condition->kind);
	size_t start;
	int error;

	if (scan_peek(s) != '(')
		return !needs_parameter(condition->kind)
		               ? 0
		               : scan_refuse(s, s->at,
		                         LANGUAGE("%s には引数が要ります",
		                                 "the condition %s needs a parameter"),
		                         name);
	if (!takes_parameter(condition->kind))
		return scan_refuse(s, s->at,
		        LANGUAGE("条件 %s に引数はありません",
		                "the condition %s takes no parameter"),
		        name);
	start = ++s->at;
	error = scan_parameter(s, condition);
	condition->parameter =
	        (struct item_text){.bytes = s->text + start, .length = s->at - start};
	s->at++;
	return error;
}

int scan_condition(struct scanner *s, const struct item_condition **condition)
{
	struct item_condition *scanned = arena_take(s->arena, sizeof(*scanned));
	size_t found;

	if (!scanned)
		return ERR_MEMORY;
	*scanned = (struct item_condition){
	        .negated = scan_char(s, '!'), .seconds = -1, .probability = 0.5};
	found = scan_name(s, CONDITIONS, CONDITION_COUNT);
	if (found == CONDITION_COUNT)
		return scan_refuse(s, s->at, LANGUAGE("知らない条件です", "unknown condition"));
	scanned->kind = (enum condition_kind)found;
	*condition = scanned;
	return scan_parentheses(s, scanned);
}
