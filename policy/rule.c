#include "policy/rule.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/language.h"
#include "policy/rule_match.h"
#include "policy/rule_print.h"
#include "policy/rule_set.h"

enum { NUMBERS_START = 64 };

static int numbers_add(struct numbers *n, size_t value)
{
	if (value > UINT32_MAX)
		return ERR_MEMORY;
	if (n->count == n->size) {
		size_t size = n->size ? n->size * 2 : NUMBERS_START;
		uint32_t *grown = reallocarray(n->values, size, sizeof(*grown));

		if (!grown)
			return ERR_MEMORY;
		n->values = grown;
		n->size = size;
	}
	n->values[n->count++] = (uint32_t)value;
	return 0;
}

static bool asks_history(const struct rule *tree)
{
	for (const struct item *i = tree->attributes[ATTRIBUTE_IF].items; i; i = i->next)
		if (i->condition->kind == CONDITION_RULE_APPLIED ||
		        i->condition->kind == CONDITION_RULE_EVALUATED)
			return true;
	return false;
}

static int keep(struct rule_set *set, const struct rule *tree)
{
	size_t rule = set->offsets.count;
	int error = numbers_add(&set->offsets, set->pack.length);

	if (!error)
		error = pack_rule(&set->pack, tree);
	if (!error)
		error = rule_index_add(&set->index, tree, (uint32_t)rule);
	if (!error && asks_history(tree))
		error = numbers_add(&set->remembering, rule);
	return error;
}

static int add_line(struct rule_set *set, struct arena *arena, const char *line, size_t length,
        struct rule_error *error)
{
	struct rule tree;
	bool empty;
	int result;

	arena_reset(arena);
	result = rule_parse_line(arena, line, length, PART_RULE, &tree, &empty, error);
	if (result || empty)
		return result;
	if (set->offsets.count == RULE_COUNT_MAX) {
		error->column = 1;
		(void)snprintf(error->message, sizeof(error->message),
		        LANGUAGE("ルールが多すぎます (%d まで)", "more than %d rules"),
		        RULE_COUNT_MAX);
		return ERR_FORMAT;
	}
	return keep(set, &tree);
}

static int add_lines(
        struct rule_set *set, const char *text, size_t length, struct rule_error *error)
{
	struct arena arena = {0};
	size_t at = 0;
	int result = 0;

	while (!result && at < length) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t line = end ? (size_t)(end - text) - at : length - at;

		error->line++;
		result = add_line(set, &arena, text + at, line, error);
		at += line + 1;
	}
	arena_free(&arena);
	return result;
}

int rule_set_parse(const char *text, size_t length, struct rule_set **set, struct rule_error *error)
{
	struct rule_set *parsed = calloc(1, sizeof(*parsed));
	int result = parsed ? 0 : ERR_MEMORY;

	*set = NULL;
	*error = (struct rule_error){0};
	if (!result)
		result = add_lines(parsed, text, length, error);
	if (!result)
		result = rule_index_finish(&parsed->index);
	if (!result) {
		*set = parsed; /* transferred */
		parsed = NULL;
	}
	rule_set_free(&parsed);
	return result;
}

void rule_set_free(struct rule_set **set)
{
	if (!*set)
		return;
	rule_index_free(&(*set)->index);
	free((*set)->pack.bytes);
	free((*set)->offsets.values);
	free((*set)->remembering.values);
	free(*set);
	*set = NULL;
}

size_t rule_set_count(const struct rule_set *set)
{
	return set->offsets.count;
}

int rule_set_print(const struct rule_set *set, size_t number, char **text)
{
	*text = NULL;
	if (number == 0 || number > rule_set_count(set))
		return ERR_NOT_FOUND;
	*text = rule_print(rule_set_bytes(set, number - 1));
	return *text ? 0 : ERR_MEMORY;
}

static bool exact_ids(const struct packed_attribute *a)
{
	const uint8_t *at = a->items;

	for (size_t i = 0; i < a->count; i++) {
		struct packed_item item;

		unpack_item(&at, ATTRIBUTE_ID, &item);
		if (item.id.any_product)
			return false;
	}
	return true;
}

static bool names_one(const struct packed_attribute *a)
{
	if (a->relation == SET_NONE_OF)
		return false;
	return a->kind == ATTRIBUTE_HASH || a->kind == ATTRIBUTE_SERIAL ||
	       (a->kind == ATTRIBUTE_ID && exact_ids(a));
}

static bool names_port(const struct packed_attribute *a)
{
	return a->relation != SET_NONE_OF && a->kind == ATTRIBUTE_VIA_PORT;
}

/* Whether one of the rule's attributes is such. */
static bool has_attribute(const struct rule_set *set, size_t number,
        bool (*is_such)(const struct packed_attribute *a))
{
	struct packed_attribute a;
	struct packed_rule rule;

	if (number == 0 || number > rule_set_count(set))
		return false;
	rule = unpack_rule(rule_set_bytes(set, number - 1));
	while (unpack_attribute(&rule, &a))
		if (is_such(&a))
			return true;
	return false;
}

bool rule_set_names_device(const struct rule_set *set, size_t number)
{
	return has_attribute(set, number, names_one);
}

bool rule_set_names_port(const struct rule_set *set, size_t number)
{
	return has_attribute(set, number, names_port);
}

struct question {
	const struct rule_set *set;
	const struct subject *subject;
	const struct rule_context *context;
};

static bool answers(const void *context, uint32_t rule)
{
	const struct question *q = context;
	const uint8_t *bytes = rule_set_bytes(q->set, rule);
	struct moment_of_rule moment = {.context = q->context, .number = (size_t)rule + 1};

	return rule_describes(bytes, q->subject) && rule_conditions_hold(bytes, &moment);
}

size_t rule_set_match(const struct rule_set *set, const struct device_facts *facts,
        const struct rule_context *context, enum rule_target *target)
{
	struct subject subject;
	struct question question = {.set = set, .subject = &subject, .context = context};
	uint32_t count = (uint32_t)rule_set_count(set);
	uint32_t found;

	subject_make(&subject, facts);
	found = rule_index_find(&set->index, &subject, count, answers, &question);
	if (found == count)
		return 0;
	*target = unpack_rule(rule_set_bytes(set, found)).target;
	return (size_t)found + 1;
}
