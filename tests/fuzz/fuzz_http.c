/*
 * Bodies of the collector's requests. First byte: 'e' an enrolment, 'r' a report as it comes from
 * the network, 'c' claims, a report a line, signed by the enrolled terminal on its own connection.
 * Whatever is answered, nothing but a report in order may move a terminal's sequence number.
 */
#include "collector/enrol.h"
#include "collector/intake.h"
#include "collector/store_sqlite.h"
#include "core/jws.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_MS = 1700000000 };

struct keys {
	struct key *terminal;
	struct key *receipt;
	struct authority *authority;
	char pem[STORE_KEY_SIZE];
};

static struct keys keys;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct key *ca = NULL;
	char *pem = NULL;
	size_t length = 0;

	(void)argc;
	(void)argv;
	log_open("fuzz_http", LOG_LEVEL_ERROR); /* what is refused is not worth reading */
	if (key_generate(&keys.terminal) != 0 || key_generate(&keys.receipt) != 0 ||
	        key_generate(&ca) != 0 || key_write_public(keys.terminal, &pem, &length) != 0)
		abort();
	snprintf(keys.pem, sizeof(keys.pem), "%s", pem);
	free(pem);
	if (authority_make(ca, "fuzz", 1700000000, &pem) != 0 ||
	        authority_open(pem, strlen(pem), ca, &keys.authority) != 0)
		abort();
	free(pem);
	return 0;
}

/* One database for all inputs, emptied before each: making its tables costs more than everything
 * else. */
static struct store *open_store(struct store_terminal *terminal)
{
	static const char token_hash[] =
	        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"; /* of "x" */
	static const char empty[] =
	        "DELETE FROM reports; DELETE FROM events; DELETE FROM states; DELETE FROM breaks;"
	        "DELETE FROM clones; DELETE FROM nonces; DELETE FROM refusals;"
	        "DELETE FROM tokens; DELETE FROM terminals";
	static struct store *store;

	*terminal = (struct store_terminal){
	        .name = "T1", .ueid = "AQAAAAAAAAAAAAAAAAAAAAA", .key_id = "k", .enrolled = 1};
	memcpy(terminal->key, keys.pem, sizeof(keys.pem));
	if (store == NULL && store_open(":memory:", &store) != 0)
		abort();
	if (sqlite3_exec(store->database, empty, NULL, NULL, NULL) != SQLITE_OK ||
	        store_begin(store) != 0 ||
	        store_add_terminal(store, terminal, "certificate") != 0 ||
	        store_add_token(store, token_hash, NULL, INT64_MAX) != 0 ||
	        store_commit(store) != 0)
		abort();
	return store;
}

static uint64_t last_seq(struct store *store, const struct store_terminal *terminal)
{
	struct store_report last = {.seq = 0};

	store_last_report(store, terminal->id, &last);
	return last.seq;
}

static void check_answer(const struct answer *answer)
{
	json_t *json = answer->status == 200 ? NULL : json_loads(answer->body, 0, NULL);

	if (answer->body == NULL || answer->status == 500)
		abort();
	if (answer->status != 200 && (answer->code == NULL || !json_is_object(json)))
		abort();
	json_decref(json);
}

static void enrol(struct store *store, const char *body, size_t length)
{
	const struct enrolment enrolment = {store, keys.authority, "receipt key"};
	struct answer answer = {.status = 0};

	enrol_terminal(&enrolment, body, length, "192.0.2.1", NOW_MS, &answer);
	check_answer(&answer);
	answer_free(&answer);
}

static void report(struct store *store, const struct store_terminal *terminal,
        struct intake_channel *channel, const char *body, size_t length)
{
	const struct intake intake = {store, keys.receipt, 180000};
	struct answer answer = {.status = 0};
	struct intake_taken taken;
	uint64_t before = last_seq(store, terminal);

	intake_report(&intake, channel, body, length, NOW_MS, &taken, &answer);
	check_answer(&answer);
	uint64_t after = last_seq(store, terminal);
	if (after != before && (after != before + 1 || answer.status != 200 || taken.seq != after))
		abort();
	answer_free(&answer);
}

static void claims(struct store *store, const struct store_terminal *terminal,
        struct intake_channel *channel, const char *text, size_t length)
{
	while (length > 0) {
		const char *end = memchr(text, '\n', length);
		size_t line = end == NULL ? length : (size_t)(end - text);
		char *jws = NULL;

		if (jws_sign(keys.terminal, JWS_TYP_REPORT, text, line, &jws) == 0)
			report(store, terminal, channel, jws, strlen(jws));
		free(jws);
		line += end != NULL;
		text += line;
		length -= line;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_terminal terminal;
	struct intake_channel channel = {.peer = "192.0.2.1"};

	if (size == 0)
		return 0;
	struct store *store = open_store(&terminal);
	if (data[0] == 'e')
		enrol(store, (const char *)data + 1, size - 1);
	else if (data[0] == 'r')
		report(store, &terminal, &channel, (const char *)data + 1, size - 1);
	else if (data[0] == 'c')
		claims(store, &terminal, &channel, (const char *)data + 1, size - 1);
	return 0;
}
