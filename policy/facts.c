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
	const struct item_id *id = &a->items[0].id;

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
	for (size_t i = 0; i < a->count; i++) {
		const struct item_interface *interface = &a->items[i].interface;

		if (interface->any_subclass || interface->any_protocol)
			return LANGUAGE("機器のインターフェースに * は使えません",
			        "a device's interface has no *");
		facts->interfaces[i] = interface->value;
		if (interface->value.class == CLASS_HUB)
			facts->device_class = CLASS_HUB;
	}
	facts->interface_count = a->count;
	return NULL;
}

static const char *take_text(const struct attribute *a, char *out, size_t size)
{
	const struct item_text *text = &a->items[0].text;

	if (memchr(text->bytes, '\0', text->length))
		return LANGUAGE("値に NUL は使えません", "a NUL within a value");
	if (text->length >= size)
		return LANGUAGE("値が長すぎます", "the value is too long");
	memcpy(out, text->bytes, text->length + 1);
	return NULL;
}

static const char *take_attribute(const struct attribute *a, struct device_facts *facts)
{
	if (a->relation != SET_EQUALS || (a->count > 1 && a->kind != ATTRIBUTE_INTERFACE))
		return LANGUAGE("機器の属性は一つの値です (with-interface だけは集合)",
		        "a device has one value of each attribute (only with-interface has a set)");
	switch (a->kind) {
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
	int result = rule_parse_line(&arena, text, strlen(text), true, &rule, &empty, &error);

	memset(facts, 0, sizeof(*facts));
	for (size_t i = 0; !result && i < rule.count; i++) {
		const char *problem = take_attribute(&rule.attributes[i], facts);

		if (!problem)
			continue;
		error.column = rule.attributes[i].column;
		(void)snprintf(error.message, sizeof(error.message), "%s", problem);
		result = ERR_FORMAT;
	}
	*column = error.column;
	(void)snprintf(message, message_size, "%s", error.message);
	arena_free(&arena);
	return result;
}
