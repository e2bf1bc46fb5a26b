#include "agent/enrol_device.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/error.h"
#include "core/language.h"

enum { LINE_SIZE = 128 };

int enrol_refuse(const char *subject, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", subject, why);
	return EXIT_NO;
}

static int usage(enum token_kind kind)
{
	fprintf(stderr,
	        LANGUAGE("使い方: sekisho enrol %s 利用者 [--label 名称] [--by 氏名] "
	                 "[--add|--replace]\n",
	                "usage: sekisho enrol %s USER [--label TEXT] [--by NAME] "
	                "[--add|--replace]\n"),
	        token_kind_name(kind));
	return EXIT_USAGE;
}

static bool take_arguments(int argc, char **argv, struct enrol_request *r)
{
	static const struct option options[] = {
	        {"label", required_argument, NULL, 'l'},
	        {"by", required_argument, NULL, 'b'},
	        {"add", no_argument, NULL, 'a'},
	        {"replace", no_argument, NULL, 'r'},
	        {0},
	};
	int option = 0;

	*r = (struct enrol_request){.mode = ADMIN_FIRST};
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l' && strlen(optarg) < TOKEN_TEXT_SIZE)
			r->label = optarg;
		else if (option == 'b')
			r->by = optarg;
		else if ((option == 'a' || option == 'r') && r->mode == ADMIN_FIRST)
			r->mode = option == 'a' ? ADMIN_ADD : ADMIN_REPLACE;
		else
			return false;
	}
	if (argc - optind != 1)
		return false;
	r->user = argv[optind];
	return true;
}

static int read_rules(const struct cli *cli, enum token_kind kind, struct auth_rules *rules)
{
	int error = auth_rules_read(cli->root, rules);

	if (error == ERR_NOT_FOUND)
		auth_rules_default(rules);
	else if (error != 0)
		return enrol_refuse(
		        LANGUAGE("適用中のポリシー", "policy in force"), error_text(error));
	if (login_allows(&rules->combinations, token_factor(kind)))
		return EXIT_YES;
	return enrol_refuse(
	        token_kind_name(kind), LANGUAGE("ポリシーはこの種類の認証要素を認めていません",
	                                       "the policy does not take tokens of this kind"));
}

int enrol_begin(const struct cli *cli, int argc, char **argv, enum token_kind kind,
        struct enrol_request *request, struct auth_rules *rules)
{
	int code = EXIT_YES;

	if (!take_arguments(argc, argv, request))
		return usage(kind);
	code = auth_admin_find(request->user, &request->uid);
	if (code == EXIT_YES)
		code = read_rules(cli, kind, rules);
	if (code == EXIT_YES)
		code = auth_admin_precheck(cli, request->user, kind, request->mode);
	return code;
}

static bool read_line(const char *prompt, char line[static LINE_SIZE])
{
	struct termios before;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	struct termios silent = before;
	bool got = false;

	printf("%s", prompt);
	fflush(stdout);
	if (terminal) {
		silent.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	got = fgets(line, LINE_SIZE, stdin) != NULL;
	if (terminal)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	printf("\n");
	line[got ? strcspn(line, "\r\n") : 0] = '\0';
	return got;
}

bool enrol_read_pin(const char *prompt, char pin[static ENROL_PIN_SIZE])
{
	char line[LINE_SIZE];
	bool got = read_line(prompt, line) && line[0] != '\0' && strlen(line) < ENROL_PIN_SIZE;

	pin[0] = '\0';
	if (got)
		memcpy(pin, line, strlen(line) + 1);
	explicit_bzero(line, sizeof(line));
	return got;
}
