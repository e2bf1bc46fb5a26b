#include "policy/facts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/language.h"
#include "policy/rule_language.h"

enum { CLASS_HUB = 0x09 };

static const char *take_id(const struct attribute *a, struct device_facts *facts)
{
	const struct item_id *id = &a->items->id;

	if (id->any_vendor || id->any_product)
		return LANGUAGE("機器の id に * は使えません", "a device's id has no *");
	facts->vendor = id->vendor;
	facts->product = id->product;
	return NULL;
}

static const char *take_interfaces(const struct attribute *a, struct device_facts *facts)
{
	if (a->count > FACTS_INTERFACES_MAX)
		return LANGUAGE("インターフェースが多すぎます", "too many interfaces");
	for (const struct item *item = a->items; item; item = item->next) {
		const struct item_interface *i = &item->interface;

		if (i->any_subclass || i->any_protocol)
			return LANGUAGE("機器のインターフェースに * は使えません",
			        "a device's interface has no *");
		facts->interfaces[facts->interface_count++] = (struct facts_interface){
		        .class = i->class, .subclass = i->subclass, .protocol = i->protocol};
		if (i->class == CLASS_HUB)
			facts->device_class = CLASS_HUB;
	}
	return NULL;
}

static const char *take_text(const struct attribute *a, char *out, size_t size)
{
	const struct item_text *text = &a->items->text;

	if (memchr(text->bytes, '\0', text->length))
		return LANGUAGE("値に NUL は使えません", "a NUL within a value");
	if (text->length >= size)
		return LANGUAGE("値が長すぎます", "the value is too long");
	memcpy(out, text->bytes, text->length);
	out[text->length] = '\0';
	return NULL;
}

static const char *take_attribute(
        enum attribute_kind kind, const struct attribute *a, struct device_facts *facts)
{
	if (a->relation != SET_EQUALS || (a->count > 1 && kind != ATTRIBUTE_INTERFACE))
		return LANGUAGE("機器の属性は一つの値です (with-interface だけは集合)",
		        "a device has one value of each attribute (only with-interface has a set)");
	switch (kind) {
	case ATTRIBUTE_ID:
		return take_id(a, facts);
	case ATTRIBUTE_INTERFACE:
		return take_interfaces(a, facts);
	case ATTRIBUTE_SERIAL:
		return take_text(a, facts->serial, sizeof(facts->serial));
	case ATTRIBUTE_NAME:
		return take_text(a, facts->name, sizeof(facts->name));
	case ATTRIBUTE_HASH:
		return take_text(a, facts->hash, sizeof(facts->hash));
	case ATTRIBUTE_PARENT_HASH:
		return take_text(a, facts->parent_hash, sizeof(facts->parent_hash));
	case ATTRIBUTE_VIA_PORT:
		return take_text(a, facts->via_port, sizeof(facts->via_port));
	default:
		return take_text(a, facts->connect_type, sizeof(facts->connect_type));
	}
}

int facts_parse(const char *text, struct device_facts *facts, size_t *column, char *message,
        size_t message_size)
{
	struct arena arena = {0};
	struct rule_error error = {0};
	struct rule rule;
	bool empty;
	int result =
	        rule_parse_line(&arena, text, strlen(text), PART_DEVICE, &rule, &empty, &error);

	memset(facts, 0, sizeof(*facts));
	for (size_t kind = 0; !result && kind < ATTRIBUTE_COUNT; kind++) {
		const struct attribute *a = &rule.attributes[kind];
		const char *problem =
		        a->count > 0 ? take_attribute((enum attribute_kind)kind, a, facts) : NULL;

		if (!problem)
			continue;
		error.column = a->column;
		(void)snprintf(error.message, sizeof(error.message), "%s", problem);
		result = ERR_FORMAT;
	}
	*column = error.column;
	(void)snprintf(message, message_size, "%s", error.message);
	arena_free(&arena);
	return result;
}
