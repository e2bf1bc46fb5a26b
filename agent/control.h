/* The CLI's socket: one question of fixed size is read here, the connection then goes to who
 * answers. */
#ifndef SEKISHO_AGENT_CONTROL_H
#define SEKISHO_AGENT_CONTROL_H

#include "agent/message.h"

#include <stddef.h>
#include <stdint.h>

enum { CONTROL_PENDING_MAX = 16, CONTROL_ASK_MS = 2000 };

struct control_socket {
	int listen_fd;
	struct {
		int fd; /* -1: free */
		int64_t deadline_ms;
	} pending[CONTROL_PENDING_MAX];
};

void control_open(struct control_socket *c, int listen_fd);
/* Takes one connection; who is not root, or one too many, is sent away. */
void control_accept(struct control_socket *c);
/*
 * Reads what pending[index] asks. 0: *verb, and *connection and *file (or -1), which are the
 * caller's to close. Any error: the connection is closed.
 */
int control_read(
        struct control_socket *c, size_t index, enum control *verb, int *connection, int *file);
/* Milliseconds until control_expire() has something to do; -1: nothing. */
int control_wait_ms(const struct control_socket *c);
/* Closes who has not asked in time. */
void control_expire(struct control_socket *c);

#endif
