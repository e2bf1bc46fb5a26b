/* Reads the auth stack of a service from pam.d (pam.d(5)), with what it includes, into a list of
 * modules. */
#ifndef SEKISHO_AGENT_PAM_CONFIG_H
#define SEKISHO_AGENT_PAM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

enum { PAM_CONFIG_MODULES_MAX = 256, PAM_CONFIG_VALUES = 32 };

/* What libpam does on a return value; a positive number jumps over so many modules. */
enum pam_action {
	PAM_DO_BAD = 0, /* libpam's answer to a value that is not mentioned, too */
	PAM_DO_IGNORE = -1,
	PAM_DO_OK = -2,
	PAM_DO_DONE = -3,
	PAM_DO_DIE = -4,
	PAM_DO_RESET = -5,
};

/* Return values this part knows by name: indices of actions[]. */
enum pam_value { PAM_VALUE_SUCCESS = 0, PAM_VALUE_AUTH_ERR = 7, PAM_VALUE_IGNORE = 25 };

enum pam_module_kind {
	PAM_MODULE_ANY,
	PAM_MODULE_SEKISHO,
	PAM_MODULE_DENY,
	PAM_MODULE_ROOTOK,
	PAM_MODULE_SUBSTACK, /* no module: the ones of a deeper level that follow count as one for a
	                        jump */
};

struct pam_module {
	enum pam_module_kind kind;
	unsigned level; /* 0, and one more in each substack */
	int actions[PAM_CONFIG_VALUES];
};

/* Where libpam looks for a service, one after the other; -1 where there is no such directory. */
struct pam_dirs {
	int own;    /* etc/pam.d */
	int vendor; /* usr/lib/pam.d */
};

struct pam_config {
	size_t count;
	struct pam_module modules[PAM_CONFIG_MODULES_MAX];
};

/*
 * ERR_NOT_FOUND: no file of this name. ERR_FORMAT, ERR_TOO_LONG, ERR_IO: not understood as a whole;
 * so is what versions of libpam read differently. ERR_UNSAFE: others than root may write it.
 */
int pam_config_read(const struct pam_dirs *dirs, const char *service, struct pam_config *config);

#endif
