/* A rule as it is held once parsed, and the parser of one line: shared by rule.c and facts.c only.
 */
#ifndef SEKISHO_POLICY_RULE_LANGUAGE_H
#define SEKISHO_POLICY_RULE_LANGUAGE_H

#include "policy/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RULE_LINE_MAX = 65536, RULE_COUNT_MAX = 200000 };

/* In the order in which they are printed. */
enum attribute_kind {
	ATTRIBUTE_ID,
	ATTRIBUTE_SERIAL,
	ATTRIBUTE_NAME,
	ATTRIBUTE_HASH,
	ATTRIBUTE_PARENT_HASH,
	ATTRIBUTE_VIA_PORT,
	ATTRIBUTE_INTERFACE,
	ATTRIBUTE_IF,
	ATTRIBUTE_CONNECT_TYPE,
	ATTRIBUTE_LABEL,
	ATTRIBUTE_COUNT
};

enum set_operator {
	SET_EQUALS,
	SET_ALL_OF,
	SET_ONE_OF,
	SET_NONE_OF,
	SET_EQUALS_ORDERED,
	SET_MATCH_ALL,
	SET_COUNT
};

enum condition_kind { CONDITION_TRUE, CONDITION_FALSE, CONDITION_LOCALTIME };

struct item_id {
	uint16_t vendor, product;
	bool any_vendor, any_product; /* any_vendor only together with any_product */
	uint8_t upper; /* which of the 8 digits were upper-case letters, first digit highest */
};

struct item_interface {
	struct facts_interface value;
	bool any_subclass, any_protocol;
};

struct item_text {
	const char *bytes; /* NUL-terminated; a NUL within ("\x00") counts in length */
	uint32_t length;
};

struct item_condition {
	enum condition_kind kind;
	bool negated;
	uint32_t begin, end; /* seconds of the day, both within the window */
	struct item_text parameter;
};

struct item {
	union {
		struct item_id id;
		struct item_interface interface;
		struct item_text text;
		const struct item_condition *condition;
	};
};

struct attribute {
	uint8_t kind;
	uint8_t relation;
	uint32_t column; /* from 1, where its name stands */
	uint32_t count;
	const struct item *items;
};

struct rule {
	uint8_t target;
	uint8_t count;
	const struct attribute *attributes; /* ascending kind */
};

/* Memory that is freed all at once. */
struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
};
void *arena_take(struct arena *arena, size_t size); /* NULL when memory is short */
void arena_free(struct arena *arena);

/*
 * Parses one line without its newline: a rule, or (device) a rule without its target. *empty:
 * nothing but a comment, only without device. 0, ERR_MEMORY, or ERR_FORMAT with column and message
 * of *error.
 */
int rule_parse_line(struct arena *arena, const char *text, size_t length, bool device,
        struct rule *rule, bool *empty, struct rule_error *error);

const char *attribute_name(enum attribute_kind kind);
const char *operator_name(enum set_operator relation);

const struct attribute *rule_attribute(
        const struct rule *rule, enum attribute_kind kind); /* or NULL */

/* Does the rule match, conditions included? day_second: local time of day. */
bool rule_matches(const struct rule *rule, const struct device_facts *facts, uint32_t day_second);

/* The canonical line; malloc'd, NULL when memory is short. */
char *rule_print(const struct rule *rule);

#endif
