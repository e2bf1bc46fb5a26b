#include "collector/collector.h"

#include "core/error.h"
#include "core/language.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int clear(struct store *store, const char *name, const char *by)
{
	struct store_terminal terminal;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int error = store_begin(store);
	if (error != 0)
		return error;
	error = store_find_name(store, name, &terminal);
	if (error == 0)
		error = store_clear_terminal(
		        store, terminal.id, by, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	if (error == 0)
		return store_commit(store);
	store_rollback(store);
	return error;
}

int command_clear(const struct collector *collector, int argc, char **argv)
{
	struct store *store = NULL;

	if (argc != 4 || strcmp(argv[2], "--by") != 0 || argv[3][0] == '\0' ||
	        strlen(argv[3]) > 200) {
		collector_say("clear",
		        LANGUAGE("使い方: sekisho-collector clear TERMINAL --by 確認した人",
		                "usage: sekisho-collector clear TERMINAL --by NAME"));
		return EXIT_USAGE;
	}
	if (collector_open(collector, &store) != 0)
		return EXIT_UNASKED;
	int error = clear(store, argv[1], argv[3]);
	store_close(&store);
	if (error != 0)
		collector_say(argv[1], error_text(error));
	return error == 0 ? EXIT_YES : EXIT_UNASKED;
}
