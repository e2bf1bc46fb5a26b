#include "agent/auth_admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/control_client.h"
#include "agent/paths.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"

enum { LOCK_TIMEOUT_MS = 10000, TEMPORARY_SIZE = 32 };

const char *auth_admin_by(const char *by)
{
	const char *sudo = getenv("SUDO_USER");

	if (by != NULL)
		return by;
	return sudo != NULL && sudo[0] != '\0' ? sudo : "root";
}

int auth_admin_check(const char *user)
{
	if (geteuid() != 0) {
		fprintf(stderr, "sekisho: %s\n",
		        LANGUAGE("rootだけが実行できます", "only root can do this"));
		return EXIT_NO;
	}
	if (!auth_state_name(user)) {
		fprintf(stderr, "sekisho: %s\n",
		        LANGUAGE("利用者名は英小文字か_で始まる32文字以内の英小文字、数字、_.-です",
		                "a user name is up to 32 of a-z 0-9 _ . -, and starts with a-z or "
		                "_"));
		return EXIT_USAGE;
	}
	return EXIT_YES;
}

int auth_admin_record(
        const struct cli *cli, uint16_t kind, const char *user, const char *factor, const char *by)
{
	static struct event_record event; /* 24 KiB: not for the stack */
	int error = 0;

	event_start(&event, kind);
	event_put(&event, FIELD_USER, user);
	event_put(&event, FIELD_FACTOR, factor);
	event_put(&event, FIELD_BY, auth_admin_by(by));
	error = control_record(cli, &event);
	return error == 0 ? EXIT_YES : control_complain(error);
}

int auth_admin_fail(const char *user, int error)
{
	fprintf(stderr, "sekisho: %s: %s\n", user,
	        error == ERR_NOT_FOUND
	                ? LANGUAGE("TOTPは登録されていません", "is not enrolled for TOTP")
	                : error_text(error));
	return EXIT_NO;
}

static int open_directory(const struct cli *cli, int *dir)
{
	*dir = openat(cli->root, PATH_AUTH_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*dir < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	return 0;
}

static int check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_nlink != 1 ||
	        (st.st_mode & 07777) != 0600)
		return ERR_UNSAFE;
	return 0;
}

static int open_user(int dir, const char *user, int *fd)
{
	int error = 0;

	*fd = openat(dir, user, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_UNSAFE;
	error = check_file(*fd);
	if (error != 0) {
		close(*fd);
		*fd = -1;
	}
	return error;
}

int auth_admin_open(const struct cli *cli, const char *user, int *fd)
{
	int dir = -1;
	int error = open_directory(cli, &dir);

	*fd = -1;
	if (error != 0)
		return error;
	error = open_user(dir, user, fd);
	close(dir);
	return error;
}

static int write_new(int dir, const char *name, const uint8_t bytes[static AUTH_AREA_SIZE])
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int error = 0;

	if (fd < 0)
		return ERR_IO;
	error = fchmod(fd, 0600) == 0 ? file_write(fd, bytes, AUTH_AREA_SIZE) : ERR_IO;
	if (error == 0 && fsync(fd) < 0)
		error = ERR_IO;
	close(fd);
	return error;
}

/* A name that starts with a dot is no user's. linkat() refuses where a file is already. */
static int create_in(int dir, const char *user, const uint8_t bytes[static AUTH_AREA_SIZE])
{
	char temporary[TEMPORARY_SIZE];
	int error = 0;

	snprintf(temporary, sizeof(temporary), ".new-%d", (int)getpid());
	(void)unlinkat(dir, temporary, 0);
	error = write_new(dir, temporary, bytes);
	if (error == 0 && linkat(dir, temporary, dir, user, 0) < 0)
		error = errno == EEXIST ? ERR_EXISTS : ERR_IO;
	(void)unlinkat(dir, temporary, 0);
	if (error == 0 && fsync(dir) < 0)
		error = ERR_IO;
	return error;
}

int auth_admin_create(const struct cli *cli, const char *user, struct auth_state *state)
{
	uint8_t bytes[AUTH_AREA_SIZE];
	int dir = -1;
	int error = open_directory(cli, &dir);

	if (error != 0)
		return error;
	error = auth_state_new(state, bytes);
	if (error == 0)
		error = create_in(dir, user, bytes);
	explicit_bzero(bytes, sizeof(bytes));
	close(dir);
	return error;
}

/* A worker that waits for its person holds the file open. A state too damaged to lock accepts
 * nobody anyway. */
static int lock_out(int fd)
{
	const struct auth_file file = {.fd = fd};
	struct auth_state state;
	int error = auth_state_lock(&file, LOCK_TIMEOUT_MS);

	if (error != 0)
		return error;
	if (auth_state_read(&file, &state) == 0) {
		state.locked = true;
		error = auth_state_write(&file, &state);
	}
	auth_state_unlock(&file);
	explicit_bzero(&state, sizeof(state));
	return error;
}

int auth_admin_remove(const struct cli *cli, const char *user)
{
	int dir = -1;
	int fd = -1;
	int error = open_directory(cli, &dir);

	if (error != 0)
		return error;
	error = open_user(dir, user, &fd);
	if (error == 0)
		error = lock_out(fd);
	if (error == 0 && (unlinkat(dir, user, 0) < 0 || fsync(dir) < 0))
		error = ERR_IO;
	if (fd >= 0)
		close(fd);
	close(dir);
	return error;
}
