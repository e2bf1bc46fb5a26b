#include "collector/server.h"

#include "collector/tls.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

/* Beside connections: the database, the control socket and its 64 clients, the loop. */
enum { RESERVED_DESCRIPTORS = 96 };
enum { SWEEP_SECONDS = 5, BACKLOG = 1024, PROBE_IDLE_SECONDS = 10, PROBE_AGAIN_SECONDS = 5 };

struct server {
	struct server_parts parts;
	struct enrolment enrolment;
	struct intake intake;
	struct connection_list list;
	struct poll_board polls;
	SSL_CTX *tls;
	int ssl_index; /* where an SSL carries its struct connection */
	struct evconnlistener *listener;
	struct evhttp *http;
	struct event *sweep;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- answers --- */

static void reply(struct evhttp_request *request, struct answer *answer)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evbuffer_new();

	if (body == NULL || answer->body == NULL ||
	        evbuffer_add(body, answer->body, strlen(answer->body)) != 0) {
		evhttp_send_error(request, 500, NULL);
	} else {
		evhttp_add_header(headers, "Content-Type", answer->type);
		evhttp_add_header(headers, "Cache-Control", "no-store");
		if (answer->close)
			evhttp_add_header(headers, "Connection", "close");
		evhttp_send_reply(request, answer->status, NULL, body);
	}
	if (body != NULL)
		evbuffer_free(body);
	answer_free(answer);
}

static void reply_refusal(
        struct evhttp_request *request, int status, const char *code, const char *message)
{
	struct answer answer = {.status = 0};

	answer_refuse(&answer, status, code, message, NULL);
	reply(request, &answer);
}

/* --- waiting connections --- */

static struct evhttp_request *end_wait(struct connection *connection)
{
	struct evhttp_request *request = connection->waiting;

	connection->waiting = NULL;
	if (connection->wait_end != NULL)
		event_del(connection->wait_end);
	/* Edge-triggered, and libevent refuses both kinds on one descriptor: gone before the reply
	 * is written. */
	if (connection->closed != NULL) {
		event_free(connection->closed);
		connection->closed = NULL;
	}
	return request;
}

static void connection_closed(struct evhttp_connection *http, void *context)
{
	(void)http;
	end_wait(context);
}

static void answer_nothing(evutil_socket_t fd, short what, void *context)
{
	struct evhttp_request *request = end_wait(context);

	(void)fd;
	(void)what;
	if (request != NULL)
		evhttp_send_reply(request, 204, NULL, NULL);
}

/* libevent does not read while a request is being answered, so a peer that left would be held for
 * the whole wait. */
static void peer_moved(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	char byte;

	ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	bool gone = (what & EV_CLOSED) != 0 || got == 0 ||
	            (got < 0 && errno != EAGAIN && errno != EINTR);
	if (!gone || connection->waiting == NULL)
		return;
	struct evhttp_request *request = end_wait(connection);
	evhttp_connection_free(evhttp_request_get_connection(request));
}

static int start_wait(struct server *server, struct connection *connection,
        struct evhttp_request *request, unsigned seconds)
{
	const struct timeval span = {.tv_sec = seconds};
	evutil_socket_t fd = bufferevent_getfd(connection->bufferevent);

	if (connection->wait_end == NULL)
		connection->wait_end = evtimer_new(server->parts.base, answer_nothing, connection);
	if (connection->wait_end == NULL || evtimer_add(connection->wait_end, &span) != 0)
		return ERR_MEMORY;
	connection->closed = event_new(server->parts.base, fd,
	        EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, peer_moved, connection);
	if (connection->closed != NULL && event_add(connection->closed, NULL) != 0) {
		event_free(connection->closed);
		connection->closed = NULL;
	}
	connection->waiting = request;
	return 0;
}

static void reply_nonce(struct evhttp_request *request, const char *nonce)
{
	struct answer answer = {.status = 0};

	answer_give_json(&answer, json_pack("{s:s}", "nonce", nonce));
	reply(request, &answer);
}

static bool send_nonce(void *context, int64_t terminal, const char *nonce)
{
	struct server *server = context;
	struct connection *connection = connection_find_waiting(&server->list, terminal);

	if (connection == NULL)
		return false;
	reply_nonce(end_wait(connection), nonce);
	return true;
}

static bool is_connected(void *context, int64_t terminal)
{
	const struct server *server = context;

	return connection_is_bound(&server->list, terminal);
}

/* A terminal has one connection: what still waits on an older one is left over from it. */
static void end_older_waits(struct server *server, const struct connection *newest)
{
	struct connection *connection = TAILQ_FIRST(&server->list.connections);

	while (connection != NULL) {
		struct connection *next = TAILQ_NEXT(connection, next);
		if (connection != newest && connection->waiting != NULL &&
		        connection->channel.terminal == newest->channel.terminal) {
			struct evhttp_request *request = end_wait(connection);
			evhttp_add_header(
			        evhttp_request_get_output_headers(request), "Connection", "close");
			evhttp_send_reply(request, 204, NULL, NULL);
		}
		connection = next;
	}
}

/* --- requests --- */

static void serve_enrol(struct server *server, struct connection *connection,
        struct evhttp_request *request, const char *body, size_t length)
{
	struct answer answer = {.status = 0};

	enrol_terminal(&server->enrolment, body, length, connection->peer, now_ms(), &answer);
	reply(request, &answer);
}

static void serve_report(struct server *server, struct connection *connection,
        struct evhttp_request *request, const char *body, size_t length)
{
	struct answer answer = {.status = 0};
	struct intake_taken taken;
	int64_t before = connection->channel.terminal;

	intake_report(
	        &server->intake, &connection->channel, body, length, now_ms(), &taken, &answer);
	int64_t terminal = connection->channel.terminal;
	if (terminal != before)
		end_older_waits(server, connection);
	/* The reply may end the connection at once. */
	reply(request, &answer);
	if (taken.nonce[0] != '\0')
		poll_answered(&server->polls, terminal, taken.nonce, taken.seq);
}

/* "/v1/wait", or "/v1/wait?seconds=N", N from 1 to SERVER_WAIT_SECONDS. */
static bool read_seconds(const char *uri, unsigned *seconds)
{
	static const char asked[] = "?seconds=";
	const char *query = strchr(uri, '?');

	*seconds = SERVER_WAIT_SECONDS;
	if (query == NULL)
		return true;
	if (strncmp(query, asked, sizeof(asked) - 1) != 0)
		return false;
	const char *digits = query + sizeof(asked) - 1;
	size_t length = strspn(digits, "0123456789");
	if (length < 1 || length > 2 || digits[length] != '\0' || digits[0] == '0')
		return false;
	*seconds = (unsigned)strtoul(digits, NULL, 10);
	return *seconds <= SERVER_WAIT_SECONDS;
}

static void serve_wait(struct server *server, struct connection *connection,
        struct evhttp_request *request, const char *body, size_t length)
{
	unsigned seconds;

	(void)body;
	if (!read_seconds(evhttp_request_get_uri(request), &seconds)) {
		reply_refusal(request, 400, "bad-request", "seconds is a number from 1 to 55");
		return;
	}
	if (length != 0) {
		reply_refusal(request, 400, "bad-request", "a wait has no body");
		return;
	}
	if (connection->channel.terminal == 0) {
		reply_refusal(request, 403, "not-bound",
		        LANGUAGE("接続がこの端末に結び付いていません",
		                "this connection is not bound to a terminal"));
		return;
	}
	const char *nonce = poll_take_pending(&server->polls, connection->channel.terminal);
	if (nonce != NULL)
		reply_nonce(request, nonce);
	else if (start_wait(server, connection, request, seconds) != 0)
		evhttp_send_error(request, 500, NULL);
}

struct route {
	const char *path;
	enum evhttp_cmd_type method;
	bool query; /* may follow the path */
	void (*serve)(struct server *server, struct connection *connection,
	        struct evhttp_request *request, const char *body, size_t length);
};

static const struct route ROUTES[] = {
        {"/v1/enrol", EVHTTP_REQ_POST, false, serve_enrol},
        {"/v1/report", EVHTTP_REQ_POST, false, serve_report},
        {"/v1/wait", EVHTTP_REQ_GET, true, serve_wait},
};

static const struct route *find_route(struct evhttp_request *request)
{
	const char *uri = evhttp_request_get_uri(request);
	size_t length = strcspn(uri, "?");

	for (size_t i = 0; i < sizeof(ROUTES) / sizeof(ROUTES[0]); i++)
		if (strlen(ROUTES[i].path) == length && memcmp(uri, ROUTES[i].path, length) == 0 &&
		        (uri[length] == '\0' || ROUTES[i].query))
			return &ROUTES[i];
	return NULL;
}

/* The connection a request came by, with what only its two ends know; NULL when it is not TLS. */
static struct connection *find_connection(struct server *server, struct evhttp_request *request)
{
	struct evhttp_connection *http = evhttp_request_get_connection(request);
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(http));
	struct connection *connection =
	        ssl == NULL ? NULL : SSL_get_ex_data(ssl, server->ssl_index);
	char *address = NULL;
	uint16_t port = 0;

	if (connection == NULL || connection->has_exporter)
		return connection;
	if (tls_exporter(ssl, connection->channel.exporter) != 0)
		return NULL;
	connection->has_exporter = true;
	evhttp_connection_get_peer(http, &address, &port);
	snprintf(connection->peer, sizeof(connection->peer), "%s", address == NULL ? "?" : address);
	evhttp_connection_set_closecb(http, connection_closed, connection);
	return connection;
}

static void serve_request(struct evhttp_request *request, void *context)
{
	struct server *server = context;
	struct connection *connection = find_connection(server, request);
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	size_t length = evbuffer_get_length(input);

	if (connection == NULL) {
		evhttp_add_header(
		        evhttp_request_get_output_headers(request), "Connection", "close");
		evhttp_send_error(request, 500, NULL);
		return;
	}
	const struct route *route = find_route(request);
	if (route == NULL) {
		reply_refusal(
		        request, 404, "not-found", LANGUAGE("ありません", "there is nothing here"));
		return;
	}
	if (evhttp_request_get_command(request) != route->method) {
		evhttp_add_header(evhttp_request_get_output_headers(request), "Allow",
		        route->method == EVHTTP_REQ_GET ? "GET" : "POST");
		reply_refusal(request, 405, "bad-method",
		        LANGUAGE("この方法では使えません", "not with this method"));
		return;
	}
	const char *body = length == 0 ? "" : (const char *)evbuffer_pullup(input, -1);
	if (body == NULL)
		evhttp_send_error(request, 500, NULL);
	else
		route->serve(server, connection, request, body, length);
}

/* --- connections --- */

static void forget_connection(
        void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)number;
	(void)pointer;
	connection_free(ptr);
}

static void end_stranger(const struct connection *connection)
{
	evutil_socket_t stranger = bufferevent_getfd(connection->bufferevent);

	if (stranger >= 0)
		shutdown(stranger, SHUT_RDWR);
}

/* Whoever fills the house with connections that show nothing must not keep terminals out, which
 * show at once who they are. */
static void make_room(struct server *server)
{
	const struct connection *stranger = connection_find_stranger(&server->list);

	evconnlistener_disable(server->listener);
	if (stranger != NULL)
		end_stranger(stranger);
}

/* NULL would make libevent speak HTTP in the clear on this connection: serve_request() refuses that
 * too. */
static struct bufferevent *accept_connection(struct event_base *base, void *context)
{
	struct server *server = context;
	SSL *ssl = SSL_new(server->tls);
	struct connection *connection = ssl == NULL ? NULL : connection_new(&server->list);

	if (connection == NULL || SSL_set_ex_data(ssl, server->ssl_index, connection) != 1) {
		connection_free(connection);
		SSL_free(ssl);
		return NULL;
	}
	connection->bufferevent = bufferevent_openssl_socket_new(
	        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (connection->bufferevent == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	if (server->list.count >= server->list.max)
		make_room(server);
	return connection->bufferevent;
}

static void accept_again(void *context)
{
	struct server *server = context;

	if (server->listener != NULL)
		evconnlistener_enable(server->listener);
}

/* Whoever holds a connection without showing which terminal it is holds it from one. */
static void sweep_strangers(evutil_socket_t fd, short what, void *context)
{
	const struct server *server = context;
	const struct connection *connection;
	int64_t limit = clock_boot_ms() - (int64_t)SERVER_STRANGER_SECONDS * 1000;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(connection, &server->list.connections, next)
	{
		if (connection->channel.terminal == 0 && connection->opened_ms < limit)
			end_stranger(connection);
	}
}

/* --- opening --- */

static socklen_t make_address(const struct config *config, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, config->listen_host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(config->listen_port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, config->listen_host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(config->listen_port);
		return sizeof(*v6);
	}
	return 0;
}

/* Accepted sockets inherit them. A terminal whose cable was pulled does not say goodbye: the kernel
 * asks, and gives up at SERVER_SILENCE_SECONDS. */
static int set_options(evutil_socket_t fd)
{
	static const int options[][3] = {
	        {IPPROTO_TCP, TCP_NODELAY, 1},
	        {SOL_SOCKET, SO_KEEPALIVE, 1},
	        {IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_SECONDS},
	        {IPPROTO_TCP, TCP_KEEPINTVL, PROBE_AGAIN_SECONDS},
	        {IPPROTO_TCP, TCP_USER_TIMEOUT, SERVER_SILENCE_SECONDS * 1000},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (setsockopt(fd, options[i][0], options[i][1], &options[i][2],
		            sizeof(options[i][2])) != 0)
			return ERR_IO;
	return 0;
}

static int listen_at(struct server *server)
{
	struct sockaddr_storage address;
	socklen_t length = make_address(server->parts.config, &address);

	if (length == 0)
		return ERR_FORMAT;
	server->listener = evconnlistener_new_bind(server->parts.base, NULL, NULL,
	        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
	        (const struct sockaddr *)&address, (int)length);
	if (server->listener == NULL)
		return ERR_IO;
	return set_options(evconnlistener_get_fd(server->listener));
}

static int start_http(struct server *server)
{
	server->http = evhttp_new(server->parts.base);
	if (server->http == NULL)
		return ERR_MEMORY;
	evhttp_set_bevcb(server->http, accept_connection, server);
	evhttp_set_gencb(server->http, serve_request, server);
	evhttp_set_max_headers_size(server->http, SERVER_HEADERS_MAX);
	evhttp_set_max_body_size(server->http, SERVER_BODY_MAX);
	evhttp_set_timeout(server->http, SERVER_IDLE_SECONDS);
	evhttp_set_default_content_type(server->http, NULL);
	/* Every method libevent knows, so that the wrong one is answered 405 and not 501. */
	evhttp_set_allowed_methods(server->http, UINT16_MAX);
	return evhttp_bind_listener(server->http, server->listener) == NULL ? ERR_MEMORY : 0;
}

static int start_sweep(struct server *server)
{
	const struct timeval span = {.tv_sec = SWEEP_SECONDS};

	server->sweep = event_new(server->parts.base, -1, EV_PERSIST, sweep_strangers, server);
	return server->sweep == NULL || evtimer_add(server->sweep, &span) != 0 ? ERR_MEMORY : 0;
}

/* Out of descriptors, libevent would try to accept without end: as many connections as there is
 * room for, and a reserve for the database and for polls. */
static size_t connections_possible(size_t wanted)
{
	struct rlimit limit = {RESERVED_DESCRIPTORS, RESERVED_DESCRIPTORS};

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted + RESERVED_DESCRIPTORS)
		return wanted;
	size_t possible =
	        limit.rlim_cur > RESERVED_DESCRIPTORS ? limit.rlim_cur - RESERVED_DESCRIPTORS : 1;
	log_warning("connections_max is %zu: no more descriptors are allowed", possible);
	return possible;
}

static void set_up(struct server *server, const struct server_parts *parts)
{
	server->parts = *parts;
	server->enrolment = (struct enrolment){.store = parts->store,
	        .authority = parts->authority,
	        .receipt_key = parts->receipt_public};
	server->intake = (struct intake){.store = parts->store,
	        .receipt_key = parts->receipt_key,
	        .fresh_ms = (int64_t)parts->config->fresh_seconds * 1000};
	connection_list_start(&server->list, connections_possible(parts->config->connections_max),
	        accept_again, server);
	poll_board_start(&server->polls, parts->base);
	server->polls.send = send_nonce;
	server->polls.connected = is_connected;
	server->polls.context = server;
}

int server_open(const struct server_parts *parts, struct server **server)
{
	struct server *made = calloc(1, sizeof(*made));

	*server = NULL;
	if (made == NULL)
		return ERR_MEMORY;
	set_up(made, parts);
	made->ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, forget_connection);
	int error = made->ssl_index < 0 ? ERR_CRYPTO : 0;
	if (error == 0)
		error = tls_open(parts->tls_certificate, parts->tls_certificate_length,
		        parts->tls_key, parts->tls_key_length, &made->tls);
	if (error == 0)
		error = listen_at(made);
	if (error == 0)
		error = start_http(made);
	if (error == 0)
		error = start_sweep(made);
	if (error != 0)
		server_free(&made);
	*server = made;
	return error;
}

void server_free(struct server **server)
{
	struct server *s = *server;

	if (s == NULL)
		return;
	poll_board_stop(&s->polls);
	s->list.room = NULL;
	if (s->sweep != NULL)
		event_free(s->sweep);
	/* Also frees the listener it was given. */
	if (s->http != NULL)
		evhttp_free(s->http);
	else if (s->listener != NULL)
		evconnlistener_free(s->listener);
	connection_list_stop(&s->list);
	SSL_CTX_free(s->tls);
	free(s);
	*server = NULL;
}

struct poll_board *server_polls(struct server *server)
{
	return &server->polls;
}
