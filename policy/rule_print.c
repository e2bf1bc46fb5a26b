#include "policy/rule_language.h"

#include <stdio.h>
#include <stdlib.h>

static void print_id(FILE *out, const struct item_id *id)
{
	char digits[10];

	if (id->any_vendor) {
		(void)fputs("*:*", out);
		return;
	}
	(void)snprintf(digits, sizeof(digits), "%04x:%04x", id->vendor, id->product);
	for (unsigned i = 0; i < 8; i++) {
		char *digit = &digits[i < 4 ? i : i + 1];

		if (id->upper & 0x80u >> i)
			*digit = (char)(*digit - 'a' + 'A');
	}
	(void)fprintf(out, id->any_product ? "%.5s*" : "%s", digits);
}

static void print_interface(FILE *out, const struct item_interface *i)
{
	(void)fprintf(out, "%02x:", i->value.class);
	if (i->any_subclass)
		(void)fputs("*:*", out);
	else if (i->any_protocol)
		(void)fprintf(out, "%02x:*", i->value.subclass);
	else
		(void)fprintf(out, "%02x:%02x", i->value.subclass, i->value.protocol);
}

static void print_string(FILE *out, const struct item_text *text)
{
	(void)fputc('"', out);
	for (size_t i = 0; i < text->length; i++) {
		unsigned char c = (unsigned char)text->bytes[i];

		if (c == '"' || c == '\\')
			(void)fprintf(out, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			(void)fprintf(out, "\\x%02x", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

static void print_condition(FILE *out, const struct item_condition *c)
{
	static const char *const NAMES[] = {"true", "false", "localtime"};

	(void)fprintf(out, "%s%s", c->negated ? "!" : "", NAMES[c->kind]);
	if (c->kind == CONDITION_LOCALTIME)
		(void)fprintf(out, "(%s)", c->parameter.bytes);
}

static void print_item(FILE *out, enum attribute_kind kind, const struct item *item)
{
	switch (kind) {
	case ATTRIBUTE_ID:
		print_id(out, &item->id);
		break;
	case ATTRIBUTE_INTERFACE:
		print_interface(out, &item->interface);
		break;
	case ATTRIBUTE_IF:
		print_condition(out, item->condition);
		break;
	default:
		print_string(out, &item->text);
		break;
	}
}

static void print_attribute(FILE *out, const struct attribute *a)
{
	enum attribute_kind kind = (enum attribute_kind)a->kind;

	(void)fprintf(out, " %s ", attribute_name(kind));
	if (a->relation == SET_EQUALS && a->count == 1) {
		print_item(out, kind, &a->items[0]);
		return;
	}
	if (a->relation != SET_EQUALS)
		(void)fprintf(out, "%s ", operator_name((enum set_operator)a->relation));
	(void)fputs("{ ", out);
	for (size_t i = 0; i < a->count; i++) {
		print_item(out, kind, &a->items[i]);
		(void)fputc(' ', out);
	}
	(void)fputc('}', out);
}

char *rule_print(const struct rule *rule)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int failed;

	if (!out)
		return NULL;
	(void)fputs(rule_target_name((enum rule_target)rule->target), out);
	for (size_t i = 0; i < rule->count; i++)
		print_attribute(out, &rule->attributes[i]);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
