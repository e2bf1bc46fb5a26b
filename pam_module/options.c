#include "pam_module/options.h"

#include <stdbool.h>
#include <string.h>

#include "core/error.h"

static bool take_socket(struct options *options, const char *value)
{
	if (value[0] != '/' || strlen(value) >= sizeof(options->socket))
		return false;
	memcpy(options->socket, value, strlen(value) + 1);
	return true;
}

static bool take_timeout(struct options *options, const char *value)
{
	unsigned seconds = 0;

	if (value[0] == '\0')
		return false;
	for (; *value != '\0'; value++) {
		if (*value < '0' || *value > '9')
			return false;
		seconds = seconds * 10 + (unsigned)(*value - '0');
		if (seconds > OPTIONS_TIMEOUT_MAX)
			return false;
	}
	options->timeout = seconds;
	return seconds > 0;
}

static const struct option {
	const char *prefix;
	bool (*take)(struct options *options, const char *value);
} OPTIONS[] = {
        {"socket=", take_socket},
        {"timeout=", take_timeout},
};

enum { OPTION_COUNT = sizeof(OPTIONS) / sizeof(OPTIONS[0]) };

static bool take(struct options *options, const char *argument, bool seen[OPTION_COUNT])
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		size_t length = strlen(OPTIONS[i].prefix);

		if (strncmp(argument, OPTIONS[i].prefix, length) != 0)
			continue;
		if (seen[i])
			return false;
		seen[i] = true;
		return OPTIONS[i].take(options, argument + length);
	}
	return false;
}

int options_parse(struct options *options, int argc, const char **argv, const char **bad)
{
	bool seen[OPTION_COUNT] = {false};

	*options = (struct options){.socket = OPTIONS_SOCKET, .timeout = OPTIONS_TIMEOUT};
	*bad = NULL;
	for (int i = 0; i < argc; i++) {
		if (take(options, argv[i], seen))
			continue;
		*bad = argv[i];
		return ERR_USAGE;
	}
	return 0;
}
