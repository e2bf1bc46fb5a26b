#include "agent/absences.h"

#include "tests/unit/workspace.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/event.h"
#include "core/frame.h"

/* Processes that only wait: what they would say is said here. */
struct world {
	struct cards cards, keys, seals;
	struct tell tell;
	struct absences absences;
	char directory[64];
};

static const char *const programs[] = {"card", "fido2", "absence"};

static void program(const char *directory, const char *name)
{
	char path[128];
	FILE *file = NULL;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("#!/bin/sh\nread -r line <&3\nexec sleep 20\n", file);
	fclose(file);
	assert_int_equal(chmod(path, 0755), 0);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->directory, sizeof(w->directory), "/tmp/sekisho-absences.XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		program(w->directory, programs[i]);
	w->tell.fd = -1;
	w->cards = (struct cards){.role = ROLE_CARD, .ids = {7, 7, (gid_t)-1}};
	w->keys = (struct cards){.role = ROLE_FIDO2, .ids = {8, 8, (gid_t)-1}};
	w->cards.libexec = w->keys.libexec = w->directory;
	w->cards.root_path = w->keys.root_path = "/";
	w->absences = (struct absences){.readers = {&w->cards, &w->keys, &w->seals},
	        .tell = &w->tell,
	        .libexec = w->directory,
	        .root_path = "/"};
	absences_open(&w->absences);
	*state = w;
	return 0;
}

static void end(pid_t pid)
{
	if (pid == 0)
		return;
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char path[128];

	for (size_t i = 0; i < ABSENCES_MAX; i++)
		end(w->absences.sessions[i].pid);
	for (size_t i = 0; i < CARD_LIFETIME_PROCESSES; i++) {
		end(w->cards.processes[i].pid);
		end(w->keys.processes[i].pid);
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->directory, programs[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(w->directory), 0);
	free(w);
	return 0;
}

/* The last event main told of: its kind and cause. */
static void assert_told(
        const struct world *w, size_t count, enum event_kind kind, const char *cause)
{
	static struct event_record e;
	uint8_t bytes[TELL_EVENT_SIZE];
	struct buffer b;

	assert_int_equal(w->tell.count, count);
	if (count == 0)
		return;
	memcpy(bytes, w->tell.events[count - 1].bytes, w->tell.events[count - 1].length);
	b = buffer_over(bytes, sizeof(bytes));
	b.length = w->tell.events[count - 1].length;
	(void)buffer_get_u32(&b); /* the message's number */
	assert_int_equal(event_decode(&b, &e), 0);
	assert_int_equal(e.kind, kind);
	assert_string_equal(e.fields[1].value, cause);
}

/* A token is shown: the process that stays with it. */
static pid_t show(struct world *w, struct cards *readers, const char *user)
{
	int fd = -1;
	pid_t pid = 0;

	assert_int_equal(cards_start(readers, &fd), 0);
	assert_int_equal(absences_present(&w->absences, user, fd), 0);
	close(fd);
	for (size_t i = 0; i < CARD_LIFETIME_PROCESSES; i++)
		if (strcmp(readers->processes[i].user, user) == 0)
			pid = readers->processes[i].pid;
	assert_true(pid > 0);
	return pid;
}

/* It ends, as main's wait tells. */
static void goes(struct world *w, pid_t pid, int status)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(absences_take(&w->absences, pid, status));
}

static void a_token_that_goes_is_to_lock_its_users_sessions(void **state)
{
	struct world *w = *state;
	const struct absence_session *s = w->absences.sessions;
	pid_t card = 0;

	(void)state;
	card = show(w, &w->cards, "hanako");
	assert_int_equal(absences_watch(&w->absences, "hanako", 1000, getpid(), 300), 0);
	assert_int_equal(absences_watch(&w->absences, "jiro", 1001, getpid(), 300), 0);
	assert_true(s[0].pid > 0 && s[1].pid > 0);
	goes(w, card, EXIT_YES);
	assert_int_equal(s[0].wanted, ABSENCE_CARD);
	assert_int_equal(s[1].wanted, 0);
	/* Who shows who it is has unlocked. */
	assert_int_equal(absences_present(&w->absences, "hanako", -1), 0);
	assert_int_equal(s[0].wanted, 0);
	goes(w, show(w, &w->keys, "hanako"), EXIT_NO); /* whatever it ended of */
	assert_int_equal(s[0].wanted, ABSENCE_KEY);
}

static void a_token_may_go_before_its_session_is_there(void **state)
{
	struct world *w = *state;

	goes(w, show(w, &w->keys, "hanako"), EXIT_YES);
	assert_int_equal(absences_watch(&w->absences, "hanako", 1000, getpid(), 300), 0);
	assert_int_equal(w->absences.sessions[0].wanted, ABSENCE_KEY);
	/* Another one shown since would have made up for it. */
	goes(w, show(w, &w->keys, "jiro"), EXIT_YES);
	(void)show(w, &w->keys, "jiro");
	assert_int_equal(absences_watch(&w->absences, "jiro", 1001, getpid(), 300), 0);
	assert_int_equal(w->absences.sessions[1].wanted, 0);
}

static void what_cannot_be_watched_is_told(void **state)
{
	struct world *w = *state;

	goes(w, show(w, &w->cards, "hanako"), EXIT_UNASKED);
	assert_told(w, 0, 0, NULL);
	assert_int_equal(absences_watch(&w->absences, "hanako", 1000, getpid(), 300), 0);
	assert_told(w, 1, EVENT_SESSION_UNGUARDED, "no-removal-told");
	assert_int_equal(w->absences.sessions[0].wanted, 0);
	assert_int_equal(absences_watch(&w->absences, "root", 0, getpid(), 300), ERR_DENIED);
	assert_told(w, 2, EVENT_SESSION_UNGUARDED, "root");
	goes(w, w->absences.sessions[0].pid, EXIT_UNASKED);
	assert_told(w, 3, EVENT_SESSION_UNGUARDED, "no-session");
	assert_string_equal(w->absences.sessions[0].user, "");
}

static void one_that_dies_is_started_again(void **state)
{
	struct world *w = *state;
	struct absence_session *s = w->absences.sessions;

	assert_int_equal(absences_watch(&w->absences, "hanako", 1000, getpid(), 300), 0);
	for (unsigned i = 1; i <= ABSENCE_TRIES; i++) {
		goes(w, s->pid, EXIT_NO);
		assert_int_equal(s->pid, 0);
		assert_true(absences_wait_ms(&w->absences) > 0);
		s->due_ms = clock_boot_ms();
		absences_due(&w->absences);
		assert_true(s->pid > 0);
	}
	assert_told(w, 1, EVENT_SESSION_UNGUARDED, "absence-failed");
}

static void nobody_stays_when_the_last_session_is_over(void **state)
{
	struct world *w = *state;
	pid_t card = show(w, &w->cards, "hanako");
	int status = 0;

	assert_true(absences_wait_ms(&w->absences) > 0); /* no session so far */
	assert_int_equal(absences_watch(&w->absences, "hanako", 1000, getpid(), 300), 0);
	assert_int_equal(absences_wait_ms(&w->absences), -1);
	goes(w, w->absences.sessions[0].pid, EXIT_YES);
	assert_int_equal(waitpid(card, &status, 0), card);
	assert_true(WIFSIGNALED(status));
	assert_true(absences_take(&w->absences, card, EXIT_NO));
	assert_told(w, 0, 0, NULL);
}

static void it_may_not_say_what_it_was_not_told(void **state)
{
	struct world *w = *state;
	struct absence_session *s = w->absences.sessions;
	const uint8_t idle = ABSENCE_IDLE;
	const uint8_t card = ABSENCE_CARD;
	int pair[2];

	assert_int_equal(absences_watch(&w->absences, "hanako", 1000, getpid(), 300), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	close(s->fd);
	s->fd = pair[0];
	assert_int_equal(frame_send(pair[1], ABSENCE_LOCKED, &idle, 1, NULL, 0), 0);
	absences_serve(&w->absences, 0);
	assert_told(w, 1, EVENT_SESSION_LOCKED, "idle");
	s->wanted = ABSENCE_CARD;
	assert_int_equal(frame_send(pair[1], ABSENCE_LOCKED, &card, 1, NULL, 0), 0);
	absences_serve(&w->absences, 0);
	assert_told(w, 2, EVENT_SESSION_LOCKED, "card-removed");
	assert_int_equal(s->wanted, 0);
	assert_int_equal(frame_send(pair[1], ABSENCE_LOCKED, &card, 1, NULL, 0), 0);
	absences_serve(&w->absences, 0);
	assert_told(w, 2, EVENT_SESSION_LOCKED, "card-removed");
	assert_int_equal(s->fd, -1); /* and it was killed */
	close(pair[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_token_that_goes_is_to_lock_its_users_sessions),
	        TEST(a_token_may_go_before_its_session_is_there),
	        TEST(what_cannot_be_watched_is_told),
	        TEST(one_that_dies_is_started_again),
	        TEST(nobody_stays_when_the_last_session_is_over),
	        TEST(it_may_not_say_what_it_was_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
