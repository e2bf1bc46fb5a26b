#include "collector/directory.h"

#include "core/error.h"
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 65536 };

static int find_user(const char *user, uid_t *uid, gid_t *gid)
{
	const struct passwd *entry = getpwnam(user);
	char *end = NULL;

	if (entry != NULL) {
		*uid = entry->pw_uid;
		*gid = entry->pw_gid;
		return 0;
	}
	errno = 0;
	unsigned long number = strtoul(user, &end, 10);
	if (user[0] < '0' || user[0] > '9' || *end != '\0' || errno != 0 || number >= (uid_t)-1)
		return ERR_NOT_FOUND;
	entry = getpwuid((uid_t)number);
	*uid = (uid_t)number;
	*gid = entry != NULL ? entry->pw_gid : (gid_t)number;
	return 0;
}

static int become_ids(uid_t uid, gid_t gid)
{
	if (geteuid() == uid && getuid() == uid)
		return 0;
	if (geteuid() != 0)
		return ERR_DENIED;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	        setresuid(uid, uid, uid) != 0)
		return ERR_IO;
	return uid != 0 && setuid(0) == 0 ? ERR_DENIED : 0;
}

int directory_become(const char *user)
{
	uid_t uid = 0;
	gid_t gid = 0;

	int error = find_user(user, &uid, &gid);
	return error != 0 ? error : become_ids(uid, gid);
}

static int open_directory(const char *path, struct stat *status, int *fd)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
	if (fstat(*fd, status) == 0)
		return 0;
	close(*fd);
	*fd = -1;
	return ERR_IO;
}

int directory_enter(const char *path, const char *user)
{
	struct stat status;
	int fd = -1;

	int error = open_directory(path, &status, &fd);
	if (error != 0)
		return error;
	if (user != NULL)
		error = directory_become(user);
	else if (geteuid() == 0)
		error = become_ids(status.st_uid, status.st_gid);
	if (error == 0 && (status.st_uid != geteuid() || (status.st_mode & 07077) != 0))
		error = ERR_UNSAFE;
	if (error == 0 && fchdir(fd) != 0)
		error = ERR_IO;
	close(fd);
	return error;
}

static int check_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	int error = 0;

	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return ERR_IO;
	}
	while (error == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			error = ERR_EXISTS;
	closedir(dir);
	return error;
}

static int give_to(int fd, const char *user)
{
	uid_t uid = 0;
	gid_t gid = 0;

	if (user == NULL)
		return 0;
	int error = find_user(user, &uid, &gid);
	if (error == 0 && fchown(fd, uid, gid) != 0)
		error = errno == EPERM ? ERR_DENIED : ERR_IO;
	return error;
}

int directory_create(const char *path, const char *user)
{
	struct stat status;
	int fd = -1;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return errno == EACCES ? ERR_DENIED : errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	int error = open_directory(path, &status, &fd);
	if (error != 0)
		return error;
	error = check_empty(fd);
	if (error == 0)
		error = give_to(fd, user);
	if (error == 0 && fchmod(fd, 0700) != 0)
		error = ERR_DENIED;
	close(fd);
	return error != 0 ? error : directory_enter(path, user);
}

int directory_write(const char *name, const void *bytes, size_t length, bool secret)
{
	mode_t mode = secret ? 0600 : 0644;
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_IO;
	int error = file_write(fd, bytes, length);
	if (error == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		error = ERR_IO;
	if (close(fd) != 0 && error == 0)
		error = ERR_IO;
	return error;
}

int directory_read(const char *name, bool secret, uint8_t **data, size_t *length)
{
	int fd = -1;

	*data = NULL;
	*length = 0;
	int error = file_open_checked(
	        AT_FDCWD, name, geteuid(), secret ? 0600 : 0644, FILE_SIZE_MAX, &fd);
	if (error != 0)
		return error;
	error = file_read(fd, FILE_SIZE_MAX, data, length);
	close(fd);
	return error;
}
