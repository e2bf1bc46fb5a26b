/* sekisho enrol card: the certificate of an IC card. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/auth_rules.h"
#include "agent/card_check.h"
#include "agent/card_client.h"
#include "agent/control_client.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/language.h"

enum { HOLDER_SIZE = 256, LINE_SIZE = 128 };

struct card_request {
	const char *user;
	const char *by;
	const char *label;
	enum admin_mode mode;
	uint32_t uid;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho enrol card 利用者 [--label 名称] [--by 氏名] "
	                 "[--add|--replace]",
	                "usage: sekisho enrol card USER [--label TEXT] [--by NAME] "
	                "[--add|--replace]"));
	return EXIT_USAGE;
}

static int refuse(const char *subject, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", subject, why);
	return EXIT_NO;
}

static bool take_arguments(int argc, char **argv, struct card_request *r)
{
	static const struct option options[] = {
	        {"label", required_argument, NULL, 'l'},
	        {"by", required_argument, NULL, 'b'},
	        {"add", no_argument, NULL, 'a'},
	        {"replace", no_argument, NULL, 'r'},
	        {0},
	};
	int option = 0;

	*r = (struct card_request){.mode = ADMIN_FIRST};
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

static int read_rules(const struct cli *cli, struct auth_rules *rules)
{
	int error = auth_rules_read(cli->root, rules);

	if (error == ERR_NOT_FOUND)
		auth_rules_default(rules);
	else if (error != 0)
		return refuse(LANGUAGE("適用中のポリシー", "policy in force"), error_text(error));
	if (login_allows(&rules->combinations, FACTOR_CARD))
		return EXIT_YES;
	return refuse("card", LANGUAGE("ポリシーはこの種類の認証要素を認めていません",
	                              "the policy does not take tokens of this kind"));
}

/* The first certificate that may log in; else why none of them may. */
static int choose(const struct cli *cli, const struct auth_rules *rules,
        const struct card_view *view, size_t *which)
{
	enum card_fault fault = CARD_BROKEN;
	struct card_trust *trust = NULL;
	int error = card_trust_read(cli->root, &trust);

	if (error != 0)
		return refuse("/etc/sekisho/trust/card-ca.pem", error_text(error));
	for (*which = 0; *which < view->count; (*which)++) {
		const struct card_certificate *c = &view->certificates[*which];

		fault = card_check(trust, c->der, c->length, clock_wall(), rules->crl_grace).fault;
		if (fault == CARD_GOOD)
			break;
	}
	card_trust_free(&trust);
	return fault == CARD_GOOD ? EXIT_YES : refuse("card", card_fault_text(fault));
}

/* From a terminal without echo, or a line of standard input. */
static bool read_pin(char pin[static LINE_SIZE])
{
	struct termios before;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	struct termios silent = before;
	bool got = false;

	printf("%s", LANGUAGE("カードの暗証番号: ", "Card PIN: "));
	fflush(stdout);
	if (terminal) {
		silent.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	got = fgets(pin, LINE_SIZE, stdin) != NULL;
	if (terminal)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	printf("\n");
	pin[got ? strcspn(pin, "\r\n") : 0] = '\0';
	return got && pin[0] != '\0' && strlen(pin) < CARD_PIN_MAX;
}

static const char *answer_text(const struct card_signature *s)
{
	switch (s->answer) {
	case CARD_ANSWER_WRONG_PIN:
		return s->tries == CARD_TRIES_LAST
		               ? LANGUAGE("暗証番号が違います。あと1回間違えるとカードがロックされ"
		                          "ます",
		                         "wrong PIN; one more locks the card")
		               : LANGUAGE("暗証番号が違います", "wrong PIN");
	case CARD_ANSWER_LOCKED_PIN:
		return LANGUAGE("カードはロックされています", "the card is locked");
	case CARD_ANSWER_GONE:
		return LANGUAGE("カードが抜かれました", "the card was taken out");
	case CARD_ANSWER_SIGNED:
	case CARD_ANSWER_FAILED:
		break;
	}
	return LANGUAGE("カードが正しく署名しません", "the card does not sign as it should");
}

/* The card can do at the counter what a login will ask of it. */
static int prove(int reader, const char *user, const struct card_view *view, size_t which)
{
	const struct card_certificate *c = &view->certificates[which];
	struct card_signature s;
	uint8_t nonce[32];
	uint8_t digest[SHA256_SIZE];
	char pin[LINE_SIZE] = "";
	int error = ERR_CRYPTO;

	if (!read_pin(pin)) {
		explicit_bzero(pin, sizeof(pin));
		return refuse("card", LANGUAGE("暗証番号が入力されていません", "no PIN was typed"));
	}
	if (getrandom(nonce, sizeof(nonce), 0) == sizeof(nonce))
		error = card_challenge(user, nonce, digest);
	if (error == 0)
		error = card_sign(reader, which, pin, digest, &s);
	explicit_bzero(pin, sizeof(pin));
	if (error != 0)
		return refuse("card", error_text(error));
	if (s.answer != CARD_ANSWER_SIGNED ||
	        card_signature_check(c->der, c->length, digest, s.bytes, s.length) != 0)
		return refuse("card", answer_text(&s));
	return EXIT_YES;
}

static int look(int reader, struct card_view *view)
{
	int error = card_look(reader, view);

	if (error != 0 || view->reader == CARD_UNUSABLE)
		return refuse("card",
		        LANGUAGE("カードリーダーが使えません（agent.yamlのcard_module、pcscd）",
		                "no card can be read (card_module in agent.yaml, pcscd)"));
	if (view->reader == CARD_ABSENT)
		return refuse("card", LANGUAGE("カードがありません", "there is no card"));
	return EXIT_YES;
}

static int enrol(const struct cli *cli, const struct card_request *r, const struct card_view *view,
        size_t which)
{
	const struct card_certificate *c = &view->certificates[which];
	struct auth_token token = {.kind = TOKEN_CARD};
	int error = encode_sha256(c->der, c->length, token.card.fingerprint);
	int code = EXIT_YES;

	if (error != 0)
		return refuse(r->user, error_text(error));
	snprintf(token.label, sizeof(token.label), "%s", r->label != NULL ? r->label : "");
	code = auth_admin_enrol(cli, r->user, r->uid, &token, r->mode, r->by);
	if (code == EXIT_YES)
		printf(LANGUAGE("%s のカードを登録しました（番号 %u）\n",
		               "%s is enrolled for card, token %u\n"),
		        r->user, (unsigned)token.id);
	return code;
}

static int use_reader(const struct cli *cli, const struct card_request *r,
        const struct auth_rules *rules, int reader)
{
	static struct card_view view;
	char holder[HOLDER_SIZE];
	size_t which = 0;
	int code = look(reader, &view);

	if (code == EXIT_YES)
		code = choose(cli, rules, &view, &which);
	if (code != EXIT_YES)
		return code;
	(void)card_holder(view.certificates[which].der, view.certificates[which].length, holder,
	        sizeof(holder));
	printf("%s %s\n", LANGUAGE("カード:", "Card:"), holder);
	code = prove(reader, r->user, &view, which);
	return code == EXIT_YES ? enrol(cli, r, &view, which) : code;
}

int command_enrol_card(const struct cli *cli, int argc, char **argv)
{
	struct card_request request;
	struct auth_rules rules;
	int reader = -1;
	int error = 0;
	int code = EXIT_YES;

	if (!take_arguments(argc, argv, &request))
		return usage();
	code = auth_admin_find(request.user, &request.uid);
	if (code == EXIT_YES)
		code = read_rules(cli, &rules);
	if (code == EXIT_YES)
		code = auth_admin_precheck(cli, request.user, TOKEN_CARD, request.mode);
	if (code != EXIT_YES)
		return code;
	error = control_card(cli, &reader);
	if (error != 0)
		return control_complain(error);
	code = use_reader(cli, &request, &rules, reader);
	close(reader);
	return code;
}
