/* The module's two options in a PAM configuration line: socket=PATH and timeout=SECONDS. */
#ifndef SEKISHO_PAM_MODULE_OPTIONS_H
#define SEKISHO_PAM_MODULE_OPTIONS_H

#define OPTIONS_SOCKET "/run/sekisho/auth.sock"

enum { OPTIONS_SOCKET_MAX = 108, OPTIONS_TIMEOUT = 90, OPTIONS_TIMEOUT_MAX = 300 };

struct options {
	char socket[OPTIONS_SOCKET_MAX]; /* absolute */
	unsigned timeout;                /* seconds for one whole conversation, 1..300 */
};

/*
 * 0, or ERR_USAGE and *bad (borrowed from argv) for an option that is unknown, given twice, or
 * whose value is not an absolute path that fits a socket address, or not a decimal number in range.
 */
int options_parse(struct options *options, int argc, const char **argv, const char **bad);

#endif
