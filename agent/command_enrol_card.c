/* sekisho enrol card: the certificate of an IC card. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/auth_rules.h"
#include "agent/card_check.h"
#include "agent/card_client.h"
#include "agent/card_pin.h"
#include "agent/control_client.h"
#include "agent/enrol_device.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/language.h"

enum { HOLDER_SIZE = 256 };

/* The first certificate that may log in; else why the first one may not, which on a My Number card
 * is the holder's own, before its authorities'. */
static int choose(const struct cli *cli, const struct auth_rules *rules,
        const struct card_view *view, size_t *which)
{
	enum card_fault fault = CARD_BROKEN;
	enum card_fault found = CARD_BROKEN;
	struct card_trust *trust = NULL;
	int error = card_trust_read(cli->root, &trust);

	if (error != 0)
		return enrol_refuse("/etc/sekisho/trust/card-ca.pem", error_text(error));
	for (*which = 0; *which < view->count; (*which)++) {
		const struct card_certificate *c = &view->certificates[*which];

		found = card_check(trust, c->der, c->length, clock_wall(), rules->crl_grace).fault;
		if (*which == 0 || found == CARD_GOOD)
			fault = found;
		if (found == CARD_GOOD)
			break;
	}
	card_trust_free(&trust);
	return fault == CARD_GOOD ? EXIT_YES : enrol_refuse("card", card_fault_text(fault));
}

static int refuse_answer(enum card_kind kind, const struct card_signature *s)
{
	char text[256];

	switch (s->answer) {
	case CARD_ANSWER_WRONG_PIN:
		snprintf(text, sizeof(text), "%s%s",
		        LANGUAGE("暗証番号が違います。", "wrong PIN. "),
		        card_pin_left(kind, s->tries));
		return enrol_refuse("card", text);
	case CARD_ANSWER_LOCKED_PIN:
		return enrol_refuse("card", card_pin_locked(kind));
	case CARD_ANSWER_GONE:
		return enrol_refuse(
		        "card", LANGUAGE("カードが抜かれました", "the card was taken out"));
	case CARD_ANSWER_SIGNED:
	case CARD_ANSWER_FAILED:
		break;
	}
	return enrol_refuse("card",
	        LANGUAGE("カードが正しく署名しません", "the card does not sign as it should"));
}

/* The card can do at the counter what a login will ask of it. */
static int prove(int reader, const char *user, const struct card_view *view, size_t which)
{
	const struct card_certificate *c = &view->certificates[which];
	struct card_signature s;
	uint8_t nonce[32];
	uint8_t digest[SHA256_SIZE];
	char pin[ENROL_PIN_SIZE] = "";
	const char *fault = NULL;
	int error = ERR_CRYPTO;

	if (c->tries == CARD_TRIES_NONE)
		return enrol_refuse("card", card_pin_locked(c->kind));
	(void)enrol_read_pin(card_pin_prompt(c->kind, false), pin);
	fault = card_pin_fault(c->kind, pin);
	if (fault != NULL) {
		explicit_bzero(pin, sizeof(pin));
		return enrol_refuse("card", fault);
	}
	if (getrandom(nonce, sizeof(nonce), 0) == sizeof(nonce))
		error = card_challenge(user, nonce, digest);
	if (error == 0)
		error = card_sign(reader, which, pin, digest, &s);
	explicit_bzero(pin, sizeof(pin));
	if (error != 0)
		return enrol_refuse("card", error_text(error));
	if (s.answer != CARD_ANSWER_SIGNED ||
	        card_signature_check(c->der, c->length, digest, s.bytes, s.length) != 0)
		return refuse_answer(c->kind, &s);
	return EXIT_YES;
}

static int look(int reader, struct card_view *view)
{
	int error = card_look(reader, view);

	if (error != 0 || view->reader == CARD_UNUSABLE)
		return enrol_refuse("card",
		        LANGUAGE("カードリーダーが使えません（agent.yamlのcard_module、pcscd）",
		                "no card can be read (card_module in agent.yaml, pcscd)"));
	if (view->reader == CARD_ABSENT)
		return enrol_refuse("card", LANGUAGE("カードがありません", "there is no card"));
	return EXIT_YES;
}

static int enrol(const struct cli *cli, const struct enrol_request *r, const struct card_view *view,
        size_t which)
{
	const struct card_certificate *c = &view->certificates[which];
	struct auth_token token = {.kind = TOKEN_CARD};
	int error = encode_sha256(c->der, c->length, token.card.fingerprint);
	int code = EXIT_YES;

	if (error != 0)
		return enrol_refuse(r->user, error_text(error));
	snprintf(token.label, sizeof(token.label), "%s", r->label != NULL ? r->label : "");
	code = auth_admin_enrol(cli, r->user, r->uid, &token, r->mode, r->by);
	if (code == EXIT_YES)
		printf(LANGUAGE("%s のカードを登録しました（番号 %u）\n",
		               "%s is enrolled for card, token %u\n"),
		        r->user, (unsigned)token.id);
	return code;
}

static int use_reader(const struct cli *cli, const struct enrol_request *r,
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
	struct enrol_request request;
	struct auth_rules rules;
	int reader = -1;
	int error = 0;
	int code = EXIT_YES;

	code = enrol_begin(cli, argc, argv, TOKEN_CARD, &request, &rules);
	if (code != EXIT_YES)
		return code;
	error = control_card(cli, CONTROL_CARD, &reader);
	if (error != 0)
		return control_complain(error);
	code = use_reader(cli, &request, &rules, reader);
	close(reader);
	return code;
}
