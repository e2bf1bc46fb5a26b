/* Rules and --device descriptions: no crash; the canonical form of a rule is a rule, prints as
 * itself and matches the same. */
#include "policy/rule.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"

static const char *const DEVICES[] = {
        "id 0781:5567 serial \"S1\" name \"Cruzer\" via-port \"1-2\" with-interface { 08:06:50 "
        "08:06:62 }",
        "id 0627:0001 with-interface 03:01:01",
        "id 046d:c52b hash \"h=\" with-connect-type \"hotplug\" with-interface { 03:01:01 08:06:50 "
        "03:00:00 }",
};

enum { DEVICE_COUNT = sizeof(DEVICES) / sizeof(DEVICES[0]), MOMENT = 1795254431 };

static void check_same(const struct rule_set *set, const struct rule_set *again)
{
	static struct device_facts facts;
	enum rule_target one = RULE_BLOCK, two = RULE_BLOCK;
	char message[160];
	size_t column;

	for (size_t i = 0; i < DEVICE_COUNT; i++) {
		if (facts_parse(DEVICES[i], &facts, &column, message, sizeof(message)))
			abort();
		if (rule_set_match(set, &facts, &(struct rule_context){.moment = MOMENT}, &one) !=
		                rule_set_match(again, &facts,
		                        &(struct rule_context){.moment = MOMENT}, &two) ||
		        one != two)
			abort();
	}
}

static char *print_all(const struct rule_set *set)
{
	size_t room = 1, length = 0;
	char *whole = malloc(room);

	for (size_t number = 1; whole && number <= rule_set_count(set); number++) {
		char *line;
		size_t more;

		if (rule_set_print(set, number, &line))
			abort();
		more = strlen(line);
		room += more + 1;
		whole = realloc(whole, room);
		if (!whole)
			abort();
		memcpy(whole + length, line, more);
		whole[length + more] = '\n';
		length += more + 1;
		free(line);
	}
	if (!whole)
		abort();
	whole[length] = '\0';
	return whole;
}

static void check_set(const struct rule_set *set)
{
	char *canonical = print_all(set);
	struct rule_set *again;
	struct rule_error error;
	char *twice;

	/* Escapes may make the canonical line longer than a line may be. */
	if (rule_set_parse(canonical, strlen(canonical), &again, &error)) {
		if (strlen(canonical) <= 65536)
			abort();
		free(canonical);
		return;
	}
	twice = print_all(again);
	if (strcmp(canonical, twice) != 0)
		abort();
	check_same(set, again);
	free(canonical);
	free(twice);
	rule_set_free(&again);
}

static void check_device(const uint8_t *data, size_t size)
{
	static struct device_facts facts;
	char message[160];
	size_t column = 0;
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (facts_parse(text, &facts, &column, message, sizeof(message)) == ERR_FORMAT &&
	        column == 0)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_set *set;
	struct rule_error error;

	if (rule_set_parse((const char *)data, size, &set, &error) == 0)
		check_set(set);
	else if (error.line == 0 || error.column == 0 || set)
		abort();
	rule_set_free(&set);
	check_device(data, size);
	return 0;
}
