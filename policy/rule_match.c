#include "policy/rule_match.h"

#include <string.h>

void subject_make(struct subject *subject, const struct device_facts *facts)
{
	const char *const texts[ATTRIBUTE_COUNT] = {[ATTRIBUTE_SERIAL] = facts->serial,
	        [ATTRIBUTE_NAME] = facts->name,
	        [ATTRIBUTE_HASH] = facts->hash,
	        [ATTRIBUTE_PARENT_HASH] = facts->parent_hash,
	        [ATTRIBUTE_VIA_PORT] = facts->via_port,
	        [ATTRIBUTE_CONNECT_TYPE] = facts->connect_type};

	subject->facts = facts;
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
		subject->texts[i] = (struct item_text){
		        .bytes = texts[i], .length = texts[i] ? strlen(texts[i]) : 0};
}

static bool id_covers(const struct item_id *id, const struct device_facts *facts)
{
	return (id->any_vendor || id->vendor == facts->vendor) &&
	       (id->any_product || id->product == facts->product);
}

static bool interface_covers(const struct item_interface *i, const struct facts_interface *device)
{
	return i->class == device->class && (i->any_subclass || i->subclass == device->subclass) &&
	       (i->any_protocol || i->protocol == device->protocol);
}

static bool text_covers(const struct item_text *text, const struct item_text *device)
{
	return device->length == text->length &&
	       memcmp(device->bytes, text->bytes, text->length) == 0;
}

/* Of every attribute but with-interface a device has exactly one value, perhaps the empty string.
 */
static size_t value_count(const struct packed_attribute *a, const struct subject *subject)
{
	return a->kind == ATTRIBUTE_INTERFACE ? subject->facts->interface_count : 1;
}

static bool covers(enum attribute_kind kind, const struct packed_item *item,
        const struct subject *subject, size_t value)
{
	switch (kind) {
	case ATTRIBUTE_ID:
		return id_covers(&item->id, subject->facts);
	case ATTRIBUTE_INTERFACE:
		return interface_covers(&item->interface, &subject->facts->interfaces[value]);
	default:
		return text_covers(&item->text, &subject->texts[kind]);
	}
}

/* How many of the items cover some value of the device. */
static size_t items_used(const struct packed_attribute *a, const struct subject *subject)
{
	size_t values = value_count(a, subject);
	const uint8_t *at = a->items;
	size_t used = 0;

	for (size_t i = 0; i < a->count; i++) {
		struct packed_item item;
		size_t value = 0;

		unpack_item(&at, a->kind, &item);
		while (value < values && !covers(a->kind, &item, subject, value))
			value++;
		used += value < values;
	}
	return used;
}

static bool value_covered(
        const struct packed_attribute *a, const struct subject *subject, size_t value)
{
	const uint8_t *at = a->items;

	for (size_t i = 0; i < a->count; i++) {
		struct packed_item item;

		unpack_item(&at, a->kind, &item);
		if (covers(a->kind, &item, subject, value))
			return true;
	}
	return false;
}

static bool every_value_covered(const struct packed_attribute *a, const struct subject *subject)
{
	size_t count = value_count(a, subject);

	for (size_t value = 0; value < count; value++)
		if (!value_covered(a, subject, value))
			return false;
	return true;
}

static bool same_order(const struct packed_attribute *a, const struct subject *subject)
{
	const uint8_t *at = a->items;

	if (value_count(a, subject) != a->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		struct packed_item item;

		unpack_item(&at, a->kind, &item);
		if (!covers(a->kind, &item, subject, i))
			return false;
	}
	return true;
}

static bool set_matches(const struct packed_attribute *a, const struct subject *subject)
{
	switch (a->relation) {
	case SET_EQUALS:
		return items_used(a, subject) == a->count && every_value_covered(a, subject);
	case SET_ALL_OF:
		return items_used(a, subject) == a->count;
	case SET_ONE_OF:
		return items_used(a, subject) > 0;
	case SET_NONE_OF:
		return items_used(a, subject) == 0;
	case SET_EQUALS_ORDERED:
		return same_order(a, subject);
	case SET_MATCH_ALL:
		return every_value_covered(a, subject);
	case SET_COUNT:
		break;
	}
	return false;
}

/* Of one item, and one value, every operator but none-of says the same. */
static bool single_matches(const struct packed_attribute *a, const struct subject *subject)
{
	const uint8_t *at = a->items;
	struct packed_item item;

	unpack_item(&at, a->kind, &item);
	return covers(a->kind, &item, subject, 0) == (a->relation != SET_NONE_OF);
}

bool rule_describes(const uint8_t *bytes, const struct subject *subject)
{
	struct packed_rule rule = unpack_rule(bytes);
	struct packed_attribute a;
	bool matches = true;

	while (matches && unpack_attribute(&rule, &a)) {
		if (a.kind == ATTRIBUTE_IF || a.kind == ATTRIBUTE_LABEL)
			continue;
		if (a.count == 1 && value_count(&a, subject) == 1)
			matches = single_matches(&a, subject);
		else
			matches = set_matches(&a, subject);
	}
	return matches;
}
