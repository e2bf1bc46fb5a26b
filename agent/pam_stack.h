/* Does a service's PAM configuration let anybody in without pam_sekisho? Read from pam.d, decided
 * as libpam would. */
#ifndef SEKISHO_AGENT_PAM_STACK_H
#define SEKISHO_AGENT_PAM_STACK_H

#include <stdbool.h>

#include "agent/pam_config.h"
#include "policy/services.h"

enum { PAM_STACK_LIST_MAX = 1024 };

enum pam_stack_answer {
	PAM_STACK_HELD = 1, /* success is not reached unless pam_sekisho succeeds */
	PAM_STACK_BYPASSED, /* it is, or something in the configuration was not understood */
	PAM_STACK_ABSENT, /* there is no such service, or its stack lets nobody in and does not name
	                     pam_sekisho */
};

/*
 * Walks every path through the service's auth stack, or other's where it has none, each module
 * answering anything it may, and pam_sekisho never success. pam_deny lets nobody through, and
 * pam_rootok only who is root already, in services whose program runs as who asks. A pam_sekisho
 * with another socket, behind '-' (skipped when missing) or from a strange directory counts as any
 * module. A file that others than root may write counts as not understood.
 */
enum pam_stack_answer pam_stack_check(const struct pam_dirs *dirs, const char *service);

struct pam_stacks {
	char held[PAM_STACK_LIST_MAX]; /* service names, space separated */
	char bypassed[PAM_STACK_LIST_MAX];
	char module[8]; /* pam_file_name() */
};

/*
 * The services people log in by: login, su, sudo, sshd, display managers, lockers, and what the
 * display manager's unit is named after; of all others those that are bypassed, unless the policy
 * calls them unattended. With a changed or missing module none is held. Beside the bypassed stand
 * the ways in that ask no stack (agent/autologin.h). root: what etc/pam.d is under.
 */
void pam_stack_survey(int root, const struct services *unattended, struct pam_stacks *stacks);

#endif
