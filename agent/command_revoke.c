#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/sekisho.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho revoke totp 利用者 [--by 氏名]",
	                "usage: sekisho revoke totp USER [--by NAME]"));
	return EXIT_USAGE;
}

static int is_enrolled(const struct cli *cli, const char *user)
{
	int fd = -1;
	int error = auth_admin_open(cli, user, &fd);

	if (fd >= 0)
		close(fd);
	return error;
}

/* Journalled first: a token is never gone without a trace. */
static int revoke_totp(const struct cli *cli, const char *user, const char *by)
{
	int error = 0;
	int code = auth_admin_check(user);

	if (code != EXIT_YES)
		return code;
	error = is_enrolled(cli, user);
	if (error != 0)
		return auth_admin_fail(user, error);
	code = auth_admin_record(cli, EVENT_TOKEN_REVOKED, user, "totp", by);
	if (code != EXIT_YES)
		return code;
	error = auth_admin_remove(cli, user);
	if (error != 0)
		return auth_admin_fail(user, error);
	printf(LANGUAGE("%s のTOTPを失効しました\n", "TOTP of %s is revoked\n"), user);
	return EXIT_YES;
}

int command_revoke(const struct cli *cli, int argc, char **argv)
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
	if (argc - optind != 2 || strcmp(argv[optind], "totp") != 0)
		return usage();
	return revoke_totp(cli, argv[optind + 1], by);
}
