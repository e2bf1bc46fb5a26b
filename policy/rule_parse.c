#include "policy/rule_language.h"

#include <string.h>

#include "core/encode.h"
#include "core/error.h"
#include "core/language.h"
#include "policy/rule_condition.h"
#include "policy/rule_scan.h"

enum { TARGET_COUNT = 3 };

static const char *const TARGETS[TARGET_COUNT] = {"allow", "block", "reject"};

static const char *const ATTRIBUTES[ATTRIBUTE_COUNT] = {"id", "serial", "name", "hash",
        "parent-hash", "via-port", "with-interface", "if", "with-connect-type", "label"};

static const char *const OPERATORS[SET_COUNT] = {
        "equals", "all-of", "one-of", "none-of", "equals-ordered", "match-all"};

const char *attribute_name(enum attribute_kind kind)
{
	return ATTRIBUTES[kind];
}

const char *operator_name(enum set_operator relation)
{
	return OPERATORS[relation];
}

const char *rule_target_name(enum rule_target target)
{
	return TARGETS[target];
}

static int scan_item(struct scanner *s, enum attribute_kind kind, struct item *item)
{
	switch (kind) {
	case ATTRIBUTE_ID:
		return scan_id(s, &item->id);
	case ATTRIBUTE_INTERFACE:
		return scan_interface(s, &item->interface);
	case ATTRIBUTE_IF:
		return scan_condition(s, &item->condition);
	default:
		return scan_string(s, &item->text);
	}
}

static int add_item(struct scanner *s, enum attribute_kind kind, struct attribute *a)
{
	struct item *item = arena_take(s->arena, sizeof(*item));

	if (!item)
		return ERR_MEMORY;
	item->next = NULL;
	if (a->count == 0)
		a->items = item;
	else
		a->last->next = item;
	a->last = item;
	a->count++;
	return scan_item(s, kind, item);
}

static int scan_set(struct scanner *s, enum attribute_kind kind, struct attribute *a)
{
	size_t start = s->at++;
	int error;

	scan_blanks(s);
	if (scan_peek(s) == '}')
		return scan_refuse(s, start, LANGUAGE("空の集合です", "the set is empty"));
	for (;;) {
		size_t blanks;

		error = add_item(s, kind, a);
		if (error)
			return error;
		blanks = scan_blanks(s);
		if (scan_char(s, '}'))
			return 0;
		if (scan_peek(s) < 0)
			return scan_refuse(s, start,
			        LANGUAGE("集合が閉じていません", "the set is not closed"));
		if (!blanks)
			return scan_refuse(s, s->at,
			        LANGUAGE("値の間には空白が要ります",
			                "values are separated by white space"));
	}
}

/* The values of an attribute, from behind its name on. */
static int scan_values(struct scanner *s, enum attribute_kind kind, struct attribute *a)
{
	size_t found;

	if (!scan_blanks(s) || scan_peek(s) < 0 || scan_peek(s) == '#')
		return scan_refuse(s, s->at, LANGUAGE("%s に値がありません", "%s has no value"),
		        attribute_name(kind));
	found = scan_name(s, OPERATORS, SET_COUNT);
	if (found < SET_COUNT) {
		if (!scan_blanks(s) || scan_peek(s) != '{')
			return scan_refuse(s, s->at,
			        LANGUAGE("%s の後には空白と { が要ります",
			                "%s must be followed by white space and {"),
			        OPERATORS[found]);
		a->relation = (uint8_t)found;
		a->relation_given = true;
	}
	if (scan_peek(s) != '{')
		return add_item(s, kind, a);
	return scan_set(s, kind, a);
}

/* Labels may be given several times and are then one set; anything else only once. */
static int keep_attribute(
        struct scanner *s, enum attribute_kind kind, const struct attribute *a, struct rule *rule)
{
	struct attribute *kept = &rule->attributes[kind];

	if (kept->count == 0) {
		*kept = *a;
		return 0;
	}
	if (kind != ATTRIBUTE_LABEL)
		return scan_refuse(s, a->column - 1,
		        LANGUAGE("%s が二度あります", "%s is given twice"), attribute_name(kind));
	kept->last->next = a->items;
	kept->last = a->last;
	kept->count += a->count;
	if (a->relation_given)
		kept->relation = a->relation;
	return 0;
}

static bool starts_id(const struct scanner *s)
{
	int c = scan_peek(s);

	return c == '*' || (c >= 0 && decode_hex_digit((char)c) >= 0);
}

/* A rule's first attribute may be an id without its name. */
static int scan_attribute(struct scanner *s, bool first, enum rule_part part, struct rule *rule)
{
	struct attribute a = {.relation = SET_EQUALS, .column = (uint32_t)s->at + 1};
	size_t found = scan_name(s, ATTRIBUTES, ATTRIBUTE_COUNT);
	enum attribute_kind kind = (enum attribute_kind)found;
	int error;

	if (found == ATTRIBUTE_COUNT && !(first && starts_id(s)))
		return scan_refuse(
		        s, a.column - 1, LANGUAGE("知らない属性です", "unknown attribute"));
	if (part == PART_DEVICE && (kind == ATTRIBUTE_IF || kind == ATTRIBUTE_LABEL))
		return scan_refuse(s, a.column - 1,
		        LANGUAGE("%s は機器の記述にはありません", "%s does not describe a device"),
		        attribute_name(kind));
	if (found == ATTRIBUTE_COUNT) {
		kind = ATTRIBUTE_ID;
		error = add_item(s, kind, &a);
	} else {
		error = scan_values(s, kind, &a);
	}
	return error ? error : keep_attribute(s, kind, &a, rule);
}

/* What follows the last attribute: a device's description may end in white space, a rule may not.
 */
static int scan_end(struct scanner *s, size_t blanks, enum rule_part part)
{
	if (part == PART_QUERY && s->at == blanks)
		return scan_refuse(s, 0, LANGUAGE("引数がありません", "the parameter is empty"));
	if (blanks && part != PART_DEVICE)
		return scan_refuse(s, s->length - blanks,
		        LANGUAGE("末尾に空白があります", "white space at the end"));
	return 0;
}

static int scan_attributes(struct scanner *s, enum rule_part part, struct rule *rule)
{
	for (bool first = true;; first = false) {
		size_t blanks = scan_blanks(s);
		int error;

		if (scan_peek(s) == '#')
			return 0;
		if (scan_peek(s) < 0)
			return scan_end(s, blanks, part);
		if (!blanks && !(part != PART_RULE && first))
			return scan_refuse(s, s->at,
			        LANGUAGE("ここには空白が要ります", "white space is missing here"));
		error = scan_attribute(s, first, part, rule);
		if (error)
			return error;
	}
}

static int scan_target(struct scanner *s, struct rule *rule)
{
	size_t found;

	if (scan_blanks(s))
		return scan_refuse(
		        s, 0, LANGUAGE("行頭に空白があります", "white space before the rule"));
	found = scan_name(s, TARGETS, TARGET_COUNT);
	if (found == TARGET_COUNT)
		return scan_refuse(s, 0,
		        LANGUAGE("ルールは allow, block, reject のどれかで始まります",
		                "a rule begins with allow, block or reject"));
	rule->target = (enum rule_target)found;
	return 0;
}

static bool is_empty(struct scanner s)
{
	scan_blanks(&s);
	return s.length == 0 || scan_peek(&s) == '#';
}

int rule_parse_line(struct arena *arena, const char *text, size_t length, enum rule_part part,
        struct rule *rule, bool *empty, struct rule_error *error)
{
	struct scanner s = {.arena = arena, .text = text, .length = length, .error = error};
	const char *nul = memchr(text, '\0', length);
	int result = 0;

	*rule = (struct rule){0};
	*empty = part == PART_RULE && is_empty(s);
	if (length > RULE_LINE_MAX)
		return scan_refuse(&s, RULE_LINE_MAX,
		        LANGUAGE("行が長すぎます (%d バイトまで)",
		                "the line is longer than %d bytes"),
		        RULE_LINE_MAX);
	if (nul)
		return scan_refuse(
		        &s, (size_t)(nul - text), LANGUAGE("NUL バイトがあります", "a NUL byte"));
	if (*empty)
		return 0;
	if (part == PART_RULE)
		result = scan_target(&s, rule);
	return result ? result : scan_attributes(&s, part, rule);
}
