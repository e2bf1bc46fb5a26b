#include "collector/collector.h"

#include "collector/enrol.h"
#include "collector/strict.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TTL_HOURS = 24, TTL_HOURS_MAX = 24 * 31 };

static int usage(void)
{
	collector_say(
	        "token", LANGUAGE("使い方: sekisho-collector token new [--name N] [--ttl HOURS]",
	                         "usage: sekisho-collector token new [--name N] [--ttl HOURS]"));
	return EXIT_USAGE;
}

static int read_arguments(int argc, char **argv, const char **name, unsigned *hours)
{
	if (argc < 2 || strcmp(argv[1], "new") != 0)
		return ERR_USAGE;
	for (int i = 2; i < argc; i += 2) {
		if (i + 1 >= argc)
			return ERR_USAGE;
		if (strcmp(argv[i], "--name") == 0 && strict_is_name(argv[i + 1]))
			*name = argv[i + 1];
		else if (strcmp(argv[i], "--ttl") != 0 ||
		         !collector_read_number(argv[i + 1], 1, TTL_HOURS_MAX, hours))
			return ERR_USAGE;
	}
	return 0;
}

int command_token(const struct collector *collector, int argc, char **argv)
{
	struct store *store = NULL;
	const char *name = NULL;
	unsigned hours = TTL_HOURS;
	char *token = NULL;

	if (read_arguments(argc, argv, &name, &hours) != 0)
		return usage();
	int error = collector_open(collector, &store);
	if (error != 0)
		return EXIT_UNASKED;
	error = enrol_new_token(store, name, (clock_wall() + (int64_t)hours * 3600) * 1000, &token);
	store_close(&store);
	if (error != 0) {
		collector_say("token", error_text(error));
		return EXIT_UNASKED;
	}
	puts(token);
	explicit_bzero(token, strlen(token));
	free(token);
	return fflush(stdout) == 0 ? EXIT_YES : EXIT_UNASKED;
}
