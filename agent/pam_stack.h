/* Does a service's PAM configuration let anybody in without pam_sekisho? Read from pam.d, decided
 * as libpam would. */
#ifndef SEKISHO_AGENT_PAM_STACK_H
#define SEKISHO_AGENT_PAM_STACK_H

#include <stdbool.h>

enum { PAM_STACK_LIST_MAX = 1024 };

enum pam_stack_answer {
	PAM_STACK_HELD = 1, /* success is not reached unless pam_sekisho succeeds */
	PAM_STACK_BYPASSED, /* it is, or something in the configuration was not understood */
	PAM_STACK_ABSENT, /* there is no such service, or its stack lets nobody in and does not name
	                     pam_sekisho */
};

/*
 * Walks every path through the auth stack of pam.d/service (dir: pam.d), each module answering
 * anything it may, and pam_sekisho never success. pam_rootok lets through only who is root already
 * and pam_deny nobody. A pam_sekisho with another socket, behind '-' (skipped when missing) or from
 * a strange directory counts as any module.
 */
enum pam_stack_answer pam_stack_check(int dir, const char *service);

struct pam_stacks {
	char held[PAM_STACK_LIST_MAX]; /* service names, space separated */
	char bypassed[PAM_STACK_LIST_MAX];
	char module[8]; /* pam_file_name() */
};

/* The services people log in by: login, su, sudo, sshd, display managers, lockers, and what the
 * display manager's unit is named after. With a changed module none is held. root: what etc/pam.d
 * is under. */
void pam_stack_survey(int root, struct pam_stacks *stacks);

#endif
