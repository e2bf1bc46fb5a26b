/* sekisho voucher end: on the terminal, by root. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/auth_person.h"
#include "agent/auth_voucher.h"
#include "agent/control_client.h"
#include "agent/paths.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"

enum { LOCK_TIMEOUT_MS = 10000 };

static int refuse(const char *user, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", user, why);
	return EXIT_NO;
}

static int record(const struct cli *cli, const char *user, int32_t today, const char *by)
{
	static struct event_record e; /* 24 KiB: not for the stack */
	char day[PERSON_DAY_SIZE];
	int error = 0;

	person_day_print(today, day);
	event_start(&e, EVENT_VOUCHER_ENDED);
	event_put(&e, FIELD_USER, user);
	event_put(&e, FIELD_DAY, day);
	event_put(&e, FIELD_CAUSE, "by-hand");
	event_put(&e, FIELD_BY, auth_admin_by(by));
	error = control_record(cli, &e);
	return error == 0 ? EXIT_YES : control_complain(error);
}

static int remove_mark(const struct cli *cli, const char *user, int32_t today)
{
	char name[VOUCHER_MARK_SIZE];
	int dir = openat(
	        cli->root, PATH_VOUCHER_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int error = dir < 0 ? ERR_IO : 0;

	voucher_mark_print(today, user, name);
	if (error == 0 && ((unlinkat(dir, name, 0) != 0 && errno != ENOENT) || fsync(dir) != 0))
		error = ERR_IO;
	if (dir >= 0)
		close(dir);
	return error == 0 ? EXIT_YES : refuse(user, error_text(error));
}

/* A login that looked for the mark before it went finds no code to compare with. */
static int forget(const struct cli *cli, const char *user)
{
	struct auth_file file = {.fd = -1};
	struct auth_state state = {0};
	int error = auth_admin_open(cli, user, &file);

	if (error == 0)
		error = auth_state_lock(&file, LOCK_TIMEOUT_MS);
	if (error == 0)
		error = auth_state_read(&file, &state);
	if (error == 0) {
		state.voucher = (struct auth_voucher){0};
		error = auth_state_write(&file, &state);
	}
	if (file.fd >= 0)
		close(file.fd);
	explicit_bzero(&state, sizeof(state));
	return error == 0 || error == ERR_NOT_FOUND ? EXIT_YES : refuse(user, error_text(error));
}

/* Journalled first, as everything that an administrator changes. */
static int end(const struct cli *cli, const char *user, const char *by)
{
	int32_t today = 0;
	int code = auth_admin_check(user);

	if (code != EXIT_YES)
		return code;
	tzset();
	today = person_day_at(clock_wall());
	if (!voucher_in_force(cli->root, user, today))
		return refuse(user, LANGUAGE("有効な利用票はありません", "has no voucher today"));
	code = record(cli, user, today, by);
	if (code == EXIT_YES)
		code = remove_mark(cli, user, today);
	if (code == EXIT_YES)
		code = forget(cli, user);
	if (code != EXIT_YES)
		return code;
	/* For the status. */
	(void)control_reload(cli);
	printf(LANGUAGE("%s の利用票を終了しました\n", "%s: the voucher has ended\n"), user);
	return EXIT_YES;
}

/* argv[0] is "end". */
int command_voucher_end(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"by", required_argument, NULL, 'b'}, {0}};
	const char *by = NULL;
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'b')
			return EXIT_USAGE;
		by = optarg;
	}
	if (argc - optind != 1)
		return EXIT_USAGE;
	return end(cli, argv[optind], by);
}
