#include "policy/rule_pack.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* A byte holds kind and relation. */
enum { RELATION_BITS = 3, PACK_START = 1024, NUMBER_SIZE = 10 };

_Static_assert(SET_COUNT <= 1 << RELATION_BITS, "relation fits");
_Static_assert(ATTRIBUTE_COUNT <= 256 >> RELATION_BITS, "kind fits");

struct fixed_condition {
	uint8_t kind;
	uint8_t negated;
	uint32_t begin, end;
	int64_t seconds;
	double probability;
};

static bool pack_room(struct pack *pack, size_t more)
{
	size_t size = pack->size ? pack->size : PACK_START;
	uint8_t *bytes;

	if (pack->size - pack->length >= more)
		return true;
	while (size - pack->length < more) {
		if (size > SIZE_MAX / 2)
			return false;
		size *= 2;
	}
	bytes = realloc(pack->bytes, size);
	if (!bytes)
		return false;
	pack->bytes = bytes;
	pack->size = size;
	return true;
}

static bool pack_bytes(struct pack *pack, const void *bytes, size_t length)
{
	if (!pack_room(pack, length))
		return false;
	if (length > 0)
		memcpy(pack->bytes + pack->length, bytes, length);
	pack->length += length;
	return true;
}

/* Seven bits a byte, the lowest first; the highest bit says that more follow. */
static size_t number_encode(size_t number, uint8_t bytes[static NUMBER_SIZE])
{
	size_t length = 0;

	for (; number > 0x7f; number >>= 7)
		bytes[length++] = (uint8_t)(number | 0x80);
	bytes[length++] = (uint8_t)number;
	return length;
}

static bool pack_number(struct pack *pack, size_t number)
{
	uint8_t bytes[NUMBER_SIZE];

	return pack_bytes(pack, bytes, number_encode(number, bytes));
}

static size_t unpack_number(const uint8_t **at)
{
	size_t number = 0;
	unsigned shift = 0;

	for (; **at & 0x80; shift += 7)
		number |= (size_t)(*(*at)++ & 0x7f) << shift;
	number |= (size_t) * *at << shift;
	(*at)++;
	return number;
}

static bool pack_text(struct pack *pack, const struct item_text *text)
{
	return pack_number(pack, text->length) && pack_bytes(pack, text->bytes, text->length);
}

static bool pack_tree(struct pack *pack, const struct rule *rule);
static bool pack_sized(struct pack *pack, size_t start);

static bool pack_condition(struct pack *pack, const struct item_condition *c)
{
	struct fixed_condition fixed = {.kind = (uint8_t)c->kind,
	        .negated = c->negated,
	        .begin = c->begin,
	        .end = c->end,
	        .seconds = c->seconds,
	        .probability = c->probability};
	size_t start;

	if (!pack_bytes(pack, &fixed, sizeof(fixed)) || !pack_text(pack, &c->parameter))
		return false;
	start = pack->length;
	return (!c->query || pack_tree(pack, c->query)) && pack_sized(pack, start);
}

static bool pack_item(struct pack *pack, enum attribute_kind kind, const struct item *item)
{
	switch (kind) {
	case ATTRIBUTE_ID:
		return pack_bytes(pack, &item->id, sizeof(item->id));
	case ATTRIBUTE_INTERFACE:
		return pack_bytes(pack, &item->interface, sizeof(item->interface));
	case ATTRIBUTE_IF:
		return pack_condition(pack, item->condition);
	default:
		return pack_text(pack, &item->text);
	}
}

static bool pack_items(struct pack *pack, enum attribute_kind kind, const struct attribute *a)
{
	bool packed = true;

	for (const struct item *item = a->items; packed && item; item = item->next)
		packed = pack_item(pack, kind, item);
	return packed;
}

/* What was written since start gets its size in front, which is known only now. */
static bool pack_sized(struct pack *pack, size_t start)
{
	size_t size = pack->length - start;
	uint8_t number[NUMBER_SIZE];
	size_t length = number_encode(size, number);

	if (!pack_room(pack, length))
		return false;
	memmove(pack->bytes + start + length, pack->bytes + start, size);
	memcpy(pack->bytes + start, number, length);
	pack->length += length;
	return true;
}

static bool pack_attribute(struct pack *pack, enum attribute_kind kind, const struct attribute *a)
{
	uint8_t head = (uint8_t)(kind << RELATION_BITS | a->relation);
	size_t start;

	if (!pack_bytes(pack, &head, 1) || !pack_number(pack, a->count))
		return false;
	start = pack->length;
	return pack_items(pack, kind, a) && pack_sized(pack, start);
}

static bool pack_tree(struct pack *pack, const struct rule *rule)
{
	uint8_t head[2] = {(uint8_t)rule->target, 0};
	bool packed;

	for (size_t kind = 0; kind < ATTRIBUTE_COUNT; kind++)
		head[1] = (uint8_t)(head[1] + (rule->attributes[kind].count > 0));
	packed = pack_bytes(pack, head, sizeof(head));
	for (size_t kind = 0; packed && kind < ATTRIBUTE_COUNT; kind++)
		if (rule->attributes[kind].count > 0)
			packed = pack_attribute(
			        pack, (enum attribute_kind)kind, &rule->attributes[kind]);
	return packed;
}

int pack_rule(struct pack *pack, const struct rule *rule)
{
	size_t start = pack->length;

	if (pack_tree(pack, rule))
		return 0;
	pack->length = start;
	return ERR_MEMORY;
}

struct packed_rule unpack_rule(const uint8_t *bytes)
{
	return (struct packed_rule){
	        .target = (enum rule_target)bytes[0], .left = bytes[1], .at = bytes + 2};
}

bool unpack_attribute(struct packed_rule *rule, struct packed_attribute *a)
{
	size_t size;
	uint8_t head;

	if (rule->left == 0)
		return false;
	rule->left--;
	head = *rule->at++;
	a->kind = (enum attribute_kind)(head >> RELATION_BITS);
	a->relation = (enum set_operator)(head & ((1u << RELATION_BITS) - 1));
	a->count = unpack_number(&rule->at);
	size = unpack_number(&rule->at);
	a->items = rule->at;
	rule->at += size;
	return true;
}

static void unpack_bytes(const uint8_t **at, void *out, size_t length)
{
	memcpy(out, *at, length);
	*at += length;
}

static void unpack_text(const uint8_t **at, struct item_text *text)
{
	text->length = unpack_number(at);
	text->bytes = (const char *)*at;
	*at += text->length;
}

void unpack_condition(
        const uint8_t **items, struct item_condition *condition, const uint8_t **query)
{
	struct fixed_condition fixed;
	size_t size;

	unpack_bytes(items, &fixed, sizeof(fixed));
	*condition = (struct item_condition){.kind = (enum condition_kind)fixed.kind,
	        .negated = fixed.negated != 0,
	        .begin = fixed.begin,
	        .end = fixed.end,
	        .seconds = fixed.seconds,
	        .probability = fixed.probability};
	unpack_text(items, &condition->parameter);
	size = unpack_number(items);
	*query = *items;
	*items += size;
}

void unpack_item(const uint8_t **items, enum attribute_kind kind, struct packed_item *item)
{
	if (kind == ATTRIBUTE_ID)
		unpack_bytes(items, &item->id, sizeof(item->id));
	else if (kind == ATTRIBUTE_INTERFACE)
		unpack_bytes(items, &item->interface, sizeof(item->interface));
	else
		unpack_text(items, &item->text);
}
