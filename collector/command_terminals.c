#include "collector/collector.h"

#include "collector/summary.h"
#include "core/error.h"
#include "core/language.h"

#include <stdio.h>
#include <string.h>

static int print_json(const struct summary *summaries, size_t count)
{
	json_t *terminals = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(terminals, summary_json(&summaries[i]));
	return collector_print_json(json_pack("{s:o}", "terminals", terminals));
}

int command_terminals(const struct collector *collector, int argc, char **argv)
{
	struct store *store = NULL;
	struct summary *summaries = NULL;
	size_t count = 0;
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc > 1 && !json) {
		collector_say("terminals", LANGUAGE("使い方: sekisho-collector terminals [--json]",
		                                   "usage: sekisho-collector terminals [--json]"));
		return EXIT_USAGE;
	}
	int error = collector_open(collector, &store);
	if (error != 0)
		return EXIT_UNASKED;
	error = summary_read_all(store, &collector->config, NULL, &summaries, &count);
	store_close(&store);
	if (error == 0)
		error = json ? print_json(summaries, count)
		             : summary_print(stdout, summaries, count);
	summary_free_all(&summaries, count);
	if (error != 0)
		collector_say("terminals", error_text(error));
	return error == 0 && fflush(stdout) == 0 ? EXIT_YES : EXIT_UNASKED;
}
