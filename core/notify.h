/* The service manager's notification protocol (sd_notify(3)) by hand: one datagram socket, opened
 * before the sandbox is shut. libsystemd would bring four compression libraries into main. */
#ifndef SEKISHO_CORE_NOTIFY_H
#define SEKISHO_CORE_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;           /* -1: nobody to tell */
	int64_t every_us; /* half the watchdog's span; 0: no watchdog */
};

/* From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are removed, so that no child answers
 * in our place. 0 also when they are not set; ERR_FORMAT, ERR_IO: then nobody is told. */
int notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* "READY=1" and the like, several separated by newlines; nothing when nobody listens. */
void notify_send(const struct notify *notify, const char *state);
/* RELOADING=1 with the time the manager wants beside it. */
void notify_reloading(const struct notify *notify);

#endif
