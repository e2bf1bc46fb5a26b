#include "agent/command_rules.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "policy/rule.h"

enum { RULES_FILE_MAX = 64 << 20, OUTPUT_SIZE = 1 << 16, ALLOWED_MAX = 64 };

int command_rules_usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho rules check ファイル\n"
	                 "        sekisho rules match ファイル --device '機器の記述' [--at 日時]"
	                 " [--allowed '機器の記述']…\n"
	                 "        sekisho rules generate [--target allow|block|reject]"
	                 " [--with-ports] [--no-hash | --only-hash]",
	                "usage: sekisho rules check FILE\n"
	                "       sekisho rules match FILE --device 'DESCRIPTION' [--at RFC3339]"
	                " [--allowed 'DESCRIPTION']...\n"
	                "       sekisho rules generate [--target allow|block|reject]"
	                " [--with-ports] [--no-hash | --only-hash]"));
	return EXIT_USAGE;
}

/* EXIT_YES and the set, or EXIT_NO for a bad file and EXIT_UNASKED for one that cannot be read; the
 * reason is said. */
static int read_rules(const char *path, struct rule_set **set)
{
	uint8_t *text = NULL;
	size_t length = 0;
	struct rule_error problem;
	int error = file_read_any(path, RULES_FILE_MAX, &text, &length);

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
	static char buffer[OUTPUT_SIZE]; /* in use until the process ends */

	(void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
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
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_YES : EXIT_UNASKED;
}

int command_rules_check(int argc, char **argv)
{
	struct rule_set *set;
	int answer;

	if (argc != 2 || argv[1][0] == '-')
		return command_rules_usage();
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
	const char *allowed[ALLOWED_MAX];
	size_t allowed_count;
};

static int read_question(int argc, char **argv, struct question *q)
{
	static const struct option OPTIONS[] = {{"device", required_argument, NULL, 'd'},
	        {"at", required_argument, NULL, 'a'}, {"allowed", required_argument, NULL, 'o'},
	        {0}};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		const char **value = NULL;

		if (option == 'o' && q->allowed_count < ALLOWED_MAX)
			value = &q->allowed[q->allowed_count++];
		else if (option == 'd' || option == 'a')
			value = option == 'd' ? &q->device : &q->at;
		if (!value || *value)
			return command_rules_usage();
		*value = optarg;
	}
	if (argc - optind != 1 || !q->device)
		return command_rules_usage();
	q->file = argv[optind];
	return EXIT_YES;
}

/* NULL when it is none, which is said. */
static struct device_facts *describe(const char *option, const char *description)
{
	struct device_facts *facts = calloc(1, sizeof(*facts));
	char message[160];
	size_t column;

	if (!facts) {
		fprintf(stderr, "%s\n", error_text(ERR_MEMORY));
		return NULL;
	}
	if (facts_parse(description, facts, &column, message, sizeof(message)) == 0)
		return facts;
	fprintf(stderr, "%s:1:%zu: %s\n", option, column, message);
	free(facts);
	return NULL;
}

/* There is no history here: no rule was ever evaluated or applied. */
static int answer_question(const struct rule_set *set, const struct device_facts *facts,
        const struct rule_context *context)
{
	enum rule_target target = RULE_BLOCK;
	size_t rule = rule_set_match(set, facts, context, &target);

	if (rule)
		printf("%s\t%zu\n", rule_target_name(target), rule);
	else
		printf("%s\timplicit\n", rule_target_name(RULE_BLOCK));
	if (fflush(stdout) != 0)
		return EXIT_UNASKED;
	return rule && target == RULE_ALLOW ? EXIT_YES : EXIT_NO;
}

int command_rules_match(int argc, char **argv)
{
	struct question q = {0};
	struct device_facts *facts = NULL;
	struct device_facts *allowed[ALLOWED_MAX] = {0};
	struct rule_context context = {
	        .moment = clock_wall(), .allowed = (const struct device_facts *const *)allowed};
	struct rule_set *set = NULL;
	int answer = read_question(argc, argv, &q);

	if (answer != EXIT_YES)
		return answer;
	answer = EXIT_USAGE;
	if (q.at && clock_parse(q.at, &context.moment)) {
		fprintf(stderr, "--at: %s\n",
		        LANGUAGE("日時は 2026-11-21T08:47:11+09:00 の形です",
		                "want a time like 2026-11-21T08:47:11+09:00"));
		return answer;
	}
	facts = describe("--device", q.device);
	if (!facts)
		goto out;
	for (size_t i = 0; i < q.allowed_count; i++) {
		allowed[context.allowed_count++] = describe("--allowed", q.allowed[i]);
		if (!allowed[i])
			goto out;
	}
	/* A file that is no rule set gives no answer, which must not look like `block`. */
	answer = EXIT_UNASKED;
	if (read_rules(q.file, &set) == EXIT_YES &&
	        getrandom(&context.chance, sizeof(context.chance), 0) == sizeof(context.chance))
		answer = answer_question(set, facts, &context);
out:
	rule_set_free(&set);
	for (size_t i = 0; i < q.allowed_count; i++)
		free(allowed[i]);
	free(facts);
	return answer;
}
