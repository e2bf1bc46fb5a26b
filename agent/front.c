/* /usr/bin/sekisho: checks and matches rules itself, which wants the C library alone; every other
 * command is the program beside the agent's, which loads all that any of them needs. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/command_rules.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

/* From this program's own directory: the same installed and in the build. */
#define COMMANDS "../libexec/sekisho/commands"

static int commands_start(char **argv)
{
	char path[PATH_MAX + sizeof(COMMANDS)];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
	char *end;

	if (length > 0 && length < PATH_MAX) {
		path[length] = '\0';
		end = strrchr(path, '/');
		memcpy(end + 1, COMMANDS, sizeof(COMMANDS));
		execv(path, argv);
	}
	fprintf(stderr, "sekisho: %s\n",
	        LANGUAGE("コマンドのプログラムを起動できません",
	                "the program of the commands cannot be started"));
	return EXIT_UNASKED;
}

int main(int argc, char **argv)
{
	int at = argc > 2 && strcmp(argv[1], "--root") == 0 ? 3 : 1;

	if (argc < at + 2 || strcmp(argv[at], "rules") != 0)
		return commands_start(argv);
	log_open("sekisho", LOG_LEVEL_INFO);
	if (strcmp(argv[at + 1], "check") == 0)
		return command_rules_check(argc - at - 1, argv + at + 1);
	if (strcmp(argv[at + 1], "match") == 0)
		return command_rules_match(argc - at - 1, argv + at + 1);
	return commands_start(argv);
}
