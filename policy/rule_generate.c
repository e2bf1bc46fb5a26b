#include "policy/rule_generate.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "policy/rule_pack.h"
#include "policy/rule_print.h"

struct draft {
	struct arena arena;
	struct rule rule;
	bool failed; /* memory was short */
};

static struct item *add_item(struct draft *d, enum attribute_kind kind)
{
	struct attribute *a = &d->rule.attributes[kind];
	struct item *item = arena_take(&d->arena, sizeof(*item));

	if (!item) {
		d->failed = true;
		return NULL;
	}
	*item = (struct item){0};
	if (a->count == 0)
		a->items = item;
	else
		a->last->next = item;
	a->last = item;
	a->count++;
	return item;
}

static void add_text(struct draft *d, enum attribute_kind kind, const char *text)
{
	struct item *item = add_item(d, kind);

	if (item)
		item->text = (struct item_text){.bytes = text, .length = strlen(text)};
}

static void add_id(struct draft *d, const struct device_facts *facts)
{
	struct item *item = add_item(d, ATTRIBUTE_ID);

	if (item)
		item->id = (struct item_id){.vendor = facts->vendor, .product = facts->product};
}

static void add_interfaces(struct draft *d, const struct device_facts *facts)
{
	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct facts_interface *from = &facts->interfaces[i];
		struct item *item = add_item(d, ATTRIBUTE_INTERFACE);

		if (item)
			item->interface = (struct item_interface){.class = from->class,
			        .subclass = from->subclass,
			        .protocol = from->protocol};
	}
}

static void describe(
        struct draft *d, const struct device_facts *facts, const struct rule_form *form)
{
	add_id(d, facts);
	add_text(d, ATTRIBUTE_SERIAL, facts->serial);
	add_text(d, ATTRIBUTE_NAME, facts->name);
	if (form->hash) {
		add_text(d, ATTRIBUTE_HASH, facts->hash);
		add_text(d, ATTRIBUTE_PARENT_HASH, facts->parent_hash);
	}
	if (form->port || facts->serial[0] == '\0')
		add_text(d, ATTRIBUTE_VIA_PORT, facts->via_port);
	add_interfaces(d, facts);
	add_text(d, ATTRIBUTE_CONNECT_TYPE, facts->connect_type);
}

int rule_generate(const struct device_facts *facts, const struct rule_form *form, char **text)
{
	struct draft d = {.rule.target = form->target};
	struct pack pack = {0};

	*text = NULL;
	if (form->only_hash)
		add_text(&d, ATTRIBUTE_HASH, facts->hash);
	else
		describe(&d, facts, form);
	if (!d.failed && pack_rule(&pack, &d.rule) == 0)
		*text = rule_print(pack.bytes);
	free(pack.bytes);
	arena_free(&d.arena);
	return *text ? 0 : ERR_MEMORY;
}
