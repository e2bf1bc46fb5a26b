#include "collector/collector.h"

#include "collector/directory.h"
#include "core/error.h"
#include "core/language.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void collector_say(const char *subject, const char *sentence)
{
	fprintf(stderr, "%s: %s\n", subject, sentence);
}

int collector_print_json(json_t *document)
{
	int error = document == NULL || json_dumpf(document, stdout, JSON_INDENT(2)) != 0
	                    ? ERR_MEMORY
	                    : 0;

	putchar('\n');
	json_decref(document);
	return error;
}

int collector_open(const struct collector *collector, struct store **store)
{
	*store = NULL;
	int error = directory_enter(collector->config.dir, collector->user);
	if (error != 0) {
		collector_say(collector->config.dir, error_text(error));
		return error;
	}
	error = store_open(DIRECTORY_DATABASE, store);
	if (error != 0)
		fprintf(stderr, "%s/%s: %s\n", collector->config.dir, DIRECTORY_DATABASE,
		        error_text(error));
	return error;
}

bool collector_read_number(
        const char *text, unsigned long smallest, unsigned long largest, unsigned *number)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 9 || text[digits] != '\0')
		return false;
	unsigned long value = strtoul(text, NULL, 10);
	*number = (unsigned)value;
	return value >= smallest && value <= largest;
}
