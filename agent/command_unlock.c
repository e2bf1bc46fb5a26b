#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/sekisho.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"

enum { LOCK_TIMEOUT_MS = 10000 };

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho unlock 利用者 [--by 氏名]",
	                "usage: sekisho unlock USER [--by NAME]"));
	return EXIT_USAGE;
}

/* Last accepted step and secret stay: unlocking makes no used code good again. */
static int clear(const struct auth_file *file)
{
	struct auth_state state;
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	if (error != 0)
		return error;
	error = auth_state_read(file, &state);
	if (error == 0) {
		state.locked = false;
		state.failures = 0;
		error = auth_state_write(file, &state);
	}
	auth_state_unlock(file);
	explicit_bzero(&state, sizeof(state));
	return error;
}

/* Journalled first: nobody is unlocked without a trace. */
static int unlock(const struct cli *cli, const char *user, const char *by)
{
	struct auth_file file = {.fd = -1};
	int error = 0;
	int code = auth_admin_check(user);

	if (code != EXIT_YES)
		return code;
	error = auth_admin_open(cli, user, &file);
	if (error != 0)
		return auth_admin_fail(user, error);
	code = auth_admin_record(cli, EVENT_USER_UNLOCKED, user, NULL, by);
	if (code == EXIT_YES) {
		error = clear(&file);
		if (error != 0)
			code = auth_admin_fail(user, error);
		else
			printf(LANGUAGE("%s のロックを解除しました\n", "%s is unlocked\n"), user);
	}
	close(file.fd);
	return code;
}

int command_unlock(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"by", required_argument, NULL, 'b'}, {0}};
	const char *by = NULL;
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'b')
			return usage();
		by = optarg;
	}
	if (argc - optind != 1)
		return usage();
	return unlock(cli, argv[optind], by);
}
