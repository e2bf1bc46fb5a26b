#include "collector/collector.h"

#include "collector/control.h"
#include "collector/directory.h"
#include "collector/sandbox.h"
#include "collector/server.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"
#include "core/notify.h"

#include <event2/event.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECRET_MAX = 65536 };

/* Bytes of a file, wiped when they are freed. */
struct bytes {
	uint8_t *data;
	size_t length;
};

struct service {
	const struct collector *collector;
	struct store *store;
	struct authority *authority;
	struct key *receipt_key;
	struct bytes receipt_public;
	struct bytes tls_certificate;
	struct bytes tls_key;
	struct event_base *base;
	struct server *server;
	struct control *control;
	struct notify notify;
	struct event *terminate;
	struct event *interrupt;
	struct event *watchdog;
};

static void wipe(struct bytes *bytes)
{
	if (bytes->data != NULL)
		OPENSSL_cleanse(bytes->data, bytes->length);
	free(bytes->data);
	*bytes = (struct bytes){.data = NULL};
}

static int complain(const char *what, int error)
{
	if (error != 0)
		log_error("%s: %s", what, error_text(error));
	return error;
}

static int load_key(const char *file, struct key **key)
{
	struct bytes pem = {.data = NULL};

	int error = directory_read(file, true, &pem.data, &pem.length);
	if (error == 0)
		error = key_read_private(pem.data, pem.length, key);
	wipe(&pem);
	return complain(file, error);
}

static int load_authority(struct service *s)
{
	struct bytes pem = {.data = NULL};
	struct key *key = NULL;

	int error = load_key(DIRECTORY_CA_KEY, &key);
	if (error != 0)
		return error;
	error = directory_read(DIRECTORY_CA, false, &pem.data, &pem.length);
	if (error == 0)
		error = authority_open((const char *)pem.data, pem.length, key, &s->authority);
	else
		key_free(&key);
	wipe(&pem);
	return complain(DIRECTORY_CA, error);
}

/* The office's own certificate, read before the process becomes the one that may no longer see it.
 */
static int load_office_tls(struct service *s)
{
	const struct config *config = &s->collector->config;

	if (config->tls_certificate[0] == '\0')
		return 0;
	int error = complain(config->tls_certificate,
	        file_read_path(config->tls_certificate, SECRET_MAX, &s->tls_certificate.data,
	                &s->tls_certificate.length));
	if (error == 0)
		error = complain(config->tls_key, file_read_path(config->tls_key, SECRET_MAX,
		                                          &s->tls_key.data, &s->tls_key.length));
	return error;
}

static int load_own_tls(struct service *s)
{
	if (s->tls_certificate.data != NULL)
		return 0;
	int error = complain(
	        DIRECTORY_TLS, directory_read(DIRECTORY_TLS, false, &s->tls_certificate.data,
	                               &s->tls_certificate.length));
	if (error == 0)
		error = complain(DIRECTORY_TLS_KEY, directory_read(DIRECTORY_TLS_KEY, true,
		                                            &s->tls_key.data, &s->tls_key.length));
	return error;
}

static int load(struct service *s)
{
	int error = load_authority(s);

	if (error == 0)
		error = load_key(DIRECTORY_RECEIPT_KEY, &s->receipt_key);
	if (error == 0)
		error = complain(DIRECTORY_RECEIPT,
		        directory_read(DIRECTORY_RECEIPT, false, &s->receipt_public.data,
		                &s->receipt_public.length));
	if (error == 0)
		error = load_own_tls(s);
	return error;
}

/* --- the loop --- */

static void stop(evutil_socket_t signal_number, short what, void *context)
{
	struct service *s = context;

	(void)signal_number;
	(void)what;
	notify_send(&s->notify, "STOPPING=1");
	/* After the callback that runs now: a transaction begun is a transaction ended. */
	event_base_loopbreak(s->base);
}

static void still_alive(evutil_socket_t fd, short what, void *context)
{
	const struct service *s = context;

	(void)fd;
	(void)what;
	notify_send(&s->notify, "WATCHDOG=1");
}

static int start_signals(struct service *s)
{
	s->terminate = evsignal_new(s->base, SIGTERM, stop, s);
	s->interrupt = evsignal_new(s->base, SIGINT, stop, s);
	if (s->terminate == NULL || s->interrupt == NULL || evsignal_add(s->terminate, NULL) != 0 ||
	        evsignal_add(s->interrupt, NULL) != 0)
		return ERR_MEMORY;
	return 0;
}

static int start_watchdog(struct service *s)
{
	int error = notify_open(&s->notify);

	if (error != 0 || s->notify.every_us == 0)
		return error;
	const struct timeval span = {
	        .tv_sec = s->notify.every_us / 1000000, .tv_usec = s->notify.every_us % 1000000};
	s->watchdog = event_new(s->base, -1, EV_PERSIST, still_alive, s);
	return s->watchdog == NULL || evtimer_add(s->watchdog, &span) != 0 ? ERR_MEMORY : 0;
}

static int start_server(struct service *s)
{
	const struct config *config = &s->collector->config;
	const struct server_parts parts = {.base = s->base,
	        .config = config,
	        .store = s->store,
	        .authority = s->authority,
	        .receipt_key = s->receipt_key,
	        .receipt_public = (const char *)s->receipt_public.data,
	        .tls_certificate = s->tls_certificate.data,
	        .tls_certificate_length = s->tls_certificate.length,
	        .tls_key = s->tls_key.data,
	        .tls_key_length = s->tls_key.length};
	char address[96];

	snprintf(address, sizeof(address), "%s port %u", config->listen_host,
	        (unsigned)config->listen_port);
	int error = complain(address, server_open(&parts, &s->server));
	wipe(&s->tls_key); /* OpenSSL has it now */
	if (error == 0)
		error = complain(
		        DIRECTORY_CONTROL, control_open(s->base, DIRECTORY_CONTROL, s->store,
		                                   server_polls(s->server), &s->control));
	return error;
}

static int start(struct service *s)
{
	s->base = event_base_new();
	if (s->base == NULL)
		return ERR_MEMORY;
	int error = complain("signals", start_signals(s));
	if (error == 0)
		error = complain("NOTIFY_SOCKET", start_watchdog(s));
	if (error == 0)
		error = start_server(s);
	if (error == 0) {
		tzset(); /* reads a file */
		error = complain("sandbox", sandbox_shut());
	}
	return error;
}

static void end(struct service *s)
{
	if (s->server != NULL)
		poll_board_stop(server_polls(s->server));
	control_free(&s->control);
	server_free(&s->server);
	struct event *const events[] = {s->terminate, s->interrupt, s->watchdog};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	if (s->base != NULL)
		event_base_free(s->base);
	store_close(&s->store);
	notify_close(&s->notify);
	authority_free(&s->authority);
	key_free(&s->receipt_key);
	wipe(&s->receipt_public);
	wipe(&s->tls_certificate);
	wipe(&s->tls_key);
}

static int run(struct service *s, bool allow_root)
{
	int error = load_office_tls(s);

	if (error != 0)
		return error;
	error = collector_open(s->collector, &s->store);
	if (error != 0)
		return error;
	if (geteuid() == 0 && !allow_root) {
		log_error("%s", LANGUAGE("root では動きません。--user で利用者を指定してください",
		                        "will not serve as root; give --user, or --allow-root "
		                        "where nothing else is possible"));
		return ERR_DENIED;
	}
	error = load(s);
	if (error == 0)
		error = start(s);
	if (error != 0)
		return error;
	log_info("serving on %s port %u", s->collector->config.listen_host,
	        (unsigned)s->collector->config.listen_port);
	notify_send(&s->notify, "READY=1");
	return event_base_dispatch(s->base) < 0 ? ERR_IO : 0;
}

int command_serve(const struct collector *collector, int argc, char **argv)
{
	struct service service = {.collector = collector, .notify = {.fd = -1}};
	bool allow_root = argc == 2 && strcmp(argv[1], "--allow-root") == 0;

	if (argc > 1 && !allow_root) {
		collector_say("serve", LANGUAGE("使い方: sekisho-collector serve [--allow-root]",
		                               "usage: sekisho-collector serve [--allow-root]"));
		return EXIT_USAGE;
	}
	int error = run(&service, allow_root);
	end(&service);
	return error == 0 ? EXIT_YES : EXIT_UNASKED;
}
