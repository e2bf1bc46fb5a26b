/* sekisho enrol totp|hotp: authenticator apps and one-time password tokens. */
#include <fcntl.h>
#include <getopt.h>
#include <liboath/oath.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/auth_otp.h"
#include "agent/auth_rules.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"

enum {
	QUIET_ZONE = 4,
	URI_SIZE = 512,
	LINE_SIZE = 128,
	CONFIRM_TRIES = 3,
	SECRET_FILE_MAX = 512,
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
	const char *label;
	const char *secret_file; /* NULL: a new secret is made and shown */
	enum token_kind kind;
	enum admin_mode mode;
	uint32_t uid;
	const struct algorithm *algorithm;
	unsigned digits; /* 0: the policy's */
	bool unconfirmed;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho enrol totp|hotp 利用者 [--algorithm sha1|sha256|sha512] "
	                 "[--digits 6|8]\n        [--label 名称] [--secret-file ファイル] [--by "
	                 "氏名] "
	                 "[--add|--replace] [--no-confirm]",
	                "usage: sekisho enrol totp|hotp USER [--algorithm sha1|sha256|sha512] "
	                "[--digits 6|8]\n       [--label TEXT] [--secret-file FILE] [--by NAME] "
	                "[--add|--replace] [--no-confirm]"));
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
	case 'l':
		r->label = value;
		return strlen(value) < TOKEN_TEXT_SIZE;
	case 's':
		r->secret_file = value;
		return true;
	case 'm':
	case 'r':
		if (r->mode != ADMIN_FIRST)
			return false;
		r->mode = option == 'm' ? ADMIN_ADD : ADMIN_REPLACE;
		return true;
	case 'n':
		r->unconfirmed = true;
		return true;
	default:
		return false;
	}
}

/* RFC 4226 knows SHA-1 alone. */
static bool is_consistent(const struct enrolment_request *r)
{
	return r->kind == TOKEN_TOTP || r->algorithm->algorithm == AUTH_SHA1;
}

static bool take_arguments(int argc, char **argv, struct enrolment_request *r)
{
	static const struct option options[] = {
	        {"algorithm", required_argument, NULL, 'a'},
	        {"digits", required_argument, NULL, 'd'},
	        {"by", required_argument, NULL, 'b'},
	        {"label", required_argument, NULL, 'l'},
	        {"secret-file", required_argument, NULL, 's'},
	        {"add", no_argument, NULL, 'm'},
	        {"replace", no_argument, NULL, 'r'},
	        {"no-confirm", no_argument, NULL, 'n'},
	        {0},
	};
	int option = 0;

	*r = (struct enrolment_request){
	        .algorithm = &ALGORITHMS[0],
	        .label = "",
	        .mode = ADMIN_FIRST,
	        .kind = strcmp(argv[0], "hotp") == 0 ? TOKEN_HOTP : TOKEN_TOTP,
	};
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(option, optarg, r))
			return false;
	if (argc - optind != 1 || !is_consistent(r))
		return false;
	r->user = argv[optind];
	return true;
}

/* A token that the policy would not take is not handed out. */
static int apply_policy(
        const struct cli *cli, const struct enrolment_request *r, struct token_otp *otp)
{
	struct auth_rules rules;
	int error = 0;

	auth_rules_default(&rules);
	error = auth_rules_read(cli->root, &rules);
	if (error != 0 && error != ERR_NOT_FOUND)
		return refuse(LANGUAGE("適用中のポリシー", "policy in force"), error_text(error));
	if (!login_allows(&rules.combinations, token_factor(r->kind)))
		return refuse(r->user, LANGUAGE("ポリシーはこの種類の認証要素を認めていません",
		                               "the policy does not take tokens of this kind"));
	otp->digits = (uint8_t)(r->digits != 0 ? r->digits : rules.digits);
	otp->step = (uint16_t)(r->kind == TOKEN_TOTP ? rules.step : 0);
	if (otp->digits < rules.digits)
		return refuse(r->user, LANGUAGE("ポリシーはもっと長い確認コードを求めています",
		                               "the policy asks for a longer code"));
	return EXIT_YES;
}

/* In base32, as makers of tokens hand seeds over, or in hex. */
static int parse_secret(char *text, struct token_otp *otp)
{
	char *decoded = NULL;
	size_t length = 0;

	text[strcspn(text, "\r\n")] = '\0';
	length = strlen(text) / 2;
	if (length <= TOKEN_SECRET_MAX && decode_hex(text, otp->secret, length) == 0 &&
	        strlen(text) % 2 == 0) {
		otp->secret_length = length;
		return 0;
	}
	if (oath_base32_decode(text, strlen(text), &decoded, &length) != OATH_OK)
		return ERR_FORMAT;
	if (length <= TOKEN_SECRET_MAX) {
		memcpy(otp->secret, decoded, length);
		otp->secret_length = length;
	}
	explicit_bzero(decoded, length);
	free(decoded);
	return length <= TOKEN_SECRET_MAX ? 0 : ERR_TOO_LONG;
}

static int read_secret(const char *path, struct token_otp *otp)
{
	uint8_t *text = NULL;
	size_t length = 0;
	int error = file_read_path(path, SECRET_FILE_MAX, &text, &length);

	if (error == 0 && strlen((const char *)text) != length)
		error = ERR_FORMAT;
	if (error == 0)
		error = parse_secret((char *)text, otp);
	if (error == 0 && otp->secret_length < TOKEN_SECRET_MIN)
		error = ERR_FORMAT;
	if (text != NULL)
		explicit_bzero(text, length);
	free(text);
	return error == 0 ? EXIT_YES : refuse(path, error_text(error));
}

static int make_secret(const struct enrolment_request *r, struct token_otp *otp)
{
	if (r->secret_file != NULL)
		return read_secret(r->secret_file, otp);
	otp->secret_length = r->algorithm->secret_length;
	if (getrandom(otp->secret, otp->secret_length, 0) == (ssize_t)otp->secret_length)
		return EXIT_YES;
	return refuse(r->user, error_text(ERR_CRYPTO));
}

static int make_token(
        const struct cli *cli, const struct enrolment_request *r, struct auth_token *token)
{
	int code = EXIT_YES;

	*token = (struct auth_token){.kind = r->kind};
	token->otp.algorithm = (uint8_t)r->algorithm->algorithm;
	snprintf(token->label, sizeof(token->label), "%s", r->label);
	code = apply_policy(cli, r, &token->otp);
	return code == EXIT_YES ? make_secret(r, &token->otp) : code;
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
static int show(const struct enrolment_request *r, const struct token_otp *otp)
{
	char uri[URI_SIZE];
	char host[65];
	char moving[32];
	char *secret = NULL;
	int error = 0;

	if (r->secret_file != NULL)
		return 0; /* the token has it already */
	secret = encode_base32(otp->secret, otp->secret_length);
	if (secret == NULL)
		return ERR_MEMORY;
	host_label(host);
	snprintf(moving, sizeof(moving), r->kind == TOKEN_HOTP ? "counter=%u" : "period=%u",
	        (unsigned)otp->step);
	snprintf(uri, sizeof(uri),
	        "otpauth://%s/Sekisho:%s@%s?secret=%s&issuer=Sekisho&algorithm=%s&digits=%u&%s",
	        token_kind_name(r->kind), r->user, host, secret, r->algorithm->uri,
	        (unsigned)otp->digits, moving);
	error = print_code(uri);
	if (error == 0)
		printf("%s %s\n%s %s, %u, %s\n", LANGUAGE("秘密鍵:", "Secret:"), secret,
		        LANGUAGE("方式、桁数、間隔:", "Algorithm, digits, period:"),
		        r->algorithm->uri, (unsigned)otp->digits, moving);
	fflush(stdout);
	explicit_bzero(uri, sizeof(uri));
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return error;
}

/* 1 when the code of the new token is right; 0 when it is not; an error when nobody answers. */
static int confirm_once(struct auth_token *token)
{
	char line[LINE_SIZE];
	char code[OTP_CODE_SIZE];
	enum otp_verdict verdict = OTP_WRONG;
	uint64_t counter = 0;
	int error = 0;

	printf("%s", LANGUAGE("表示された確認コード: ", "Code shown by the authenticator: "));
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return ERR_CLOSED;
	line[strcspn(line, "\r\n")] = '\0';
	otp_fold(line, code, OTP_CODE_SIZE);
	error = otp_judge(token, clock_wall(), 1, code, &verdict, &counter);
	token->otp.resync = verdict == OTP_AHEAD ? counter : 0;
	if (error != 0)
		return error;
	if (verdict != OTP_RIGHT)
		return 0;
	otp_spend(token, counter);
	return 1;
}

static int confirm(const struct enrolment_request *r, struct auth_token *token)
{
	if (r->unconfirmed)
		return EXIT_YES;
	for (int i = 0; i < CONFIRM_TRIES; i++) {
		int answer = confirm_once(token);

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

static int enrol(const struct cli *cli, const struct enrolment_request *r)
{
	struct auth_token token;
	int code = make_token(cli, r, &token);

	if (code == EXIT_YES && show(r, &token.otp) != 0)
		code = refuse(r->user, error_text(ERR_MEMORY));
	if (code == EXIT_YES)
		code = confirm(r, &token);
	if (code == EXIT_YES)
		code = auth_admin_enrol(cli, r->user, r->uid, &token, r->mode, r->by);
	if (code == EXIT_YES)
		printf(LANGUAGE("%s の%sを登録しました（番号 %u）\n",
		               "%s is enrolled for %s, token %u\n"),
		        r->user, r->kind == TOKEN_HOTP ? "HOTP" : "TOTP", (unsigned)token.id);
	explicit_bzero(&token, sizeof(token));
	return code;
}

int command_enrol_otp(const struct cli *cli, int argc, char **argv)
{
	struct enrolment_request request;
	int code = EXIT_YES;

	if (!take_arguments(argc, argv, &request))
		return usage();
	code = auth_admin_find(request.user, &request.uid);
	if (code == EXIT_YES)
		code = auth_admin_precheck(cli, request.user, request.kind, request.mode);
	return code == EXIT_YES ? enrol(cli, &request) : code;
}
