/* sd_notify(3) by hand: one datagram socket, opened before the sandbox is shut. */
#ifndef SEKISHO_COLLECTOR_NOTIFY_H
#define SEKISHO_COLLECTOR_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;           /* -1: nobody to tell */
	int64_t every_us; /* half the watchdog's span; 0: no watchdog */
};

/* From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. 0 also when they are not set; ERR_FORMAT,
 * ERR_IO. */
int notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* "READY=1" and the like; nothing when nobody listens. */
void notify_send(const struct notify *notify, const char *state);

#endif
