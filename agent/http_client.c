#include "agent/http_client.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/error.h"

enum { TYPE_SIZE = 64, CAUSE_SIZE = 160, NEVER_SECONDS = 3600 };
enum { PROBE_IDLE_S = 10, PROBE_AGAIN_S = 5 };

enum stage {
	STAGE_CONNECTING, /* until the handshake is done */
	STAGE_SECURED,    /* the first request may be given */
	STAGE_ASKED,
	STAGE_IDLE,
	STAGE_OVER,
};

struct http_client {
	const struct http_handlers *handlers;
	void *context;
	struct evhttp_connection *connection; /* owns bev, which owns ssl */
	struct bufferevent *bev;
	SSL *ssl;
	struct evhttp_request *first; /* owned by connection, valid until STAGE_ASKED */
	bufferevent_event_cb
	        connected; /* evhttp's, held back until the first request is complete */
	void *connected_context;
	struct event *notice; /* brings secured, answered and failed to the handlers */
	struct event *deadline;
	enum stage stage;
	bool secured;
	bool answered;
	bool over;
	bool ended; /* over by an answer that is still to be handed on */
	int error;
	char cause[CAUSE_SIZE];
	int status;
	char type[TYPE_SIZE];
	uint8_t *body;
	size_t length;
	char authority[HTTP_HOST_SIZE + 10];
	bool delivering; /* a handler runs: closing waits for its end */
	bool closing;
};

/* --- what happened --- */

static void notify(struct http_client *c)
{
	event_active(c->notice, EV_TIMEOUT, 0);
}

static void fail(struct http_client *c, int error, const char *cause)
{
	if (c->over)
		return;
	c->over = true;
	c->error = error;
	if (c->cause[0] == '\0')
		snprintf(c->cause, sizeof(c->cause), "%s", cause);
	c->stage = STAGE_OVER;
	notify(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	fail(context, ERR_TIMEOUT, "no answer in time");
}

static void set_deadline(struct http_client *c, int seconds)
{
	struct timeval in = {.tv_sec = seconds};

	if (seconds > 0)
		evtimer_add(c->deadline, &in);
	else
		evtimer_del(c->deadline);
}

static void free_client(struct http_client *c)
{
	if (c->connection != NULL)
		evhttp_connection_set_closecb(c->connection, NULL, NULL);
	/* Says goodbye without waiting for the answer. */
	if (!c->over && c->stage != STAGE_CONNECTING) {
		SSL_set_shutdown(c->ssl, SSL_RECEIVED_SHUTDOWN);
		(void)SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	/* Frees an unanswered request without calling back. */
	if (c->connection != NULL)
		evhttp_connection_free(c->connection);
	if (c->notice != NULL)
		event_free(c->notice);
	if (c->deadline != NULL)
		event_free(c->deadline);
	free(c->body);
	free(c);
}

static void deliver_answer(struct http_client *c)
{
	struct http_answer answer = {c->status, c->type, c->body, c->length};
	uint8_t *body = c->body;

	c->body = NULL;
	c->answered = false;
	c->handlers->answered(c->context, &answer);
	free(body);
}

static void deliver_exporter(struct http_client *c)
{
	uint8_t exporter[HTTP_EXPORTER_SIZE];
	static const char label[] = "EXPORTER-Channel-Binding";

	c->secured = false;
	if (SSL_export_keying_material(c->ssl, exporter, sizeof(exporter), label, sizeof(label) - 1,
	            (const uint8_t *)"", 0, 1) == 1)
		c->handlers->secured(c->context, exporter);
	else
		fail(c, ERR_CRYPTO, "no TLS exporter");
	OPENSSL_cleanse(exporter, sizeof(exporter));
}

/* An answer that came before the end of the connection is delivered before it. */
static void on_notice(evutil_socket_t fd, short what, void *context)
{
	struct http_client *c = context;

	(void)fd;
	(void)what;
	c->delivering = true;
	if (c->secured && !c->over)
		deliver_exporter(c);
	if (!c->closing && c->answered)
		deliver_answer(c);
	if (!c->closing && c->over)
		c->handlers->failed(c->context, c->error, c->cause);
	c->delivering = false;
	if (c->closing)
		free_client(c);
}

/* --- evhttp --- */

static void note_tls_cause(struct http_client *c)
{
	unsigned long code = bufferevent_get_openssl_error(c->bev);
	long verified = SSL_get_verify_result(c->ssl);

	if (verified != X509_V_OK)
		snprintf(c->cause, sizeof(c->cause), "certificate: %s",
		        X509_verify_cert_error_string(verified));
	else if (code != 0 && ERR_reason_error_string(code) != NULL)
		snprintf(c->cause, sizeof(c->cause), "TLS: %s", ERR_reason_error_string(code));
	ERR_clear_error();
}

static void note_connect_cause(struct http_client *c)
{
	int number = EVUTIL_SOCKET_ERROR();
	int resolver = bufferevent_socket_get_dns_error(c->bev);

	note_tls_cause(c);
	if (c->cause[0] != '\0')
		return;
	if (resolver != 0)
		snprintf(c->cause, sizeof(c->cause), "name: %s", evutil_gai_strerror(resolver));
	else if (number != 0)
		snprintf(c->cause, sizeof(c->cause), "%s", evutil_socket_error_to_string(number));
}

/*
 * Nothing may be said for most of an hour, and a peer whose cable was pulled does not say goodbye:
 * the kernel asks after PROBE_IDLE_S and gives up at HTTP_SILENCE_S, whoever should have spoken.
 */
static void watch_peer(evutil_socket_t fd)
{
	static const int options[][3] = {
	        {IPPROTO_TCP, TCP_NODELAY, 1},
	        {SOL_SOCKET, SO_KEEPALIVE, 1},
	        {IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_S},
	        {IPPROTO_TCP, TCP_KEEPINTVL, PROBE_AGAIN_S},
	        {IPPROTO_TCP, TCP_USER_TIMEOUT, HTTP_SILENCE_S * 1000},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(
		        fd, options[i][0], options[i][1], &options[i][2], sizeof(options[i][2]));
}

/*
 * Stands before evhttp's own callback: evhttp would send the first request as soon as the handshake
 * is done, but what that request says depends on the handshake.
 */
static void on_connection_event(struct bufferevent *bev, short what, void *context)
{
	struct http_client *c = context;

	if ((what & BEV_EVENT_CONNECTED) == 0 || c->stage != STAGE_CONNECTING) {
		note_connect_cause(c);
		c->connected(bev, what, c->connected_context);
		fail(c, ERR_CLOSED, "connection lost");
		return;
	}
	watch_peer(bufferevent_getfd(bev));
	set_deadline(c, 0);
	c->stage = STAGE_SECURED;
	c->secured = true;
	notify(c);
}

/* libevent tells of the end before it hands over the answer that announced it. */
static void on_connection_closed(struct evhttp_connection *connection, void *context)
{
	struct http_client *c = context;

	(void)connection;
	c->ended = !c->over && c->stage == STAGE_ASKED;
	fail(c, ERR_CLOSED, "connection closed by the collector");
}

static void take_type(struct http_client *c, struct evhttp_request *request)
{
	const char *type =
	        evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
	size_t length = type != NULL ? strcspn(type, "; \t") : 0;

	if (length >= sizeof(c->type))
		length = 0;
	if (length > 0)
		memcpy(c->type, type, length);
	c->type[length] = '\0';
}

static int take_body(struct http_client *c, struct evhttp_request *request)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	size_t length = evbuffer_get_length(input);

	if (length > HTTP_BODY_MAX)
		return ERR_TOO_LONG;
	free(c->body);
	c->body = malloc(length + 1);
	if (c->body == NULL)
		return ERR_MEMORY;
	evbuffer_copyout(input, c->body, length);
	c->body[length] = '\0';
	c->length = length;
	return 0;
}

static void on_request_done(struct evhttp_request *request, void *context)
{
	struct http_client *c = context;
	int error;

	set_deadline(c, 0);
	if (c->over && !c->ended)
		return;
	if (request == NULL || evhttp_request_get_response_code(request) == 0) {
		fail(c, ERR_CLOSED, "connection lost before the answer");
		return;
	}
	error = take_body(c, request);
	if (error != 0) {
		fail(c, error, error_text(error));
		return;
	}
	take_type(c, request);
	c->status = evhttp_request_get_response_code(request);
	c->answered = true;
	if (!c->over)
		c->stage = STAGE_IDLE;
	notify(c);
}

static void on_request_error(enum evhttp_request_error what, void *context)
{
	struct http_client *c = context;

	if (c->answered)
		return;
	switch (what) {
	case EVREQ_HTTP_DATA_TOO_LONG:
		fail(c, ERR_TOO_LONG, "answer is too long");
		break;
	case EVREQ_HTTP_INVALID_HEADER:
		fail(c, ERR_FORMAT, "answer is not HTTP");
		break;
	case EVREQ_HTTP_TIMEOUT:
		fail(c, ERR_TIMEOUT, "no answer in time");
		break;
	default:
		note_tls_cause(c);
		fail(c, ERR_CLOSED, "connection lost before the answer");
	}
}

static struct evhttp_request *new_request(struct http_client *c)
{
	struct evhttp_request *request = evhttp_request_new(on_request_done, c);

	if (request == NULL)
		return NULL;
	evhttp_request_set_error_cb(request, on_request_error);
	evhttp_add_header(evhttp_request_get_output_headers(request), "Host", c->authority);
	return request;
}

static int add_body(
        struct evhttp_request *request, const char *type, const void *body, size_t length)
{
	if (evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type) !=
	        0)
		return ERR_MEMORY;
	return evbuffer_add(evhttp_request_get_output_buffer(request), body, length) == 0
	               ? 0
	               : ERR_MEMORY;
}

static int check_free(const struct http_client *c)
{
	if (c->over || c->closing)
		return ERR_CLOSED;
	return c->stage == STAGE_SECURED || c->stage == STAGE_IDLE ? 0 : ERR_USAGE;
}

static int send_first(
        struct http_client *c, const char *type, const void *body, size_t length, int seconds)
{
	int error = add_body(c->first, type, body, length);

	if (error != 0)
		return error;
	c->stage = STAGE_ASKED;
	set_deadline(c, seconds);
	c->connected(c->bev, BEV_EVENT_CONNECTED, c->connected_context);
	return c->over ? ERR_CLOSED : 0;
}

static int send_request(struct http_client *c, struct evhttp_request *request,
        enum evhttp_cmd_type how, const char *path, int seconds)
{
	c->stage = STAGE_ASKED;
	set_deadline(c, seconds);
	/* Takes the request even when it fails. */
	if (evhttp_make_request(c->connection, request, how, path) != 0)
		fail(c, ERR_CLOSED, "connection lost");
	return c->over ? ERR_CLOSED : 0;
}

int http_client_post(struct http_client *c, const char *path, const char *type, const void *body,
        size_t length, int seconds)
{
	struct evhttp_request *request;
	int error = check_free(c);

	if (error != 0)
		return error;
	if (c->stage == STAGE_SECURED)
		return send_first(c, type, body, length, seconds);
	request = new_request(c);
	if (request == NULL)
		return ERR_MEMORY;
	error = add_body(request, type, body, length);
	if (error != 0) {
		evhttp_request_free(request);
		return error;
	}
	return send_request(c, request, EVHTTP_REQ_POST, path, seconds);
}

int http_client_get(struct http_client *c, const char *path, int seconds)
{
	struct evhttp_request *request;
	int error = check_free(c);

	if (error != 0)
		return error;
	if (c->stage == STAGE_SECURED)
		return ERR_USAGE;
	request = new_request(c);
	if (request == NULL)
		return ERR_MEMORY;
	return send_request(c, request, EVHTTP_REQ_GET, path, seconds);
}

static int open_connection(struct http_client *c, struct event_base *base, struct evdns_base *dns,
        const struct http_trust *trust, const struct http_url *url)
{
	SSL *ssl = http_trust_session(trust, url);

	if (ssl == NULL)
		return ERR_CRYPTO;
	c->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
	        BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL) {
		SSL_free(ssl);
		return ERR_MEMORY;
	}
	c->ssl = ssl;
	c->connection =
	        evhttp_connection_base_bufferevent_new(base, dns, c->bev, url->host, url->port);
	if (c->connection == NULL) {
		bufferevent_free(c->bev);
		return ERR_MEMORY;
	}
	evhttp_connection_set_max_body_size(c->connection, HTTP_BODY_MAX);
	evhttp_connection_set_max_headers_size(c->connection, HTTP_HEADERS_MAX);
	evhttp_connection_set_retries(c->connection, 0);
	/* The deadline of each request is ours. */
	evhttp_connection_set_timeout(c->connection, NEVER_SECONDS);
	evhttp_connection_set_closecb(c->connection, on_connection_closed, c);
	return 0;
}

static int start_first(struct http_client *c, const char *path)
{
	c->first = new_request(c);
	if (c->first == NULL)
		return ERR_MEMORY;
	set_deadline(c, HTTP_CONNECT_SECONDS);
	if (evhttp_make_request(c->connection, c->first, EVHTTP_REQ_POST, path) != 0)
		fail(c, ERR_CLOSED, "connection refused");
	if (c->over)
		return 0;
	bufferevent_getcb(c->bev, NULL, NULL, &c->connected, &c->connected_context);
	bufferevent_setcb(c->bev, NULL, NULL, on_connection_event, c);
	return 0;
}

int http_client_open(struct event_base *base, struct evdns_base *dns,
        const struct http_trust *trust, const struct http_url *url, const char *first,
        const struct http_handlers *handlers, void *context, struct http_client **client)
{
	struct http_client *c = calloc(1, sizeof(*c));
	int error = ERR_MEMORY;

	*client = NULL;
	if (c == NULL)
		return ERR_MEMORY;
	c->handlers = handlers;
	c->context = context;
	snprintf(c->authority, sizeof(c->authority),
	        strchr(url->host, ':') != NULL ? "[%s]:%u" : "%s:%u", url->host, url->port);
	c->notice = event_new(base, -1, 0, on_notice, c);
	c->deadline = evtimer_new(base, on_deadline, c);
	if (c->notice != NULL && c->deadline != NULL)
		error = open_connection(c, base, dns, trust, url);
	if (error == 0)
		error = start_first(c, first);
	if (error != 0) {
		free_client(c);
		return error;
	}
	*client = c; /* transferred */
	return 0;
}

void http_client_close(struct http_client **client)
{
	struct http_client *c = *client;

	*client = NULL;
	if (c == NULL)
		return;
	c->closing = true;
	if (!c->delivering)
		free_client(c);
}
