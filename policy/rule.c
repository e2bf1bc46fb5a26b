#include "policy/rule.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/language.h"
#include "policy/rule_language.h"

/*
 * Every rule stands in the index once for each value of its most telling attribute, or in `general`
 * when it has none; a device's own values then lead to the few rules that can match it. Keys are
 * hashes: a collision only costs a comparison.
 */
enum key_kind { KEY_HASH, KEY_ID_SERIAL, KEY_ID, KEY_VENDOR, KEY_SERIAL, KEY_KINDS };

enum { PAIRS_MAX = 64 };

struct index_entry {
	uint64_t key;
	uint32_t rule; /* from 0 */
};

struct rule_set {
	struct arena arena;
	struct rule *rules;
	size_t count, size;
	struct index_entry *index; /* by key, then rule */
	size_t entries, entries_size;
	uint32_t *general; /* ascending */
	size_t general_count, general_size;
};

static uint64_t mix(uint64_t key, const void *bytes, size_t length)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < length; i++)
		key = (key ^ byte[i]) * UINT64_C(0x100000001b3);
	return key;
}

static uint64_t key_start(enum key_kind kind)
{
	unsigned char byte = (unsigned char)kind;

	return mix(UINT64_C(0xcbf29ce484222325), &byte, 1);
}

static uint64_t key_text(enum key_kind kind, const char *text, size_t length)
{
	return mix(key_start(kind), text, length);
}

static uint64_t key_id(enum key_kind kind, uint16_t vendor, uint16_t product)
{
	return mix(mix(key_start(kind), &vendor, sizeof(vendor)), &product, sizeof(product));
}

/* Makes room for one more element; the old memory stays on failure. */
static bool grow(void **memory, size_t *size, size_t count, size_t element)
{
	size_t wanted = *size ? *size * 2 : 64;
	void *grown;

	if (count < *size)
		return true;
	grown = reallocarray(*memory, wanted, element);
	if (!grown)
		return false;
	*memory = grown;
	*size = wanted;
	return true;
}

static int index_add(struct rule_set *set, uint64_t key, size_t rule)
{
	void *memory = set->index;

	if (!grow(&memory, &set->entries_size, set->entries, sizeof(*set->index)))
		return ERR_MEMORY;
	set->index = memory;
	set->index[set->entries++] = (struct index_entry){.key = key, .rule = (uint32_t)rule};
	return 0;
}

static int general_add(struct rule_set *set, size_t rule)
{
	void *memory = set->general;

	if (!grow(&memory, &set->general_size, set->general_count, sizeof(*set->general)))
		return ERR_MEMORY;
	set->general = memory;
	set->general[set->general_count++] = (uint32_t)rule;
	return 0;
}

/* An attribute that a device can satisfy only with one of its values: every operator but none-of.
 */
static const struct attribute *telling(const struct rule *rule, enum attribute_kind kind)
{
	const struct attribute *a = rule_attribute(rule, kind);

	return a && a->relation != SET_NONE_OF ? a : NULL;
}

static bool any_id(const struct attribute *id)
{
	for (size_t i = 0; i < id->count; i++)
		if (id->items[i].id.any_vendor)
			return true;
	return false;
}

static bool exact_ids(const struct attribute *id)
{
	for (size_t i = 0; i < id->count; i++)
		if (id->items[i].id.any_product)
			return false;
	return true;
}

static int index_texts(
        struct rule_set *set, enum key_kind kind, const struct attribute *a, size_t rule)
{
	int error = 0;

	for (size_t i = 0; !error && i < a->count; i++)
		error = index_add(
		        set, key_text(kind, a->items[i].text.bytes, a->items[i].text.length), rule);
	return error;
}

static int index_ids(struct rule_set *set, const struct attribute *a, size_t rule)
{
	int error = 0;

	for (size_t i = 0; !error && i < a->count; i++) {
		const struct item_id *id = &a->items[i].id;

		error = index_add(set,
		        key_id(id->any_product ? KEY_VENDOR : KEY_ID, id->vendor, id->product),
		        rule);
	}
	return error;
}

static int index_pairs(struct rule_set *set, const struct attribute *ids,
        const struct attribute *serials, size_t rule)
{
	int error = 0;

	for (size_t i = 0; i < ids->count; i++)
		for (size_t k = 0; !error && k < serials->count; k++) {
			const struct item_id *id = &ids->items[i].id;
			const struct item_text *serial = &serials->items[k].text;
			uint64_t key = key_id(KEY_ID_SERIAL, id->vendor, id->product);

			error = index_add(set, mix(key, serial->bytes, serial->length), rule);
		}
	return error;
}

static int index_rule(struct rule_set *set, size_t number)
{
	const struct rule *rule = &set->rules[number];
	const struct attribute *hash = telling(rule, ATTRIBUTE_HASH);
	const struct attribute *id = telling(rule, ATTRIBUTE_ID);
	const struct attribute *serial = telling(rule, ATTRIBUTE_SERIAL);

	if (hash)
		return index_texts(set, KEY_HASH, hash, number);
	if (id && serial && exact_ids(id) && (uint64_t)id->count * serial->count <= PAIRS_MAX)
		return index_pairs(set, id, serial, number);
	if (id && !any_id(id))
		return index_ids(set, id, number);
	if (serial)
		return index_texts(set, KEY_SERIAL, serial, number);
	return general_add(set, number);
}

static int entry_compare(const void *left, const void *right)
{
	const struct index_entry *a = left;
	const struct index_entry *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->rule > b->rule) - (a->rule < b->rule);
}

static int build_index(struct rule_set *set)
{
	int error = 0;

	for (size_t i = 0; !error && i < set->count; i++)
		error = index_rule(set, i);
	if (!error && set->entries)
		qsort(set->index, set->entries, sizeof(*set->index), entry_compare);
	return error;
}

static int add_line(struct rule_set *set, const char *line, size_t length, struct rule_error *error)
{
	void *memory = set->rules;
	struct rule rule;
	bool empty;
	int result = rule_parse_line(&set->arena, line, length, false, &rule, &empty, error);

	if (result || empty)
		return result;
	if (set->count == RULE_COUNT_MAX) {
		error->column = 1;
		(void)snprintf(error->message, sizeof(error->message),
		        LANGUAGE("ルールが多すぎます (%d まで)", "more than %d rules"),
		        RULE_COUNT_MAX);
		return ERR_FORMAT;
	}
	if (!grow(&memory, &set->size, set->count, sizeof(*set->rules)) || !memory)
		return ERR_MEMORY;
	set->rules = memory;
	set->rules[set->count++] = rule;
	return 0;
}

int rule_set_parse(const char *text, size_t length, struct rule_set **set, struct rule_error *error)
{
	struct rule_set *parsed = calloc(1, sizeof(*parsed));
	int result = parsed ? 0 : ERR_MEMORY;
	size_t at = 0;

	*set = NULL;
	*error = (struct rule_error){0};
	while (!result && at < length) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t line = end ? (size_t)(end - text) - at : length - at;

		error->line++;
		result = add_line(parsed, text + at, line, error);
		at += line + 1;
	}
	if (!result)
		result = build_index(parsed);
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
	arena_free(&(*set)->arena);
	free((*set)->rules);
	free((*set)->index);
	free((*set)->general);
	free(*set);
	*set = NULL;
}

size_t rule_set_count(const struct rule_set *set)
{
	return set->count;
}

int rule_set_print(const struct rule_set *set, size_t number, char **text)
{
	*text = NULL;
	if (number == 0 || number > set->count)
		return ERR_NOT_FOUND;
	*text = rule_print(&set->rules[number - 1]);
	return *text ? 0 : ERR_MEMORY;
}

static uint32_t day_second(int64_t moment)
{
	time_t seconds = (time_t)moment;
	struct tm local = {0};

	if (!localtime_r(&seconds, &local))
		return 0;
	return (uint32_t)(local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec);
}

/* First entry that is not before (key, rule). */
static size_t index_lower(const struct rule_set *set, struct index_entry wanted)
{
	size_t low = 0;
	size_t high = set->entries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_compare(&set->index[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first rule before `before` of this key that matches; `before` when there is none. */
static size_t match_key(const struct rule_set *set, uint64_t key, const struct device_facts *facts,
        uint32_t second, size_t before)
{
	size_t at = index_lower(set, (struct index_entry){.key = key});

	for (; at < set->entries && set->index[at].key == key && set->index[at].rule < before; at++)
		if (rule_matches(&set->rules[set->index[at].rule], facts, second))
			return set->index[at].rule;
	return before;
}

static size_t match_general(const struct rule_set *set, const struct device_facts *facts,
        uint32_t second, size_t before)
{
	for (size_t i = 0; i < set->general_count && set->general[i] < before; i++)
		if (rule_matches(&set->rules[set->general[i]], facts, second))
			return set->general[i];
	return before;
}

static bool names_one(const struct attribute *a)
{
	return a != NULL && (a->kind != ATTRIBUTE_ID || exact_ids(a));
}

bool rule_set_names_device(const struct rule_set *set, size_t number)
{
	const struct rule *rule;

	if (number == 0 || number > set->count)
		return false;
	rule = &set->rules[number - 1];
	return names_one(telling(rule, ATTRIBUTE_ID)) || names_one(telling(rule, ATTRIBUTE_HASH)) ||
	       names_one(telling(rule, ATTRIBUTE_SERIAL));
}

size_t rule_set_match(const struct rule_set *set, const struct device_facts *facts,
        const struct rule_context *context, enum rule_target *target)
{
	const uint64_t keys[KEY_KINDS] = {
	        [KEY_HASH] = key_text(KEY_HASH, facts->hash, strlen(facts->hash)),
	        [KEY_ID_SERIAL] = mix(key_id(KEY_ID_SERIAL, facts->vendor, facts->product),
	                facts->serial, strlen(facts->serial)),
	        [KEY_ID] = key_id(KEY_ID, facts->vendor, facts->product),
	        [KEY_VENDOR] = key_id(KEY_VENDOR, facts->vendor, 0),
	        [KEY_SERIAL] = key_text(KEY_SERIAL, facts->serial, strlen(facts->serial)),
	};
	uint32_t second = day_second(context->moment);
	size_t found = set->count;

	for (size_t i = 0; i < KEY_KINDS; i++)
		found = match_key(set, keys[i], facts, second, found);
	found = match_general(set, facts, second, found);
	if (found == set->count)
		return 0;
	*target = (enum rule_target)set->rules[found].target;
	return found + 1;
}
