/* Rules and --device descriptions: no crash; the canonical form of a rule is a rule, prints as
 * itself and matches the same, whatever was before; and the index finds what one rule after another
 * finds. */
#include "policy/rule.h"
#include "policy/rule_generate.h"
#include "policy/rule_history.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

static const char *const DEVICES[] = {
        "id 0781:5567 serial \"S1\" name \"Cruzer\" via-port \"1-2\" with-interface { 08:06:50 "
        "08:06:62 }",
        "id 0627:0001 with-interface 03:01:01",
        "id 046d:c52b hash \"h=\" with-connect-type \"hotplug\" with-interface { 03:01:01 08:06:50 "
        "03:00:00 }",
        "id 0781:0001", /* no interface */
};

enum { DEVICE_COUNT = sizeof(DEVICES) / sizeof(DEVICES[0]), MOMENT = 1795254431 };

static struct device_facts devices[DEVICE_COUNT];
static const struct device_facts *const all[DEVICE_COUNT] = {
        &devices[0], &devices[1], &devices[2], &devices[3]};

static void describe_devices(void)
{
	char message[160];
	size_t column;

	for (size_t i = 0; i < DEVICE_COUNT; i++)
		if (facts_parse(DEVICES[i], &devices[i], &column, message, sizeof(message)))
			abort();
}

static struct rule_context context_of(size_t device, const struct rule_history *history)
{
	return (struct rule_context){.moment = MOMENT,
	        .uptime = (int64_t)device * 7,
	        .allowed = all,
	        .allowed_count = device,
	        .history = history,
	        .chance = device * 4711};
}

/* Both sets go the same way through the devices, each with a history of its own. */
static void check_same(const struct rule_set *set, const struct rule_set *again)
{
	struct rule_history *one_history, *two_history;
	enum rule_target one = RULE_BLOCK, two = RULE_BLOCK;

	if (rule_history_new(set, &one_history) || rule_history_new(again, &two_history))
		abort();
	for (size_t i = 0; i < (size_t)2 * DEVICE_COUNT; i++) {
		const struct device_facts *facts = &devices[i % DEVICE_COUNT];
		struct rule_context one_context = context_of(i % DEVICE_COUNT, one_history);
		struct rule_context two_context = context_of(i % DEVICE_COUNT, two_history);
		size_t first = rule_set_match(set, facts, &one_context, &one);
		size_t second = rule_set_match(again, facts, &two_context, &two);

		if (first != second || one != two)
			abort();
		rule_history_note(one_history, set, facts, one_context.uptime, first);
		rule_history_note(two_history, again, facts, two_context.uptime, second);
	}
	rule_history_free(&one_history);
	rule_history_free(&two_history);
}

/* Chance and history know a rule by its number, which is another in a set of one rule. */
static bool by_number(const char *canonical)
{
	return strstr(canonical, "random") || strstr(canonical, "rule-");
}

static bool single_matches(const char *line, size_t length, const struct device_facts *facts)
{
	const struct rule_context context = context_of(1, NULL);
	struct rule_set *single;
	struct rule_error error;
	enum rule_target target;
	bool matches;

	if (rule_set_parse(line, length, &single, &error))
		abort();
	matches = rule_set_match(single, facts, &context, &target) != 0;
	rule_set_free(&single);
	return matches;
}

static void check_index(const struct rule_set *set, const char *canonical)
{
	for (size_t i = 0; i < DEVICE_COUNT && rule_set_count(set) <= 64; i++) {
		const struct rule_context context = context_of(1, NULL);
		enum rule_target target;
		const char *line = canonical;
		size_t number = 1;

		while (*line) {
			size_t length = strcspn(line, "\n");

			if (single_matches(line, length, &devices[i]))
				break;
			line += length + 1;
			number++;
		}
		if (rule_set_match(set, &devices[i], &context, &target) != (*line ? number : 0))
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
	if (!by_number(canonical))
		check_index(set, canonical);
	free(canonical);
	free(twice);
	rule_set_free(&again);
}

/* A rule made for a device matches it and is canonical. */
static void check_generated(const struct device_facts *facts)
{
	const struct rule_form form = {.hash = true, .port = true};
	struct rule_set *set;
	struct rule_error error;
	enum rule_target target;
	char *text, *again;

	if (rule_generate(facts, &form, &text) || rule_set_parse(text, strlen(text), &set, &error))
		abort();
	if (rule_set_print(set, 1, &again) || strcmp(text, again) != 0 ||
	        rule_set_match(set, facts, &(struct rule_context){0}, &target) != 1)
		abort();
	free(text);
	free(again);
	rule_set_free(&set);
}

static void check_device(const uint8_t *data, size_t size)
{
	static struct device_facts facts;
	char message[160];
	size_t column = 0;
	char *text = malloc(size + 1);
	int result;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	result = facts_parse(text, &facts, &column, message, sizeof(message));
	if (result == ERR_FORMAT && column == 0)
		abort();
	if (result == 0)
		check_generated(&facts);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_set *set;
	struct rule_error error;

	describe_devices();
	if (rule_set_parse((const char *)data, size, &set, &error) == 0)
		check_set(set);
	else if (error.line == 0 || error.column == 0 || set)
		abort();
	rule_set_free(&set);
	check_device(data, size);
	return 0;
}
