#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth_admin.h"
#include "agent/sekisho.h"
#include "core/error.h"
#include "core/language.h"

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho revoke 利用者 番号|all [--by 氏名]",
	                "usage: sekisho revoke USER TOKEN|all [--by NAME]"));
	return EXIT_USAGE;
}

/* 0 for all of them. */
static bool take_token(const char *text, unsigned *id)
{
	size_t digits = strspn(text, "0123456789");

	*id = 0;
	if (strcmp(text, "all") == 0)
		return true;
	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return false;
	*id = (unsigned)strtoul(text, NULL, 10);
	return *id != 0;
}

static int revoke(const struct cli *cli, const char *user, unsigned id, const char *by)
{
	int code = auth_admin_check(user);

	if (code == EXIT_YES)
		code = auth_admin_revoke(cli, user, id, by);
	if (code != EXIT_YES)
		return code;
	if (id == 0)
		printf(LANGUAGE("%s の認証要素をすべて失効させました\n",
		               "every token of %s is revoked\n"),
		        user);
	else
		printf(LANGUAGE("%s の認証要素 %u を失効させました\n", "%s: token %u is revoked\n"),
		        user, id);
	return EXIT_YES;
}

int command_revoke(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"by", required_argument, NULL, 'b'}, {0}};
	const char *by = NULL;
	unsigned id = 0;
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'b')
			return usage();
		by = optarg;
	}
	if (argc - optind != 2 || !take_token(argv[optind + 1], &id))
		return usage();
	return revoke(cli, argv[optind], id, by);
}
