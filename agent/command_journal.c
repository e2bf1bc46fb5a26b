/* sekisho journal show, verify: read from the files, whether or not an agent runs. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/columns.h"
#include "agent/control_client.h"
#include "agent/paths.h"
#include "agent/reported.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/journal.h"
#include "core/language.h"
#include "core/log.h"

enum { FIELDS_TEXT_SIZE = 8192, TEXT_SIZE = 1200, INDENT = 8 };

static int usage(void)
{
	fprintf(stderr,
	        "%s sekisho journal show [--json] [--since SEQ] [DIR]\n        sekisho journal "
	        "verify [DIR]\n",
	        LANGUAGE("使い方:", "usage:"));
	return EXIT_USAGE;
}

/* dir: NULL is this terminal's. Complains itself. */
static int open_journal(const struct cli *cli, const char *dir)
{
	const char *path = dir != NULL ? dir : PATH_JOURNAL_DIR;
	int fd = openat(
	        dir != NULL ? AT_FDCWD : cli->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return fd;
}

/* --- show --- */

struct showing {
	bool json;
	bool first;
	bool bad;
};

static void print_time(const json_t *line, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(line, "time"));
	int64_t seconds = 0;
	struct tm tm;
	time_t when;

	snprintf(out, size, "?");
	if (text == NULL || clock_parse(text, &seconds) != 0)
		return;
	when = (time_t)seconds;
	if (localtime_r(&when, &tm) != NULL)
		(void)strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm);
}

static bool is_frame_member(const char *name)
{
	static const char *const names[] = {"seq", "time", "boot", "uptime_ms", "event", "prev"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void append_field(char *out, const char *name, const json_t *value)
{
	char text[TEXT_SIZE] = "";
	size_t used = strlen(out);

	if (json_is_string(value))
		log_printable(json_string_value(value), text, sizeof(text));
	else if (json_is_integer(value))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(text, sizeof(text), "%s", json_is_true(value) ? "true" : "false");
	snprintf(out + used, FIELDS_TEXT_SIZE - used,
	        strchr(text, ' ') != NULL ? "%s%s=\"%s\"" : "%s%s=%s", used > 0 ? " " : "", name,
	        text);
}

static void print_line(const json_t *line)
{
	char fields[FIELDS_TEXT_SIZE] = "", when[32], kind[64];
	const char *name = json_string_value(json_object_get(line, "event"));
	const json_t *value;

	print_time(line, when, sizeof(when));
	printf("%6lld  %s  %s\n", (long long)json_integer_value(json_object_get(line, "seq")), when,
	        log_printable(name != NULL ? name : "?", kind, sizeof(kind)));
	json_object_foreach((json_t *)(uintptr_t)line, name, value)
	{
		if (!is_frame_member(name) && strlen(fields) < FIELDS_TEXT_SIZE - 64)
			append_field(fields, name, value);
	}
	if (fields[0] != '\0') {
		printf("%*s", INDENT, "");
		columns_wrap(stdout, fields, INDENT);
	}
}

static int show_line(void *context, const char *line, size_t length)
{
	struct showing *s = context;
	json_t *json = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(json)) {
		s->bad = true;
		fprintf(stderr, "%s\n",
		        LANGUAGE("読めない行があります。sekisho journal verify で確かめてください",
		                "a line cannot be read; see sekisho journal verify"));
	} else if (s->json) {
		fputs(s->first ? "" : ",\n", stdout);
		log_print_json(stdout, line, length);
		s->first = false;
	} else {
		print_line(json);
	}
	json_decref(json);
	return ferror(stdout) ? ERR_IO : 0;
}

static int parse_since(const char *text, uint64_t *since)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return ERR_USAGE;
	*since = strtoull(text, NULL, 10);
	return 0;
}

static int parse_show(int argc, char **argv, struct showing *s, uint64_t *since)
{
	static const struct option all[] = {{"json", no_argument, NULL, 'j'},
	        {"since", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	int option;

	optind = 1;
	opterr = 0;
	*since = 1;
	while ((option = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (option == 'j')
			s->json = true;
		else if (option != 's' || parse_since(optarg, since) != 0)
			return ERR_USAGE;
	}
	return argc - optind <= 1 ? 0 : ERR_USAGE;
}

static int show(const struct cli *cli, int argc, char **argv)
{
	struct showing s = {.first = true};
	uint64_t since;
	int dir, error;

	if (parse_show(argc, argv, &s, &since) != 0)
		return usage();
	dir = open_journal(cli, argv[optind]);
	if (dir < 0)
		return EXIT_UNASKED;
	if (s.json)
		putchar('[');
	error = journal_each(dir, since, show_line, &s);
	if (s.json)
		puts("]");
	close(dir);
	if (error != 0) {
		fprintf(stderr, "%s\n", error_text(error));
		return EXIT_UNASKED;
	}
	return s.bad ? EXIT_NO : EXIT_YES;
}

/* --- verify --- */

static int say_fault(const char *file, uint64_t line, const char *cause)
{
	fprintf(stderr, "%s:%" PRIu64 ": %s\n", file, line, cause);
	return EXIT_NO;
}

/* The chain alone cannot show a change in its last line. The agent, which wrote it, can, and looks
 * when it is asked. */
static int check_by_agent(const struct cli *cli)
{
	char *text = NULL;
	json_t *status = NULL, *journal;
	const char *state, *file, *cause;
	int code = EXIT_YES;

	if (control_ask(cli, CONTROL_STATUS, -1, &text) == 0)
		status = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	journal = json_object_get(json_object_get(status, "state"), "journal");
	state = json_string_value(json_object_get(journal, "journal_state"));
	file = json_string_value(json_object_get(journal, "file"));
	cause = json_string_value(json_object_get(journal, "cause"));
	if (state != NULL && strcmp(state, "broken") == 0)
		code = say_fault(file != NULL ? file : PATH_JOURNAL_DIR,
		        (uint64_t)json_integer_value(json_object_get(journal, "line")),
		        cause != NULL ? cause : LANGUAGE("壊れています", "broken"));
	json_decref(status);
	return code;
}

/* Nor can it show that its end is missing; the signer's note of what was reported can, without an
 * agent. */
static int check_by_note(const struct cli *cli, int journal)
{
	struct reported reported;
	int error, dir = openat(cli->root, PATH_SIGNER_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return EXIT_YES;
	error = reported_read(dir, (uid_t)-1, &reported);
	close(dir);
	if (error != 0 || journal_holds(journal, &reported.head))
		return EXIT_YES;
	fprintf(stderr,
	        LANGUAGE("%s: 報告済みの %" PRIu64 " 番の行がないか、変えられています\n",
	                "%s: line %" PRIu64 ", which was reported, is missing or changed\n"),
	        PATH_JOURNAL_DIR, reported.head.count);
	return EXIT_NO;
}

static int say_whole(const struct journal_head *head, size_t torn)
{
	printf(LANGUAGE("完全です: %" PRIu64 " 件、最終行のハッシュ %s\n",
	               "whole: %" PRIu64 " events, head %s\n"),
	        head->count, head->hash);
	if (torn > 0)
		printf(LANGUAGE("書きかけの最終行があります (%zu バイト)\n",
		               "and an unfinished last line of %zu bytes\n"),
		        torn);
	return EXIT_YES;
}

static int verify_directory(int dir, const char *path, struct journal_head *head, size_t *torn)
{
	struct journal_fault fault = {0};
	int error = journal_verify(dir, head, torn, &fault);

	if (error == ERR_CHAIN || error == ERR_FORMAT)
		return say_fault(fault.file, fault.line, fault.cause);
	if (error == 0 && head->count > 0)
		return EXIT_YES;
	fprintf(stderr, "%s: %s\n", path,
	        error != 0 ? error_text(error)
	                   : LANGUAGE("ジャーナルがありません", "holds no journal"));
	return EXIT_UNASKED;
}

static int verify(const struct cli *cli, int argc, char **argv)
{
	const char *path = argc == 2 ? argv[1] : PATH_JOURNAL_DIR;
	bool own = argc == 1;
	struct journal_head head;
	size_t torn = 0;
	int dir, code;

	if (argc > 2 || path[0] == '-')
		return usage();
	dir = open_journal(cli, argv[1]);
	if (dir < 0)
		return EXIT_UNASKED;
	code = verify_directory(dir, path, &head, &torn);
	if (code == EXIT_YES && own)
		code = check_by_note(cli, dir);
	if (code == EXIT_YES && own)
		code = check_by_agent(cli);
	close(dir);
	return code == EXIT_YES ? say_whole(&head, torn) : code;
}

int command_journal(const struct cli *cli, int argc, char **argv)
{
	columns_start();
	if (argc > 1 && strcmp(argv[1], "show") == 0)
		return show(cli, argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return verify(cli, argc - 1, argv + 1);
	return usage();
}
