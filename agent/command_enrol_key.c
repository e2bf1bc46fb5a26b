/* sekisho enrol key: a FIDO2 security key. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/control_client.h"
#include "agent/enrol_device.h"
#include "agent/fido2_check.h"
#include "core/error.h"
#include "core/language.h"

struct enrolment {
	const struct cli *cli;
	const struct enrol_request *request;
	const struct auth_rules *rules;
	int reader; /* the process fido2 */
	char pin[ENROL_PIN_SIZE];
	uint8_t hash[FIDO2_HASH_SIZE];
	struct fido2_result result;
	struct auth_token token;
};

static int look(const struct enrolment *e)
{
	struct fido2_found found;
	int error = fido2_look(e->reader, &found);

	if (error != 0)
		return enrol_refuse("key", error_text(error));
	if (found.state != FIDO2_PRESENT)
		return enrol_refuse("key", fido2_state_text(found.state));
	if (found.tries == 0)
		return enrol_refuse("key", fido2_answer_text(FIDO2_LOCKED_PIN));
	if (found.tries != FIDO2_TRIES_UNKNOWN)
		printf(LANGUAGE("暗証番号はあと%u回まで間違えられます\n", "PIN: %u tries left\n"),
		        found.tries);
	return EXIT_YES;
}

/* Those the user has already, so that the same key is not enrolled twice. */
static int find_enrolled(const struct enrolment *e, struct fido2_credentials *list)
{
	struct auth_state state = {0};
	int error = auth_admin_read(e->cli, e->request->user, &state);

	for (size_t i = 0; error == 0 && i < AUTH_TOKENS_MAX; i++) {
		const struct auth_token *t = &state.tokens[i];

		if (t->kind != TOKEN_KEY)
			continue;
		list->list[list->count].length = t->key.credential_length;
		memcpy(list->list[list->count++].bytes, t->key.credential,
		        t->key.credential_length);
	}
	explicit_bzero(&state, sizeof(state));
	return error == ERR_NOT_FOUND ? 0 : error;
}

static int ask(struct enrolment *e,
        int (*what)(int, const struct fido2_request *, struct fido2_result *),
        struct fido2_request *r)
{
	uint8_t nonce[32];
	int error = getrandom(nonce, sizeof(nonce), 0) == sizeof(nonce) ? 0 : ERR_CRYPTO;

	r->rp = e->rules->party;
	r->user = e->request->user;
	r->pin = e->pin;
	r->hash = e->hash;
	if (error == 0)
		error = fido2_challenge(e->request->user, nonce, e->hash);
	if (error == 0)
		error = what(e->reader, r, &e->result);
	if (error != 0)
		return enrol_refuse("key", error_text(error));
	if (e->result.answer == FIDO2_NOT_HELD && what == fido2_make)
		return enrol_refuse("key", LANGUAGE("このセキュリティキーは登録済みです",
		                                   "this key is enrolled already"));
	if (e->result.answer != FIDO2_DONE)
		return enrol_refuse("key", fido2_answer_text(e->result.answer));
	return EXIT_YES;
}

static int complain(enum fido2_fault fault)
{
	fprintf(stderr, "sekisho: key: %s (%s)\n",
	        LANGUAGE("セキュリティキーが正しく署名しません",
	                "the key does not sign as it should"),
	        fido2_fault_name(fault));
	return EXIT_NO;
}

static int make(struct enrolment *e)
{
	static struct fido2_request request;
	enum fido2_fault fault = FIDO2_BROKEN;
	int error = 0;
	int code = EXIT_YES;

	if (e->request->mode != ADMIN_REPLACE)
		error = find_enrolled(e, &request.credentials);
	if (error != 0)
		return auth_admin_fail(e->request->user, error);
	printf("%s\n", LANGUAGE("セキュリティキーが光ったら触れてください（二度）",
	                       "Touch the security key when it blinks, twice"));
	fflush(stdout);
	code = ask(e, fido2_make, &request);
	if (code != EXIT_YES)
		return code;
	fault = fido2_check_made(&e->result, e->rules->party, &e->token.key);
	return fault == FIDO2_GOOD ? EXIT_YES : complain(fault);
}

/* The key can do at the counter what a login will ask of it. */
static int prove(struct enrolment *e)
{
	static struct fido2_request request;
	struct fido2_credential *c = &request.credentials.list[0];
	uint32_t counter = 0;
	enum fido2_fault fault = FIDO2_BROKEN;
	int code = EXIT_YES;

	request.credentials.count = 1;
	c->length = e->token.key.credential_length;
	memcpy(c->bytes, e->token.key.credential, c->length);
	code = ask(e, fido2_assert, &request);
	if (code != EXIT_YES)
		return code;
	fault = fido2_check(&e->token.key, e->rules->party, e->hash, &e->result, &counter);
	e->token.key.counter = counter;
	return fault == FIDO2_GOOD ? EXIT_YES : complain(fault);
}

static int enrol(struct enrolment *e)
{
	const struct enrol_request *r = e->request;
	int code = EXIT_YES;

	snprintf(e->token.label, sizeof(e->token.label), "%s", r->label != NULL ? r->label : "");
	code = auth_admin_enrol(e->cli, r->user, r->uid, &e->token, r->mode, r->by);
	if (code == EXIT_YES)
		printf(LANGUAGE("%s のセキュリティキーを登録しました（番号 %u）\n",
		               "%s is enrolled for key, token %u\n"),
		        r->user, (unsigned)e->token.id);
	return code;
}

static int use_reader(struct enrolment *e)
{
	int code = look(e);

	if (code != EXIT_YES)
		return code;
	if (!enrol_read_pin(LANGUAGE("セキュリティキーの暗証番号: ", "Security key PIN: "), e->pin))
		return enrol_refuse(
		        "key", LANGUAGE("暗証番号が入力されていません", "no PIN was typed"));
	code = make(e);
	if (code == EXIT_YES)
		code = prove(e);
	explicit_bzero(e->pin, sizeof(e->pin));
	return code == EXIT_YES ? enrol(e) : code;
}

int command_enrol_key(const struct cli *cli, int argc, char **argv)
{
	static struct enrolment e;
	struct enrol_request request;
	struct auth_rules rules;
	int error = 0;
	int code = enrol_begin(cli, argc, argv, TOKEN_KEY, &request, &rules);

	if (code != EXIT_YES)
		return code;
	e = (struct enrolment){
	        .cli = cli, .request = &request, .rules = &rules, .token.kind = TOKEN_KEY};
	error = control_card(cli, CONTROL_FIDO2, &e.reader);
	if (error != 0)
		return control_complain(error);
	code = use_reader(&e);
	close(e.reader);
	return code;
}
