/* A voucher that ended goes from where auth looks (agent/auth_voucher.h). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/requests_handlers.h"
#include "core/error.h"

/* "2026-11-21.hanako", as far as a path is concerned: no more than a name in that directory. */
bool request_is_voucher(const struct request *q)
{
	static const char shape[] = "0000-00-00.";
	static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	const char *user = q->name + sizeof(shape) - 1;

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == '0' ? q->name[i] < '0' || q->name[i] > '9' : q->name[i] != shape[i])
			return false;
	return q->number == 0 && user[0] != '\0' && strspn(user, others) == strlen(user);
}

int voucher_end(struct answer *a)
{
	int dir = openat(
	        a->r->root, PATH_VOUCHER_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (dir < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	if ((unlinkat(dir, a->request->name, 0) != 0 && errno != ENOENT) || fsync(dir) != 0)
		r = ERR_IO;
	close(dir);
	return r;
}
