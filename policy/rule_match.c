#include "policy/rule_language.h"

#include <string.h>

static bool id_covers(const struct item_id *id, const struct device_facts *facts)
{
	return (id->any_vendor || id->vendor == facts->vendor) &&
	       (id->any_product || id->product == facts->product);
}

static bool interface_covers(const struct item_interface *i, const struct facts_interface *device)
{
	return i->value.class == device->class &&
	       (i->any_subclass || i->value.subclass == device->subclass) &&
	       (i->any_protocol || i->value.protocol == device->protocol);
}

static const char *device_text(const struct device_facts *facts, enum attribute_kind kind)
{
	switch (kind) {
	case ATTRIBUTE_SERIAL:
		return facts->serial;
	case ATTRIBUTE_NAME:
		return facts->name;
	case ATTRIBUTE_HASH:
		return facts->hash;
	case ATTRIBUTE_PARENT_HASH:
		return facts->parent_hash;
	case ATTRIBUTE_VIA_PORT:
		return facts->via_port;
	default:
		return facts->connect_type;
	}
}

static bool text_covers(const struct item_text *text, const char *device)
{
	return strlen(device) == text->length && memcmp(device, text->bytes, text->length) == 0;
}

/* Of every attribute but with-interface a device has exactly one value, perhaps the empty string.
 */
static size_t device_count(const struct attribute *a, const struct device_facts *facts)
{
	return a->kind == ATTRIBUTE_INTERFACE ? facts->interface_count : 1;
}

static bool covers(
        const struct attribute *a, size_t item, const struct device_facts *facts, size_t value)
{
	switch (a->kind) {
	case ATTRIBUTE_ID:
		return id_covers(&a->items[item].id, facts);
	case ATTRIBUTE_INTERFACE:
		return interface_covers(&a->items[item].interface, &facts->interfaces[value]);
	default:
		return text_covers(
		        &a->items[item].text, device_text(facts, (enum attribute_kind)a->kind));
	}
}

static bool item_used(const struct attribute *a, size_t item, const struct device_facts *facts)
{
	size_t count = device_count(a, facts);

	for (size_t value = 0; value < count; value++)
		if (covers(a, item, facts, value))
			return true;
	return false;
}

static bool every_item_used(const struct attribute *a, const struct device_facts *facts)
{
	for (size_t item = 0; item < a->count; item++)
		if (!item_used(a, item, facts))
			return false;
	return true;
}

static bool some_item_used(const struct attribute *a, const struct device_facts *facts)
{
	for (size_t item = 0; item < a->count; item++)
		if (item_used(a, item, facts))
			return true;
	return false;
}

static bool every_value_covered(const struct attribute *a, const struct device_facts *facts)
{
	size_t count = device_count(a, facts);

	for (size_t value = 0; value < count; value++) {
		size_t item = 0;

		while (item < a->count && !covers(a, item, facts, value))
			item++;
		if (item == a->count)
			return false;
	}
	return true;
}

static bool same_order(const struct attribute *a, const struct device_facts *facts)
{
	if (device_count(a, facts) != a->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!covers(a, i, facts, i))
			return false;
	return true;
}

static bool set_matches(const struct attribute *a, const struct device_facts *facts)
{
	switch ((enum set_operator)a->relation) {
	case SET_EQUALS:
		return every_item_used(a, facts) && every_value_covered(a, facts);
	case SET_ALL_OF:
		return every_item_used(a, facts);
	case SET_ONE_OF:
		return some_item_used(a, facts);
	case SET_NONE_OF:
		return !some_item_used(a, facts);
	case SET_EQUALS_ORDERED:
		return same_order(a, facts);
	case SET_MATCH_ALL:
		return every_value_covered(a, facts);
	case SET_COUNT:
		break;
	}
	return false;
}

static bool condition_holds(const struct item_condition *c, uint32_t second)
{
	bool holds = c->kind == CONDITION_TRUE;

	if (c->kind == CONDITION_LOCALTIME)
		holds = c->begin <= c->end ? second >= c->begin && second <= c->end
		                           : second >= c->begin || second <= c->end;
	return holds != c->negated;
}

static bool conditions_hold(const struct attribute *a, uint32_t second)
{
	size_t holding = 0;

	for (size_t i = 0; i < a->count; i++)
		holding += condition_holds(a->items[i].condition, second);
	switch ((enum set_operator)a->relation) {
	case SET_ONE_OF:
		return holding > 0;
	case SET_NONE_OF:
		return holding == 0;
	default:
		return holding == a->count;
	}
}

bool rule_matches(const struct rule *rule, const struct device_facts *facts, uint32_t day_second)
{
	for (size_t i = 0; i < rule->count; i++) {
		const struct attribute *a = &rule->attributes[i];
		bool matches = true;

		if (a->kind == ATTRIBUTE_IF)
			matches = conditions_hold(a, day_second);
		else if (a->kind != ATTRIBUTE_LABEL)
			matches = set_matches(a, facts);
		if (!matches)
			return false;
	}
	return true;
}

const struct attribute *rule_attribute(const struct rule *rule, enum attribute_kind kind)
{
	for (size_t i = 0; i < rule->count; i++)
		if (rule->attributes[i].kind == kind)
			return &rule->attributes[i];
	return NULL;
}
