#include "collector/collector.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct command {
	const char *name;
	int (*run)(const struct collector *collector, int argc, char **argv);
	const char *ja;
	const char *en;
};

static const struct command COMMANDS[] = {
        {"init", command_init, "DIR に鍵とデータベースを作る (init [DIR] [--name HOST]...)",
                "make keys and database in DIR (init [DIR] [--name HOST]...)"},
        {"serve", command_serve, "端末からの報告を受ける [--allow-root]",
                "take the terminals' reports [--allow-root]"},
        {"token", command_token, "登録トークンを発行する (token new [--name N] [--ttl HOURS])",
                "give an enrolment token (token new [--name N] [--ttl HOURS])"},
        {"terminals", command_terminals, "端末の一覧と状態 [--json]",
                "terminals and their states [--json]"},
        {"poll", command_poll, "端末に今の状態を問う (poll TERMINAL [--timeout S] [--json])",
                "ask a terminal now (poll TERMINAL [--timeout S] [--json])"},
        {"clear", command_clear, "調査済みの複製・連鎖切れを解除する (clear TERMINAL --by NAME)",
                "clear a clone or a journal break that was looked into (clear TERMINAL --by NAME)"},
        {"report", command_report,
                "条文ごとの遵守状況 (report --body B --format html|csv|json [--terminal T])",
                "compliance by clause (report --body B --format html|csv|json [--terminal T])"},
};

struct options {
	const char *config;
	const char *dir;
	const char *user;
};

static int usage(FILE *out)
{
	fprintf(out, "%s\n",
	        LANGUAGE("使い方: sekisho-collector [--config FILE] [--dir DIR] [--user USER] "
	                 "コマンド …",
	                "usage: sekisho-collector [--config FILE] [--dir DIR] [--user USER] "
	                "COMMAND ..."));
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
		fprintf(out, "  %-10s %s\n", COMMANDS[i].name,
		        LANGUAGE(COMMANDS[i].ja, COMMANDS[i].en));
	return out == stdout ? EXIT_YES : EXIT_USAGE;
}

static const char **find_option(struct options *options, const char *argument)
{
	if (strcmp(argument, "--config") == 0)
		return &options->config;
	if (strcmp(argument, "--dir") == 0)
		return &options->dir;
	if (strcmp(argument, "--user") == 0)
		return &options->user;
	return NULL;
}

/* Takes the common options out of argv, wherever they stand; -1 when one lacks its value or comes
 * twice. */
static int take_options(struct options *options, int argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		const char **value = i == 0 ? NULL : find_option(options, argv[i]);
		if (value == NULL) {
			argv[kept++] = argv[i];
			continue;
		}
		if (i + 1 >= argc || *value != NULL)
			return -1;
		*value = argv[++i];
	}
	argv[kept] = NULL;
	return kept;
}

static int run(const struct options *options, int argc, char **argv)
{
	struct collector collector = {.user = options->user};
	char message[200];

	int error = config_read(options->config, &collector.config, message);
	if (error != 0) {
		collector_say(options->config == NULL ? CONFIG_PATH : options->config, message);
		return error == ERR_FORMAT ? EXIT_USAGE : EXIT_UNASKED;
	}
	if (options->dir != NULL) {
		if (strlen(options->dir) >= sizeof(collector.config.dir))
			return usage(stderr);
		snprintf(collector.config.dir, sizeof(collector.config.dir), "%s", options->dir);
	}
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
		if (strcmp(argv[0], COMMANDS[i].name) == 0)
			return COMMANDS[i].run(&collector, argc, argv);
	return usage(stderr);
}

int main(int argc, char **argv)
{
	struct options options = {.config = NULL};

	log_open("sekisho-collector", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	argc = take_options(&options, argc, argv);
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	if (strcmp(argv[1], "--version") == 0) {
		puts("sekisho-collector " SEKISHO_VERSION);
		return EXIT_YES;
	}
	return run(&options, argc - 1, argv + 1);
}
