#include "agent/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"

#define PATH_LOCK PATH_RUN "/sekishod.lock"

enum { BACKLOG = 64 };

static const char *const parents[] = {"etc", "var", "var/lib", "run"};

/* owner: whose uid and gid; group: whose gid. ROLE_MAIN is root. */
static const struct directory {
	const char *path;
	enum role owner, group;
	mode_t mode;
} directories[] = {
        {PATH_RUN, ROLE_MAIN, ROLE_MAIN, 0755},
        {"etc/sekisho", ROLE_MAIN, ROLE_MAIN, 0755},
        {"etc/sekisho/trust", ROLE_MAIN, ROLE_MAIN, 0755},
        {PATH_STATE, ROLE_MAIN, ROLE_MAIN, 0755},
        {PATH_POLICY_DIR, ROLE_MAIN, ROLE_GUARD, 0750},
        {PATH_JOURNAL_DIR, ROLE_SIGNER, ROLE_SIGNER, 0700},
        {PATH_SIGNER_DIR, ROLE_SIGNER, ROLE_SIGNER, 0700},
        {PATH_ENROLMENT_DIR, ROLE_MAIN, ROLE_MAIN, 0755},
        {PATH_OUTBOX_DIR, ROLE_REPORTER, ROLE_REPORTER, 0700},
        {PATH_AUTH_DIR, ROLE_MAIN, ROLE_MAIN, 0700},
        {PATH_SEAL_DIR, ROLE_AUTH, ROLE_AUTH, 0700},
};

int place_directories(const struct sandbox_ids ids[ROLE_COUNT], bool with_parents)
{
	for (size_t i = 0; with_parents && i < sizeof(parents) / sizeof(parents[0]); i++) {
		if (mkdir(parents[i], 0755) != 0 && errno != EEXIST) {
			log_error("%s: %s", parents[i], strerror(errno));
			return ERR_IO;
		}
	}
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		const struct directory *d = &directories[i];
		int r = file_ensure_directory(
		        d->path, ids[d->owner].uid, ids[d->group].gid, d->mode, NULL);

		if (r != 0) {
			log_error("%s: %s", d->path, error_text(r));
			return r;
		}
	}
	return 0;
}

int place_lock(int *fd)
{
	*fd = open(PATH_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0) {
		log_error("%s: %s", PATH_LOCK, strerror(errno));
		return ERR_IO;
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	close(*fd);
	*fd = -1;
	log_error("%s", LANGUAGE("sekishodは既に動いています", "sekishod is running already"));
	return ERR_EXISTS;
}

static int socket_bind(int fd, const char *path, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t before;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return ERR_TOO_LONG;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (unlink(path) != 0 && errno != ENOENT)
		return ERR_IO;
	before = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(before);
	return r == 0 && listen(fd, BACKLOG) == 0 ? 0 : ERR_IO;
}

int place_socket(const char *path, mode_t mode, int *fd)
{
	int r = ERR_IO;

	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd >= 0)
		r = socket_bind(*fd, path, mode);
	if (r == 0)
		return 0;
	log_error("%s: %s", path, strerror(errno));
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return r;
}
