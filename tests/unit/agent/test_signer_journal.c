#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/signer_journal.h"
#include "core/error.h"
#include "tests/unit/agent/temporary.h"

#define FIRST_FILE "00000000000000000001.jsonl"

static int setup(void **state)
{
	return temporary_setup(state);
}

static int teardown(void **state)
{
	return temporary_teardown(state);
}

static void start(struct signer_journal *j, int dir, const struct journal_head *reported)
{
	assert_int_equal(signer_journal_open(j, fcntl(dir, F_DUPFD_CLOEXEC, 0), reported), 0);
}

static void add(struct signer_journal *j, const char *name)
{
	struct event_record e;

	event_start(&e, EVENT_DEVICE_DENIED);
	event_put(&e, FIELD_NAME, name);
	assert_int_equal(signer_journal_add(j, &e, NULL), 0);
}

static void add_and_commit(struct signer_journal *j, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "device %u", i);
		add(j, name);
	}
	assert_int_equal(signer_journal_commit(j), 0);
}

static int verify(int dir, struct journal_head *head, struct journal_fault *fault)
{
	size_t torn = 0;
	int error = journal_verify(dir, head, &torn, fault);

	assert_int_equal(torn, 0);
	return error;
}

struct counting {
	const char *text;
	unsigned count;
};

static int count_line(void *context, const char *line, size_t length)
{
	struct counting *c = context;

	c->count += memmem(line, length, c->text, strlen(c->text)) != NULL;
	return 0;
}

static unsigned lines_with(int dir, const char *text)
{
	struct counting c = {text, 0};

	assert_int_equal(journal_each(dir, 1, count_line, &c), 0);
	return c.count;
}

/* Changes one byte of the text found first, as somebody with an editor would: size and place stay.
 */
static void tamper(int dir, const char *file, const char *text)
{
	char content[65536];
	int fd = openat(dir, file, O_RDWR | O_CLOEXEC);
	ssize_t length = pread(fd, content, sizeof(content), 0);
	char *at = memmem(content, (size_t)length, text, strlen(text));

	assert_non_null(at);
	assert_int_equal(pwrite(fd, "X", 1, at - content), 1);
	close(fd);
}

static void chain_goes_on_over_restarts(void **state)
{
	int dir = *(int *)*state;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;

	start(&j, dir, NULL);
	assert_int_equal(j.head.count, 0);
	assert_false(j.broken);
	add_and_commit(&j, 3);
	assert_int_equal(j.head.count, 3);
	signer_journal_close(&j);
	start(&j, dir, NULL);
	assert_int_equal(j.head.count, 3);
	add_and_commit(&j, 2);
	signer_journal_inspect(&j);
	assert_false(j.broken);
	assert_int_equal(verify(dir, &head, &fault), 0);
	assert_int_equal(head.count, 5);
	assert_string_equal(head.hash, j.head.hash);
	signer_journal_close(&j);
}

static void nothing_is_there_before_the_commit(void **state)
{
	int dir = *(int *)*state;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;

	start(&j, dir, NULL);
	add(&j, "a");
	add(&j, "b");
	assert_int_equal(j.head.count, 0);
	assert_int_equal(verify(dir, &head, &fault), 0);
	assert_int_equal(head.count, 0);
	assert_int_equal(signer_journal_commit(&j), 0);
	assert_int_equal(j.head.count, 2);
	signer_journal_close(&j);
}

static void a_torn_line_is_cut_and_told(void **state)
{
	int dir = *(int *)*state;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;
	int fd;

	start(&j, dir, NULL);
	add_and_commit(&j, 2);
	signer_journal_close(&j);
	fd = openat(dir, FIRST_FILE, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "{\"seq\":3,\"ti", 12), 12);
	close(fd);
	start(&j, dir, NULL);
	assert_false(j.broken);
	assert_int_equal(j.head.count, 3);
	assert_int_equal(lines_with(dir, "\"event\":\"journal.torn\",\"file\":\"" FIRST_FILE
	                                 "\",\"line\":3,\"bytes\":12,"),
	        1);
	assert_int_equal(verify(dir, &head, &fault), 0);
	assert_int_equal(head.count, 3);
	signer_journal_close(&j);
}

static void a_break_at_start_is_told_once(void **state)
{
	int dir = *(int *)*state;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;

	start(&j, dir, NULL);
	add_and_commit(&j, 4);
	signer_journal_close(&j);
	tamper(dir, FIRST_FILE, "device 1");
	for (int i = 0; i < 2; i++) {
		start(&j, dir, NULL);
		assert_true(j.broken);
		assert_string_equal(j.fault.file, FIRST_FILE);
		assert_int_equal(j.fault.line, 3);
		assert_int_equal(lines_with(dir, "journal.broken"), 1);
		add_and_commit(&j, 1);
		signer_journal_close(&j);
	}
	assert_int_equal(verify(dir, &head, &fault), ERR_CHAIN);
	assert_int_equal(fault.line, 3);
	/* 4 + 1 event of the break + 2 */
	assert_int_equal(head.count, 7);
}

static void a_missing_reported_line_is_a_break(void **state)
{
	int dir = *(int *)*state;
	struct journal_head reported;
	struct signer_journal j;
	struct stat status;

	start(&j, dir, NULL);
	add_and_commit(&j, 2);
	assert_int_equal(fstatat(dir, FIRST_FILE, &status, 0), 0);
	add_and_commit(&j, 2);
	reported = j.head;
	signer_journal_close(&j);
	start(&j, dir, &reported);
	assert_false(j.broken);
	signer_journal_close(&j);
	/* The last two lines go, and what is left is a whole chain. */
	{
		int fd = openat(dir, FIRST_FILE, O_WRONLY | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, status.st_size), 0);
		close(fd);
	}
	start(&j, dir, &reported);
	assert_true(j.broken);
	assert_int_equal(j.fault.seq, 3);
	assert_int_equal(lines_with(dir, "journal.broken"), 1);
	signer_journal_close(&j);
}

static void a_changed_byte_is_seen_while_running(void **state)
{
	int dir = *(int *)*state;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;

	start(&j, dir, NULL);
	add_and_commit(&j, 5);
	tamper(dir, FIRST_FILE, "device 2");
	signer_journal_inspect(&j);
	assert_true(j.broken);
	assert_string_equal(j.fault.file, FIRST_FILE);
	assert_int_equal(j.fault.line, 4);
	assert_int_equal(j.head.count, 6);
	/* Once per fault. */
	signer_journal_inspect(&j);
	add_and_commit(&j, 1);
	signer_journal_inspect(&j);
	assert_int_equal(j.head.count, 7);
	assert_int_equal(lines_with(dir, "journal.broken"), 1);
	/* Anybody can still see where, and everything after continues. */
	assert_int_equal(verify(dir, &head, &fault), ERR_CHAIN);
	assert_int_equal(fault.line, 4);
	assert_string_equal(head.hash, j.head.hash);
	signer_journal_close(&j);
}

static void a_changed_last_line_is_seen(void **state)
{
	int dir = *(int *)*state;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;

	start(&j, dir, NULL);
	add_and_commit(&j, 3);
	tamper(dir, FIRST_FILE, "device 2");
	signer_journal_inspect(&j);
	assert_true(j.broken);
	assert_int_equal(j.fault.seq, 3);
	/* The chain goes on from what was written, so that the change shows to whoever has the
	 * files alone. */
	assert_int_equal(verify(dir, &head, &fault), ERR_CHAIN);
	signer_journal_close(&j);
}

static void a_truncated_file_is_seen(void **state)
{
	int dir = *(int *)*state, fd;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;
	struct stat status;

	start(&j, dir, NULL);
	add_and_commit(&j, 2);
	assert_int_equal(fstatat(dir, FIRST_FILE, &status, 0), 0);
	add_and_commit(&j, 2);
	fd = openat(dir, FIRST_FILE, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, status.st_size), 0);
	close(fd);
	add_and_commit(&j, 1); /* notices before it writes */
	signer_journal_inspect(&j);
	assert_true(j.broken);
	assert_int_equal(lines_with(dir, "journal.broken"), 1);
	assert_int_equal(verify(dir, &head, &fault), ERR_CHAIN);
	assert_string_equal(head.hash, j.head.hash);
	signer_journal_close(&j);
}

static void a_removed_file_is_seen(void **state)
{
	int dir = *(int *)*state;
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;

	start(&j, dir, NULL);
	add_and_commit(&j, 2);
	assert_int_equal(unlinkat(dir, FIRST_FILE, 0), 0);
	signer_journal_inspect(&j);
	assert_true(j.broken);
	assert_int_equal(j.head.count, 3);
	assert_int_equal(verify(dir, &head, &fault), ERR_CHAIN);
	signer_journal_close(&j);
}

static void an_added_line_is_seen(void **state)
{
	int dir = *(int *)*state;
	struct journal_stamp stamp = {1, 1, "f47ac10b-58cc-4372-a567-0e02b2c3d479"};
	struct signer_journal j;
	struct journal_head head;
	struct event_record e;
	char *line = NULL;
	int fd;

	start(&j, dir, NULL);
	add_and_commit(&j, 2);
	head = j.head;
	event_start(&e, EVENT_AGENT_STOPPING);
	assert_int_equal(journal_line(&e, &stamp, &head, &line), 0);
	fd = openat(dir, FIRST_FILE, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	free(line);
	signer_journal_inspect(&j);
	assert_true(j.broken);
	assert_int_equal(j.fault.line, 3);
	signer_journal_close(&j);
}

static void touching_is_no_fault(void **state)
{
	int dir = *(int *)*state;
	struct signer_journal j;

	start(&j, dir, NULL);
	add_and_commit(&j, 2);
	assert_int_equal(utimensat(dir, FIRST_FILE, NULL, 0), 0);
	signer_journal_inspect(&j);
	assert_false(j.broken);
	assert_int_equal(j.head.count, 2);
	add_and_commit(&j, 1);
	signer_journal_inspect(&j);
	assert_false(j.broken);
	signer_journal_close(&j);
}

/* The disk is full: nothing of it counts, nothing of it is there, and the next attempt continues
 * the chain. */
static void a_failed_write_leaves_no_trace(void **state)
{
	int dir = *(int *)*state;
	struct rlimit before, small;
	struct journal_head head, then;
	struct journal_fault fault;
	struct signer_journal j;
	struct stat status;

	start(&j, dir, NULL);
	add_and_commit(&j, 2);
	then = j.head;
	assert_int_equal(fstatat(dir, FIRST_FILE, &status, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = (rlim_t)status.st_size + 100;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	add(&j, "lost");
	assert_int_equal(signer_journal_commit(&j), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(j.failure, EFBIG);
	assert_int_equal(j.head.count, then.count);
	assert_int_equal(verify(dir, &head, &fault), 0);
	assert_string_equal(head.hash, then.hash);
	add_and_commit(&j, 1);
	assert_int_equal(j.failure, 0);
	signer_journal_inspect(&j);
	assert_false(j.broken);
	assert_int_equal(verify(dir, &head, &fault), 0);
	assert_int_equal(head.count, 3);
	assert_int_equal(lines_with(dir, "lost"), 0);
	signer_journal_close(&j);
}

/* Who fills the disk takes nothing of what the next events need. */
static void there_is_room_for_the_next_events(void **state)
{
	int dir = *(int *)*state;
	struct signer_journal j;
	struct stat status;

	start(&j, dir, NULL);
	add_and_commit(&j, 1);
	assert_int_equal(fstatat(dir, FIRST_FILE, &status, 0), 0);
	assert_true(status.st_blocks * 512 >= status.st_size + (512 << 10));
	signer_journal_close(&j);
	start(&j, dir, NULL);
	add_and_commit(&j, 1);
	assert_int_equal(fstatat(dir, FIRST_FILE, &status, 0), 0);
	assert_true(status.st_blocks * 512 >= status.st_size + (512 << 10));
	signer_journal_inspect(&j);
	assert_false(j.broken);
	signer_journal_close(&j);
}

static void a_file_ends_at_its_size(void **state)
{
	int dir = *(int *)*state;
	struct event_record *e = calloc(1, sizeof(*e));
	struct journal_head head;
	struct journal_fault fault;
	struct signer_journal j;
	char long_value[EVENT_VALUE_MAX + 1];
	struct stat status;

	memset(long_value, 'v', EVENT_VALUE_MAX);
	long_value[EVENT_VALUE_MAX] = '\0';
	event_start(e, EVENT_DEVICE_DENIED);
	for (int each = FIELD_ID; each <= FIELD_OBSERVED; each++) {
		uint16_t field = (uint16_t)each;

		event_put(e, field,
		        event_field_is_number(field) ? "1"
		        : event_field_is_flag(field) ? "true"
		                                     : long_value);
	}
	start(&j, dir, NULL);
	for (int i = 0; i < 2500; i++) {
		assert_int_equal(signer_journal_add(&j, e, NULL), 0);
		if (i % 64 == 0)
			assert_int_equal(signer_journal_commit(&j), 0);
	}
	assert_int_equal(signer_journal_commit(&j), 0);
	assert_int_equal(j.file_count, 2);
	for (size_t i = 0; i < j.file_count; i++) {
		assert_int_equal(fstatat(dir, j.files[i].name, &status, 0), 0);
		assert_true(status.st_size <= JOURNAL_FILE_MAX);
	}
	assert_int_equal(verify(dir, &head, &fault), 0);
	assert_int_equal(head.count, 2500);
	signer_journal_inspect(&j);
	assert_false(j.broken);
	signer_journal_close(&j);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(chain_goes_on_over_restarts, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                nothing_is_there_before_the_commit, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_torn_line_is_cut_and_told, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_break_at_start_is_told_once, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                a_missing_reported_line_is_a_break, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                a_changed_byte_is_seen_while_running, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_changed_last_line_is_seen, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_truncated_file_is_seen, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_removed_file_is_seen, setup, teardown),
	        cmocka_unit_test_setup_teardown(an_added_line_is_seen, setup, teardown),
	        cmocka_unit_test_setup_teardown(touching_is_no_fault, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_failed_write_leaves_no_trace, setup, teardown),
	        cmocka_unit_test_setup_teardown(there_is_room_for_the_next_events, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_file_ends_at_its_size, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
