/* What lies in the file system for the agent: its directories, its sockets, its lock. Made by root
 * before the sandbox. */
#ifndef SEKISHO_AGENT_PLACE_H
#define SEKISHO_AGENT_PLACE_H

#include "agent/sandbox.h"

#include <stdbool.h>

/*
 * All paths are relative to the working directory, which the caller has set to the root. Errors of
 * these are logged.
 *
 * Creates the agent's directories with their owners (ids by role); with_parents: also etc, var,
 * var/lib and run, which a real system has.
 */
int place_directories(const struct sandbox_ids ids[ROLE_COUNT], bool with_parents);

/* The lock that a second sekishod does not get: ERR_EXISTS. *fd keeps it. */
int place_lock(int *fd);

/* Binds and listens on a SOCK_SEQPACKET socket of this mode, in place of what a dead sekishod left.
 * *fd is non-blocking. */
int place_socket(const char *path, mode_t mode, int *fd);

#endif
