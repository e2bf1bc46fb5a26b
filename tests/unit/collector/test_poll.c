#include "collector/poll.h"

#include "core/error.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

struct scene {
	struct event_base *base;
	struct poll_board board;
	bool waiting; /* the terminal has a connection that waits */
	bool connected;
	int sends;
	int ends;
	enum poll_end end;
	uint64_t seq;
};

static bool send_nonce(void *context, int64_t terminal, const char *nonce)
{
	struct scene *s = context;

	assert_int_equal(terminal, 7);
	assert_string_equal(nonce, "nonce");
	if (!s->waiting)
		return false;
	s->sends++;
	s->waiting = false;
	return true;
}

static bool is_connected(void *context, int64_t terminal)
{
	const struct scene *s = context;

	(void)terminal;
	return s->connected;
}

static void done(void *context, enum poll_end end, uint64_t seq, int64_t took_ms)
{
	struct scene *s = context;

	assert_true(took_ms >= 0);
	s->ends++;
	s->end = end;
	s->seq = seq;
}

static void set_scene(struct scene *s)
{
	*s = (struct scene){.base = event_base_new()};
	poll_board_start(&s->board, s->base);
	s->board.send = send_nonce;
	s->board.connected = is_connected;
	s->board.context = s;
}

static void clear_scene(struct scene *s)
{
	poll_board_stop(&s->board);
	assert_int_equal(s->board.count, 0);
	event_base_free(s->base);
}

static void start(struct scene *s)
{
	assert_int_equal(poll_start(&s->board, 7, "nonce", 1, done, s), 0);
}

static void test_answered(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.waiting = true;
	start(&s);
	assert_int_equal(s.sends, 1);
	poll_answered(&s.board, 8, "nonce", 3);
	poll_answered(&s.board, 7, "other", 3);
	assert_int_equal(s.ends, 0);
	poll_answered(&s.board, 7, "nonce", 3);
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.end, POLL_ANSWERED);
	assert_int_equal(s.seq, 3);
	clear_scene(&s);
	assert_int_equal(s.ends, 1);
}

static void test_terminal_waits_later(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.connected = true;
	start(&s);
	assert_int_equal(s.sends, 0);
	assert_null(poll_take_pending(&s.board, 8));
	/* A connection that went down with the nonce does not end the poll, but neither is it given
	 * for ever. */
	for (int i = 0; i < POLL_SENDS_MAX; i++)
		assert_string_equal(poll_take_pending(&s.board, 7), "nonce");
	assert_null(poll_take_pending(&s.board, 7));
	clear_scene(&s);
	assert_int_equal(s.end, POLL_DROPPED);
}

static void run_for(const struct scene *s, int ms)
{
	const struct timeval span = {ms / 1000, (ms % 1000) * 1000L};

	event_base_loopexit(s->base, &span);
	event_base_dispatch(s->base);
}

static void test_time_is_up(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.waiting = true;
	start(&s);
	run_for(&s, 1200);
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.end, POLL_TIMED_OUT);
	clear_scene(&s);
}

static void test_not_connected(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	start(&s);
	run_for(&s, 1200);
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.end, POLL_NOT_CONNECTED);
	clear_scene(&s);
}

static void test_forgotten(void **state)
{
	struct scene s;
	int other;

	(void)state;
	set_scene(&s);
	start(&s);
	poll_forget(&s.board, &other);
	assert_int_equal(s.board.count, 1);
	poll_forget(&s.board, &s);
	assert_int_equal(s.board.count, 0);
	clear_scene(&s);
	assert_int_equal(s.ends, 0);
}

static void test_bounded(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	for (int i = 0; i < POLL_MAX; i++)
		start(&s);
	assert_int_equal(poll_start(&s.board, 7, "nonce", 1, done, &s), ERR_TOO_LONG);
	clear_scene(&s);
	assert_int_equal(s.ends, POLL_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_answered),
	        cmocka_unit_test(test_terminal_waits_later),
	        cmocka_unit_test(test_time_is_up),
	        cmocka_unit_test(test_not_connected),
	        cmocka_unit_test(test_forgotten),
	        cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
