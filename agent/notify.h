/* The service manager's notification protocol (sd_notify(3)), by hand: one datagram. */
#ifndef SEKISHO_AGENT_NOTIFY_H
#define SEKISHO_AGENT_NOTIFY_H

#include <stdbool.h>

struct notify {
	int fd; /* connected; -1: nobody wants to know */
	bool watchdog;
};

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC and removes them, so that children cannot answer in main's place. */
void notify_open(struct notify *n);
/* state: "READY=1" and so on, several separated by newlines. Losing one is not an error. */
void notify_send(const struct notify *n, const char *state);
/* RELOADING=1 with the time the manager wants beside it. */
void notify_reloading(const struct notify *n);

#endif
