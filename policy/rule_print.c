#include "policy/rule_print.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "policy/rule_pack.h"

enum { LINE_START = 512 };

/* Grows; once memory is short, nothing more is added. */
struct line {
	char *bytes;
	size_t length, size;
	bool failed;
};

static char *put_room(struct line *line, size_t more)
{
	char *place;

	if (!line->failed && line->size - line->length < more) {
		size_t size = line->size ? line->size : LINE_START;
		char *grown;

		while (size - line->length < more)
			size *= 2;
		grown = realloc(line->bytes, size);
		line->failed = grown == NULL;
		line->bytes = grown ? grown : line->bytes;
		line->size = grown ? size : line->size;
	}
	if (line->failed)
		return NULL;
	place = line->bytes + line->length;
	line->length += more;
	return place;
}

static void put_bytes(struct line *line, const char *bytes, size_t length)
{
	char *place = put_room(line, length);

	if (place && length > 0)
		memcpy(place, bytes, length);
}

static void put(struct line *line, const char *text)
{
	put_bytes(line, text, strlen(text));
}

static void put_octet(struct line *line, uint8_t octet)
{
	char digits[3];

	encode_hex(&octet, 1, digits);
	put_bytes(line, digits, 2);
}

/* upper: which of the four digits are upper-case letters, the first digit highest. */
static void put_half_id(struct line *line, uint16_t half, unsigned upper)
{
	const uint8_t octets[2] = {(uint8_t)(half >> 8), (uint8_t)half};
	char digits[5];

	encode_hex(octets, sizeof(octets), digits);
	for (unsigned i = 0; i < 4; i++)
		if (upper & 8u >> i)
			digits[i] = (char)(digits[i] - 'a' + 'A');
	put_bytes(line, digits, 4);
}

static void put_id(struct line *line, const struct item_id *id)
{
	if (id->any_vendor) {
		put(line, "*:*");
		return;
	}
	put_half_id(line, id->vendor, id->upper >> 4);
	put(line, ":");
	if (id->any_product)
		put(line, "*");
	else
		put_half_id(line, id->product, id->upper & 0xf);
}

static void put_interface(struct line *line, const struct item_interface *i)
{
	put_octet(line, i->class);
	put(line, ":");
	if (i->any_subclass)
		put(line, "*");
	else
		put_octet(line, i->subclass);
	put(line, ":");
	if (i->any_protocol)
		put(line, "*");
	else
		put_octet(line, i->protocol);
}

static bool is_plain(char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

static void put_string(struct line *line, const struct item_text *text)
{
	const char *at = text->bytes;
	const char *end = at + text->length;

	put(line, "\"");
	while (at < end) {
		const char *plain = at;

		while (at < end && is_plain(*at))
			at++;
		put_bytes(line, plain, (size_t)(at - plain));
		if (at == end)
			break;
		put(line, "\\");
		if (*at == '"' || *at == '\\') {
			put_bytes(line, at, 1);
		} else {
			put(line, "x");
			put_octet(line, (uint8_t)*at);
		}
		at++;
	}
	put(line, "\"");
}

static void put_condition(struct line *line, const struct item_condition *c)
{
	if (c->negated)
		put(line, "!");
	put(line, condition_name(c->kind));
	if (c->parameter.length == 0)
		return;
	put(line, "(");
	put_bytes(line, c->parameter.bytes, c->parameter.length);
	put(line, ")");
}

static void put_item(struct line *line, enum attribute_kind kind, const uint8_t **items)
{
	struct item_condition condition;
	const uint8_t *query;
	struct packed_item item;

	if (kind == ATTRIBUTE_IF) {
		unpack_condition(items, &condition, &query);
		put_condition(line, &condition);
		return;
	}
	unpack_item(items, kind, &item);
	if (kind == ATTRIBUTE_ID)
		put_id(line, &item.id);
	else if (kind == ATTRIBUTE_INTERFACE)
		put_interface(line, &item.interface);
	else
		put_string(line, &item.text);
}

static void put_attribute(struct line *line, const struct packed_attribute *a)
{
	const uint8_t *items = a->items;

	put(line, " ");
	put(line, attribute_name(a->kind));
	put(line, " ");
	if (a->relation == SET_EQUALS && a->count == 1) {
		put_item(line, a->kind, &items);
		return;
	}
	if (a->relation != SET_EQUALS) {
		put(line, operator_name(a->relation));
		put(line, " ");
	}
	put(line, "{ ");
	for (size_t i = 0; i < a->count; i++) {
		put_item(line, a->kind, &items);
		put(line, " ");
	}
	put(line, "}");
}

char *rule_print(const uint8_t *bytes)
{
	struct packed_rule rule = unpack_rule(bytes);
	struct packed_attribute a;
	struct line line = {0};

	put(&line, rule_target_name(rule.target));
	while (unpack_attribute(&rule, &a))
		put_attribute(&line, &a);
	put_bytes(&line, "", 1);
	if (line.failed) {
		free(line.bytes);
		return NULL;
	}
	return line.bytes;
}
