/* The client against servers that behave and servers that do not, each a process of its own on
 * loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/http_client.h"
#include "core/encode.h"
#include "core/error.h"
#include "tests/unit/agent/certificate.h"

enum { REQUEST_MAX = 65536, PATIENCE_S = 20 };

/* --- a server --- */

struct behaviour {
	const char *names;  /* of its certificate */
	const char *answer; /* to each request, byte for byte; NULL: the exporter, in hex */
	size_t filler;      /* bytes of 'x' after it */
	int tls;            /* highest version; 0: 1.3 */
	bool silent;
	bool close_first; /* before any answer */
	bool close_after; /* the first answer */
};

struct server {
	pid_t pid;
	uint16_t port;
	char *ca;
};

static bool read_request(SSL *ssl)
{
	char request[REQUEST_MAX + 1];
	size_t used = 0;

	for (;;) {
		int got = SSL_read(ssl, request + used, (int)(REQUEST_MAX - used));
		const char *end, *field;

		if (got <= 0)
			return false;
		used += (size_t)got;
		request[used] = '\0';
		end = strstr(request, "\r\n\r\n");
		if (end == NULL)
			continue;
		field = strstr(request, "Content-Length: ");
		if (used >= (size_t)(end + 4 - request) +
		                    (field != NULL ? strtoul(field + 16, NULL, 10) : 0))
			return true;
	}
}

static void answer_exporter(SSL *ssl)
{
	uint8_t bytes[HTTP_EXPORTER_SIZE];
	char hex[2 * HTTP_EXPORTER_SIZE + 1], answer[256];

	SSL_export_keying_material(ssl, bytes, sizeof(bytes), "EXPORTER-Channel-Binding", 24,
	        (const uint8_t *)"", 0, 1);
	encode_hex(bytes, sizeof(bytes), hex);
	snprintf(answer, sizeof(answer),
	        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=x\r\nContent-Length: "
	        "64\r\n\r\n%s",
	        hex);
	SSL_write(ssl, answer, (int)strlen(answer));
}

static void answer_as_told(SSL *ssl, const struct behaviour *b)
{
	char filler[4096];

	if (b->answer == NULL) {
		answer_exporter(ssl);
		return;
	}
	SSL_write(ssl, b->answer, (int)strlen(b->answer));
	memset(filler, 'x', sizeof(filler));
	for (size_t left = b->filler; left > 0;) {
		size_t piece = left < sizeof(filler) ? left : sizeof(filler);

		if (SSL_write(ssl, filler, (int)piece) <= 0)
			return;
		left -= piece;
	}
}

static void serve(int listener, SSL_CTX *context, const struct behaviour *b)
{
	int fd = accept(listener, NULL, NULL);
	SSL *ssl = SSL_new(context);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1)
		_exit(0);
	while (read_request(ssl)) {
		if (b->silent)
			pause();
		if (b->close_first)
			_exit(0);
		answer_as_told(ssl, b);
		if (b->close_after)
			_exit(0);
	}
	_exit(0);
}

static SSL_CTX *server_context(const struct behaviour *b, char **ca)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	BIO *bio;
	X509 *certificate;

	*ca = certificate_make(key, b->names);
	bio = BIO_new_mem_buf(*ca, -1);
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	if (b->tls != 0)
		SSL_CTX_set_max_proto_version(context, b->tls);
	X509_free(certificate);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return context;
}

static int listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in address = {
	        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void start_server(struct server *s, const struct behaviour *b)
{
	SSL_CTX *context = server_context(b, &s->ca);
	int listener = listen_on_loopback(&s->port);

	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		alarm(PATIENCE_S + 10);
		serve(listener, context, b);
	}
	close(listener);
	SSL_CTX_free(context);
}

static void stop_server(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	free(s->ca);
}

/* --- a conversation --- */

struct talk {
	struct event_base *base;
	struct http_client *client;
	int seconds;  /* for each request */
	int requests; /* to make */
	int answers;
	int status;
	char type[64];
	char body[256];
	size_t length;
	char exporter[2 * HTTP_EXPORTER_SIZE + 1];
	bool secured;
	bool failed;
	int error;
	char cause[256];
};

static void on_secured(void *context, const uint8_t exporter[HTTP_EXPORTER_SIZE])
{
	struct talk *t = context;

	t->secured = true;
	encode_hex(exporter, HTTP_EXPORTER_SIZE, t->exporter);
	assert_int_equal(http_client_get(t->client, "/", 1), ERR_USAGE);
	assert_int_equal(
	        http_client_post(t->client, "/first", "text/plain", "hello", 5, t->seconds), 0);
	assert_int_equal(
	        http_client_post(t->client, "/second", "text/plain", "x", 1, 1), ERR_USAGE);
}

static void on_answered(void *context, const struct http_answer *answer)
{
	struct talk *t = context;

	t->answers++;
	t->status = answer->status;
	t->length = answer->length;
	snprintf(t->type, sizeof(t->type), "%s", answer->type);
	snprintf(t->body, sizeof(t->body), "%s", (const char *)answer->body);
	if (t->answers >= t->requests)
		event_base_loopbreak(t->base);
	else if (t->answers % 2 == 1)
		(void)http_client_get(t->client, "/wait", t->seconds);
	else
		(void)http_client_post(t->client, "/next", "text/plain", "hello", 5, t->seconds);
}

static void on_failed(void *context, int error, const char *cause)
{
	struct talk *t = context;

	t->failed = true;
	t->error = error;
	snprintf(t->cause, sizeof(t->cause), "%s", cause);
	http_client_close(&t->client);
	event_base_loopbreak(t->base);
}

static const struct http_handlers HANDLERS = {on_secured, on_answered, on_failed};

static void talk(struct talk *t, const char *host, uint16_t port, const char *ca)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct http_trust *trust = NULL;
	struct http_url url = {.port = port};

	snprintf(url.host, sizeof(url.host), "%s", host);
	url.numeric = strcmp(host, "localhost") != 0;
	t->seconds = t->seconds != 0 ? t->seconds : 10;
	t->base = event_base_new();
	assert_int_equal(http_trust_new((const uint8_t *)ca, strlen(ca), &trust), 0);
	assert_int_equal(
	        http_client_open(t->base, NULL, trust, &url, "/first", &HANDLERS, t, &t->client),
	        0);
	event_base_loopexit(t->base, &patience);
	event_base_dispatch(t->base);
	http_client_close(&t->client);
	http_trust_free(&trust);
	event_base_free(t->base);
	assert_true(t->failed || t->answers > 0);
}

static void talk_with(struct talk *t, const struct behaviour *b, const char *host)
{
	struct server s;

	start_server(&s, b);
	talk(t, host, s.port, s.ca);
	stop_server(&s);
}

/* --- tests --- */

static void reads_urls(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		uint16_t port;
		bool numeric;
	} good[] = {
	        {"https://collector.example", "collector.example", 443, false},
	        {"https://collector.example:8443", "collector.example", 8443, false},
	        {"https://127.0.0.1:65535", "127.0.0.1", 65535, true},
	        {"https://[::1]:1", "::1", 1, true},
	        {"https://[::1]", "::1", 443, true},
	};
	static const char *const bad[] = {"", "https://", "http://a", "https://a/", "https://a:0",
	        "https://a:65536", "https://a:", "https://a:1x", "https://a b", "https://[::1",
	        "https://[a]", "https://[127.0.0.1]", "https://::1", "https://a@b", "https://-a",
	        "https://.a", "HTTPS://a", "https://a?b", "https://a:123456"};
	struct http_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(http_url_parse(good[i].text, &url), 0);
		assert_string_equal(url.host, good[i].host);
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.numeric, good[i].numeric);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(http_url_parse(bad[i], &url), ERR_FORMAT);
}

static void trust_must_hold_a_certificate(void **state)
{
	static const char *const bad[] = {
	        "", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
	struct http_trust *trust;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(http_trust_new((const uint8_t *)bad[i], strlen(bad[i]), &trust),
		        ERR_FORMAT);
		assert_null(trust);
	}
}

static void many_requests_on_one_connection(void **state)
{
	struct talk t = {.requests = 5};

	(void)state;
	talk_with(&t, &(struct behaviour){.names = "DNS:localhost"}, "localhost");
	assert_false(t.failed);
	assert_int_equal(t.answers, 5);
	assert_int_equal(t.status, 200);
	assert_string_equal(t.type, "text/plain");
	/* Both ends have the same. */
	assert_string_equal(t.body, t.exporter);
}

static void an_address_is_verified_as_one(void **state)
{
	struct talk t = {.requests = 1};

	(void)state;
	talk_with(&t, &(struct behaviour){.names = "IP:127.0.0.1"}, "127.0.0.1");
	assert_int_equal(t.answers, 1);
}

static void expect_refused_server(const struct behaviour *b, const char *host, const char *cause)
{
	struct talk t = {.requests = 1};

	talk_with(&t, b, host);
	assert_true(t.failed);
	assert_false(t.secured);
	assert_int_equal(t.answers, 0);
	assert_non_null(strstr(t.cause, cause));
}

static void another_name_is_refused(void **state)
{
	(void)state;
	expect_refused_server(
	        &(struct behaviour){.names = "DNS:other.example"}, "localhost", "certificate: ");
	expect_refused_server(
	        &(struct behaviour){.names = "DNS:localhost"}, "127.0.0.1", "certificate: ");
	expect_refused_server(
	        &(struct behaviour){.names = "IP:127.0.0.2"}, "127.0.0.1", "certificate: ");
	/* The common name says nothing. */
	expect_refused_server(&(struct behaviour){.names = NULL}, "localhost", "certificate: ");
}

static void another_issuer_is_refused(void **state)
{
	const struct behaviour b = {.names = "DNS:localhost"};
	struct talk t = {.requests = 1};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char *other = certificate_make(key, "DNS:localhost");
	struct server s;

	(void)state;
	start_server(&s, &b);
	talk(&t, "localhost", s.port, other);
	stop_server(&s);
	assert_true(t.failed);
	assert_false(t.secured);
	assert_non_null(strstr(t.cause, "certificate: "));
	free(other);
	EVP_PKEY_free(key);
}

static void older_tls_is_refused(void **state)
{
	(void)state;
	expect_refused_server(&(struct behaviour){.names = "DNS:localhost", .tls = TLS1_2_VERSION},
	        "localhost", "TLS: ");
}

static void nobody_there(void **state)
{
	const struct behaviour b = {.names = "DNS:localhost"};
	struct talk t = {.requests = 1};
	struct server s;

	(void)state;
	start_server(&s, &b);
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
	talk(&t, "localhost", s.port, s.ca);
	free(s.ca);
	assert_true(t.failed);
	assert_int_equal(t.error, ERR_CLOSED);
}

/* Nothing that a server answers makes more of it than an error. */
static void hostile_answers_fail(void **state)
{
	static const struct behaviour behaviours[] = {
	        {.answer = "\x16\x03\x03 this is not HTTP\r\n\r\n"},
	        {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 140000\r\n\r\n", .filler = 140000},
	        {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"},
	        {.answer = "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
	        {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
	                .filler = 140000},
	        {.answer = "HTTP/1.1 200 OK\r\nX: ", .filler = 40000},
	        {.answer = "HTTP/1.1 ", .filler = 40000},
	        {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
	                .close_after = true},
	        {.close_first = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
		struct behaviour b = behaviours[i];
		struct talk t = {.requests = 1, .seconds = 3};

		b.names = "DNS:localhost";
		talk_with(&t, &b, "localhost");
		assert_true(t.secured);
		assert_true(t.failed);
		assert_int_equal(t.answers, 0);
		assert_true(t.cause[0] != '\0');
	}
}

static void silence_has_an_end(void **state)
{
	struct talk t = {.requests = 1, .seconds = 1};

	(void)state;
	talk_with(&t, &(struct behaviour){.names = "DNS:localhost", .silent = true}, "localhost");
	assert_true(t.failed);
	assert_int_equal(t.error, ERR_TIMEOUT);
}

static void an_answer_before_the_end_counts(void **state)
{
	struct talk t = {.requests = 2};

	(void)state;
	talk_with(&t, &(struct behaviour){.names = "DNS:localhost", .close_after = true},
	        "localhost");
	assert_int_equal(t.answers, 1);
	assert_true(t.failed);
}

/* As a collector says it when it refuses. */
static void an_answer_that_ends_the_connection_counts(void **state)
{
	struct talk t = {.requests = 2};

	(void)state;
	talk_with(&t,
	        &(struct behaviour){.names = "DNS:localhost",
	                .answer = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n"
	                          "Content-Length: 2\r\n\r\nno",
	                .close_after = true},
	        "localhost");
	assert_int_equal(t.answers, 1);
	assert_int_equal(t.status, 403);
	assert_int_equal(t.length, 2);
	assert_true(t.failed);
}

static void no_content_has_no_body(void **state)
{
	struct talk t = {.requests = 3};

	(void)state;
	talk_with(&t,
	        &(struct behaviour){
	                .names = "DNS:localhost", .answer = "HTTP/1.1 204 No Content\r\n\r\n"},
	        "localhost");
	assert_int_equal(t.answers, 3);
	assert_int_equal(t.status, 204);
	assert_int_equal(t.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_urls),
	        cmocka_unit_test(trust_must_hold_a_certificate),
	        cmocka_unit_test(many_requests_on_one_connection),
	        cmocka_unit_test(an_address_is_verified_as_one),
	        cmocka_unit_test(another_name_is_refused),
	        cmocka_unit_test(another_issuer_is_refused),
	        cmocka_unit_test(older_tls_is_refused),
	        cmocka_unit_test(nobody_there),
	        cmocka_unit_test(hostile_answers_fail),
	        cmocka_unit_test(silence_has_an_end),
	        cmocka_unit_test(an_answer_before_the_end_counts),
	        cmocka_unit_test(an_answer_that_ends_the_connection_counts),
	        cmocka_unit_test(no_content_has_no_body),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
