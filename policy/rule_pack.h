/*
 * Rules as a set keeps them: bytes one after another, so that a hundred thousand of them are little
 * more than their text. Never leaves the process.
 *
 *   rule       target, number of attributes, attributes in ascending kind
 *   attribute  kind and relation in one byte, count of items, size of the items, items
 *   item       id, interface, text or condition, as read by unpack_item() and unpack_condition()
 */
#ifndef SEKISHO_POLICY_RULE_PACK_H
#define SEKISHO_POLICY_RULE_PACK_H

#include "policy/rule_language.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Grows; freed with free(). Zero is an empty one. */
struct pack {
	uint8_t *bytes;
	size_t length, size;
};

/* Appends. 0 or ERR_MEMORY, and then pack is as it was. */
int pack_rule(struct pack *pack, const struct rule *rule);

struct packed_rule {
	enum rule_target target;
	size_t left; /* attributes not read yet */
	const uint8_t *at;
};

struct packed_attribute {
	enum attribute_kind kind;
	enum set_operator relation;
	size_t count;
	const uint8_t *items;
};

struct packed_item {
	union {
		struct item_id id;
		struct item_interface interface;
		struct item_text text;
	};
};

struct packed_rule unpack_rule(const uint8_t *bytes);
bool unpack_attribute(struct packed_rule *rule, struct packed_attribute *attribute);
/* The item at *items, which then stands on the next one; of every kind but ATTRIBUTE_IF. */
void unpack_item(const uint8_t **items, enum attribute_kind kind, struct packed_item *item);
/* The condition at *items; its query, a packed rule, only of allowed-matches. */
void unpack_condition(
        const uint8_t **items, struct item_condition *condition, const uint8_t **query);

#endif
