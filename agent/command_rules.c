#include "agent/sekisho.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "policy/rule.h"

enum { RULES_FILE_MAX = 64 << 20 };

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho rules check ファイル\n"
	                 "        sekisho rules match ファイル --device '機器の記述' [--at 日時]",
	                "usage: sekisho rules check FILE\n"
	                "       sekisho rules match FILE --device 'DESCRIPTION' [--at RFC3339]"));
	return EXIT_USAGE;
}

/* EXIT_YES and the set, or EXIT_NO for a bad file and EXIT_UNASKED for one that cannot be read; the
 * reason is said. */
static int read_rules(const char *path, struct rule_set **set)
{
	uint8_t *text = NULL;
	size_t length = 0;
	struct rule_error problem;
	int error = file_read_path(path, RULES_FILE_MAX, &text, &length);

	*set = NULL;
	if (error) {
		fprintf(stderr, "%s: %s\n", path, error_text(error));
		return EXIT_UNASKED;
	}
	error = rule_set_parse((const char *)text, length, set, &problem);
	free(text);
	if (error == ERR_FORMAT) {
		fprintf(stderr, "%s:%zu:%zu: %s\n", path, problem.line, problem.column,
		        problem.message);
		return EXIT_NO;
	}
	if (error) {
		fprintf(stderr, "%s: %s\n", path, error_text(error));
		return EXIT_UNASKED;
	}
	return EXIT_YES;
}

static int print_rules(const struct rule_set *set)
{
	for (size_t number = 1; number <= rule_set_count(set); number++) {
		char *text = NULL;
		int error = rule_set_print(set, number, &text);

		if (error) {
			fprintf(stderr, "%s\n", error_text(error));
			return EXIT_UNASKED;
		}
		puts(text);
		free(text);
	}
	return fflush(stdout) == 0 ? EXIT_YES : EXIT_UNASKED;
}

static int check(int argc, char **argv)
{
	struct rule_set *set;
	int answer;

	if (argc != 2 || argv[1][0] == '-')
		return usage();
	answer = read_rules(argv[1], &set);
	if (answer == EXIT_YES)
		answer = print_rules(set);
	rule_set_free(&set);
	return answer;
}

struct question {
	const char *file;
	const char *device;
	const char *at;
};

static int read_question(int argc, char **argv, struct question *q)
{
	static const struct option OPTIONS[] = {{"device", required_argument, NULL, 'd'},
	        {"at", required_argument, NULL, 'a'}, {0}};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		const char **value = option == 'd' ? &q->device : option == 'a' ? &q->at : NULL;

		if (!value || *value)
			return usage();
		*value = optarg;
	}
	if (argc - optind != 1 || !q->device)
		return usage();
	q->file = argv[optind];
	return EXIT_YES;
}

static int match(int argc, char **argv)
{
	struct question q = {0};
	struct device_facts *facts = NULL;
	struct rule_set *set = NULL;
	enum rule_target target = RULE_BLOCK;
	int64_t moment = clock_wall();
	char message[160];
	size_t column, rule;
	int answer = read_question(argc, argv, &q);

	if (answer != EXIT_YES)
		return answer;
	if (q.at && clock_parse(q.at, &moment)) {
		fprintf(stderr, "--at: %s\n",
		        LANGUAGE("日時は 2026-11-21T08:47:11+09:00 の形です",
		                "want a time like 2026-11-21T08:47:11+09:00"));
		return EXIT_USAGE;
	}
	facts = calloc(1, sizeof(*facts));
	if (!facts)
		return EXIT_UNASKED;
	if (facts_parse(q.device, facts, &column, message, sizeof(message))) {
		fprintf(stderr, "--device:1:%zu: %s\n", column, message);
		answer = EXIT_USAGE;
		goto out;
	}
	/* A file that is no rule set gives no answer, which must not look like `block`. */
	if (read_rules(q.file, &set) != EXIT_YES) {
		answer = EXIT_UNASKED;
		goto out;
	}
	rule = rule_set_match(set, facts, &(struct rule_context){.moment = moment}, &target);
	if (rule)
		printf("%s\t%zu\n", rule_target_name(target), rule);
	else
		printf("%s\timplicit\n", rule_target_name(RULE_BLOCK));
	answer = rule && target == RULE_ALLOW ? EXIT_YES : EXIT_NO;
	if (fflush(stdout) != 0)
		answer = EXIT_UNASKED;
out:
	rule_set_free(&set);
	free(facts);
	return answer;
}

int command_rules(const struct cli *cli, int argc, char **argv)
{
	(void)cli;
	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return check(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "match") == 0)
		return match(argc - 1, argv + 1);
	return usage();
}
