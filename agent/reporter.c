/* The reporter: meets the network. It can neither sign nor decide; it keeps and brings what the
 * signer made. */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/courier.h"
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"

struct reporter {
	struct child child;
	struct event_base *base;
	struct event *main_event;
	struct event *signer_event;
	struct courier courier;
	bool reload; /* noted while main was heard, done afterwards */
	bool new_signer;
	int error;
};

static void stop(struct reporter *r, int error)
{
	r->error = error;
	event_base_loopbreak(r->base);
}

static void on_signer_ready(evutil_socket_t fd, short what, void *context)
{
	struct reporter *r = context;
	int error = report_link_serve(&r->courier.link);

	(void)fd;
	(void)what;
	if (error == 0) {
		courier_notice_news(&r->courier);
		return;
	}
	/* Main starts another one and sends its channel. */
	event_free(r->signer_event);
	r->signer_event = NULL;
	close(r->child.channel.signer_fd);
	r->child.channel.signer_fd = -1;
}

static void watch_signer(struct reporter *r)
{
	if (r->signer_event != NULL)
		event_free(r->signer_event);
	r->signer_event = NULL;
	if (r->child.channel.signer_fd < 0)
		return;
	r->signer_event = event_new(
	        r->base, r->child.channel.signer_fd, EV_READ | EV_PERSIST, on_signer_ready, r);
	if (r->signer_event == NULL || event_add(r->signer_event, NULL) != 0)
		stop(r, ERR_MEMORY);
}

/* Called wherever main is heard, also in the middle of a question to the signer: notes only. */
static void on_main(void *context, struct frame *frame)
{
	struct reporter *r = context;

	if (frame->type == MESSAGE_RELOAD && frame->payload.length == 0 && frame->fd_count == 0)
		r->reload = true;
	else if (frame->type == MESSAGE_SIGNER)
		r->new_signer = true;
	else
		stop(r, ERR_FORMAT);
	frame_close_fds(frame);
}

static void on_main_ready(evutil_socket_t fd, short what, void *context)
{
	struct reporter *r = context;
	int error = channel_serve_main(&r->child.channel);

	(void)fd;
	(void)what;
	if (error != 0 && error != ERR_TIMEOUT)
		stop(r, error);
}

/* What was noted since the last turn of the loop. A channel that was closed or replaced on the way
 * is watched no longer. */
static void settle(struct reporter *r)
{
	if (r->new_signer || (r->signer_event != NULL && r->child.channel.signer_fd < 0)) {
		bool greet = r->new_signer;

		r->new_signer = false;
		watch_signer(r);
		if (greet)
			courier_greet_signer(&r->courier);
	}
	if (r->reload) {
		r->reload = false;
		courier_reload(&r->courier);
	}
	courier_notice_news(&r->courier);
	if (r->courier.fatal != 0)
		stop(r, r->courier.fatal);
}

/* About to sleep until the collector has a question, or until the next attempt. */
static bool is_idle(const struct courier *c)
{
	return c->phase == COURIER_POLLING || c->phase == COURIER_WAITING ||
	       c->phase == COURIER_OFF;
}

static int open_all(struct reporter *r)
{
	int error;

	r->base = event_base_new();
	if (r->base == NULL)
		return ERR_MEMORY;
	r->child.channel.on_main = on_main;
	r->child.channel.context = r;
	error = courier_open(&r->courier, r->base, &r->child.channel, r->child.root);
	if (error != 0) {
		log_error("outbox: %s", error_text(error));
		return error;
	}
	r->main_event = event_new(
	        r->base, r->child.channel.main_fd, EV_READ | EV_PERSIST, on_main_ready, r);
	if (r->main_event == NULL || event_add(r->main_event, NULL) != 0)
		return ERR_MEMORY;
	watch_signer(r);
	return channel_ready(&r->child.channel);
}

int main(int argc, char **argv)
{
	struct reporter *r = calloc(1, sizeof(*r));

	if (r == NULL || child_start(argc, argv, ROLE_REPORTER, &r->child) != 0)
		return EXIT_USAGE;
	umask(0077);
	(void)signal(SIGPIPE, SIG_IGN);
	r->error = open_all(r);
	r->reload = true;
	while (r->error == 0) {
		settle(r);
		if (is_idle(&r->courier))
			memory_give_back();
		if (r->error == 0 && event_base_loop(r->base, EVLOOP_ONCE) != 0)
			r->error = ERR_IO;
	}
	if (r->error != ERR_CLOSED)
		log_error("%s", error_text(r->error));
	return EXIT_UNASKED;
}
