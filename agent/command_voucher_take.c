/* sekisho voucher take: on the terminal, by root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/auth_person.h"
#include "agent/auth_rules.h"
#include "agent/auth_voucher.h"
#include "agent/control_client.h"
#include "agent/enrolment.h"
#include "agent/paths.h"
#include "agent/sekisho.h"
#include "agent/voucher.h"
#include "core/clock.h"
#include "core/cms.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/event.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"

enum {
	LOCK_TIMEOUT_MS = 10000,
	SIGNERS_MAX = 1 << 20,
	TAKEN_SIZE = sizeof(AUTH_TAKEN) + PERSON_DAY_SIZE + (size_t)2 * VOUCHER_ID_SIZE,
	TAKEN_DAYS = 400, /* a clock that is set back further than that is noticed otherwise */
};

struct taking {
	const struct cli *cli;
	const char *file, *by;
	struct voucher voucher;
	struct cms_signer signer;
	int32_t today;
};

static int refuse(const struct taking *t, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", t->file, why);
	return EXIT_NO;
}

static int read_signers(const struct cli *cli, uint8_t **pem, size_t *length)
{
	int fd = -1;
	int error = file_open_checked(cli->root, PATH_POLICY_SIGNERS, 0, 0755, SIGNERS_MAX, &fd);

	if (error == 0)
		error = file_read(fd, SIGNERS_MAX, pem, length);
	if (fd >= 0)
		close(fd);
	return error;
}

/* By somebody who signs this terminal's policy, and nobody else. */
static int verify(struct taking *t)
{
	struct cms_signer signers[CMS_SIGNERS_MAX];
	uint8_t *pem = NULL;
	uint8_t *trusted = NULL;
	uint8_t *content = NULL;
	size_t length = 0;
	size_t trusted_length = 0;
	size_t content_length = 0;
	size_t count = 0;
	int error = file_read_path(t->file, VOUCHER_FILE_MAX, &pem, &length);

	if (error == 0)
		error = read_signers(t->cli, &trusted, &trusted_length);
	if (error == 0)
		error = cms_verify(pem, length, trusted, trusted_length, 1, &content,
		        &content_length, signers, &count);
	if (error == 0)
		error = voucher_parse(content, content_length, &t->voucher);
	if (error == 0)
		t->signer = signers[0];
	free(content);
	free(trusted);
	free(pem);
	return error;
}

static int check_policy(const struct taking *t)
{
	struct auth_rules rules;

	if (auth_rules_read(t->cli->root, &rules) != 0 || !rules.voucher)
		return refuse(t, LANGUAGE("適用中のポリシーは利用票を認めていません",
		                         "the policy in force does not allow vouchers"));
	return EXIT_YES;
}

static int check_terminal(const struct taking *t)
{
	struct enrolment e;
	int error = enrolment_read(t->cli->root, &e);
	int same = error == 0 && strcmp(e.terminal, t->voucher.terminal) == 0;

	enrolment_clear(&e);
	if (error != 0)
		return refuse(t, LANGUAGE("この端末は登録されていないため、名前がありません",
		                         "this terminal is not enrolled, and has no name"));
	return same ? EXIT_YES
	            : refuse(t, LANGUAGE("別の端末の利用票です", "is for another terminal"));
}

static int check(struct taking *t)
{
	int code = check_policy(t);
	int error = code == EXIT_YES ? verify(t) : 0;

	if (error != 0)
		return refuse(t, error_text(error));
	if (code == EXIT_YES)
		code = check_terminal(t);
	if (code == EXIT_YES && (t->today <= 0 || t->voucher.day != t->today))
		code = refuse(t, LANGUAGE("今日の利用票ではありません", "is not for today"));
	return code;
}

/* Marks of vouchers so old that no clock brings their day back. */
static void forget_old(int dir, int32_t today)
{
	DIR *list = fdopendir(dup(dir));
	const struct dirent *entry = NULL;
	const size_t prefix = sizeof(AUTH_TAKEN) - 1;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		char date[PERSON_DAY_SIZE] = "";
		int32_t day = 0;

		if (strncmp(entry->d_name, AUTH_TAKEN, prefix) != 0)
			continue;
		snprintf(date, sizeof(date), "%s", entry->d_name + prefix);
		if (person_day_parse(date, &day) == 0 && day < today - TAKEN_DAYS)
			(void)unlinkat(dir, entry->d_name, 0);
	}
	if (list != NULL)
		closedir(list);
}

/* A file that is there for good, and that only one can make. */
static int mark(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_IO;
	close(fd);
	return fsync(dir) == 0 ? 0 : ERR_IO;
}

/* From here on this voucher is never taken again, whatever goes wrong next. */
static int claim(const struct taking *t)
{
	char name[TAKEN_SIZE];
	char day[PERSON_DAY_SIZE];
	char id[2 * VOUCHER_ID_SIZE + 1];
	int dir = openat(
	        t->cli->root, PATH_AUTH_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int error = dir < 0 ? ERR_IO : 0;

	person_day_print(t->voucher.day, day);
	encode_hex(t->voucher.id, sizeof(t->voucher.id), id);
	snprintf(name, sizeof(name), "%s%s-%s", AUTH_TAKEN, day, id);
	if (error == 0) {
		forget_old(dir, t->today);
		error = mark(dir, name);
		close(dir);
	}
	if (error == ERR_EXISTS)
		return refuse(t, LANGUAGE("受け取り済みの利用票です", "has been taken before"));
	return error == 0 ? EXIT_YES : refuse(t, error_text(error));
}

static int record(const struct taking *t, uint16_t kind, const uint8_t *voucher, const char *cause)
{
	static struct event_record e; /* 24 KiB: not for the stack */
	char subject[sizeof(t->signer.subject)];
	char day[PERSON_DAY_SIZE];
	char id[2 * VOUCHER_ID_SIZE + 1];
	int error = 0;

	person_day_print(t->voucher.day, day);
	encode_hex(voucher, VOUCHER_ID_SIZE, id);
	event_start(&e, kind);
	event_put(&e, FIELD_USER, t->voucher.user);
	event_put(&e, FIELD_DAY, day);
	event_put(&e, FIELD_VOUCHER, id);
	event_put(&e, FIELD_CAUSE, cause);
	if (cause == NULL)
		event_put(&e, FIELD_OFFICER,
		        log_printable(t->signer.subject, subject, sizeof(subject)));
	event_put(&e, FIELD_BY, auth_admin_by(t->by));
	error = control_record(t->cli, &e);
	return error == 0 ? EXIT_YES : control_complain(error);
}

/* The one before, if it was not used, ends here. */
static int store(const struct taking *t, const struct auth_file *file, struct auth_state *state)
{
	const struct voucher *v = &t->voucher;
	struct auth_voucher *place = &state->voucher;
	int code = claim(t);
	int error = 0;

	if (code == EXIT_YES && place->day == t->today && place->used_at == 0 &&
	        voucher_in_force(t->cli->root, v->user, t->today))
		code = record(t, EVENT_VOUCHER_ENDED, place->id, "replaced");
	if (code == EXIT_YES)
		code = record(t, EVENT_VOUCHER_TAKEN, v->id, NULL);
	if (code != EXIT_YES)
		return code;
	*place = (struct auth_voucher){.day = v->day};
	memcpy(place->id, v->id, sizeof(place->id));
	memcpy(place->salt, v->salt, sizeof(place->salt));
	memcpy(place->hash, v->hash, sizeof(place->hash));
	error = auth_state_write(file, state);
	return error == 0 ? EXIT_YES : auth_admin_fail(v->user, error);
}

static int put_in_force(const struct taking *t)
{
	char name[VOUCHER_MARK_SIZE];
	int dir = -1;
	int error = 0;

	if (mkdirat(t->cli->root, PATH_VOUCHER_DIR, 0755) != 0 && errno != EEXIST)
		return refuse(t, error_text(ERR_IO));
	dir = openat(
	        t->cli->root, PATH_VOUCHER_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	voucher_mark_print(t->voucher.day, t->voucher.user, name);
	if (dir < 0 || fchmod(dir, 0755) != 0)
		error = ERR_IO;
	else
		error = mark(dir, name);
	if (error == ERR_EXISTS)
		error = 0; /* of one before, today */
	/* auth opens it, whatever root's umask. */
	if (error == 0 && fchmodat(dir, name, 0644, 0) != 0)
		error = ERR_IO;
	if (dir >= 0)
		close(dir);
	return error == 0 ? EXIT_YES : refuse(t, error_text(error));
}

static int take(struct taking *t)
{
	struct auth_file file = {.fd = -1};
	struct auth_state state = {0};
	int code = EXIT_YES;
	int error = auth_admin_open(t->cli, t->voucher.user, &file);

	if (error == 0)
		error = auth_state_lock(&file, LOCK_TIMEOUT_MS);
	if (error == 0)
		error = auth_state_read(&file, &state);
	code = error == 0 ? store(t, &file, &state) : auth_admin_fail(t->voucher.user, error);
	if (file.fd >= 0)
		close(file.fd);
	explicit_bzero(&state, sizeof(state));
	return code == EXIT_YES ? put_in_force(t) : code;
}

static int check_agent(const struct cli *cli)
{
	char *json = NULL;
	int error = control_ask(cli, CONTROL_STATUS, -1, &json);

	free(json);
	return error == 0 ? EXIT_YES : control_complain(error);
}

static int serve(struct taking *t)
{
	int code = auth_admin_check("root");

	tzset();
	t->today = person_day_at(clock_wall());
	if (code == EXIT_YES)
		code = check(t);
	if (code == EXIT_YES)
		code = check_agent(t->cli);
	if (code == EXIT_YES)
		code = take(t);
	if (code != EXIT_YES)
		return code;
	/* It is in force already; this is for the status, and the midnight. */
	(void)control_reload(t->cli);
	printf(LANGUAGE("%s の利用票を受け取りました。今日の24時まで、一度だけ使えます。\n",
	               "%s: the voucher is taken; it counts once, until midnight\n"),
	        t->voucher.user);
	return EXIT_YES;
}

/* argv[0] is "take". */
int command_voucher_take(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"by", required_argument, NULL, 'b'}, {0}};
	struct taking t = {.cli = cli};
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'b')
			return EXIT_USAGE;
		t.by = optarg;
	}
	if (argc - optind != 1)
		return EXIT_USAGE;
	t.file = argv[optind];
	return serve(&t);
}
