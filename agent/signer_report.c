#include "agent/signer_report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/reported.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"
#include "core/jws.h"
#include "core/log.h"

enum { KEY_FILE_MAX = 8192, EXPORTER_SIZE = 32 };

int signer_report_open(struct signer_report *r, int root)
{
	memset(r, 0, sizeof(*r));
	r->root = root;
	r->dir = openat(root, PATH_SIGNER_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->dir >= 0 ? 0 : ERR_IO;
}

static void forget(struct signer_report *r)
{
	key_free(&r->key);
	enrolment_clear(&r->enrolment);
	r->stored = 0;
	r->made = 0;
	r->reported.count = 0;
	snprintf(r->reported.hash, sizeof(r->reported.hash), "%s", JOURNAL_GENESIS);
	r->reported_state[0] = '\0';
}

void signer_report_close(struct signer_report *r)
{
	forget(r);
	if (r->dir >= 0)
		close(r->dir);
	r->dir = -1;
}

static int read_file(int dir, const char *name, uid_t owner, mode_t mode, size_t max,
        uint8_t **data, size_t *length)
{
	int fd, error = file_open_checked(dir, name, owner, mode, max, &fd);

	*data = NULL;
	*length = 0;
	if (error != 0)
		return error;
	error = file_read(fd, max, data, length);
	close(fd);
	return error;
}

static int load_key(struct signer_report *r)
{
	uint8_t *pem = NULL;
	size_t length = 0;
	int error = read_file(r->dir, SIGNER_KEY, geteuid(), 0600, KEY_FILE_MAX, &pem, &length);

	if (error == 0)
		error = key_read_private(pem, length, &r->key);
	if (pem != NULL)
		OPENSSL_cleanse(pem, length);
	free(pem);
	return error;
}

/* An enrolment that was cut short leaves a key beside another key's certificate. */
static int check_certificate(const struct signer_report *r)
{
	char mine[KEY_ID_SIZE], certified[KEY_ID_SIZE];
	struct key *key = NULL;
	uint8_t *pem = NULL;
	size_t length = 0;
	int error = read_file(r->root, PATH_ENROLMENT_DIR "/" ENROLMENT_CERTIFICATE, (uid_t)-1,
	        0644, KEY_FILE_MAX, &pem, &length);

	if (error == 0)
		error = key_read_public(pem, length, &key);
	if (error == 0)
		error = key_id(r->key, mine);
	if (error == 0)
		error = key_id(key, certified);
	if (error == 0 && strcmp(mine, certified) != 0)
		error = ERR_SIGNATURE;
	key_free(&key);
	free(pem);
	return error;
}

static int load_reported(struct signer_report *r)
{
	struct reported found;
	int error = reported_read(r->dir, geteuid(), &found);

	if (error == ERR_NOT_FOUND)
		return 0;
	/* Counters of an earlier enrolment: this one begins at 1, with the whole journal. */
	if (error != 0 || strcmp(found.ueid, r->enrolment.ueid) != 0)
		return error;
	r->stored = found.seq;
	r->reported = found.head;
	return 0;
}

static int complain(const char *what, int error)
{
	log_error("%s: %s", what, error_text(error));
	return error;
}

int signer_report_load(struct signer_report *r)
{
	int error;

	forget(r);
	error = enrolment_read(r->root, &r->enrolment);
	if (error == ERR_NOT_FOUND)
		return 0;
	if (error != 0)
		return complain(ENROLMENT_FILE, error);
	error = load_key(r);
	if (error != 0)
		complain(SIGNER_KEY, error);
	if (error == 0) {
		error = check_certificate(r);
		if (error != 0)
			complain(ENROLMENT_CERTIFICATE, error);
	}
	if (error == 0) {
		error = load_reported(r);
		if (error != 0)
			complain(SIGNER_STATE, error);
	}
	/* Better no report than one under a sequence number that was used before. */
	if (error != 0)
		forget(r);
	return error;
}

struct collecting {
	json_t *events;
	size_t used;
	struct journal_head last;
	bool more;
};

static uint64_t seq_of(const char *line, size_t length, uint64_t expected)
{
	static const char prefix[] = "{\"seq\":";

	if (length < sizeof(prefix) || memcmp(line, prefix, sizeof(prefix) - 1) != 0)
		return expected;
	return strtoull(line + sizeof(prefix) - 1, NULL, 10);
}

/* Characters of a line as a JSON string, with a comma. */
static size_t encoded_length(const char *line, size_t length)
{
	size_t encoded = length + 3;

	for (size_t i = 0; i < length; i++)
		encoded += line[i] == '"' || line[i] == '\\' ? 1 : 0;
	return encoded;
}

static int collect_line(void *context, const char *line, size_t length)
{
	struct collecting *c = context;
	size_t encoded = encoded_length(line, length);

	if (c->used > 0 && c->used + encoded > REPORT_EVENTS_MAX) {
		c->more = true;
		return 1;
	}
	/* A line that is not UTF-8 was not written by us: the chain's break says so at the
	 * collector. */
	if (json_array_append_new(c->events, json_stringn(line, length)) != 0)
		return ERR_FORMAT;
	c->used += encoded;
	c->last.count = seq_of(line, length, c->last.count + 1);
	return encode_sha256_hex(line, length, c->last.hash) != 0 ? ERR_CRYPTO : 0;
}

static int collect_events(
        const struct signer_report *r, const struct signer_journal *j, struct collecting *c)
{
	int error;

	*c = (struct collecting){.events = json_array(), .last = r->reported};
	if (c->events == NULL)
		return ERR_MEMORY;
	if (j->head.count <= r->reported.count)
		return 0;
	error = journal_each(j->dir, r->reported.count + 1, collect_line, c);
	/* Of a broken journal what can be read is told; what cannot is the break. */
	return error < 0 && !j->broken ? error : 0;
}

static json_t *policy_claim(const json_t *state)
{
	const json_t *policy = json_object_get(state, "policy");
	const char *name = json_string_value(json_object_get(policy, "policy_state"));
	json_t *id = json_object_get(policy, "policy_id");
	json_t *version = json_object_get(policy, "policy_version");
	json_t *digest = json_object_get(policy, "policy_digest");

	if (name == NULL || strcmp(name, "none") == 0 || id == NULL || version == NULL ||
	        digest == NULL)
		return json_object();
	return json_pack("{s:O,s:O,s:O}", "id", id, "version", version, "digest", digest);
}

static int add_optional(
        json_t *claims, const struct report_wish *wish, json_t *state, bool with_state)
{
	char *exporter = NULL;
	int error = 0;

	if (wish->nonce[0] != '\0' &&
	        json_object_set_new(claims, "eat_nonce", json_string(wish->nonce)) != 0)
		error = ERR_FORMAT;
	if (error == 0 && wish->exporter_length == EXPORTER_SIZE) {
		exporter = encode_base64url(wish->exporter, wish->exporter_length);
		if (exporter == NULL ||
		        json_object_set_new(claims, "exporter", json_string(exporter)) != 0)
			error = ERR_MEMORY;
		free(exporter);
	}
	if (error == 0 && with_state && json_object_set(claims, "state", state) != 0)
		error = ERR_MEMORY;
	return error;
}

/* A new object; NULL when memory is short. */
static json_t *required_claims(const struct signer_report *r, const struct signer_journal *j,
        const json_t *state, const char *digest, struct collecting *c)
{
	return json_pack("{s:s,s:s,s:I,s:I,s:s,s:{s:I,s:s},s:o,s:s,s:O,s:b}", "eat_profile",
	        "urn:sekisho:report:1", "ueid", r->enrolment.ueid, "iat", (json_int_t)clock_wall(),
	        "seq", (json_int_t)r->stored + 1, "boot", j->boot_id, "journal", "count",
	        (json_int_t)j->head.count, "head", j->head.hash, "policy", policy_claim(state),
	        "state_digest", digest, "events", c->events, "more", c->more ? 1 : 0);
}

static int sign_claims(const struct signer_report *r, const json_t *claims, char **jws)
{
	char *text = json_dumps(claims, JSON_COMPACT);
	int error;

	if (text == NULL)
		return ERR_MEMORY;
	error = jws_sign(r->key, JWS_TYP_REPORT, text, strlen(text), jws);
	free(text);
	return error;
}

int signer_report_make(struct signer_report *r, const struct signer_journal *j,
        struct signer_state *s, const struct report_wish *wish, char **jws, bool *more)
{
	char digest[SHA256_HEX_SIZE];
	json_t *claims = NULL, *state;
	struct collecting c;
	int error;

	*jws = NULL;
	*more = false;
	if (r->key == NULL)
		return ERR_NOT_FOUND;
	error = collect_events(r, j, &c);
	if (error != 0)
		goto out;
	state = signer_state_settle(s);
	error = state != NULL ? signer_state_digest(state, digest) : ERR_MEMORY;
	if (error != 0)
		goto out;
	claims = required_claims(r, j, state, digest, &c);
	error = claims != NULL ? add_optional(claims, wish, state,
	                                 wish->full_state || strcmp(digest, r->reported_state) != 0)
	                       : ERR_MEMORY;
	if (error == 0)
		error = sign_claims(r, claims, jws);
	if (error != 0)
		goto out;
	r->made = r->stored + 1;
	r->made_head = c.last;
	memcpy(r->made_state, digest, sizeof(digest));
	*more = c.more;
out:
	json_decref(claims);
	json_decref(c.events);
	return error;
}

int signer_report_stored(struct signer_report *r, uint64_t seq)
{
	struct reported reported = {.seq = seq, .head = r->made_head};
	int error;

	if (r->made == 0 || seq != r->made)
		return ERR_FORMAT;
	memcpy(reported.ueid, r->enrolment.ueid, sizeof(reported.ueid));
	error = reported_write(r->dir, &reported);
	if (error != 0)
		return complain(SIGNER_STATE, error);
	r->stored = seq;
	r->reported = r->made_head;
	memcpy(r->reported_state, r->made_state, sizeof(r->made_state));
	r->made = 0;
	return 0;
}

char *signer_report_status(
        const struct signer_report *r, const struct signer_journal *j, const struct signer_state *s)
{
	char digest[SHA256_HEX_SIZE] = "";
	json_t *state = signer_state_live(s);
	const json_t *mode = json_object_get(json_object_get(state, "agent"), "mode");
	json_t *status = NULL;
	char *text = NULL;

	if (state == NULL || signer_state_digest(state, digest) != 0)
		goto out;
	status = json_pack("{s:s,s:b,s:O?,s:O,s:s,s:{s:I,s:s},s:o,s:I}", "terminal",
	        r->enrolment.terminal, "enrolled", r->key != NULL, "mode", mode, "state", state,
	        "state_digest", digest, "journal", "count", (json_int_t)j->head.count, "head",
	        j->head.hash, "policy", policy_claim(state), "seq", (json_int_t)r->stored);
	if (status != NULL)
		text = json_dumps(status, JSON_INDENT(2));
out:
	json_decref(status);
	json_decref(state);
	return text;
}
