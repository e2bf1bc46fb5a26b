/*
 * rules_decide RULES DEVICES ROUNDS: loads RULES, judges every line of DEVICES (a description as
 * `sekisho rules match` takes it) ROUNDS times, and prints the median and the 99th percentile of
 * one decision in nanoseconds, the process's resident memory in kB while it holds the rules, and
 * how many decisions found a rule.
 */
#include "policy/rule.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/file.h"

enum { FILE_MAX = 256 << 20, DEVICES_MAX = 1000 };

static int read_text(const char *path, char **text, size_t *length)
{
	uint8_t *data = NULL;
	int r = file_read_path(path, FILE_MAX, &data, length);

	*text = (char *)data;
	return r;
}

static long resident(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kilobytes = -1;

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kilobytes = strtol(line + 6, NULL, 10);
	if (status)
		fclose(status);
	return kilobytes;
}

static int compare(const void *a, const void *b)
{
	long left = *(const long *)a;
	long right = *(const long *)b;

	return (left > right) - (left < right);
}

static long elapsed(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000000000L + to->tv_nsec - from->tv_nsec;
}

static size_t describe(char *text, struct device_facts *devices)
{
	size_t count = 0;
	char message[160];
	size_t column;

	for (char *rest = text, *line; count < DEVICES_MAX && (line = strsep(&rest, "\n")) != NULL;)
		if (*line &&
		        facts_parse(line, &devices[count++], &column, message, sizeof(message)))
			return 0;
	return count;
}

static int run(const struct rule_set *set, const struct device_facts *devices, size_t count,
        size_t rounds, long memory)
{
	long *times = calloc(count * rounds, sizeof(*times));
	size_t found = 0;

	if (!times)
		return EXIT_FAILURE;
	for (size_t i = 0; i < count * rounds; i++) {
		const struct rule_context context = {.moment = time(NULL)};
		enum rule_target target;
		struct timespec from, to;

		clock_gettime(CLOCK_MONOTONIC, &from);
		found += rule_set_match(set, &devices[i % count], &context, &target) != 0;
		clock_gettime(CLOCK_MONOTONIC, &to);
		times[i] = elapsed(&from, &to);
	}
	qsort(times, count * rounds, sizeof(*times), compare);
	printf("%ld %ld %ld %zu\n", times[count * rounds / 2], times[count * rounds * 99 / 100],
	        memory, found / rounds);
	free(times);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct device_facts *devices = calloc(DEVICES_MAX, sizeof(*devices));
	struct rule_set *set = NULL;
	struct rule_error error;
	char *text = NULL;
	size_t length, count;
	int answer = EXIT_FAILURE;
	long memory;

	if (argc != 4 || !devices || read_text(argv[1], &text, &length) ||
	        rule_set_parse(text, length, &set, &error))
		goto out;
	free(text);
	text = NULL;
	malloc_trim(0);
	memory = resident();
	if (read_text(argv[2], &text, &length))
		goto out;
	count = describe(text, devices);
	if (count > 0)
		answer = run(set, devices, count, strtoul(argv[3], NULL, 10), memory);
out:
	if (answer != EXIT_SUCCESS)
		fprintf(stderr, "rules_decide: failed\n");
	rule_set_free(&set);
	free(text);
	free(devices);
	return answer;
}
