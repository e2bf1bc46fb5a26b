/* A worker that is killed at every place of a login state's writes, in the middle of one included.
 */
#include "tests/unit/agent/auth_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "core/error.h"

static const struct auth_rules RULES = {.max_failures = 3,
        .digits = 6,
        .step = 30,
        .window = 1,
        .voucher = true,
        .combinations = {.count = 2,
                .factors = {FACTOR_PASSWORD | FACTOR_TOTP, FACTOR_PASSWORD | FACTOR_HOTP}}};

enum { TODAY = 12860 /* of FIXTURE_NOW, in UTC */ };
enum { TIMES = 4 }; /* in a row, one more than a user has tries */

static unsigned places_left; /* 0: lives */

ssize_t __real_pwrite(int fd, const void *bytes, size_t length, off_t offset);
int __real_fdatasync(int fd);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset);
int __wrap_fdatasync(int fd);

static void pass_place(void)
{
	if (places_left > 0 && --places_left == 0)
		raise(SIGKILL);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	size_t half = length / 2;

	pass_place();
	assert_int_equal(__real_pwrite(fd, bytes, half, offset), (ssize_t)half);
	pass_place();
	assert_int_equal(
	        __real_pwrite(fd, (const char *)bytes + half, length - half, offset + (off_t)half),
	        (ssize_t)(length - half));
	pass_place();
	return (ssize_t)length;
}

int __wrap_fdatasync(int fd)
{
	int result = 0;

	pass_place();
	result = __real_fdatasync(fd);
	pass_place();
	return result;
}

static struct auth_file open_hanako(const struct workspace *w)
{
	return fixture_of(openat(w->fd, "hanako", O_RDWR | O_CLOEXEC));
}

static enum auth_outcome verify(const struct workspace *w, const char *code)
{
	const struct auth_file file = open_hanako(w);
	struct auth_answer answer;
	uint8_t id[VOUCHER_ID_SIZE];

	if (strlen(code) == VOUCHER_CODE_SIZE - 1)
		assert_int_equal(
		        auth_verify_voucher(&file, &RULES, code, TODAY, FIXTURE_NOW, &answer, id),
		        0);
	else
		assert_int_equal(auth_verify(&file, &RULES, code, FIXTURE_NOW, &answer), 0);
	close(file.fd);
	return answer.outcome;
}

static struct auth_state look(const struct workspace *w)
{
	const struct auth_file file = open_hanako(w);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	close(file.fd);
	return s;
}

/* False: it came to its end before the place. */
static bool is_killed_at(const struct workspace *w, unsigned place, const char *code)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		places_left = place;
		(void)verify(w, code);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
	return WIFSIGNALED(status);
}

static void add_hotp(const struct workspace *w)
{
	const struct auth_file file = fixture_file(w);
	struct auth_token t = {.kind = TOKEN_HOTP,
	        .otp = {.algorithm = AUTH_SHA1, .digits = 6, .secret_length = 20}};
	struct auth_state s;

	memcpy(t.otp.secret, "12345678901234567890", 20);
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(auth_state_add(&s, &t), 0);
	assert_int_equal(auth_state_write(&file, &s), 0);
	close(file.fd);
}

static void right_code_is_accepted_once_and_locks_nobody(void **state)
{
	const struct workspace *w = *state;
	char code[OTP_CODE_SIZE];
	unsigned place = 0;
	bool killed = true;

	fixture_code(FIXTURE_NOW, 0, code);
	while (killed) {
		struct auth_file file = fixture_file(w);
		enum auth_outcome outcome = AUTH_ACCEPTED;

		close(file.fd);
		place++;
		killed = is_killed_at(w, place, code);
		for (int i = 1; i < TIMES; i++)
			(void)is_killed_at(w, place, code);
		assert_int_equal(look(w).failures, 0);
		outcome = verify(w, code);
		assert_true(outcome == AUTH_SPENT || (killed && outcome == AUTH_ACCEPTED));
		assert_int_equal(verify(w, code), AUTH_SPENT);
	}
	assert_true(place > 5);
}

static void wrong_code_counts_once_or_not(void **state)
{
	const struct workspace *w = *state;
	char code[OTP_CODE_SIZE];
	unsigned place = 0;
	bool killed = true;

	fixture_code(FIXTURE_NOW, 0, code);
	while (killed) {
		struct auth_file file = fixture_file(w);

		close(file.fd);
		place++;
		killed = is_killed_at(w, place, "000000");
		assert_in_range(look(w).failures, killed ? 0 : 1, 1);
		assert_int_equal(verify(w, code), AUTH_ACCEPTED);
	}
	assert_true(place > 5);
}

static void no_counter_is_lost(void **state)
{
	const struct workspace *w = *state;
	unsigned place = 0;
	bool killed = true;

	while (killed) {
		place++;
		add_hotp(w);
		assert_int_equal(verify(w, "755224"), AUTH_ACCEPTED);
		killed = is_killed_at(w, place, "287082");
		assert_in_range(look(w).tokens[1].otp.counter, killed ? 1 : 2, 2);
		assert_int_equal(verify(w, "359152"), AUTH_ACCEPTED);
		assert_int_equal(look(w).tokens[1].otp.counter, 3);
		assert_int_equal(verify(w, "287082"), AUTH_WRONG);
	}
	assert_true(place > 5);
}

static void give_voucher(const struct workspace *w, char code[static VOUCHER_CODE_SIZE])
{
	const struct auth_file file = fixture_file(w);
	struct voucher v = {0};
	struct auth_state s;

	assert_int_equal(voucher_make(&v, code), 0);
	assert_int_equal(auth_state_read(&file, &s), 0);
	s.voucher = (struct auth_voucher){.day = TODAY};
	memcpy(s.voucher.salt, v.salt, sizeof(v.salt));
	memcpy(s.voucher.hash, v.hash, sizeof(v.hash));
	assert_int_equal(auth_state_write(&file, &s), 0);
	close(file.fd);
}

static void voucher_is_accepted_once_and_locks_nobody(void **state)
{
	const struct workspace *w = *state;
	char code[VOUCHER_CODE_SIZE];
	unsigned place = 0;
	bool killed = true;

	while (killed) {
		enum auth_outcome outcome = AUTH_ACCEPTED;

		give_voucher(w, code);
		place++;
		killed = is_killed_at(w, place, code);
		for (int i = 1; i < TIMES; i++)
			(void)is_killed_at(w, place, code);
		assert_int_equal(look(w).failures, 0);
		outcome = verify(w, code);
		assert_true(outcome == AUTH_SPENT || (killed && outcome == AUTH_ACCEPTED));
		assert_int_equal(verify(w, code), AUTH_SPENT);
	}
	assert_true(place > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(right_code_is_accepted_once_and_locks_nobody,
	                workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                wrong_code_counts_once_or_not, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(voucher_is_accepted_once_and_locks_nobody,
	                workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                no_counter_is_lost, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
