/* sekisho enrol person USER: what kind of staff a user is, and from which day to which. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/control_client.h"
#include "agent/sekisho.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"

enum { LOCK_TIMEOUT_MS = 10000 };

struct wish {
	const char *user;
	const char *by;
	struct auth_person person;
	bool class, first_day, last_day; /* said */
	bool json;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho enrol person 利用者 [--class 区分] [--first-day "
	                 "日付|none]\n"
	                 "                [--last-day 日付|none] [--by 氏名] [--json]",
	                "usage: sekisho enrol person USER [--class CLASS] [--first-day DATE|none]\n"
	                "               [--last-day DATE|none] [--by NAME] [--json]"));
	return EXIT_USAGE;
}

static int complain(const char *subject, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", subject, why);
	return EXIT_NO;
}

static int take_day(const char *text, int32_t *day)
{
	*day = 0;
	if (strcmp(text, "none") == 0 || person_day_parse(text, day) == 0)
		return EXIT_YES;
	(void)complain(text,
	        LANGUAGE("日付は 2027-03-31 のように書きます", "a date is written as 2027-03-31"));
	return EXIT_USAGE;
}

static int take_class(const char *text, enum person_class *class)
{
	if (person_class_find(text, class))
		return EXIT_YES;
	(void)complain(text,
	        LANGUAGE("区分は personnel, temporary, dispatched, contractor, council_member です",
	                "a class is personnel, temporary, dispatched, contractor or "
	                "council_member"));
	return EXIT_USAGE;
}

static void change(const struct wish *wish, struct auth_person *p)
{
	if (wish->class)
		p->class = wish->person.class;
	if (wish->first_day)
		p->first_day = wish->person.first_day;
	if (wish->last_day)
		p->last_day = wish->person.last_day;
}

static int check(const struct wish *wish, const struct auth_person *p)
{
	if (p->last_day == 0 && person_class_is_dated(p->class))
		return complain(wish->user, LANGUAGE("この区分には最終日 (--last-day) が要ります",
		                                    "this class has a last day: --last-day"));
	if (!person_is_allowed(p))
		return complain(wish->user,
		        LANGUAGE("最終日が初日より前です", "the last day is before the first"));
	return EXIT_YES;
}

static int record(const struct cli *cli, const struct wish *wish, const struct auth_person *p)
{
	static struct event_record e; /* 24 KiB: not for the stack */
	char first[PERSON_DAY_SIZE];
	char last[PERSON_DAY_SIZE];
	int error = 0;

	person_day_print(p->first_day, first);
	person_day_print(p->last_day, last);
	event_start(&e, EVENT_PERSON_CHANGED);
	event_put(&e, FIELD_USER, wish->user);
	event_put(&e, FIELD_PERSON_CLASS, person_class_name(p->class));
	event_put(&e, FIELD_FIRST_DAY, first);
	event_put(&e, FIELD_LAST_DAY, last);
	event_put(&e, FIELD_BY, auth_admin_by(wish->by));
	error = control_record(cli, &e);
	return error == 0 ? EXIT_YES : control_complain(error);
}

static int show(const struct wish *wish, const struct auth_person *p)
{
	char first[PERSON_DAY_SIZE];
	char last[PERSON_DAY_SIZE];
	const char *class = person_class_name(p->class);
	json_t *json = NULL;

	person_day_print(p->first_day, first);
	person_day_print(p->last_day, last);
	if (!wish->json) {
		printf("%s  %s  %s  %s\n", wish->user, class != NULL ? class : "-", first, last);
		return EXIT_YES;
	}
	json = json_pack("{s:s,s:s*,s:s*,s:s*}", "user", wish->user, "class", class, "first_day",
	        p->first_day != 0 ? first : NULL, "last_day", p->last_day != 0 ? last : NULL);
	if (json != NULL && json_dumpf(json, stdout, JSON_INDENT(2)) == 0)
		putchar('\n');
	json_decref(json);
	return EXIT_YES;
}

/* Journalled first: nobody's day is moved without a trace. */
static int apply(const struct cli *cli, const struct wish *wish, const struct auth_file *file,
        struct auth_state *state)
{
	int error = auth_state_read(file, state);
	int code = EXIT_YES;

	if (error != 0)
		return auth_admin_fail(wish->user, error);
	if (wish->class || wish->first_day || wish->last_day) {
		change(wish, &state->person);
		code = check(wish, &state->person);
		if (code == EXIT_YES)
			code = record(cli, wish, &state->person);
		if (code == EXIT_YES)
			error = auth_state_write(file, state);
	}
	if (error != 0)
		return auth_admin_fail(wish->user, error);
	return code == EXIT_YES ? show(wish, &state->person) : code;
}

static int serve(const struct cli *cli, const struct wish *wish)
{
	struct auth_file file = {.fd = -1};
	struct auth_state state = {0};
	int code = auth_admin_check(wish->user);
	int error = 0;

	if (code != EXIT_YES)
		return code;
	error = auth_admin_open(cli, wish->user, &file);
	if (error == 0)
		error = auth_state_lock(&file, LOCK_TIMEOUT_MS);
	code = error == 0 ? apply(cli, wish, &file, &state) : auth_admin_fail(wish->user, error);
	if (file.fd >= 0)
		close(file.fd);
	explicit_bzero(&state, sizeof(state));
	return code;
}

static int take_option(struct wish *wish, int option, const char *value)
{
	switch (option) {
	case 'c':
		wish->class = true;
		return take_class(value, &wish->person.class);
	case 'f':
		wish->first_day = true;
		return take_day(value, &wish->person.first_day);
	case 'l':
		wish->last_day = true;
		return take_day(value, &wish->person.last_day);
	case 'b':
		wish->by = value;
		return EXIT_YES;
	case 'j':
		wish->json = true;
		return EXIT_YES;
	default:
		return usage();
	}
}

/* argv[0] is "person". */
int command_enrol_person(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"class", required_argument, NULL, 'c'},
	        {"first-day", required_argument, NULL, 'f'},
	        {"last-day", required_argument, NULL, 'l'}, {"by", required_argument, NULL, 'b'},
	        {"json", no_argument, NULL, 'j'}, {0}};
	struct wish wish = {0};
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		int code = take_option(&wish, option, optarg);

		if (code != EXIT_YES)
			return code;
	}
	if (argc - optind != 1)
		return usage();
	wish.user = argv[optind];
	return serve(cli, &wish);
}
