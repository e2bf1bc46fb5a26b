/* A server and its clients in one process and one loop: a server that ends while connections are in
 * every state they can be in, and waits that end when they were asked to. */
#include "collector/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collector/tls.h"
#include "core/error.h"
#include "tests/unit/collector/fixture.h"

enum { CLIENTS_MAX = 16, ROUNDS = 5, PATIENCE_MS = 5000 };

struct client {
	int fd;
	SSL *ssl;
};

struct place {
	struct fixture *fixture;
	struct event_base *base;
	struct config config;
	struct authority *authority;
	char *certificate;
	char *key;
	size_t key_length;
	struct server *server;
	SSL_CTX *tls;
	struct client clients[CLIENTS_MAX];
	size_t count;
};

static void make_certificate(struct place *p)
{
	static const char *const names[] = {"127.0.0.1"};
	struct key *ca_key = NULL, *key = NULL;
	char *ca = NULL;
	int64_t now = time(NULL);

	assert_int_equal(key_generate(&ca_key), 0);
	assert_int_equal(key_generate(&key), 0);
	assert_int_equal(authority_make(ca_key, "office", now, &ca), 0);
	assert_int_equal(authority_open(ca, strlen(ca), ca_key, &p->authority), 0);
	assert_int_equal(
	        authority_issue_server(p->authority, key, names, 1, now, &p->certificate), 0);
	assert_int_equal(key_write_private(key, &p->key, &p->key_length), 0);
	key_free(&key);
	free(ca);
}

static void open_server(struct place *p)
{
	const struct server_parts parts = {.base = p->base,
	        .config = &p->config,
	        .store = p->fixture->store,
	        .authority = p->authority,
	        .receipt_key = p->fixture->receipt_key,
	        .receipt_public = "",
	        .tls_certificate = (const uint8_t *)p->certificate,
	        .tls_certificate_length = strlen(p->certificate),
	        .tls_key = (const uint8_t *)p->key,
	        .tls_key_length = p->key_length};
	int error = ERR_IO;

	for (int tries = 0; error == ERR_IO && tries < 50; tries++) {
		p->config.listen_port = (uint16_t)(20000 + (getpid() * 7 + tries * 101) % 12000);
		error = server_open(&parts, &p->server);
	}
	assert_int_equal(error, 0);
}

static struct place *open_place(struct fixture *f)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->fixture = f;
	p->base = event_base_new();
	config_defaults(&p->config);
	snprintf(p->config.listen_host, sizeof(p->config.listen_host), "127.0.0.1");
	make_certificate(p);
	p->tls = SSL_CTX_new(TLS_client_method());
	assert_non_null(p->tls);
	open_server(p);
	return p;
}

static void close_clients(struct place *p)
{
	for (size_t i = 0; i < p->count; i++) {
		SSL_free(p->clients[i].ssl);
		close(p->clients[i].fd);
	}
	p->count = 0;
}

static void close_place(struct place *p)
{
	server_free(&p->server);
	event_base_free(p->base);
	close_clients(p);
	SSL_CTX_free(p->tls);
	authority_free(&p->authority);
	free(p->certificate);
	OPENSSL_cleanse(p->key, p->key_length);
	free(p->key);
	free(p);
}

static void turn(struct place *p)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	event_base_loop(p->base, EVLOOP_NONBLOCK);
	nanosleep(&moment, NULL);
}

static void settle(struct place *p)
{
	for (int i = 0; i < 30; i++)
		turn(p);
}

static struct client *connect_plain(struct place *p)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	        .sin_port = htons(p->config.listen_port),
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct client *c = &p->clients[p->count++];

	assert_true(p->count <= CLIENTS_MAX);
	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_int_equal(connect(c->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(evutil_make_socket_nonblocking(c->fd) == 0);
	return c;
}

static struct client *connect_tls(struct place *p)
{
	struct client *c = connect_plain(p);
	int tries = 0;

	c->ssl = SSL_new(p->tls);
	assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
	while (SSL_connect(c->ssl) != 1) {
		assert_true(tries++ < PATIENCE_MS);
		turn(p);
	}
	return c;
}

static void say(const struct client *c, const char *text)
{
	assert_int_equal(SSL_write(c->ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* What the server says until it pauses; "" when nothing came within ms. */
static void hear(struct place *p, const struct client *c, int ms, char out[static 4096])
{
	int length = 0;

	for (int left = ms; left > 0; left--) {
		turn(p);
		int got = SSL_read(c->ssl, out + length, 4095 - length);
		if (got > 0) {
			length += got;
			left = 20;
		}
	}
	out[length] = '\0';
}

/* Bound to the fixture's terminal by a report. */
static struct client *connect_bound(struct place *p)
{
	struct fixture *f = p->fixture;
	struct client *c = connect_tls(p);
	char request[4096], answer[4096];

	assert_int_equal(tls_exporter(c->ssl, f->channel.exporter), 0);
	char *jws = fixture_sign(fixture_claims(f, fixture_last_seq(f) + 1), f->key);
	snprintf(request, sizeof(request),
	        "POST /v1/report HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", strlen(jws),
	        jws);
	free(jws);
	say(c, request);
	hear(p, c, PATIENCE_MS, answer);
	assert_non_null(strstr(answer, "HTTP/1.1 200 "));
	return c;
}

static void open_every_kind(struct place *p)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	const char *const begun[] = {"POST /v1/rep", "GET /v1/wait HTTP/1.1\r\nHost: a\r\n",
	        "POST /v1/report HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc"};

	connect_plain(p);
	assert_int_equal(
	        send(connect_plain(p)->fd, hello, sizeof(hello) - 1, 0), sizeof(hello) - 1);
	shutdown(connect_plain(p)->fd, SHUT_WR);
	connect_tls(p);
	for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++)
		say(connect_tls(p), begun[i]);
	struct client *half = connect_tls(p);
	say(half, begun[1]);
	shutdown(half->fd, SHUT_WR);
	say(connect_bound(p), "GET /v1/wait HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_ends_with_connections_in_every_state(void **state)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct place *p = open_place(*state);

		open_every_kind(p);
		/* In some rounds before it has looked at them. */
		if (i % 2 == 0)
			settle(p);
		close_place(p);
	}
}

static void test_ends_after_its_clients(void **state)
{
	struct place *p = open_place(*state);

	open_every_kind(p);
	settle(p);
	close_clients(p);
	turn(p);
	close_place(p);
}

static void assert_answer(struct place *p, struct client *c, const char *path, const char *status)
{
	char request[256], answer[4096];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	say(c, request);
	hear(p, c, PATIENCE_MS, answer);
	if (strstr(answer, status) == NULL)
		fail_msg("%s: %s", path, answer);
}

static void test_a_wait_ends_when_asked(void **state)
{
	struct place *p = open_place(*state);
	struct client *c = connect_bound(p);
	char answer[4096];

	assert_answer(p, c, "/v1/wait?seconds=1", "HTTP/1.1 204 ");
	assert_answer(p, c, "/v1/wait?seconds=0", "HTTP/1.1 400 ");
	assert_answer(p, c, "/v1/wait?seconds=01", "HTTP/1.1 400 ");
	assert_answer(p, c, "/v1/wait?seconds=56", "HTTP/1.1 400 ");
	assert_answer(p, c, "/v1/wait?seconds=", "HTTP/1.1 400 ");
	assert_answer(p, c, "/v1/wait?seconds=1&x=2", "HTTP/1.1 400 ");
	assert_answer(p, c, "/v1/wait?", "HTTP/1.1 400 ");
	assert_answer(p, c, "/v1/report?seconds=1", "HTTP/1.1 404 ");
	assert_answer(p, c, "/v1/waits", "HTTP/1.1 404 ");
	say(c, "GET /v1/wait?seconds=55 HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(p, c, 1500, answer);
	assert_string_equal(answer, "");
	close_place(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_ends_with_connections_in_every_state,
	                fixture_set_up, fixture_tear_down),
	        cmocka_unit_test_setup_teardown(
	                test_ends_after_its_clients, fixture_set_up, fixture_tear_down),
	        cmocka_unit_test_setup_teardown(
	                test_a_wait_ends_when_asked, fixture_set_up, fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
