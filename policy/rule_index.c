#include "policy/rule_index.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* The values of which a device has exactly one; each a bit of a mask. */
enum value {
	VALUE_ID,
	VALUE_VENDOR,
	VALUE_SERIAL,
	VALUE_NAME,
	VALUE_HASH,
	VALUE_PARENT_HASH,
	VALUE_VIA_PORT,
	VALUE_CONNECT_TYPE,
	VALUE_COUNT
};

/* What interfaces are entered under: how much of one is told. */
enum interface_key { KEY_CLASS = 0x100, KEY_SUBCLASS, KEY_PROTOCOL };

enum { COMBINATIONS_MAX = 64, KEYS_START = 64, CROWDS = 1 << 16 };

struct index_key {
	uint64_t key;
	uint32_t rule;
};

static uint64_t mix(uint64_t key, uint64_t word)
{
	key = (key ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return key ^ key >> 32;
}

static uint64_t hash_text(enum value value, const char *bytes, size_t length)
{
	uint64_t key = mix(value, length);
	uint64_t word = 0;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		key = mix(key, word);
	}
	word = 0;
	if (length > 0)
		memcpy(&word, bytes, length);
	return mix(key, word);
}

static uint64_t hash_number(enum value value, uint32_t number)
{
	return mix(mix(value, 0), number);
}

static enum attribute_kind value_attribute(enum value value)
{
	static const enum attribute_kind KINDS[VALUE_COUNT] = {ATTRIBUTE_ID, ATTRIBUTE_ID,
	        ATTRIBUTE_SERIAL, ATTRIBUTE_NAME, ATTRIBUTE_HASH, ATTRIBUTE_PARENT_HASH,
	        ATTRIBUTE_VIA_PORT, ATTRIBUTE_CONNECT_TYPE};

	return KINDS[value];
}

/* Makes room for one more element; the old memory stays on failure. */
static bool grow(void **memory, size_t *size, size_t count, size_t element)
{
	size_t wanted = *size ? *size * 2 : KEYS_START;
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

static int add_key(struct rule_index *index, uint64_t key, uint32_t rule)
{
	void *memory = index->keys;

	if (!grow(&memory, &index->keys_size, index->key_count, sizeof(*index->keys)))
		return ERR_MEMORY;
	index->keys = memory;
	index->keys[index->key_count++] = (struct index_key){.key = key, .rule = rule};
	return 0;
}

static int add_listed(struct rule_list *list, uint32_t rule)
{
	void *memory = list->rules;

	if (!grow(&memory, &list->size, list->count, sizeof(*list->rules)))
		return ERR_MEMORY;
	list->rules = memory;
	list->rules[list->count++] = rule;
	return 0;
}

static bool any_id(const struct attribute *id)
{
	for (const struct item *i = id->items; i; i = i->next)
		if (i->id.any_vendor)
			return true;
	return false;
}

/* An attribute that a device can satisfy only with one of its items. */
static bool is_telling(enum attribute_kind kind, const struct attribute *a)
{
	if (a->count == 0 || a->relation == SET_NONE_OF)
		return false;
	return kind != ATTRIBUTE_ID || !any_id(a);
}

/* The attributes a rule is entered under. */
struct choice {
	enum value values[VALUE_COUNT];
	const struct attribute *attributes[VALUE_COUNT];
	size_t count;
};

static size_t combinations(const struct choice *c)
{
	size_t product = 1;

	for (size_t i = 0; i < c->count && product <= COMBINATIONS_MAX; i++)
		product *= c->attributes[i]->count;
	return product;
}

static void drop_largest(struct choice *c)
{
	size_t largest = 0;

	for (size_t i = 1; i < c->count; i++)
		if (c->attributes[i]->count > c->attributes[largest]->count)
			largest = i;
	c->count--;
	for (size_t i = largest; i < c->count; i++) {
		c->values[i] = c->values[i + 1];
		c->attributes[i] = c->attributes[i + 1];
	}
}

static void choose(const struct rule *tree, struct choice *c)
{
	c->count = 0;
	for (size_t value = 0; value < VALUE_COUNT; value++) {
		enum attribute_kind kind = value_attribute((enum value)value);

		if (value == VALUE_VENDOR || !is_telling(kind, &tree->attributes[kind]))
			continue;
		c->values[c->count] = (enum value)value;
		c->attributes[c->count++] = &tree->attributes[kind];
	}
	while (c->count > 1 && combinations(c) > COMBINATIONS_MAX)
		drop_largest(c);
}

static uint64_t item_hash(enum value *value, const struct item *item)
{
	if (*value != VALUE_ID)
		return hash_text(*value, item->text.bytes, item->text.length);
	if (!item->id.any_product)
		return hash_number(VALUE_ID, (uint32_t)item->id.vendor << 16 | item->id.product);
	*value = VALUE_VENDOR;
	return hash_number(VALUE_VENDOR, item->id.vendor);
}

static void add_mask(struct rule_index *index, uint8_t mask)
{
	if (!index->mask_seen[mask])
		index->masks[index->mask_count++] = mask;
	index->mask_seen[mask] = true;
}

struct combination {
	uint64_t key;
	uint8_t mask;
	uint32_t rule;
};

/* Every choice of one item of each attribute from place on. */
static int add_combinations(
        struct rule_index *index, const struct choice *c, size_t place, struct combination so_far)
{
	int error = 0;

	if (place == c->count) {
		add_mask(index, so_far.mask);
		return add_key(index, mix(so_far.key, so_far.mask), so_far.rule);
	}
	for (const struct item *item = c->attributes[place]->items; item && !error;
	        item = item->next) {
		struct combination next = so_far;
		enum value value = c->values[place];

		next.key = mix(next.key, item_hash(&value, item));
		next.mask |= (uint8_t)(1u << value);
		error = add_combinations(index, c, place + 1, next);
	}
	return error;
}

static uint64_t interface_hash(
        enum interface_key kind, uint8_t class, uint8_t subclass, uint8_t protocol)
{
	uint32_t told = (uint32_t) class << 16;

	if (kind != KEY_CLASS)
		told |= (uint32_t)subclass << 8;
	if (kind == KEY_PROTOCOL)
		told |= protocol;
	return mix(mix(0, kind), told);
}

static uint64_t interface_item_hash(const struct item_interface *i)
{
	enum interface_key kind = i->any_subclass   ? KEY_CLASS
	                          : i->any_protocol ? KEY_SUBCLASS
	                                            : KEY_PROTOCOL;

	return interface_hash(kind, i->class, i->subclass, i->protocol);
}

/* How many rules stand under this interface, or under another that shares its place. */
static uint32_t *crowd_of(const struct rule_index *index, const struct item_interface *i)
{
	return &index->crowds[interface_item_hash(i) >> 8 & (CROWDS - 1)];
}

static int add_interface(
        struct rule_index *index, const struct item_interface *interface, uint32_t rule)
{
	++*crowd_of(index, interface);
	return add_key(index, interface_item_hash(interface), rule);
}

/* Where every item must be used, one is enough to find the rule by: what few others want. */
static int add_rarest_interface(struct rule_index *index, const struct attribute *a, uint32_t rule)
{
	const struct item *rarest = a->items;

	for (const struct item *item = a->items; item; item = item->next)
		if (*crowd_of(index, &item->interface) < *crowd_of(index, &rarest->interface))
			rarest = item;
	return add_interface(index, &rarest->interface, rule);
}

/* A device without interfaces satisfies match-all with none of its items. */
static int add_every_interface(struct rule_index *index, const struct attribute *a, uint32_t rule)
{
	int error = a->relation == SET_MATCH_ALL ? add_listed(&index->bare, rule) : 0;

	for (const struct item *item = a->items; item && !error; item = item->next)
		error = add_interface(index, &item->interface, rule);
	return error;
}

static int add_interfaces(struct rule_index *index, const struct attribute *a, uint32_t rule)
{
	if (!a->items || a->relation == SET_NONE_OF)
		return add_listed(&index->general, rule);
	index->interfaces = true;
	if (!index->crowds)
		index->crowds = calloc(CROWDS, sizeof(*index->crowds));
	if (!index->crowds)
		return ERR_MEMORY;
	if (a->relation == SET_ONE_OF || a->relation == SET_MATCH_ALL)
		return add_every_interface(index, a, rule);
	return add_rarest_interface(index, a, rule);
}

int rule_index_add(struct rule_index *index, const struct rule *tree, uint32_t rule)
{
	struct choice c;

	choose(tree, &c);
	if (c.count > 0)
		return add_combinations(index, &c, 0, (struct combination){.rule = rule});
	return add_interfaces(index, &tree->attributes[ATTRIBUTE_INTERFACE], rule);
}

static size_t bucket_of(const struct rule_index *index, uint64_t key)
{
	return (size_t)(key * UINT64_C(0xd6e8feb86659fd93) >> (64 - index->bits));
}

/* A counting sort: keys come in ascending order of rules, and stay so within a bucket. */
static void fill(struct rule_index *index)
{
	size_t buckets = (size_t)1 << index->bits;

	for (size_t i = 0; i < index->key_count; i++)
		index->buckets[bucket_of(index, index->keys[i].key) + 1]++;
	for (size_t b = 0; b < buckets; b++)
		index->buckets[b + 1] += index->buckets[b];
	for (size_t i = index->key_count; i-- > 0;) {
		const struct index_key *k = &index->keys[i];
		size_t place = --index->buckets[bucket_of(index, k->key) + 1];

		index->entries[place] =
		        (struct index_entry){.tag = (uint32_t)k->key, .rule = k->rule};
	}
	/* Each now says where its bucket begins, one place too far on. */
	memmove(index->buckets, index->buckets + 1, buckets * sizeof(*index->buckets));
	index->buckets[buckets] = (uint32_t)index->key_count;
}

int rule_index_finish(struct rule_index *index)
{
	index->bits = 1;
	while ((size_t)1 << index->bits < index->key_count)
		index->bits++;
	index->buckets = calloc(((size_t)1 << index->bits) + 1, sizeof(*index->buckets));
	index->entries = calloc(index->key_count + 1, sizeof(*index->entries));
	if (!index->buckets || !index->entries || index->key_count > UINT32_MAX)
		return ERR_MEMORY;
	fill(index);
	free(index->keys);
	free(index->crowds);
	index->keys = NULL;
	index->crowds = NULL;
	return 0;
}

void rule_index_free(struct rule_index *index)
{
	free(index->keys);
	free(index->crowds);
	free(index->buckets);
	free(index->entries);
	free(index->general.rules);
	free(index->bare.rules);
}

struct search {
	const struct rule_index *index;
	rule_tried *tried;
	const void *context;
	uint32_t before;
};

static void find_key(struct search *s, uint64_t key)
{
	size_t bucket = bucket_of(s->index, key);
	uint32_t end = s->index->buckets[bucket + 1];

	for (uint32_t i = s->index->buckets[bucket]; i < end; i++) {
		const struct index_entry *e = &s->index->entries[i];

		if (e->rule >= s->before)
			return;
		if (e->tag == (uint32_t)key && s->tried(s->context, e->rule)) {
			s->before = e->rule;
			return;
		}
	}
}

static void subject_hashes(
        const struct subject *subject, unsigned wanted, uint64_t hashes[VALUE_COUNT])
{
	const struct device_facts *f = subject->facts;

	hashes[VALUE_ID] = hash_number(VALUE_ID, (uint32_t)f->vendor << 16 | f->product);
	hashes[VALUE_VENDOR] = hash_number(VALUE_VENDOR, f->vendor);
	for (unsigned value = VALUE_SERIAL; value < VALUE_COUNT; value++) {
		const struct item_text *text = &subject->texts[value_attribute((enum value)value)];

		if (wanted & 1u << value)
			hashes[value] = hash_text((enum value)value, text->bytes, text->length);
	}
}

static void find_values(struct search *s, const struct subject *subject)
{
	uint64_t hashes[VALUE_COUNT];
	unsigned wanted = 0;

	for (size_t i = 0; i < s->index->mask_count; i++)
		wanted |= s->index->masks[i];
	subject_hashes(subject, wanted, hashes);
	for (size_t i = 0; i < s->index->mask_count; i++) {
		uint8_t mask = s->index->masks[i];
		uint64_t key = 0;

		for (unsigned value = 0; value < VALUE_COUNT; value++)
			if (mask & 1u << value)
				key = mix(key, hashes[value]);
		find_key(s, mix(key, mask));
	}
}

static void find_listed(struct search *s, const struct rule_list *list)
{
	for (size_t i = 0; i < list->count && list->rules[i] < s->before; i++)
		if (s->tried(s->context, list->rules[i]))
			s->before = list->rules[i];
}

/* Alternate settings tend to be alike. */
static bool like_the_last(const struct device_facts *facts, size_t interface)
{
	const struct facts_interface *i = &facts->interfaces[interface];

	return interface > 0 && i->class == i[-1].class && i->subclass == i[-1].subclass &&
	       i->protocol == i[-1].protocol;
}

static void find_interfaces(struct search *s, const struct device_facts *facts)
{
	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct facts_interface *f = &facts->interfaces[i];

		if (like_the_last(facts, i))
			continue;
		for (unsigned kind = KEY_CLASS; kind <= KEY_PROTOCOL; kind++)
			find_key(s, interface_hash((enum interface_key)kind, f->class, f->subclass,
			                    f->protocol));
	}
}

uint32_t rule_index_find(const struct rule_index *index, const struct subject *subject,
        uint32_t before, rule_tried *tried, const void *context)
{
	struct search s = {.index = index, .tried = tried, .context = context, .before = before};

	if (index->key_count > 0)
		find_values(&s, subject);
	if (index->interfaces)
		find_interfaces(&s, subject->facts);
	if (subject->facts->interface_count == 0)
		find_listed(&s, &index->bare);
	find_listed(&s, &index->general);
	return s.before;
}
