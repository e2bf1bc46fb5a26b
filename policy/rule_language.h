/*
 * A rule as the parser leaves it: a tree in an arena that is used again for the next line. What a
 * rule set keeps is its packed form (rule_pack.h). Shared by the rule_*.c files and facts.c only.
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

enum condition_kind {
	CONDITION_TRUE,
	CONDITION_FALSE,
	CONDITION_LOCALTIME,
	CONDITION_ALLOWED_MATCHES,
	CONDITION_RULE_APPLIED,
	CONDITION_RULE_EVALUATED,
	CONDITION_RANDOM,
	CONDITION_COUNT
};

struct item_id {
	uint16_t vendor, product;
	bool any_vendor, any_product; /* any_vendor only together with any_product */
	uint8_t upper; /* which of the 8 digits were upper-case letters, first digit highest */
};

struct item_interface {
	uint8_t class, subclass, protocol;
	bool any_subclass, any_protocol;
};

struct item_text {
	const char *bytes; /* perhaps with NULs within ("\x00") */
	size_t length;
};

struct item_condition {
	enum condition_kind kind;
	bool negated;
	uint32_t begin, end;        /* localtime: seconds of the day, both within the window */
	int64_t seconds;            /* past duration; negative: ever */
	double probability;         /* random */
	const struct rule *query;   /* allowed-matches */
	struct item_text parameter; /* as it was written; length 0: none */
};

struct item {
	struct item *next;
	union {
		struct item_id id;
		struct item_interface interface;
		struct item_text text;
		const struct item_condition *condition;
	};
};

struct attribute {
	uint8_t relation;
	bool relation_given; /* written, not understood */
	uint32_t column;     /* from 1, where its name stands */
	uint32_t count;      /* 0: the rule has no such attribute */
	struct item *items, *last;
};

struct rule {
	enum rule_target target;
	struct attribute attributes[ATTRIBUTE_COUNT];
};

/* Memory that is given back all at once. */
struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
};
void *arena_take(struct arena *arena, size_t size); /* NULL when memory is short */
void arena_reset(struct arena *arena);              /* keeps one chunk to go on with */
void arena_free(struct arena *arena);

/* What a line is: a rule, or a rule without its target. */
enum rule_part {
	PART_RULE,
	PART_DEVICE, /* describes a device: neither conditions nor labels */
	PART_QUERY   /* within allowed-matches() */
};

/*
 * Parses one line without its newline into arena. *empty: nothing but a comment, only of
 * PART_RULE. 0, ERR_MEMORY, or ERR_FORMAT with column and message of *error.
 */
int rule_parse_line(struct arena *arena, const char *text, size_t length, enum rule_part part,
        struct rule *rule, bool *empty, struct rule_error *error);

const char *attribute_name(enum attribute_kind kind);
const char *operator_name(enum set_operator relation);
const char *condition_name(enum condition_kind kind);

#endif
