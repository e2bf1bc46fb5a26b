/* sekisho reseal: the way on when the storage key is lost with its TPM. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/control_client.h"
#include "agent/paths.h"
#include "agent/seal_client.h"
#include "agent/sekisho.h"
#include "core/error.h"
#include "core/language.h"

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE(
	                "使い方: sekisho reseal [--by 氏名]", "usage: sekisho reseal [--by NAME]"));
	return EXIT_USAGE;
}

static int refuse(const char *why)
{
	fprintf(stderr, "sekisho: %s\n", why);
	return EXIT_NO;
}

/* EXIT_YES: there is a key, and it cannot be read. */
static int check(const struct cli *cli)
{
	struct storage_key key;
	struct seal_result result;
	int fd = -1;
	int error = control_card(cli, CONTROL_SEAL, &fd);

	if (error != 0)
		return control_complain(error);
	error = seal_ask(fd, CONTROL_TIMEOUT_MS, &key, &result);
	explicit_bzero(&key, sizeof(key));
	close(fd);
	if (error != 0)
		return control_complain(error);
	if (result.answer != SEAL_OPEN)
		return EXIT_YES;
	return refuse(LANGUAGE("登録情報は読み取れます。何もしませんでした",
	        "the enrolled secrets can be read; nothing was done"));
}

/* The old one stays beside, for the day on which its TPM comes back. */
static int put_aside(const struct cli *cli)
{
	int dir = openat(cli->root, PATH_SEAL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int error = 0;

	if (dir < 0)
		return ERR_IO;
	if (renameat(dir, SEAL_KEY, dir, SEAL_KEY_OLD) < 0 || fsync(dir) < 0)
		error = ERR_IO;
	close(dir);
	return error;
}

static int reseal(const struct cli *cli, const char *by)
{
	int code = auth_admin_check("root");
	int error = 0;

	if (code == EXIT_YES)
		code = check(cli);
	if (code == EXIT_YES)
		code = auth_admin_record(cli, EVENT_SECRETS_RESEALED, NULL, NULL, by);
	if (code != EXIT_YES)
		return code;
	error = put_aside(cli);
	if (error != 0)
		return refuse(error_text(error));
	if (auth_admin_key(cli) == NULL)
		return EXIT_NO;
	(void)control_reload(cli); /* auth asks again with the next login, too */
	puts(LANGUAGE("新しい鍵を作りました。全員を登録し直してください: sekisho enrol",
	        "there is a new key; enrol everybody again: sekisho enrol"));
	return EXIT_YES;
}

int command_reseal(const struct cli *cli, int argc, char **argv)
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
	return optind == argc ? reseal(cli, by) : usage();
}
