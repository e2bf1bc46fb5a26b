#include "agent/errand.h"
#include "tests/unit/workspace.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "core/error.h"
#include "core/frame.h"

enum { ANSWER_MS = 10000, ENDED_MS = 20000, STEP_MS = 20 };
enum { MANY = 100, MANY_APART_MS = 4, MANY_STEP_NS = 20000 };

struct fixture {
	struct workspace *w;
	struct requests requests;
	struct errand errand;
	int asking, answering;
};

/* "1-2" can be closed; whoever looks which device "1-3" is waits for a writer. */
static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *workspace = NULL;
	int pair[2];

	assert_non_null(f);
	assert_int_equal(workspace_set_up(&workspace), 0);
	f->w = workspace;
	assert_int_equal(workspace_run(f->w, "mkdir -p bus/usb/devices/1-2 bus/usb/devices/1-3\n"
	                                     "echo 5 >bus/usb/devices/1-2/devnum\n"
	                                     "mkfifo bus/usb/devices/1-3/devnum\n"
	                                     "for d in 1-2 1-3; do : >bus/usb/devices/$d/uevent; "
	                                     "echo 1 >bus/usb/devices/$d/authorized; done"),
	        0);
	f->requests = (struct requests){.root = f->w->fd, .sys = f->w->fd};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->asking = pair[0];
	f->answering = pair[1];
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *workspace = f->w;

	errand_let_go(&f->errand);
	close(f->asking);
	close(f->answering);
	free(f);
	return workspace_tear_down(&workspace);
}

static void close_device(struct fixture *f, uint32_t id, const char *name)
{
	struct request q = {.id = id, .type = REQUEST_USB_DEAUTHORISE, .number = 5};

	strncpy(q.name, name, sizeof(q.name) - 1);
	assert_true(errand_run(&f->errand, &f->requests, ROLE_GUARD, &q, f->answering));
}

static void expect_answer(struct fixture *f, uint32_t id, int error)
{
	uint8_t memory[64];
	struct frame frame;

	assert_int_equal(frame_receive(f->asking, ANSWER_MS, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, MESSAGE_RESULT);
	assert_int_equal(buffer_get_u32(&frame.payload), id);
	assert_int_equal(buffer_get_u32(&frame.payload), -error);
}

static void expect_ended(unsigned processes)
{
	for (unsigned waited = 0; processes > 0 && waited < ENDED_MS; waited += STEP_MS) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			processes--;
		usleep(STEP_MS * 1000);
	}
	assert_int_equal(processes, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void expect_all_ended(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
}

/* Each as soon as the one before was answered. */
static void one_process_runs_one_after_the_other(void **state)
{
	struct fixture *f = *state;

	for (uint32_t id = 1; id <= 3; id++) {
		close_device(f, id, "1-2");
		expect_answer(f, id, 0);
	}
	errand_let_go(&f->errand);
	expect_ended(1);
}

static void who_is_expected_is_there_already(void **state)
{
	struct fixture *f = *state;
	int process;

	errand_expect(&f->errand, &f->requests);
	process = f->errand.fd;
	assert_true(process > 0);
	errand_expect(&f->errand, &f->requests);
	close_device(f, 1, "1-2");
	expect_answer(f, 1, 0);
	errand_expect(&f->errand, &f->requests);
	assert_int_equal(f->errand.fd, process);
	errand_let_go(&f->errand);
	expect_ended(1);
}

static void a_device_that_does_not_answer_holds_up_nobody_else(void **state)
{
	struct fixture *f = *state;
	int fd;

	close_device(f, 1, "1-3");
	close_device(f, 2, "1-2");
	expect_answer(f, 2, 0);
	fd = openat(f->w->fd, "bus/usb/devices/1-3/devnum", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	expect_answer(f, 1, ERR_NOT_FOUND);
	errand_let_go(&f->errand);
	expect_ended(2);
}

static void nobody_waits_for_ever(void **state)
{
	struct fixture *f = *state;

	close_device(f, 1, "1-2");
	expect_answer(f, 1, 0);
	expect_ended(1);
	close_device(f, 2, "1-2");
	expect_answer(f, 2, 0);
	errand_let_go(&f->errand);
	expect_ended(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void until_ns(int64_t then)
{
	const struct timespec at = {then / 1000000000, then % 1000000000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Each gets its second errand about when it has waited long enough: some sooner, some later. */
static void none_is_lost_when_it_ends(void **state)
{
	struct fixture *f = *state;
	struct errand errands[MANY];
	int64_t free_ns[MANY];

	for (uint32_t i = 0; i < MANY; i++) {
		f->errand = (struct errand){0};
		close_device(f, i, "1-2");
		expect_answer(f, i, 0);
		free_ns[i] = now_ns();
		errands[i] = f->errand;
		until_ns(free_ns[i] + MANY_APART_MS * INT64_C(1000000));
	}
	for (uint32_t i = 0; i < MANY; i++) {
		until_ns(free_ns[i] + ERRAND_LINGER_MS * INT64_C(1000000) +
		         ((int64_t)i - MANY / 4) * MANY_STEP_NS);
		f->errand = errands[i];
		close_device(f, MANY + i, "1-2");
		expect_answer(f, MANY + i, 0);
		errand_let_go(&f->errand);
	}
	expect_all_ended();
}

static void what_is_forbidden_is_not_answered(void **state)
{
	struct fixture *f = *state;
	uint8_t memory[64];
	struct frame frame;

	close_device(f, 1, "../1-2");
	expect_ended(1);
	assert_int_equal(frame_receive(f->asking, 0, memory, sizeof(memory), &frame), ERR_TIMEOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(one_process_runs_one_after_the_other),
	        TEST(who_is_expected_is_there_already),
	        TEST(a_device_that_does_not_answer_holds_up_nobody_else),
	        TEST(nobody_waits_for_ever),
	        TEST(none_is_lost_when_it_ends),
	        TEST(what_is_forbidden_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
