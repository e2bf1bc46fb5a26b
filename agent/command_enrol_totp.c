#include <getopt.h>
#include <pwd.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/auth_rules.h"
#include "agent/auth_totp.h"
#include "agent/control_client.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"

enum {
	QUIET_ZONE = 4,
	URI_SIZE = 512,
	LINE_SIZE = 128,
	CONFIRM_TRIES = 3,
	LOCK_TIMEOUT_MS = 10000
};

static const struct algorithm {
	const char *option;
	const char *uri;
	enum auth_algorithm algorithm;
	size_t secret_length; /* the digest's, as RFC 6238 has it */
} ALGORITHMS[] = {
        {"sha1", "SHA1", AUTH_SHA1, 20},
        {"sha256", "SHA256", AUTH_SHA256, 32},
        {"sha512", "SHA512", AUTH_SHA512, 64},
};

struct enrolment_request {
	const char *user;
	const char *by;
	const struct algorithm *algorithm;
	unsigned digits; /* 0: the policy's */
	bool replace;
	bool unconfirmed;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho enrol totp 利用者 [--algorithm sha1|sha256|sha512] "
	                 "[--digits 6|8] [--by 氏名] [--replace] [--no-confirm]",
	                "usage: sekisho enrol totp USER [--algorithm sha1|sha256|sha512] [--digits "
	                "6|8] "
	                "[--by NAME] [--replace] [--no-confirm]"));
	return EXIT_USAGE;
}

static int refuse(const char *subject, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", subject, why);
	return EXIT_NO;
}

static const struct algorithm *find_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(ALGORITHMS) / sizeof(ALGORITHMS[0]); i++)
		if (strcmp(ALGORITHMS[i].option, name) == 0)
			return &ALGORITHMS[i];
	return NULL;
}

static bool take_option(int option, const char *value, struct enrolment_request *r)
{
	switch (option) {
	case 'a':
		r->algorithm = find_algorithm(value);
		return r->algorithm != NULL;
	case 'd':
		r->digits = strcmp(value, "6") == 0 ? 6 : strcmp(value, "8") == 0 ? 8 : 0;
		return r->digits != 0;
	case 'b':
		r->by = value;
		return true;
	case 'r':
		r->replace = true;
		return true;
	case 'n':
		r->unconfirmed = true;
		return true;
	default:
		return false;
	}
}

static bool take_arguments(int argc, char **argv, struct enrolment_request *r)
{
	static const struct option options[] = {
	        {"algorithm", required_argument, NULL, 'a'},
	        {"digits", required_argument, NULL, 'd'},
	        {"by", required_argument, NULL, 'b'},
	        {"replace", no_argument, NULL, 'r'},
	        {"no-confirm", no_argument, NULL, 'n'},
	        {0},
	};
	int option = 0;

	*r = (struct enrolment_request){.algorithm = &ALGORITHMS[0]};
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(option, optarg, r))
			return false;
	if (argc - optind != 1)
		return false;
	r->user = argv[optind];
	return true;
}

/* A token that the policy would not take is not handed out. */
static int apply_policy(
        const struct cli *cli, const struct enrolment_request *r, struct auth_state *state)
{
	struct auth_rules rules;
	unsigned factors = 0;
	int error = 0;

	auth_rules_default(&rules, &factors);
	error = auth_rules_read(cli->root, &rules, &factors);
	if (error != 0 && error != ERR_NOT_FOUND)
		return refuse(LANGUAGE("適用中のポリシー", "policy in force"), error_text(error));
	state->digits = (uint8_t)(r->digits != 0 ? r->digits : rules.digits);
	state->step = (uint16_t)rules.step;
	if (state->digits < rules.digits)
		return refuse(r->user, LANGUAGE("ポリシーはもっと長い確認コードを求めています",
		                               "the policy asks for a longer code"));
	return EXIT_YES;
}

static int make_state(
        const struct cli *cli, const struct enrolment_request *r, struct auth_state *state)
{
	const struct passwd *account = getpwnam(r->user);

	if (account == NULL)
		return refuse(
		        r->user, LANGUAGE("そのような利用者はいません", "there is no such user"));
	*state = (struct auth_state){
	        .uid = account->pw_uid,
	        .algorithm = (uint8_t)r->algorithm->algorithm,
	        .secret_length = r->algorithm->secret_length,
	        .enrolled_at = clock_wall(),
	};
	if (getrandom(state->secret, state->secret_length, 0) != (ssize_t)state->secret_length)
		return refuse(r->user, error_text(ERR_CRYPTO));
	return apply_policy(cli, r, state);
}

static bool is_dark(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return false;
	return (code->data[y * code->width + x] & 1) != 0;
}

/* Two rows a line, the light ones drawn: on a terminal with colours set so that any theme shows
 * dark on light. */
static void print_row(const QRcode *code, int y, bool colour)
{
	static const char *const blocks[2][2] = {{"\u2588", "\u2580"}, {"\u2584", " "}};

	fputs(colour ? "\033[0;40;37;1m" : "", stdout);
	for (int x = -QUIET_ZONE; x < code->width + QUIET_ZONE; x++)
		fputs(blocks[is_dark(code, x, y)][is_dark(code, x, y + 1)], stdout);
	fputs(colour ? "\033[0m\n" : "\n", stdout);
}

static int print_code(const char *uri)
{
	QRcode *code = QRcode_encodeString8bit(uri, 0, QR_ECLEVEL_L);
	bool colour = isatty(STDOUT_FILENO) == 1;

	if (code == NULL)
		return ERR_MEMORY;
	for (int y = -QUIET_ZONE; y < code->width + QUIET_ZONE; y += 2)
		print_row(code, y, colour);
	explicit_bzero(code->data, (size_t)code->width * (size_t)code->width);
	QRcode_free(code);
	return 0;
}

/* Letters a URI takes as they are; a host's name has no others. */
static void host_label(char out[static 65])
{
	static const char plain[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	memset(out, 0, 65);
	if (gethostname(out, 64) < 0 || strspn(out, plain) != strlen(out) || out[0] == '\0')
		memcpy(out, "terminal", sizeof("terminal"));
}

/* https://github.com/google/google-authenticator/wiki/Key-Uri-Format */
static int show(const struct enrolment_request *r, const struct auth_state *state)
{
	char uri[URI_SIZE];
	char host[65];
	char *secret = encode_base32(state->secret, state->secret_length);
	int error = 0;

	if (secret == NULL)
		return ERR_MEMORY;
	host_label(host);
	snprintf(uri, sizeof(uri),
	        "otpauth://totp/"
	        "Sekisho:%s@%s?secret=%s&issuer=Sekisho&algorithm=%s&digits=%u&period=%u",
	        r->user, host, secret, r->algorithm->uri, (unsigned)state->digits,
	        (unsigned)state->step);
	error = print_code(uri);
	if (error == 0)
		printf("%s %s\n%s %s, %u, %u s\n", LANGUAGE("秘密鍵:", "Secret:"), secret,
		        LANGUAGE("方式、桁数、間隔:", "Algorithm, digits, period:"),
		        r->algorithm->uri, (unsigned)state->digits, (unsigned)state->step);
	fflush(stdout);
	explicit_bzero(uri, sizeof(uri));
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return error;
}

/* 1 when the code of the new token is right; 0 when it is not; an error when nobody answers. */
static int confirm_once(struct auth_state *state, unsigned window)
{
	char line[LINE_SIZE];
	char code[TOTP_CODE_SIZE];
	enum totp_verdict verdict = TOTP_WRONG;
	uint64_t step = 0;
	int error = 0;

	printf("%s", LANGUAGE("表示された確認コード: ", "Code shown by the authenticator: "));
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return ERR_CLOSED;
	line[strcspn(line, "\r\n")] = '\0';
	totp_fold(line, code);
	error = totp_judge(state, clock_wall(), window, code, &verdict, &step);
	if (error != 0)
		return error;
	if (verdict != TOTP_RIGHT)
		return 0;
	state->last_step = step; /* spent */
	return 1;
}

static int confirm(const struct enrolment_request *r, struct auth_state *state)
{
	if (r->unconfirmed)
		return EXIT_YES;
	for (int i = 0; i < CONFIRM_TRIES; i++) {
		int answer = confirm_once(state, 1);

		if (answer == 1)
			return EXIT_YES;
		if (answer < 0)
			return refuse(r->user, LANGUAGE("確認できないため登録しません",
			                               "not confirmed, not enrolled"));
		fprintf(stderr, "sekisho: %s\n", LANGUAGE("確認コードが違います", "wrong code"));
	}
	return refuse(
	        r->user, LANGUAGE("確認できないため登録しません", "not confirmed, not enrolled"));
}

/* In place and under the lock: a login that waits for its person meets the new secret. */
static int replace(int fd, struct auth_state *state)
{
	const struct auth_file file = {.fd = fd};
	struct auth_state old;
	int error = auth_state_lock(&file, LOCK_TIMEOUT_MS);

	if (error != 0)
		return error;
	error = auth_state_read(&file, &old);
	state->generation = old.generation;
	if (error == 0)
		error = auth_state_write(&file, state);
	auth_state_unlock(&file);
	explicit_bzero(&old, sizeof(old));
	return error;
}

static int store(const struct cli *cli, const struct enrolment_request *r, struct auth_state *state)
{
	int fd = -1;
	int error = auth_admin_open(cli, r->user, &fd);

	if (error == ERR_NOT_FOUND)
		return auth_admin_create(cli, r->user, state);
	if (error == 0)
		error = r->replace ? replace(fd, state) : ERR_EXISTS;
	if (fd >= 0)
		close(fd);
	return error;
}

/* Journalled first: a token that opens this terminal never exists without a trace. */
static int record_and_store(
        const struct cli *cli, const struct enrolment_request *r, struct auth_state *state)
{
	int code = auth_admin_record(cli, EVENT_TOKEN_ENROLLED, r->user, "totp", r->by);
	int error = 0;

	if (code != EXIT_YES)
		return code;
	error = store(cli, r, state);
	if (error != 0) {
		if (!r->replace)
			(void)auth_admin_record(cli, EVENT_TOKEN_REVOKED, r->user, "totp", r->by);
		return refuse(r->user, error_text(error));
	}
	printf(LANGUAGE("%s のTOTPを登録しました\n", "%s is enrolled for TOTP\n"), r->user);
	return EXIT_YES;
}

static int enrol(const struct cli *cli, const struct enrolment_request *r)
{
	struct auth_state state = {0};
	int code = make_state(cli, r, &state);

	if (code == EXIT_YES && show(r, &state) != 0)
		code = refuse(r->user, error_text(ERR_MEMORY));
	if (code == EXIT_YES)
		code = confirm(r, &state);
	if (code == EXIT_YES)
		code = record_and_store(cli, r, &state);
	explicit_bzero(&state, sizeof(state));
	return code;
}

/* Before anybody scans anything: is the name free, and does the agent run? */
static int check_free(const struct cli *cli, const struct enrolment_request *r)
{
	char *json = NULL;
	int fd = -1;
	int error = auth_admin_open(cli, r->user, &fd);

	if (fd >= 0)
		close(fd);
	if (error == 0 && !r->replace)
		return refuse(
		        r->user, LANGUAGE("登録済みです。作り直すときは --replace を付けてください",
		                         "is enrolled already; --replace makes a new secret"));
	if (error != 0 && error != ERR_NOT_FOUND)
		return refuse(r->user, error_text(error));
	error = control_ask(cli, CONTROL_STATUS, -1, &json);
	free(json);
	return error == 0 ? EXIT_YES : control_complain(error);
}

int command_enrol_totp(const struct cli *cli, int argc, char **argv)
{
	struct enrolment_request request;
	int code = EXIT_YES;

	if (!take_arguments(argc, argv, &request))
		return usage();
	code = auth_admin_check(request.user);
	if (code == EXIT_YES)
		code = check_free(cli, &request);
	return code == EXIT_YES ? enrol(cli, &request) : code;
}
