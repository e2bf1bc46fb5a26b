/* Sealing by a TPM in software, swtpm, at the other end of a socket pair. */
#include "tests/unit/workspace.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/seal_tpm.h"
#include "core/error.h"

static const uint8_t secret[STORAGE_KEY_SIZE] = {1, 2, 3, 0, 0xff, 5};

struct tpm {
	pid_t pid;
	int fd;
};

/* name: whose seeds; the same are the same TPM. */
static struct tpm tpm_start(const struct workspace *w, const char *name)
{
	char state[128];
	struct tpm tpm;
	int pair[2];

	snprintf(state, sizeof(state), "dir=%s/%s", w->path, name);
	(void)mkdirat(w->fd, name, 0700);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	tpm = (struct tpm){.pid = fork(), .fd = pair[0]};
	assert_true(tpm.pid >= 0);
	if (tpm.pid == 0) {
		assert_int_equal(dup2(pair[1], 3), 3);
		assert_int_equal(fcntl(3, F_SETFL, 0), 0);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--fd", "3", "--tpmstate", state,
		        "--flags", "not-need-init,startup-clear", NULL);
		_exit(127);
	}
	close(pair[1]);
	return tpm;
}

static void tpm_end(const struct tpm *tpm)
{
	(void)kill(tpm->pid, SIGKILL);
	assert_int_equal(waitpid(tpm->pid, NULL, 0), tpm->pid);
	close(tpm->fd);
}

static void seal(const struct workspace *w, const char *name, struct seal_file *file)
{
	struct tpm tpm = tpm_start(w, name);

	assert_int_equal(seal_tpm_close(tpm.fd, secret, file), 0);
	assert_int_equal(file->way, SEAL_BY_TPM);
	assert_null(memmem(file, sizeof(*file), secret, sizeof(secret)));
	tpm_end(&tpm);
}

static int unseal(const struct workspace *w, const char *name, const struct seal_file *file)
{
	struct tpm tpm = tpm_start(w, name);
	uint8_t key[STORAGE_KEY_SIZE] = {0};
	int error = seal_tpm_open(tpm.fd, file, key);

	if (error == 0)
		assert_memory_equal(key, secret, sizeof(key));
	tpm_end(&tpm);
	return error;
}

static void the_tpm_that_sealed_opens(void **state)
{
	struct seal_file file;

	seal(*state, "one", &file);
	assert_int_equal(unseal(*state, "one", &file), 0);
}

/* It has room for three objects, and for as many sessions. */
static void nothing_is_left_in_it(void **state)
{
	struct tpm tpm = tpm_start(*state, "one");
	struct seal_file file;
	uint8_t key[STORAGE_KEY_SIZE];

	for (int i = 0; i < 8; i++) {
		assert_int_equal(seal_tpm_close(tpm.fd, secret, &file), 0);
		assert_int_equal(seal_tpm_open(tpm.fd, &file, key), 0);
		assert_memory_equal(key, secret, sizeof(key));
		file.private.bytes[40] ^= 1;
		assert_int_equal(seal_tpm_open(tpm.fd, &file, key), ERR_SEALED);
	}
	tpm_end(&tpm);
}

static void no_other_opens(void **state)
{
	struct seal_file file;

	seal(*state, "one", &file);
	assert_int_equal(unseal(*state, "two", &file), ERR_SEALED);
	assert_int_equal(unseal(*state, "one", &file), 0);
}

static void nor_anything_else(void **state)
{
	static const size_t spoilt[] = {0, 1, 2, 20, 60};
	struct seal_file file;

	seal(*state, "one", &file);
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		struct seal_file other = file;

		other.public.bytes[spoilt[i] % file.public.length] ^= 0x11;
		assert_int_not_equal(unseal(*state, "one", &other), 0);
		other = file;
		other.private.bytes[spoilt[i]] ^= 0x11;
		assert_int_not_equal(unseal(*state, "one", &other), 0);
	}
	file.private.length = 1;
	assert_int_not_equal(unseal(*state, "one", &file), 0);
}

static void one_that_goes_is_no_answer(void **state)
{
	struct tpm tpm = tpm_start(*state, "one");
	struct seal_file file;
	uint8_t key[STORAGE_KEY_SIZE];

	assert_int_equal(seal_tpm_close(tpm.fd, secret, &file), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)kill(tpm.pid, SIGKILL);
	assert_int_equal(waitpid(tpm.pid, NULL, 0), tpm.pid);
	assert_int_equal(seal_tpm_open(tpm.fd, &file, key), ERR_IO);
	assert_int_equal(seal_tpm_close(tpm.fd, secret, &file), ERR_IO);
	close(tpm.fd);
}

static void one_that_hangs_is_waited_for_in_bounds(void **state)
{
	struct tpm tpm = tpm_start(*state, "one");
	time_t begun = 0;
	struct seal_file file;
	uint8_t key[STORAGE_KEY_SIZE];

	assert_int_equal(seal_tpm_close(tpm.fd, secret, &file), 0);
	assert_int_equal(kill(tpm.pid, SIGSTOP), 0);
	begun = time(NULL);
	assert_int_equal(seal_tpm_open(tpm.fd, &file, key), ERR_IO);
	assert_in_range(time(NULL) - begun, 7, 20);
	tpm_end(&tpm);
}

static int answers(const void *bytes, size_t length)
{
	struct seal_file file = {
	        .way = SEAL_BY_TPM, .public = {.length = 1}, .private = {.length = 1}};
	uint8_t key[STORAGE_KEY_SIZE];
	int pair[2];
	int error = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(write(pair[1], bytes, length), (ssize_t)length);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	error = seal_tpm_open(pair[0], &file, key);
	close(pair[0]);
	close(pair[1]);
	return error;
}

static void nonsense_is_no_answer(void **state)
{
	static const uint8_t huge[10] = {0x80, 1, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t tiny[10] = {0x80, 1, 0, 0, 0, 9};
	static const uint8_t cut[11] = {0x80, 1, 0, 0, 0, 20};
	static const uint8_t longer[12] = {0x80, 1, 0, 0, 0, 11};
	static const uint8_t bare[10] = {0x80, 1, 0, 0, 0, 10};

	(void)state;
	assert_int_equal(answers(huge, sizeof(huge)), ERR_IO);
	assert_int_equal(answers(tiny, sizeof(tiny)), ERR_IO);
	assert_int_equal(answers(cut, sizeof(cut)), ERR_IO);
	assert_int_equal(answers(longer, sizeof(longer)), ERR_IO);
	assert_int_equal(answers(bare, sizeof(bare)), ERR_IO);
	assert_int_equal(answers(bare, 3), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                the_tpm_that_sealed_opens, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nothing_is_left_in_it, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                no_other_opens, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nor_anything_else, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                one_that_goes_is_no_answer, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(one_that_hangs_is_waited_for_in_bounds,
	                workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(nonsense_is_no_answer),
	};

	(void)setenv("TSS2_LOG", "all+NONE", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
