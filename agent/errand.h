/* Main's errands: requests for which the kernel talks to a device, which may not answer. A process
 * of their own carries them out, and main and systemd's watchdog never wait. */
#ifndef SEKISHO_AGENT_ERRAND_H
#define SEKISHO_AGENT_ERRAND_H

#include "agent/requests.h"

#include <stdbool.h>

enum { ERRAND_LINGER_MS = 1000 };

/* The process that was started last. It waits for another errand a moment longer, since a device is
 * rarely let in by one, and to fork costs more than most errands. Zero: none. */
struct errand {
	int fd; /* 0: none */
	bool busy;
};

/* There will be one in a moment: a process is started while it is not yet known what for. */
void errand_expect(struct errand *e, const struct requests *r);

/*
 * Has it carried out by that process, or, when it is busy or gone, by a new one, which answers with
 * RESULT on answer_fd (borrowed). False: there is no process to be had.
 */
bool errand_run(struct errand *e, const struct requests *r, enum role role,
        const struct request *request, int answer_fd);

/* Whoever waits for another errand ends: the next is run as things are then. */
void errand_let_go(struct errand *e);

#endif
