#include "tests/unit/workspace.h"

#include "core/error.h"
#include "core/file.h"

#include <sys/socket.h>
#include <sys/un.h>

static void open_takes_a_safe_file(void **state)
{
	const struct workspace *w = *state;
	int fd = -1;

	workspace_write_text(w, "good", "hello");
	assert_int_equal(file_open_checked(w->fd, "good", getuid(), 0600, 5, &fd), 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	assert_int_equal(file_open_checked(w->fd, "good", (uid_t)-1, 0644, 5, &fd), 0);
	close(fd);
}

static void refuses(const struct workspace *w, const char *name, uid_t owner, mode_t max_mode,
        size_t max_size, int error)
{
	int fd = 99;

	assert_int_equal(file_open_checked(w->fd, name, owner, max_mode, max_size, &fd), error);
	assert_int_equal(fd, -1);
}

static void open_refuses(void **state)
{
	const struct workspace *w = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	workspace_write_text(w, "good", "hello");
	refuses(w, "absent", getuid(), 0644, 100, ERR_NOT_FOUND);
	refuses(w, "good", getuid(), 0644, 4, ERR_TOO_LONG);
	refuses(w, "good", getuid() + 1, 0644, 100, ERR_UNSAFE);
	static const mode_t modes[] = {0620, 0602, 0666, 0640, 0604, 0700, 04600};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(fchmodat(w->fd, "good", modes[i], 0), 0);
		refuses(w, "good", getuid(), 0600, 100, ERR_UNSAFE);
	}
	/* writable by others is refused even where max_mode would have it */
	assert_int_equal(fchmodat(w->fd, "good", 0666, 0), 0);
	refuses(w, "good", getuid(), 0777, 100, ERR_UNSAFE);
	assert_int_equal(fchmodat(w->fd, "good", 0600, 0), 0);
	assert_int_equal(symlinkat("good", w->fd, "link"), 0);
	refuses(w, "link", getuid(), 0644, 100, ERR_UNSAFE);
	assert_int_equal(mkfifoat(w->fd, "fifo", 0600), 0);
	refuses(w, "fifo", getuid(), 0644, 100, ERR_UNSAFE); /* and does not wait for a writer */
	assert_int_equal(mkdirat(w->fd, "directory", 0700), 0);
	refuses(w, "directory", getuid(), 0777, 100000, ERR_UNSAFE);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", w->path);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof(address)), 0);
	refuses(w, "socket", getuid(), 0777, 100, ERR_UNSAFE);
	close(s);
	refuses(w, "good/below", getuid(), 0644, 100, ERR_IO);
}

static void read_whole(void **state)
{
	const struct workspace *w = *state;
	static char large[300001];
	uint8_t *data = NULL;
	size_t length = 0;
	int fd = -1;

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 23);
	workspace_write(w, "large", large, sizeof(large));
	assert_int_equal(file_open_checked(w->fd, "large", getuid(), 0600, sizeof(large), &fd), 0);
	assert_int_equal(lseek(fd, 100, SEEK_SET), 100); /* from its start all the same */
	assert_int_equal(file_read(fd, sizeof(large), &data, &length), 0);
	assert_int_equal(length, sizeof(large));
	assert_memory_equal(data, large, sizeof(large));
	assert_int_equal(data[length], 0);
	free(data);
	assert_int_equal(file_read(fd, sizeof(large) - 1, &data, &length), ERR_TOO_LONG);
	assert_null(data);
	assert_int_equal(length, 0);
	assert_int_equal(file_read(fd, SIZE_MAX, &data, &length), ERR_TOO_LONG);
	close(fd);
	assert_int_equal(file_read(fd, 10, &data, &length), ERR_IO);
	workspace_write_text(w, "empty", "");
	fd = openat(w->fd, "empty", O_RDONLY);
	assert_int_equal(file_read(fd, 0, &data, &length), 0);
	assert_int_equal(length, 0);
	assert_string_equal((char *)data, "");
	free(data);
	close(fd);
	/* a file whose size the system does not tell */
	fd = open("/proc/self/status", O_RDONLY);
	assert_int_equal(file_read(fd, 100000, &data, &length), 0);
	assert_true(length > 100 && strlen((char *)data) == length);
	free(data);
	assert_int_equal(file_read(fd, 50, &data, &length), ERR_TOO_LONG);
	close(fd);
}

static void read_path(void **state)
{
	const struct workspace *w = *state;
	char path[128];
	uint8_t *data = NULL;
	size_t length = 0;

	workspace_write_text(w, "any", "text");
	assert_int_equal(fchmodat(w->fd, "any", 0666, 0), 0);
	snprintf(path, sizeof(path), "%s/any", w->path);
	assert_int_equal(file_read_path(path, 4, &data, &length), 0);
	assert_string_equal((char *)data, "text");
	free(data);
	assert_int_equal(file_read_path(path, 3, &data, &length), ERR_TOO_LONG);
	assert_null(data);
	snprintf(path, sizeof(path), "%s/none", w->path);
	assert_int_equal(file_read_path(path, 4, &data, &length), ERR_NOT_FOUND);
	assert_int_equal(file_read_path(w->path, 4, &data, &length), ERR_UNSAFE);
}

static void read_any(void **state)
{
	const struct workspace *w = *state;
	char path[128];
	uint8_t *data = NULL;
	size_t length = 0;
	int ends[2];

	workspace_write_text(w, "any", "text");
	assert_int_equal(symlinkat("any", w->fd, "link"), 0);
	snprintf(path, sizeof(path), "%s/link", w->path);
	assert_int_equal(file_read_any(path, 4, &data, &length), 0);
	assert_string_equal((char *)data, "text");
	free(data);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "pipe", 4), 4);
	close(ends[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	assert_int_equal(file_read_any(path, 4, &data, &length), 0);
	assert_string_equal((char *)data, "pipe");
	free(data);
	close(ends[0]);
	assert_int_equal(file_read_any("/dev/zero", 4, &data, &length), ERR_TOO_LONG);
	assert_null(data);
	assert_int_equal(file_read_any(w->path, 4, &data, &length), ERR_IO);
	assert_int_equal(file_read_any(path, 4, &data, &length), ERR_NOT_FOUND);
}

static mode_t mode_of(const struct workspace *w, const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(w->fd, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status.st_mode & 07777;
}

static void replace(void **state)
{
	const struct workspace *w = *state;
	char *text = NULL;

	umask(0077);
	assert_int_equal(file_replace(w->fd, "state", "one", 3, 0644), 0);
	assert_int_equal(mode_of(w, "state"), 0644); /* whatever the umask */
	assert_int_equal(file_replace(w->fd, "state", "second", 6, 0600), 0);
	assert_int_equal(mode_of(w, "state"), 0600);
	text = workspace_read(w, "state", NULL);
	assert_string_equal(text, "second");
	free(text);
	assert_int_equal(faccessat(w->fd, "state.new", F_OK, 0), -1);
	/* what a power cut left is no obstacle, and a link put there is not written through */
	workspace_write_text(w, "victim", "untouched");
	assert_int_equal(symlinkat("victim", w->fd, "state.new"), 0);
	assert_int_equal(file_replace(w->fd, "state", "third", 5, 0600), 0);
	text = workspace_read(w, "victim", NULL);
	assert_string_equal(text, "untouched");
	free(text);
	/* the name itself may be a link: it is replaced, not followed */
	assert_int_equal(symlinkat("victim", w->fd, "named"), 0);
	assert_int_equal(file_replace(w->fd, "named", "x", 1, 0600), 0);
	text = workspace_read(w, "victim", NULL);
	assert_string_equal(text, "untouched");
	free(text);
	assert_int_equal(mkdirat(w->fd, "below", 0700), 0);
	assert_int_equal(file_replace(w->fd, "below/deep", "x", 1, 0600), 0);
	assert_int_equal(file_replace(w->fd, "none/deep", "x", 1, 0600), ERR_IO);
	/* on failure the old content stays, and no leavings */
	assert_int_equal(file_replace(w->fd, "below", "x", 1, 0600), ERR_IO);
	assert_int_equal(faccessat(w->fd, "below.new", F_OK, 0), -1);
	char longer[5000];
	memset(longer, 'n', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(file_replace(w->fd, longer, "x", 1, 0600), ERR_TOO_LONG);
}

static void write_everything(void **state)
{
	const struct workspace *w = *state;
	int ends[2];

	int fd = openat(w->fd, "out", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(file_write(fd, "abc", 3), 0);
	assert_int_equal(file_write(fd, "", 0), 0);
	close(fd);
	assert_int_equal(file_write(fd, "abc", 3), ERR_IO);
	/* a pipe takes less than all at once when it may not wait */
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	char *large = calloc(1, 1 << 20);
	assert_int_equal(file_write(ends[1], large, 1 << 20), ERR_IO);
	free(large);
	close(ends[0]);
	close(ends[1]);
	fd = open("/dev/full", O_WRONLY);
	assert_int_equal(file_write(fd, "abc", 3), ERR_IO);
	close(fd);
}

static void ensure_directory(void **state)
{
	const struct workspace *w = *state;
	struct stat status;
	char path[128];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/made", w->path);
	umask(0077);
	assert_int_equal(file_ensure_directory(path, getuid(), getgid(), 0755, &fd), 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(status.st_mode & 07777, 0755);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	assert_int_equal(file_ensure_directory(path, getuid(), getgid(), 0700, NULL), 0);
	assert_int_equal(mode_of(w, "made"), 0700);
	if (getuid() == 0) {
		assert_int_equal(file_ensure_directory(path, 12345, 54321, 0750, NULL), 0);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_uid, 12345);
		assert_int_equal(status.st_gid, 54321);
	}
	assert_int_equal(symlinkat("made", w->fd, "link"), 0);
	snprintf(path, sizeof(path), "%s/link", w->path);
	assert_int_equal(file_ensure_directory(path, getuid(), getgid(), 0755, &fd), ERR_UNSAFE);
	assert_int_equal(fd, -1);
	workspace_write_text(w, "file", "");
	snprintf(path, sizeof(path), "%s/file", w->path);
	assert_int_equal(file_ensure_directory(path, getuid(), getgid(), 0755, &fd), ERR_UNSAFE);
	snprintf(path, sizeof(path), "%s/none/below", w->path);
	assert_int_equal(file_ensure_directory(path, getuid(), getgid(), 0755, &fd), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                open_takes_a_safe_file, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                open_refuses, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(read_whole, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(read_path, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(read_any, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(replace, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                write_everything, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                ensure_directory, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
