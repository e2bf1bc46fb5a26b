#include "policy/rule_language.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/language.h"

enum { ITEMS_START = 8, DAY_SECONDS = 24 * 60 * 60 };

struct scanner {
	struct arena *arena;
	const char *text;
	size_t length;
	size_t at;
	struct item *items; /* of the attribute being read */
	uint32_t count, size;
	struct rule_error *error;
};

static const char *const TARGETS[] = {"allow", "block", "reject"};

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

static int __attribute__((format(printf, 3, 4)))
refuse(struct scanner *s, size_t at, const char *format, ...)
{
	va_list arguments;

	s->error->column = at + 1;
	va_start(arguments, format);
	(void)vsnprintf(s->error->message, sizeof(s->error->message), format, arguments);
	va_end(arguments);
	return ERR_FORMAT;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t';
}

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* -1 at the end. */
static int peek(const struct scanner *s)
{
	return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

static size_t skip_blanks(struct scanner *s)
{
	size_t start = s->at;

	while (is_blank(peek(s)))
		s->at++;
	return s->at - start;
}

static size_t word_length(const struct scanner *s)
{
	size_t end = s->at;

	while (end < s->length && is_word((unsigned char)s->text[end]))
		end++;
	return end - s->at;
}

/* Which of names the word at the scanner is; count when none. */
static size_t word_find(const struct scanner *s, const char *const *names, size_t count)
{
	size_t length = word_length(s);

	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == length && memcmp(names[i], s->text + s->at, length) == 0)
			return i;
	return count;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* digits hexadecimal digits; upper gets a bit for each upper-case letter. */
static bool scan_hex(struct scanner *s, unsigned digits, uint16_t *value, uint8_t *upper)
{
	unsigned number = 0;

	for (unsigned i = 0; i < digits; i++) {
		int digit = hex_digit(peek(s));

		if (digit < 0)
			return false;
		number = number << 4 | (unsigned)digit;
		*upper = (uint8_t)(*upper << 1 | (s->text[s->at] >= 'A' && s->text[s->at] <= 'F'));
		s->at++;
	}
	*value = (uint16_t)number;
	return true;
}

static bool scan_char(struct scanner *s, char c)
{
	if (peek(s) != (unsigned char)c)
		return false;
	s->at++;
	return true;
}

static int scan_id(struct scanner *s, struct item *item)
{
	struct item_id *id = &item->id;
	size_t start = s->at;

	if (scan_char(s, '*')) {
		id->any_vendor = id->any_product = true;
		if (scan_char(s, ':') && scan_char(s, '*'))
			return 0;
		return refuse(s, start,
		        LANGUAGE("製造者が * のとき機器も * でなければなりません (*:*)",
		                "with any vendor the product must be any too (*:*)"));
	}
	if (!scan_hex(s, 4, &id->vendor, &id->upper) || !scan_char(s, ':'))
		goto malformed;
	if (scan_char(s, '*')) {
		id->any_product = true;
		id->upper = (uint8_t)(id->upper << 4);
		return 0;
	}
	if (scan_hex(s, 4, &id->product, &id->upper))
		return 0;
malformed:
	return refuse(s, start,
	        LANGUAGE("機器 ID は 16 進 4 桁:4 桁です (例 0781:5567)",
	                "a device id is four hex digits, a colon and four more (0781:5567)"));
}

static bool scan_octet(struct scanner *s, uint8_t *value)
{
	uint16_t number = 0;
	uint8_t upper = 0;
	bool scanned = scan_hex(s, 2, &number, &upper);

	*value = (uint8_t)number;
	return scanned;
}

static int scan_interface(struct scanner *s, struct item *item)
{
	struct item_interface *i = &item->interface;
	size_t start = s->at;

	if (!scan_octet(s, &i->value.class) || !scan_char(s, ':'))
		goto malformed;
	if (scan_char(s, '*'))
		i->any_subclass = true;
	else if (!scan_octet(s, &i->value.subclass))
		goto malformed;
	if (!scan_char(s, ':'))
		goto malformed;
	if (scan_char(s, '*')) {
		i->any_protocol = true;
		return 0;
	}
	if (!scan_octet(s, &i->value.protocol))
		goto malformed;
	if (i->any_subclass)
		return refuse(s, start,
		        LANGUAGE("サブクラスが * のときプロトコルも * でなければなりません",
		                "with any subclass the protocol must be any too"));
	return 0;
malformed:
	return refuse(s, start,
	        LANGUAGE("インターフェースは 16 進 2 桁ずつの cc:ss:pp です (例 08:06:50, 08:*:*)",
	                "an interface is cc:ss:pp, two hex digits each (08:06:50, 08:*:*)"));
}

/* One character of a string after a backslash; -1 when it is none. */
static int scan_escape(struct scanner *s)
{
	uint8_t value;

	if (scan_char(s, '"'))
		return '"';
	if (scan_char(s, '\\'))
		return '\\';
	if (scan_char(s, 'x') && scan_octet(s, &value))
		return value;
	return -1;
}

/* Bytes up to the closing quote, escapes as they are written: never fewer than the string's own. */
static size_t string_room(const struct scanner *s)
{
	size_t end = s->at;

	while (end < s->length && s->text[end] != '"')
		end += s->text[end] == '\\' ? 2 : 1;
	return (end < s->length ? end : s->length) - s->at;
}

static int scan_string(struct scanner *s, struct item *item)
{
	size_t start = s->at;
	size_t length = 0;
	char *out = NULL;

	if (!scan_char(s, '"'))
		return refuse(s, start,
		        LANGUAGE("値は二重引用符で囲んだ文字列です",
		                "the value is a string in double quotes"));
	out = arena_take(s->arena, string_room(s) + 1);
	if (!out)
		return ERR_MEMORY;
	while (peek(s) >= 0 && peek(s) != '"') {
		int c = (unsigned char)s->text[s->at++];

		if (c == '\\') {
			size_t escape = s->at - 1;

			c = scan_escape(s);
			if (c < 0)
				return refuse(s, escape,
				        LANGUAGE("エスケープは \\\" \\\\ \\xHH だけです",
				                "escapes are \\\" \\\\ and \\xHH only"));
		}
		out[length++] = (char)c;
	}
	if (!scan_char(s, '"'))
		return refuse(
		        s, start, LANGUAGE("文字列が閉じていません", "the string is not closed"));
	out[length] = '\0';
	item->text = (struct item_text){.bytes = out, .length = (uint32_t)length};
	return 0;
}

static bool scan_number(struct scanner *s, unsigned below, unsigned *value)
{
	size_t digits = 0;

	*value = 0;
	while (digits < 2 && peek(s) >= '0' && peek(s) <= '9') {
		*value = *value * 10 + (unsigned)(s->text[s->at] - '0');
		s->at++;
		digits++;
	}
	return digits > 0 && *value < below;
}

/* HH:MM[:SS] with blanks around it. */
static bool scan_time(struct scanner *s, uint32_t *second)
{
	unsigned hours, minutes, seconds = 0;

	skip_blanks(s);
	if (!scan_number(s, 24, &hours) || !scan_char(s, ':') || !scan_number(s, 60, &minutes))
		return false;
	if (scan_char(s, ':') && !scan_number(s, 60, &seconds))
		return false;
	skip_blanks(s);
	*second = hours * 3600 + minutes * 60 + seconds;
	return true;
}

static bool scan_window(struct scanner *s, struct item_condition *condition)
{
	size_t start = s->at;
	bool good = scan_time(s, &condition->begin);

	condition->end = condition->begin;
	if (good && scan_char(s, '-'))
		good = scan_time(s, &condition->end);
	if (!good || peek(s) != ')')
		return false;
	condition->parameter =
	        (struct item_text){.bytes = s->text + start, .length = (uint32_t)(s->at - start)};
	s->at++;
	return true;
}

static int copy_text(struct scanner *s, struct item_text *text)
{
	char *copy = arena_take(s->arena, (size_t)text->length + 1);

	if (!copy)
		return ERR_MEMORY;
	memcpy(copy, text->bytes, text->length);
	copy[text->length] = '\0';
	text->bytes = copy;
	return 0;
}

static int scan_condition(struct scanner *s, struct item *item)
{
	static const char *const NAMES[] = {"true", "false", "localtime", "random", "rule-applied",
	        "rule-evaluated", "allowed-matches"};
	enum { SUPPORTED = 3, KNOWN = sizeof(NAMES) / sizeof(NAMES[0]) };
	struct item_condition *condition = arena_take(s->arena, sizeof(*condition));
	size_t start = s->at;
	size_t found;

	if (!condition)
		return ERR_MEMORY;
	*condition = (struct item_condition){.negated = scan_char(s, '!')};
	item->condition = condition;
	found = word_find(s, NAMES, KNOWN);
	if (found == KNOWN)
		return refuse(s, s->at, LANGUAGE("知らない条件です", "unknown condition"));
	if (found >= SUPPORTED)
		return refuse(s, start,
		        LANGUAGE("条件 %s はこの版では使えません",
		                "the condition %s is not supported"),
		        NAMES[found]);
	s->at += strlen(NAMES[found]);
	condition->kind = (enum condition_kind)found;
	if (condition->kind != CONDITION_LOCALTIME) {
		if (peek(s) == '(')
			return refuse(s, s->at,
			        LANGUAGE("条件 %s に引数はありません",
			                "the condition %s takes no parameter"),
			        NAMES[found]);
		return 0;
	}
	if (!scan_char(s, '('))
		return refuse(s, s->at,
		        LANGUAGE("localtime には時刻が要ります",
		                "localtime needs a time: localtime(08:30-17:15)"));
	start = s->at;
	if (!scan_window(s, condition))
		return refuse(s, start,
		        LANGUAGE("localtime は HH:MM[:SS] か HH:MM[:SS]-HH:MM[:SS] です",
		                "localtime takes HH:MM[:SS] or HH:MM[:SS]-HH:MM[:SS]"));
	return copy_text(s, &condition->parameter);
}

static int scan_item(struct scanner *s, enum attribute_kind kind, struct item *item)
{
	switch (kind) {
	case ATTRIBUTE_ID:
		return scan_id(s, item);
	case ATTRIBUTE_INTERFACE:
		return scan_interface(s, item);
	case ATTRIBUTE_IF:
		return scan_condition(s, item);
	default:
		return scan_string(s, item);
	}
}

static int add_item(struct scanner *s, enum attribute_kind kind)
{
	if (s->count == s->size) {
		uint32_t size = s->size ? s->size * 2 : ITEMS_START;
		struct item *items = reallocarray(s->items, size, sizeof(*items));

		if (!items)
			return ERR_MEMORY;
		s->items = items;
		s->size = size;
	}
	memset(&s->items[s->count], 0, sizeof(s->items[0]));
	return scan_item(s, kind, &s->items[s->count++]);
}

static int scan_set(struct scanner *s, enum attribute_kind kind)
{
	size_t start = s->at++;
	int error;

	skip_blanks(s);
	if (peek(s) == '}')
		return refuse(s, start, LANGUAGE("空の集合です", "the set is empty"));
	for (;;) {
		size_t blanks;

		error = add_item(s, kind);
		if (error)
			return error;
		blanks = skip_blanks(s);
		if (scan_char(s, '}'))
			return 0;
		if (peek(s) < 0)
			return refuse(s, start,
			        LANGUAGE("集合が閉じていません", "the set is not closed"));
		if (!blanks)
			return refuse(s, s->at,
			        LANGUAGE("値の間には空白が要ります",
			                "values are separated by white space"));
	}
}

/* The values of an attribute, from behind its name on. */
static int scan_values(struct scanner *s, struct attribute *attribute)
{
	enum attribute_kind kind = (enum attribute_kind)attribute->kind;
	size_t found;

	if (!skip_blanks(s) || peek(s) < 0 || peek(s) == '#')
		return refuse(s, s->at, LANGUAGE("%s に値がありません", "%s has no value"),
		        attribute_name(kind));
	found = word_find(s, OPERATORS, SET_COUNT);
	if (found < SET_COUNT) {
		s->at += strlen(OPERATORS[found]);
		if (!skip_blanks(s) || peek(s) != '{')
			return refuse(s, s->at,
			        LANGUAGE("%s の後には空白と { が要ります",
			                "%s must be followed by white space and {"),
			        OPERATORS[found]);
		attribute->relation = (uint8_t)found;
	}
	if (peek(s) != '{')
		return add_item(s, kind);
	return scan_set(s, kind);
}

/* Labels may be given several times and are then one set; anything else only once. */
static int merge_label(struct scanner *s, struct attribute *label, const struct attribute *more)
{
	uint32_t total = label->count + more->count;
	struct item *items = arena_take(s->arena, (size_t)total * sizeof(*items));

	if (!items)
		return ERR_MEMORY;
	memcpy(items, label->items, (size_t)label->count * sizeof(*items));
	memcpy(items + label->count, more->items, (size_t)more->count * sizeof(*items));
	label->items = items;
	label->count = total;
	if (more->relation != SET_EQUALS)
		label->relation = more->relation;
	return 0;
}

static int keep_attribute(struct scanner *s, size_t at, const struct attribute *attribute,
        struct attribute found[ATTRIBUTE_COUNT])
{
	struct attribute *kept = &found[attribute->kind];

	if (!kept->count) {
		*kept = *attribute;
		return 0;
	}
	if (attribute->kind == ATTRIBUTE_LABEL)
		return merge_label(s, kept, attribute);
	return refuse(s, at, LANGUAGE("%s が二度あります", "%s is given twice"),
	        attribute_name((enum attribute_kind)attribute->kind));
}

static int scan_attribute(
        struct scanner *s, bool first, bool device, struct attribute found[ATTRIBUTE_COUNT])
{
	size_t start = s->at;
	struct attribute attribute = {.relation = SET_EQUALS, .column = (uint32_t)start + 1};
	size_t kind = word_find(s, ATTRIBUTES, ATTRIBUTE_COUNT);
	bool bare_id = first && (hex_digit(peek(s)) >= 0 || peek(s) == '*');
	int error;

	s->count = 0;
	if (kind < ATTRIBUTE_COUNT) {
		attribute.kind = (uint8_t)kind;
		if (device && (kind == ATTRIBUTE_IF || kind == ATTRIBUTE_LABEL))
			return refuse(s, start,
			        LANGUAGE("%s は機器の記述にはありません",
			                "%s does not describe a device"),
			        ATTRIBUTES[kind]);
		s->at += strlen(ATTRIBUTES[kind]);
		error = scan_values(s, &attribute);
	} else if (bare_id) {
		attribute.kind = ATTRIBUTE_ID;
		error = add_item(s, ATTRIBUTE_ID);
	} else {
		return refuse(s, start, LANGUAGE("知らない属性です", "unknown attribute"));
	}
	if (!error) {
		struct item *items = arena_take(s->arena, s->count * sizeof(*items));

		if (!items)
			return ERR_MEMORY;
		memcpy(items, s->items, s->count * sizeof(*items));
		attribute.items = items;
		attribute.count = s->count;
		error = keep_attribute(s, start, &attribute, found);
	}
	return error;
}

static int scan_attributes(struct scanner *s, bool device, struct attribute found[ATTRIBUTE_COUNT])
{
	bool first = true;

	for (;;) {
		size_t blanks = skip_blanks(s);
		int error;

		if (peek(s) == '#')
			return 0;
		if (peek(s) < 0)
			return blanks && !device
			               ? refuse(s, s->length - blanks,
			                         LANGUAGE("行末に空白があります",
			                                 "white space at the end of the line"))
			               : 0;
		if (!blanks && !(device && first))
			return refuse(s, s->at,
			        LANGUAGE("ここには空白が要ります", "white space is missing here"));
		error = scan_attribute(s, first, device, found);
		if (error)
			return error;
		first = false;
	}
}

static int scan_target(struct scanner *s, struct rule *rule)
{
	size_t target = word_find(s, TARGETS, sizeof(TARGETS) / sizeof(TARGETS[0]));

	if (is_blank(peek(s)))
		return refuse(
		        s, 0, LANGUAGE("行頭に空白があります", "white space before the rule"));
	if (target == sizeof(TARGETS) / sizeof(TARGETS[0]))
		return refuse(s, 0,
		        LANGUAGE("ルールは allow, block, reject のどれかで始まります",
		                "a rule begins with allow, block or reject"));
	s->at += strlen(TARGETS[target]);
	rule->target = (uint8_t)target;
	return 0;
}

static int keep_attributes(
        struct arena *arena, const struct attribute found[ATTRIBUTE_COUNT], struct rule *rule)
{
	struct attribute *attributes;
	size_t count = 0;

	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
		count += found[i].count > 0;
	attributes = arena_take(arena, count * sizeof(*attributes));
	if (!attributes)
		return ERR_MEMORY;
	rule->attributes = attributes;
	rule->count = (uint8_t)count;
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
		if (found[i].count)
			*attributes++ = found[i];
	return 0;
}

int rule_parse_line(struct arena *arena, const char *text, size_t length, bool device,
        struct rule *rule, bool *empty, struct rule_error *error)
{
	struct scanner s = {.arena = arena, .text = text, .length = length, .error = error};
	struct attribute found[ATTRIBUTE_COUNT] = {0};
	int result = 0;

	*empty = false;
	*rule = (struct rule){0};
	if (length > RULE_LINE_MAX)
		return refuse(&s, RULE_LINE_MAX,
		        LANGUAGE("行が長すぎます (%d バイトまで)",
		                "the line is longer than %d bytes"),
		        RULE_LINE_MAX);
	if (memchr(text, '\0', length))
		return refuse(&s, (size_t)((const char *)memchr(text, '\0', length) - text),
		        LANGUAGE("NUL バイトがあります", "a NUL byte"));
	if (!device) {
		size_t blanks = skip_blanks(&s);

		*empty = length == 0 || peek(&s) == '#';
		if (*empty)
			return 0;
		s.at -= blanks;
		result = scan_target(&s, rule);
	}
	if (!result)
		result = scan_attributes(&s, device, found);
	if (!result)
		result = keep_attributes(arena, found, rule);
	free(s.items);
	return result;
}
