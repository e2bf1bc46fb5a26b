#include "collector/enrol.h"

#include "collector/claims.h"
#include "collector/strict.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_SIZE = 20, TOKEN_TEXT_MAX = 64, REQUEST_TEXT_MAX = 8192 };

struct request {
	json_t *json;
	const char *token;
	const char *name;
	struct key *key;
	struct store_terminal terminal;
};

int enrol_new_token(struct store *store, const char *name, int64_t expires, char **token)
{
	uint8_t bytes[TOKEN_SIZE];
	char hash[SHA256_HEX_SIZE];

	*token = NULL;
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return ERR_CRYPTO;
	char *text = encode_base32(bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
	if (text == NULL)
		return ERR_MEMORY;
	int error = encode_sha256_hex(text, strlen(text), hash);
	if (error == 0)
		error = store_begin(store);
	if (error == 0) {
		error = store_add_token(store, hash, name, expires);
		if (error == 0)
			error = store_commit(store);
		else
			store_rollback(store);
	}
	if (error != 0) {
		explicit_bzero(text, strlen(text));
		free(text);
		return error;
	}
	*token = text;
	return 0;
}

static const char *take_key(struct request *r)
{
	const json_t *csr = json_object_get(r->json, "csr");
	char *pem = NULL;
	size_t length = 0;

	if (authority_read_request(json_string_value(csr), json_string_length(csr), &r->key) != 0)
		return "csr is not a P-256 request signed by its own key";
	if (key_id(r->key, r->terminal.key_id) != 0 || key_write_public(r->key, &pem, &length) != 0)
		return "csr is not usable";
	bool fits = length < sizeof(r->terminal.key);
	if (fits)
		memcpy(r->terminal.key, pem, length + 1);
	free(pem);
	return fits ? NULL : "csr is not usable";
}

/* NULL, or what is wrong. */
static const char *take_request(const char *body, size_t length, struct request *r)
{
	static const struct strict_member members[] = {
	        {"token", STRICT_STRING, true, TOKEN_TEXT_MAX}, {"name", STRICT_STRING, true, 64},
	        {"ueid", STRICT_STRING, true, 23}, {"csr", STRICT_STRING, true, REQUEST_TEXT_MAX}};

	r->json = strict_parse(body, length);
	if (r->json == NULL || !strict_matches(r->json, members, 4))
		return "not a token, a name, a ueid and a csr";
	r->token = json_string_value(json_object_get(r->json, "token"));
	r->name = json_string_value(json_object_get(r->json, "name"));
	const char *ueid = json_string_value(json_object_get(r->json, "ueid"));
	if (!strict_is_name(r->name))
		return "name is not one a terminal may have";
	if (!claims_is_ueid(ueid))
		return "ueid is not of type RAND";
	snprintf(r->terminal.name, sizeof(r->terminal.name), "%s", r->name);
	snprintf(r->terminal.ueid, sizeof(r->terminal.ueid), "%s", ueid);
	return take_key(r);
}

static int admit(const struct enrolment *e, struct request *r, int64_t now, char **certificate)
{
	char hash[SHA256_HEX_SIZE];

	int error = encode_sha256_hex(r->token, strlen(r->token), hash);
	if (error == 0)
		error = authority_issue_terminal(
		        e->authority, r->key, r->name, now / 1000, certificate);
	if (error == 0)
		error = store_begin(e->store);
	if (error != 0)
		return error;
	r->terminal.enrolled = now;
	/* The token is asked first: a stranger does not learn which names exist. */
	error = store_use_token(e->store, hash, r->name, now);
	if (error == 0)
		error = store_add_terminal(e->store, &r->terminal, *certificate);
	if (error == 0)
		return store_commit(e->store);
	store_rollback(e->store);
	return error;
}

static void record_refusal(const struct enrolment *e, const char *peer, const char *reason,
        const char *detail, int64_t now)
{
	const struct store_refusal refusal = {.peer = peer, .reason = reason, .detail = detail};

	int error = store_begin(e->store);
	if (error == 0) {
		error = store_add_refusal(e->store, &refusal, now);
		if (error == 0)
			error = store_commit(e->store);
		else
			store_rollback(e->store);
	}
	if (error != 0)
		log_error("refusal not recorded: %s", store_problem(e->store));
}

static void say_admitted(const struct enrolment *e, const struct request *r,
        const char *certificate, struct answer *answer)
{
	log_info("enrolled terminal %s (key %s)", r->terminal.name, r->terminal.key_id);
	answer_give_json(answer, json_pack("{s:s, s:s, s:s}", "terminal", r->name, "certificate",
	                                 certificate, "receipt_key", e->receipt_key));
}

static void say_refused(int error, struct answer *answer)
{
	if (error == ERR_DENIED)
		answer_refuse(answer, 403, "token-refused",
		        LANGUAGE("登録トークンは受け付けられません",
		                "this enrolment token is not accepted"),
		        NULL);
	else if (error == ERR_EXISTS)
		answer_refuse(answer, 409, "name-taken",
		        LANGUAGE("この端末名または鍵は登録済みです",
		                "this name, id or key is enrolled already"),
		        NULL);
	else
		answer_fail(answer);
}

void enrol_terminal(const struct enrolment *e, const char *body, size_t length, const char *peer,
        int64_t now, struct answer *answer)
{
	struct request request = {.json = NULL};
	char *certificate = NULL;

	const char *cause = take_request(body, length, &request);
	if (cause != NULL) {
		answer_refuse(answer, 400, "bad-request", cause, NULL);
	} else {
		int error = admit(e, &request, now, &certificate);
		if (error == 0)
			say_admitted(e, &request, certificate, answer);
		else
			say_refused(error, answer);
		if (error != 0 && error != ERR_DENIED && error != ERR_EXISTS)
			log_error("enrolment failed: %s (%s)", error_text(error),
			        store_problem(e->store));
	}
	if (answer->code != NULL && answer->status != 500)
		record_refusal(e, peer, answer->code, cause, now);
	free(certificate);
	key_free(&request.key);
	json_decref(request.json);
}
