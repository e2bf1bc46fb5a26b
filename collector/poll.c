#include "collector/poll.h"

#include "core/clock.h"
#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void poll_board_start(struct poll_board *board, struct event_base *base)
{
	*board = (struct poll_board){.base = base};
	TAILQ_INIT(&board->polls);
}

static void remove_poll(struct poll *poll)
{
	TAILQ_REMOVE(&poll->board->polls, poll, next);
	poll->board->count--;
	if (poll->timer != NULL)
		event_free(poll->timer);
	if (poll->grace != NULL)
		event_free(poll->grace);
	free(poll);
}

static void end_poll(struct poll *poll, enum poll_end end, uint64_t seq)
{
	void (*done)(void *, enum poll_end, uint64_t, int64_t) = poll->done;
	void *context = poll->context;
	int64_t took = clock_boot_ms() - poll->started_ms;

	remove_poll(poll);
	done(context, end, seq, took);
}

void poll_board_stop(struct poll_board *board)
{
	struct poll *poll = TAILQ_FIRST(&board->polls);

	while (poll != NULL) {
		struct poll *next = TAILQ_NEXT(poll, next);
		end_poll(poll, POLL_DROPPED, 0);
		poll = next;
	}
}

static bool is_connected(const struct poll *poll)
{
	return poll->board->connected(poll->board->context, poll->terminal);
}

static void time_is_up(evutil_socket_t fd, short what, void *context)
{
	struct poll *poll = context;

	(void)fd;
	(void)what;
	end_poll(poll, poll->sends > 0 || is_connected(poll) ? POLL_TIMED_OUT : POLL_NOT_CONNECTED,
	        0);
}

static void grace_is_over(evutil_socket_t fd, short what, void *context)
{
	struct poll *poll = context;

	(void)fd;
	(void)what;
	if (poll->sends == 0 && !is_connected(poll))
		end_poll(poll, POLL_NOT_CONNECTED, 0);
}

static struct event *start_timer(struct poll *poll, event_callback_fn call, int64_t ms)
{
	const struct timeval span = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
	struct event *timer = evtimer_new(poll->board->base, call, poll);

	if (timer != NULL && evtimer_add(timer, &span) != 0) {
		event_free(timer);
		return NULL;
	}
	return timer;
}

int poll_start(struct poll_board *board, int64_t terminal, const char *nonce, unsigned seconds,
        void (*done)(void *, enum poll_end, uint64_t, int64_t), void *context)
{
	if (board->count >= POLL_MAX)
		return ERR_TOO_LONG;
	struct poll *poll = calloc(1, sizeof(*poll));
	if (poll == NULL)
		return ERR_MEMORY;
	poll->board = board;
	poll->terminal = terminal;
	poll->started_ms = clock_boot_ms();
	poll->done = done;
	poll->context = context;
	snprintf(poll->nonce, sizeof(poll->nonce), "%s", nonce);
	TAILQ_INSERT_TAIL(&board->polls, poll, next);
	board->count++;
	poll->timer = start_timer(poll, time_is_up, (int64_t)seconds * 1000);
	poll->grace = start_timer(poll, grace_is_over, POLL_GRACE_MS);
	if (poll->timer == NULL || poll->grace == NULL) {
		remove_poll(poll);
		return ERR_MEMORY;
	}
	if (board->send(board->context, terminal, poll->nonce))
		poll->sends++;
	return 0;
}

void poll_forget(struct poll_board *board, const void *context)
{
	struct poll *poll = TAILQ_FIRST(&board->polls);

	while (poll != NULL) {
		struct poll *next = TAILQ_NEXT(poll, next);
		if (poll->context == context)
			remove_poll(poll);
		poll = next;
	}
}

const char *poll_take_pending(struct poll_board *board, int64_t terminal)
{
	struct poll *poll;

	TAILQ_FOREACH(poll, &board->polls, next)
	{
		if (poll->sends >= POLL_SENDS_MAX || poll->terminal != terminal)
			continue;
		poll->sends++;
		return poll->nonce;
	}
	return NULL;
}

void poll_answered(struct poll_board *board, int64_t terminal, const char *nonce, uint64_t seq)
{
	struct poll *poll = TAILQ_FIRST(&board->polls);

	while (poll != NULL) {
		struct poll *next = TAILQ_NEXT(poll, next);
		if (poll->terminal == terminal && strcmp(poll->nonce, nonce) == 0)
			end_poll(poll, POLL_ANSWERED, seq);
		poll = next;
	}
}
