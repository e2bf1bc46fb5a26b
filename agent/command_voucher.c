/* sekisho voucher new: on the officer's own machine, for whom the terminal's agent need not run. */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/auth_person.h"
#include "agent/control_client.h"
#include "agent/sekisho.h"
#include "agent/voucher.h"
#include "core/clock.h"
#include "core/cms.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/event.h"
#include "core/file.h"
#include "core/language.h"

enum { PEM_MAX = 65536 };

struct order {
	const char *terminal, *user, *day, *certificate, *key, *out, *by;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho voucher new --terminal 端末名 --user 利用者\n"
	                 "                --certificate 証明書 --key 鍵 --out 出力 [--day 日付] "
	                 "[--by "
	                 "氏名]\n"
	                 "        sekisho voucher take ファイル [--by 氏名]\n"
	                 "        sekisho voucher end 利用者 [--by 氏名]",
	                "usage: sekisho voucher new --terminal NAME --user USER\n"
	                "               --certificate PEM --key PEM --out FILE [--day DATE] [--by "
	                "NAME]\n"
	                "       sekisho voucher take FILE [--by NAME]\n"
	                "       sekisho voucher end USER [--by NAME]"));
	return EXIT_USAGE;
}

static int complain(const char *subject, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", subject, why);
	return EXIT_NO;
}

static bool take_option(struct order *o, int option, const char *value)
{
	const char **place = option == 't'   ? &o->terminal
	                     : option == 'u' ? &o->user
	                     : option == 'd' ? &o->day
	                     : option == 'c' ? &o->certificate
	                     : option == 'k' ? &o->key
	                     : option == 'o' ? &o->out
	                     : option == 'b' ? &o->by
	                                     : NULL;

	if (place == NULL || *place != NULL)
		return false;
	*place = value;
	return true;
}

static bool read_order(int argc, char **argv, struct order *o)
{
	static const struct option options[] = {{"terminal", required_argument, NULL, 't'},
	        {"user", required_argument, NULL, 'u'}, {"day", required_argument, NULL, 'd'},
	        {"certificate", required_argument, NULL, 'c'},
	        {"key", required_argument, NULL, 'k'}, {"out", required_argument, NULL, 'o'},
	        {"by", required_argument, NULL, 'b'}, {0}};
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(o, option, optarg))
			return false;
	return optind == argc && o->terminal != NULL && o->user != NULL && o->certificate != NULL &&
	       o->key != NULL && o->out != NULL;
}

/* What the order says, and no day that is over. */
static int fill(const struct order *o, struct voucher *v)
{
	int32_t today = 0;

	tzset();
	today = person_day_at(clock_wall());
	v->day = today;
	if (o->day != NULL && person_day_parse(o->day, &v->day) != 0) {
		(void)complain(o->day, LANGUAGE("日付は 2027-03-31 のように書きます",
		                               "a date is written as 2027-03-31"));
		return EXIT_USAGE;
	}
	if (v->day < today)
		return complain(o->day, LANGUAGE("過ぎた日付です", "that day is over"));
	if (!auth_state_name(o->user)) {
		(void)complain(
		        o->user, LANGUAGE("利用者名ではありません", "is not the name of a user"));
		return EXIT_USAGE;
	}
	if (o->terminal[0] == '\0' || strlen(o->terminal) >= sizeof(v->terminal)) {
		(void)complain(o->terminal,
		        LANGUAGE("端末名ではありません", "is not the name of a terminal"));
		return EXIT_USAGE;
	}
	(void)snprintf(v->terminal, sizeof(v->terminal), "%s", o->terminal);
	(void)snprintf(v->user, sizeof(v->user), "%s", o->user);
	return EXIT_YES;
}

/* Signed by the officer; *pem is malloc'd. */
static int sign(const struct order *o, const struct voucher *v, char **pem, size_t *length)
{
	uint8_t *certificate = NULL;
	uint8_t *key = NULL;
	size_t certificate_length = 0;
	size_t key_length = 0;
	char *text = voucher_print(v);
	const char *subject = o->certificate;
	int error = text == NULL ? ERR_MEMORY
	                         : file_read_path(o->certificate, PEM_MAX, &certificate,
	                                   &certificate_length);

	if (error == 0) {
		subject = o->key;
		error = file_read_path(o->key, PEM_MAX, &key, &key_length);
	}
	if (error == 0)
		error = cms_sign((const uint8_t *)text, strlen(text), NULL,
		        (const char *)certificate, (const char *)key, pem, length);
	if (key != NULL)
		explicit_bzero(key, key_length);
	free(key);
	free(certificate);
	free(text);
	return error == 0 ? EXIT_YES : complain(subject, error_text(error));
}

static int write_new(const char *path, const char *pem, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
	int error = fd < 0 ? ERR_IO : file_write(fd, pem, length);

	if (error == 0 && fsync(fd) < 0)
		error = ERR_IO;
	if (fd >= 0 && error != 0)
		(void)unlink(path);
	if (fd >= 0)
		close(fd);
	return error == 0 ? EXIT_YES
	                  : complain(path, LANGUAGE("新しいファイルとして書けません",
	                                           "cannot be written as a new file"));
}

/* An officer's machine may have no agent, or one that does not listen to him: the terminal journals
 * who signed what it takes. */
static int record(const struct cli *cli, const struct order *o, const struct voucher *v)
{
	static struct event_record e; /* 24 KiB: not for the stack */
	char day[PERSON_DAY_SIZE];
	char id[2 * VOUCHER_ID_SIZE + 1];
	int error = 0;

	person_day_print(v->day, day);
	encode_hex(v->id, sizeof(v->id), id);
	event_start(&e, EVENT_VOUCHER_ISSUED);
	event_put(&e, FIELD_USER, v->user);
	event_put(&e, FIELD_TERMINAL, v->terminal);
	event_put(&e, FIELD_DAY, day);
	event_put(&e, FIELD_VOUCHER, id);
	event_put(&e, FIELD_BY, auth_admin_by(o->by));
	error = control_record(cli, &e);
	if (error != 0 && error != ERR_NOT_FOUND && error != ERR_DENIED)
		return control_complain(error);
	if (error != 0)
		fprintf(stderr, "sekisho: %s\n",
		        LANGUAGE(
		                "この機械のジャーナルには記録していません（端末が受け取ると記録され"
		                "ます）",
		                "not in a journal of this machine; the terminal journals it when "
		                "it takes it"));
	return EXIT_YES;
}

/* The one time that it is seen; in groups, to be read out or copied by hand. */
static void show(const struct order *o, const struct voucher *v, const char *code)
{
	char day[PERSON_DAY_SIZE];

	person_day_print(v->day, day);
	printf(LANGUAGE(
	               "%s さんの、端末 %s での %s 限りの利用票: %s\n\nコード（再表示できません。本"
	               "人だけに伝えてください）:\n",
	               "A voucher for %s on terminal %s, for %s: %s\n\nIts code, shown this once, "
	               "for "
	               "that person alone:\n"),
	        v->user, v->terminal, day, o->out);
	printf("\n    %.4s   %.4s   %.4s   %.4s\n\n", code, code + 4, code + 8, code + 12);
}

static int issue(const struct cli *cli, const struct order *o)
{
	struct voucher v = {0};
	char code[VOUCHER_CODE_SIZE] = "";
	char *pem = NULL;
	size_t length = 0;
	int error = 0;
	int answer = fill(o, &v);

	if (answer != EXIT_YES)
		return answer;
	error = voucher_make(&v, code);
	if (error != 0)
		answer = complain(o->out, error_text(error));
	if (answer == EXIT_YES)
		answer = sign(o, &v, &pem, &length);
	if (answer == EXIT_YES)
		answer = record(cli, o, &v);
	if (answer == EXIT_YES)
		answer = write_new(o->out, pem, length);
	if (answer == EXIT_YES)
		show(o, &v, code);
	explicit_bzero(code, sizeof(code));
	free(pem);
	return answer;
}

int command_voucher(const struct cli *cli, int argc, char **argv)
{
	struct order o = {0};
	int answer = EXIT_USAGE;

	if (argc < 2)
		return usage();
	if (strcmp(argv[1], "new") == 0 && read_order(argc - 1, argv + 1, &o))
		return issue(cli, &o);
	if (strcmp(argv[1], "take") == 0)
		answer = command_voucher_take(cli, argc - 1, argv + 1);
	else if (strcmp(argv[1], "end") == 0)
		answer = command_voucher_end(cli, argc - 1, argv + 1);
	return answer == EXIT_USAGE ? usage() : answer;
}
