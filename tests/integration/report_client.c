/*
 * A terminal's side of core/PROTOCOL.md §6 for tests: what a reporter does, and what an attacker
 * would. report_client HOST PORT CA DIR OPERATION... Operations, in order, on one connection; each
 * prints one line. DIR keeps the key and what was sent. enrol TOKEN NAME      report
 * [KEY=VALUE,...|-]      send FILE      wait      again      sleep SECONDS Of report:
 * seq=N|exporter=none|other|nonce=none|TEXT|events=N|state=FILE|forged=1|break=1|rewrite=1|more=1|save=FILE|
 * keep=1 (nothing of it is remembered)|unknown=1 (a member too many).
 */
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"
#include "core/journal.h"
#include "core/jws.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 262144 };

struct client {
	const char *host;
	const char *port;
	const char *ca;
	const char *dir;
	SSL_CTX *tls;
	SSL *ssl;
	int fd;
	char exporter[44];
	struct key *key;
	json_t *memory; /* ueid, nonce, seq, count, head, boot, receipt_key */
	char answer[ANSWER_MAX];
	char *body;
	int status;
};

static void die(const char *what)
{
	fprintf(stderr, "report_client: %s\n", what);
	exit(3);
}

static const char *path_in(const struct client *c, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", c->dir, name);
	return path;
}

static char *base64url(const void *bytes, size_t length)
{
	char *text = encode_base64url(bytes, length);

	if (text == NULL)
		die("memory");
	return text;
}

/* --- memory --- */

static void recall(struct client *c)
{
	uint8_t *pem = NULL;
	size_t length = 0;

	c->memory = json_load_file(path_in(c, "client.json"), 0, NULL);
	if (file_read_path(path_in(c, "key.pem"), 65536, &pem, &length) == 0 &&
	        key_read_private(pem, length, &c->key) != 0)
		die("key.pem");
	free(pem);
}

static void remember(const struct client *c)
{
	if (json_dump_file(c->memory, path_in(c, "client.json"), JSON_INDENT(1)) != 0)
		die("client.json");
}

static const char *text_of(const struct client *c, const char *name)
{
	return json_string_value(json_object_get(c->memory, name));
}

static json_int_t number_of(const struct client *c, const char *name)
{
	return json_integer_value(json_object_get(c->memory, name));
}

/* --- connection --- */

static void connect_client(struct client *c)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
	struct addrinfo *found = NULL;
	uint8_t exporter[32];

	if (getaddrinfo(c->host, c->port, &hints, &found) != 0)
		die("address");
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, found->ai_addr, found->ai_addrlen) != 0)
		die("connect");
	freeaddrinfo(found);
	const int on = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->ssl = SSL_new(c->tls);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
	        SSL_set1_host(c->ssl, c->host) != 1 || SSL_connect(c->ssl) != 1)
		die("TLS");
	if (SSL_export_keying_material(
	            c->ssl, exporter, 32, "EXPORTER-Channel-Binding", 24, NULL, 0, 0) != 1)
		die("exporter");
	char *text = base64url(exporter, sizeof(exporter));
	snprintf(c->exporter, sizeof(c->exporter), "%s", text);
	free(text);
}

static void disconnect(struct client *c)
{
	if (c->ssl != NULL) {
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		close(c->fd);
	}
	c->ssl = NULL;
}

static void send_all(struct client *c, const char *bytes, size_t length)
{
	while (length > 0) {
		int wrote = SSL_write(c->ssl, bytes, (int)length);
		if (wrote <= 0)
			die("write");
		bytes += wrote;
		length -= (size_t)wrote;
	}
}

static size_t content_length(const char *headers)
{
	const char *found = strcasestr(headers, "\r\nContent-Length:");

	return found == NULL ? 0 : strtoul(found + 17, NULL, 10);
}

/* Sets status and body. */
static void read_answer(struct client *c)
{
	size_t used = 0;
	char *end = NULL;

	while (end == NULL || used < (size_t)(end + 4 - c->answer) + content_length(c->answer)) {
		int got = SSL_read(c->ssl, c->answer + used, (int)(sizeof(c->answer) - 1 - used));
		if (got <= 0) {
			c->status = 0;
			c->body = c->answer + used;
			return;
		}
		used += (size_t)got;
		c->answer[used] = '\0';
		end = strstr(c->answer, "\r\n\r\n");
	}
	c->body = end + 4;
	c->status = (int)strtol(c->answer + 9, NULL, 10);
}

static void ask(
        struct client *c, const char *method, const char *path, const char *type, const char *body)
{
	char head[512];
	size_t length = strlen(body);

	snprintf(head, sizeof(head),
	        "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
	        method, path, c->host, type, length);
	if (c->ssl == NULL)
		connect_client(c);
	send_all(c, head, strlen(head));
	send_all(c, body, length);
	read_answer(c);
}

static void print_refusal(const struct client *c)
{
	json_t *json = json_loads(c->body, 0, NULL);
	const char *code = json_string_value(json_object_get(json, "error"));
	const json_t *expected = json_object_get(json, "expected");

	printf("%d %s", c->status, code == NULL ? "-" : code);
	if (expected != NULL)
		printf(" expected=%lld", (long long)json_integer_value(expected));
	putchar('\n');
	json_decref(json);
}

/* --- enrol --- */

static void make_key(struct client *c)
{
	char *pem = NULL;
	size_t length = 0;
	int dir = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	key_free(&c->key);
	if (key_generate(&c->key) != 0 || key_write_private(c->key, &pem, &length) != 0 ||
	        file_replace(dir, "key.pem", pem, length, 0600) != 0)
		die("key");
	close(dir);
	free(pem);
}

static void enrol(struct client *c, const char *token, const char *name)
{
	uint8_t ueid[17] = {1};
	char boot[CLOCK_BOOT_ID_SIZE];
	char *csr = NULL;
	size_t length = 0;

	make_key(c);
	if (RAND_bytes(ueid + 1, 16) != 1 || key_request(c->key, "test", &csr, &length) != 0 ||
	        clock_boot_id(boot) != 0)
		die("request");
	char *id = base64url(ueid, sizeof(ueid));
	json_t *json = json_pack(
	        "{s:s, s:s, s:s, s:s}", "token", token, "name", name, "ueid", id, "csr", csr);
	char *body = json_dumps(json, JSON_COMPACT);
	ask(c, "POST", "/v1/enrol", "application/json", body);
	json_decref(json);
	free(body);
	free(csr);
	if (c->status != 200) {
		print_refusal(c);
		free(id);
		return;
	}
	json = json_loads(c->body, 0, NULL);
	json_decref(c->memory);
	c->memory = json_pack("{s:s, s:i, s:i, s:s, s:s, s:s}", "ueid", id, "seq", 0, "count", 0,
	        "head", JOURNAL_GENESIS, "boot", boot, "receipt_key",
	        json_string_value(json_object_get(json, "receipt_key")));
	printf("200 %s\n", json_string_value(json_object_get(json, "terminal")));
	json_decref(json);
	free(id);
	remember(c);
}

/* --- reports --- */

struct wish {
	json_int_t seq;
	const char *exporter;
	const char *nonce;
	const char *state;
	const char *save;
	int events;
	bool forged, broken, rewrite, more, keep, unknown;
};

static void take_wish(struct wish *w, char *text)
{
	char *value = strchr(text, '=');

	if (value == NULL)
		die("wish");
	*value++ = '\0';
	if (strcmp(text, "seq") == 0)
		w->seq = strtoll(value, NULL, 10);
	else if (strcmp(text, "exporter") == 0)
		w->exporter = value;
	else if (strcmp(text, "nonce") == 0)
		w->nonce = value;
	else if (strcmp(text, "state") == 0)
		w->state = value;
	else if (strcmp(text, "save") == 0)
		w->save = value;
	else if (strcmp(text, "events") == 0)
		w->events = (int)strtol(value, NULL, 10);
	else if (strcmp(text, "forged") == 0)
		w->forged = true;
	else if (strcmp(text, "break") == 0)
		w->broken = true;
	else if (strcmp(text, "rewrite") == 0)
		w->rewrite = true;
	else if (strcmp(text, "more") == 0)
		w->more = true;
	else if (strcmp(text, "keep") == 0)
		w->keep = true;
	else if (strcmp(text, "unknown") == 0)
		w->unknown = true;
	else
		die("no such wish");
}

static json_t *make_events(const struct client *c, const struct wish *w, struct journal_head *head)
{
	const struct journal_stamp stamp = {clock_wall(), clock_boot_ms(), text_of(c, "boot")};
	json_t *events = json_array();

	if (w->rewrite)
		memset(head->hash, 'a', 64);
	for (int i = 0; i < w->events; i++) {
		struct event_record event;
		char *line = NULL;
		event_start(&event, EVENT_DEVICE_DENIED);
		event_put(&event, FIELD_DEVICE, "1-2");
		event_put(&event, FIELD_ID, "0781:5567");
		if (journal_line(&event, &stamp, head, &line) != 0)
			die("journal line");
		/* One byte of a line that the hash of the next has already seen. */
		if (w->broken && i == 0)
			strstr(line, "0781")[0] = '1';
		json_array_append_new(events, json_string(line));
		free(line);
	}
	return events;
}

static void put_state(json_t *claims, const struct client *c, const struct wish *w)
{
	char digest[SHA256_HEX_SIZE];

	if (w->state == NULL) {
		json_object_set_new(claims, "state_digest",
		        json_string(text_of(c, "state") == NULL ? JOURNAL_GENESIS
		                                                : text_of(c, "state")));
		return;
	}
	json_t *state = json_load_file(w->state, 0, NULL);
	char *text = json_dumps(state, JSON_SORT_KEYS | JSON_COMPACT);
	if (text == NULL || encode_sha256_hex(text, strlen(text), digest) != 0)
		die("state");
	free(text);
	json_object_set_new(claims, "state", state);
	json_object_set_new(claims, "state_digest", json_string(digest));
	json_object_set_new(c->memory, "state", json_string(digest));
}

static void put_session(json_t *claims, const struct client *c, const struct wish *w)
{
	static const uint8_t elsewhere[32] = {7};
	const char *nonce = w->nonce == NULL ? text_of(c, "nonce") : w->nonce;
	char *other = base64url(elsewhere, sizeof(elsewhere));

	if (nonce != NULL && strcmp(nonce, "none") != 0)
		json_object_set_new(claims, "eat_nonce", json_string(nonce));
	if (w->exporter == NULL)
		json_object_set_new(claims, "exporter", json_string(c->exporter));
	else if (strcmp(w->exporter, "other") == 0)
		json_object_set_new(claims, "exporter", json_string(other));
	if (w->unknown)
		json_object_set_new(claims, "command", json_string("reboot"));
	free(other);
}

static char *make_report(struct client *c, const struct wish *w, struct journal_head *head)
{
	json_t *claims = json_pack("{s:s, s:s, s:I, s:I, s:s, s:o, s:{s:s, s:i, s:s}, s:b}",
	        "eat_profile", "urn:sekisho:report:1", "ueid", text_of(c, "ueid"), "iat",
	        (json_int_t)clock_wall(), "seq", w->seq, "boot", text_of(c, "boot"), "events",
	        make_events(c, w, head), "policy", "id", "mito-my-number", "version", 1, "digest",
	        JOURNAL_GENESIS, "more", (int)w->more);
	struct key *key = c->key;
	char *jws = NULL;

	put_state(claims, c, w);
	put_session(claims, c, w);
	json_object_set_new(claims, "journal",
	        json_pack("{s:I, s:s}", "count", (json_int_t)head->count + (w->more ? 5 : 0),
	                "head", head->hash));
	if (w->forged && key_generate(&key) != 0)
		die("key");
	char *text = json_dumps(claims, JSON_COMPACT);
	if (text == NULL || jws_sign(key, JWS_TYP_REPORT, text, strlen(text), &jws) != 0)
		die("sign");
	if (w->forged)
		key_free(&key);
	free(text);
	json_decref(claims);
	return jws;
}

/* A receipt must be the collector's, for this very report. */
static void take_receipt(struct client *c, const char *jws)
{
	const char *pem = text_of(c, "receipt_key");
	struct key *key = NULL;
	uint8_t *payload = NULL;
	size_t length = 0;
	char digest[SHA256_HEX_SIZE];

	if (key_read_public((const uint8_t *)pem, strlen(pem), &key) != 0 ||
	        encode_sha256_hex(jws, strlen(jws), digest) != 0)
		die("receipt key");
	if (jws_verify(c->body, strlen(c->body), key, JWS_TYP_RECEIPT, &payload, &length) != 0) {
		puts("200 receipt-not-verified");
	} else {
		json_t *json = json_loadb((const char *)payload, length, 0, NULL);
		bool own =
		        strcmp(json_string_value(json_object_get(json, "digest")), digest) == 0 &&
		        strcmp(json_string_value(json_object_get(json, "ueid")),
		                text_of(c, "ueid")) == 0;
		printf("200 %s seq=%lld full_state=%d\n", own ? "receipt" : "receipt-of-another",
		        (long long)json_integer_value(json_object_get(json, "seq")),
		        json_is_true(json_object_get(json, "full_state")));
		json_object_set(c->memory, "nonce", json_object_get(json, "nonce"));
		json_decref(json);
	}
	free(payload);
	key_free(&key);
}

static void send_report(struct client *c, const char *jws)
{
	ask(c, "POST", "/v1/report", "application/jose", jws);
	if (c->status == 200)
		take_receipt(c, jws);
	else
		print_refusal(c);
}

static void report(struct client *c, const char *wishes)
{
	struct wish w = {.seq = number_of(c, "seq") + 1};
	struct journal_head head = {.count = (uint64_t)number_of(c, "count")};
	char *copy = strdup(wishes);
	char *rest = copy;
	const char *text;

	snprintf(head.hash, sizeof(head.hash), "%s", text_of(c, "head"));
	while ((text = strsep(&rest, ",")) != NULL)
		if (strcmp(text, "-") != 0)
			take_wish(&w, (char *)text);
	if (c->ssl == NULL)
		connect_client(c);
	char *jws = make_report(c, &w, &head);
	if (w.save != NULL) {
		int dir = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (file_replace(dir, w.save, jws, strlen(jws), 0600) != 0)
			die("save");
		close(dir);
	}
	send_report(c, jws);
	if (!w.keep && c->status == 200) {
		json_object_set_new(c->memory, "seq", json_integer(w.seq));
		json_object_set_new(c->memory, "count", json_integer((json_int_t)head.count));
		json_object_set_new(c->memory, "head", json_string(head.hash));
	}
	remember(c);
	free(jws);
	free(copy);
}

static void send_saved(struct client *c, const char *name)
{
	uint8_t *jws = NULL;
	size_t length = 0;

	if (file_read_path(path_in(c, name), ANSWER_MAX, &jws, &length) != 0)
		die("saved report");
	send_report(c, (const char *)jws);
	free(jws);
}

static void wait_poll(struct client *c)
{
	ask(c, "GET", "/v1/wait", "text/plain", "");
	if (c->status != 200) {
		print_refusal(c);
		return;
	}
	json_t *json = json_loads(c->body, 0, NULL);
	json_object_set(c->memory, "nonce", json_object_get(json, "nonce"));
	json_decref(json);
	puts("200 polled");
}

static const char *next(char ***at)
{
	if (**at == NULL)
		die("an operation lacks its argument");
	return *(*at)++;
}

static void run(struct client *c, char **at)
{
	while (*at != NULL) {
		const char *operation = *at++;
		if (strcmp(operation, "enrol") == 0) {
			const char *token = next(&at);
			enrol(c, token, next(&at));
		} else if (strcmp(operation, "report") == 0) {
			report(c, next(&at));
		} else if (strcmp(operation, "send") == 0) {
			send_saved(c, next(&at));
		} else if (strcmp(operation, "wait") == 0) {
			wait_poll(c);
		} else if (strcmp(operation, "again") == 0) {
			disconnect(c);
		} else if (strcmp(operation, "sleep") == 0) {
			sleep((unsigned)strtoul(next(&at), NULL, 10));
		} else {
			die("no such operation");
		}
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc < 6)
		die("usage: report_client HOST PORT CA DIR OPERATION...");
	struct client *c = calloc(1, sizeof(*c));
	if (c == NULL)
		die("memory");
	*c = (struct client){
	        .host = argv[1], .port = argv[2], .ca = argv[3], .dir = argv[4], .fd = -1};
	c->tls = SSL_CTX_new(TLS_client_method());
	if (c->tls == NULL || SSL_CTX_load_verify_file(c->tls, c->ca) != 1)
		die("CA");
	SSL_CTX_set_verify(c->tls, SSL_VERIFY_PEER, NULL);
	recall(c);
	run(c, argv + 5);
	disconnect(c);
	SSL_CTX_free(c->tls);
	key_free(&c->key);
	json_decref(c->memory);
	free(c);
	return 0;
}
