/* sekisho enrol list USER, sekisho enrol idle: what is enrolled, without its secrets. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth_admin.h"
#include "agent/auth_rules.h"
#include "agent/columns.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"

enum { DAY = 86400, DAYS_MAX = 3660, WIDTH_NUMBER = 6, WIDTH_KIND = 8, WIDTH_MOMENT = 22 };

struct listing {
	json_t *json;   /* an array, or NULL: columns */
	int64_t before; /* only what was not used since; 0: everything */
	bool user_shown;
	size_t count;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho enrol list 利用者 [--json]\n"
	                 "        sekisho enrol idle [--days 日数] [--json]",
	                "usage: sekisho enrol list USER [--json]\n"
	                "       sekisho enrol idle [--days NUMBER] [--json]"));
	return EXIT_USAGE;
}

static void print_moment(int64_t seconds, char out[static CLOCK_RFC3339_SIZE])
{
	snprintf(out, CLOCK_RFC3339_SIZE, "-");
	if (seconds != 0)
		clock_format(seconds, out);
}

static json_t *token_json(const char *user, const struct auth_token *t)
{
	char enrolled[CLOCK_RFC3339_SIZE];
	char used[CLOCK_RFC3339_SIZE];

	clock_format(t->enrolled_at, enrolled);
	print_moment(t->last_used, used);
	return json_pack("{s:s,s:i,s:s,s:s,s:s,s:s*,s:s}", "user", user, "token", (int)t->id,
	        "kind", token_kind_name(t->kind), "enrolled", enrolled, "by", t->by, "last_used",
	        t->last_used != 0 ? used : NULL, "label", t->label);
}

static void print_token(const struct listing *l, const char *user, const struct auth_token *t)
{
	char number[16];
	char moment[CLOCK_RFC3339_SIZE];

	if (l->user_shown)
		columns_pad(stdout, user, WIDTH_MOMENT);
	snprintf(number, sizeof(number), "%u", (unsigned)t->id);
	columns_pad(stdout, number, WIDTH_NUMBER);
	columns_pad(stdout, token_kind_name(t->kind), WIDTH_KIND);
	print_moment(t->last_used, moment);
	columns_pad(stdout, moment, WIDTH_MOMENT);
	clock_format(t->enrolled_at, moment);
	columns_pad(stdout, moment, WIDTH_MOMENT);
	printf("%s%s%s\n", t->by, t->label[0] != '\0' ? "  " : "", t->label);
}

static void print_head(const struct listing *l)
{
	if (l->json != NULL)
		return;
	if (l->user_shown)
		columns_pad(stdout, LANGUAGE("利用者", "USER"), WIDTH_MOMENT);
	columns_pad(stdout, LANGUAGE("番号", "TOKEN"), WIDTH_NUMBER);
	columns_pad(stdout, LANGUAGE("種類", "KIND"), WIDTH_KIND);
	columns_pad(stdout, LANGUAGE("最後の使用", "LAST USED"), WIDTH_MOMENT);
	columns_pad(stdout, LANGUAGE("登録", "ENROLLED"), WIDTH_MOMENT);
	printf("%s\n", LANGUAGE("登録者、名称", "BY, LABEL"));
}

static bool is_idle(const struct listing *l, const struct auth_token *t)
{
	return (t->last_used != 0 ? t->last_used : t->enrolled_at) < l->before;
}

static void list(void *context, const char *user, const struct auth_state *state)
{
	struct listing *l = context;

	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		const struct auth_token *t = &state->tokens[i];

		if (t->kind == TOKEN_NONE || (l->before != 0 && !is_idle(l, t)))
			continue;
		if (l->count++ == 0)
			print_head(l);
		if (l->json != NULL)
			json_array_append_new(l->json, token_json(user, t));
		else
			print_token(l, user, t);
	}
}

static int finish(struct listing *l, int code)
{
	if (l->json != NULL) {
		if (code == EXIT_YES && json_dumpf(l->json, stdout, JSON_INDENT(2)) == 0)
			putchar('\n');
		json_decref(l->json);
	}
	return code;
}

static int list_user(const struct cli *cli, const char *user, struct listing *l)
{
	struct auth_state state;
	int code = auth_admin_check(user);
	int error = code == EXIT_YES ? auth_admin_read(cli, user, &state) : 0;

	if (code != EXIT_YES)
		return code;
	if (error == 0) {
		list(l, user, &state);
	} else {
		fprintf(stderr, "sekisho: %s: %s\n", user,
		        error == ERR_NOT_FOUND ? LANGUAGE("登録されていません", "is not enrolled")
		                               : error_text(error));
		code = EXIT_NO;
	}
	explicit_bzero(&state, sizeof(state));
	return code;
}

static int list_idle(const struct cli *cli, unsigned long days, struct listing *l)
{
	struct auth_rules rules;
	int error = 0;

	if (auth_admin_check("root") != EXIT_YES)
		return EXIT_NO;
	auth_rules_default(&rules);
	error = days == 0 ? auth_rules_read(cli->root, &rules) : 0;
	if (error != 0 && error != ERR_NOT_FOUND) {
		fprintf(stderr, "sekisho: %s: %s\n",
		        LANGUAGE("適用中のポリシー", "policy in force"), error_text(error));
		return EXIT_NO;
	}
	if (days == 0)
		days = rules.idle_days;
	l->before = clock_wall() - (int64_t)days * DAY;
	l->user_shown = true;
	return auth_admin_each(cli, list, l);
}

static bool take_days(const char *text, unsigned long *days)
{
	size_t digits = strspn(text, "0123456789");

	*days = digits > 0 && digits <= 4 && text[digits] == '\0' ? strtoul(text, NULL, 10) : 0;
	return *days >= 1 && *days <= DAYS_MAX;
}

/* argv[0] is "list" or "idle". */
int command_enrol_list(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
	        {"days", required_argument, NULL, 'd'}, {"json", no_argument, NULL, 'j'}, {0}};
	bool idle = strcmp(argv[0], "idle") == 0;
	struct listing l = {0};
	unsigned long days = 0;
	bool json = false;
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			json = true;
		else if (option != 'd' || !idle || !take_days(optarg, &days))
			return usage();
	}
	if (argc - optind != (idle ? 0 : 1))
		return usage();
	if (!json)
		columns_start();
	l.json = json ? json_array() : NULL;
	return finish(&l, idle ? list_idle(cli, days, &l) : list_user(cli, argv[optind], &l));
}
