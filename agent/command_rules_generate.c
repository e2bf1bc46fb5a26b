#include "agent/command_rules.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/device.h"
#include "core/error.h"
#include "core/language.h"
#include "policy/rule_generate.h"

enum { DEVICES_MAX = 1024 };

struct present {
	char name[DEVICE_NAME_MAX];
};

/* "1-2" before "1-10", and both before what hangs on them. */
static int present_compare(const void *left, const void *right)
{
	return strverscmp(
	        ((const struct present *)left)->name, ((const struct present *)right)->name);
}

static size_t present_read(DIR *dir, struct present *devices)
{
	struct dirent *entry;
	size_t count = 0;

	while (count < DEVICES_MAX && (entry = readdir(dir)) != NULL)
		if (device_name_is_device(entry->d_name))
			memcpy(devices[count++].name, entry->d_name, strlen(entry->d_name) + 1);
	qsort(devices, count, sizeof(*devices), present_compare);
	return count;
}

static int sys_open(const struct cli *cli)
{
	char path[PATH_MAX];

	if (strcmp(cli->root_path, "/") == 0)
		return open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/sys", cli->root_path);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* EXIT_NO: a device that cannot be described has no rule, which is said. */
static int print_rule(int sys, const char *name, const struct rule_form *form)
{
	struct device *device = calloc(1, sizeof(*device));
	char *text = NULL;
	int answer = EXIT_UNASKED;
	int error = device ? device_read(sys, name, NULL, device) : ERR_MEMORY;

	if (error == ERR_NOT_FOUND) { /* unplugged since */
		answer = EXIT_YES;
	} else if (!error && !device->readable) {
		fprintf(stderr, "%s: %s\n", name,
		        LANGUAGE("記述子を読み取れないためルールを作りません",
		                "its descriptors cannot be read: no rule for it"));
		answer = EXIT_NO;
	} else if (!error && rule_generate(&device->facts, form, &text) == 0) {
		puts(text);
		answer = EXIT_YES;
	}
	free(text);
	free(device);
	return answer;
}

static int print_rules(int sys, DIR *dir, const struct rule_form *form)
{
	struct present *devices = calloc(DEVICES_MAX, sizeof(*devices));
	size_t count = devices ? present_read(dir, devices) : 0;
	int answer = devices ? EXIT_YES : EXIT_UNASKED;

	for (size_t i = 0; i < count; i++) {
		int one = print_rule(sys, devices[i].name, form);

		answer = one > answer ? one : answer;
	}
	free(devices);
	return fflush(stdout) == 0 ? answer : EXIT_UNASKED;
}

static bool target_read(const char *name, enum rule_target *target)
{
	for (unsigned t = RULE_ALLOW; t <= RULE_REJECT; t++)
		if (strcmp(name, rule_target_name((enum rule_target)t)) == 0) {
			*target = (enum rule_target)t;
			return true;
		}
	return false;
}

static bool form_read(int argc, char **argv, struct rule_form *form)
{
	static const struct option OPTIONS[] = {{"target", required_argument, NULL, 't'},
	        {"with-ports", no_argument, NULL, 'p'}, {"no-hash", no_argument, NULL, 'n'},
	        {"only-hash", no_argument, NULL, 'o'}, {0}};
	int option;

	*form = (struct rule_form){.target = RULE_ALLOW, .hash = true};
	optind = 1;
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'p')
			form->port = true;
		else if (option == 'n')
			form->hash = false;
		else if (option == 'o')
			form->only_hash = true;
		else if (option != 't' || !target_read(optarg, &form->target))
			return false;
	}
	/* Nothing would be left of a rule that has only what it must not have. */
	return optind == argc && !(form->only_hash && (!form->hash || form->port));
}

int command_rules_generate(const struct cli *cli, int argc, char **argv)
{
	struct rule_form form;
	int sys, fd, answer;
	DIR *dir;

	if (!form_read(argc, argv, &form))
		return command_rules_usage();
	sys = sys_open(cli);
	fd = sys < 0 ? -1 : openat(sys, "bus/usb/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir) {
		answer = print_rules(sys, dir, &form);
		closedir(dir);
	} else {
		fprintf(stderr, "%s: %s\n", "/sys/bus/usb/devices",
		        LANGUAGE("USB がありません", "there is no USB here"));
		answer = EXIT_UNASKED;
		if (fd >= 0)
			close(fd);
	}
	if (sys >= 0)
		close(sys);
	return answer;
}

int command_rules(const struct cli *cli, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "generate") == 0)
		return command_rules_generate(cli, argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return command_rules_check(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "match") == 0)
		return command_rules_match(argc - 1, argv + 1);
	return command_rules_usage();
}
