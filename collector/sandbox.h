/* What serve may still do once everything is open: speak on its sockets and keep its database. */
#ifndef SEKISHO_COLLECTOR_SANDBOX_H
#define SEKISHO_COLLECTOR_SANDBOX_H

/*
 * No core file, no tracer, no new privileges, no capabilities to gain, and a system call
 * allow-list: opening a file answers EACCES, whatever else is not listed kills the process. 0 or
 * ERR_IO; the caller must exit on an error.
 */
int sandbox_shut(void);

#endif
