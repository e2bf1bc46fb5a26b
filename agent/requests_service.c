/* Names of unattended services, where the PAM module finds them when nobody else answers. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/requests_handlers.h"
#include "core/error.h"
#include "policy/services.h"

/* Whatever auth says, no service that people log in by. */
bool request_is_service(const struct request *q)
{
	return q->number <= 1 && services_refusal(q->name) == NULL;
}

int service_unattended(struct answer *a)
{
	const char *name = a->request->name;
	int r = 0;
	int fd = -1;
	int dir = -1;

	if (mkdirat(a->r->root, PATH_UNATTENDED_DIR, 0755) != 0 && errno != EEXIST)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	dir = openat(
	        a->r->root, PATH_UNATTENDED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, 0755) != 0) {
		r = ERR_IO;
	} else if (a->request->number == 0) {
		r = unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : ERR_IO;
	} else {
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		r = fd >= 0 && fchmod(fd, 0644) == 0 ? 0 : ERR_IO;
	}
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return r;
}
