/* Sessions that are to be locked when their person goes (absences.h). */
#include <string.h>
#include <sys/socket.h>

#include "agent/absences.h"
#include "agent/requests_handlers.h"
#include "core/error.h"

enum { IDLE_SECONDS_MAX = 3600 };

bool request_is_person(const struct request *q)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t length = strlen(q->name);

	return length > 0 && length < CARD_USER_SIZE && strchr(first, q->name[0]) != NULL &&
	       strspn(q->name, others) == length;
}

bool request_is_present(const struct request *q)
{
	return request_is_person(q) && q->number == 0;
}

bool request_is_session(const struct request *q)
{
	uint32_t idle = (uint32_t)q->number;

	return request_is_person(q) && idle > 0 && idle <= IDLE_SECONDS_MAX;
}

/* Who opened it is what the kernel says of the connection: only root does, and auth need not be
 * believed about the process. */
int session_watch(struct answer *a)
{
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);

	if (getsockopt(a->fd_in, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.uid != 0 ||
	        peer.pid <= 0)
		return ERR_DENIED;
	return absences_watch(a->r->absences, a->request->name, (uid_t)(a->request->number >> 32),
	        peer.pid, (uint32_t)a->request->number);
}

int session_present(struct answer *a)
{
	return absences_present(a->r->absences, a->request->name, a->fd_in);
}
