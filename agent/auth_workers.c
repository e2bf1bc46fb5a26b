#include "agent/auth_workers.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/auth_login.h"
#include "core/language.h"
#include "core/log.h"

enum {
	USERS_MAX = 24, /* places of clients that are not root, all together */
	UID_MAX = 4,    /* of one of them */
	LIFETIME_MS = LOGIN_LIFETIME * 1000 + 5000,
	CROWDED_MS = 10000, /* when every place is taken */
};

struct worker_slot *workers_place(struct workers *workers, uid_t uid)
{
	struct worker_slot *found = NULL;
	unsigned users = 0;
	unsigned same = 0;

	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_slot *slot = &workers->slots[i];

		if (slot->pid == 0) {
			found = slot;
			continue;
		}
		users += slot->uid != 0;
		same += slot->uid == uid;
	}
	if (uid != 0 && (users >= USERS_MAX || same >= UID_MAX))
		return NULL;
	return found;
}

bool workers_full(const struct workers *workers)
{
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers->slots[i].pid == 0)
			return false;
	return true;
}

/* The one that is there longest, or WORKERS_MAX. */
static size_t oldest(const struct workers *workers)
{
	const struct worker_slot *slots = workers->slots;
	size_t found = WORKERS_MAX;

	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (slots[i].pid != 0 &&
		        (found == WORKERS_MAX || slots[i].since_ms < slots[found].since_ms))
			found = i;
	return found;
}

int64_t workers_due(const struct workers *workers)
{
	size_t first = oldest(workers);

	if (first == WORKERS_MAX)
		return 0;
	return workers->slots[first].since_ms + (workers_full(workers) ? CROWDED_MS : LIFETIME_MS);
}

void worker_end(struct worker_slot *slot)
{
	(void)kill(slot->pid, SIGKILL);
	while (waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(slot->fd);
	*slot = (struct worker_slot){.fd = -1};
}

void workers_expire(struct workers *workers, int64_t now)
{
	for (int64_t due = workers_due(workers); due != 0 && due <= now;
	        due = workers_due(workers)) {
		if (workers_full(workers))
			log_warning("%s", LANGUAGE("同時のログインが多すぎるため、最も長く待ってい"
			                           "るものを終えました",
			                          "too many logins at once: the one that waited "
			                          "longest was ended"));
		worker_end(&workers->slots[oldest(workers)]);
	}
}
