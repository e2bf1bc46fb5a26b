#include "agent/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

struct command {
	char path[512];
	char uid[16], gid[16], group[16], owner[16];
	const char *argv[14];
};

static int command_make(const struct launch *l, struct command *c)
{
	size_t n = 0;
	int length =
	        snprintf(c->path, sizeof(c->path), "%s/%s", l->libexec, child_role_name(l->role));

	if (length < 0 || (size_t)length >= sizeof(c->path))
		return ERR_TOO_LONG;
	snprintf(c->uid, sizeof(c->uid), "%u", l->ids.uid);
	snprintf(c->gid, sizeof(c->gid), "%u", l->ids.gid);
	snprintf(c->group, sizeof(c->group), "%u", l->ids.extra);
	snprintf(c->owner, sizeof(c->owner), "%u", l->ids.owner);
	c->argv[n++] = c->path;
	c->argv[n++] = "--uid";
	c->argv[n++] = c->uid;
	c->argv[n++] = "--gid";
	c->argv[n++] = c->gid;
	if (l->ids.extra != (gid_t)-1) {
		c->argv[n++] = "--group";
		c->argv[n++] = c->group;
	}
	if (l->ids.owner != 0) {
		c->argv[n++] = "--owner";
		c->argv[n++] = c->owner;
	}
	if (strcmp(l->root_path, "/") != 0) {
		c->argv[n++] = "--root";
		c->argv[n++] = l->root_path;
	}
	if (l->observe)
		c->argv[n++] = "--observe";
	c->argv[n] = NULL;
	return 0;
}

/* Sources are moved out of the targets' way first. */
static void fds_arrange(const struct launch *l)
{
	int moved[LAUNCH_FDS];

	dup2(l->null_fd, STDIN_FILENO);
	for (int i = 0; i < LAUNCH_FDS; i++)
		moved[i] =
		        l->fds[i] >= 0 ? fcntl(l->fds[i], F_DUPFD, CHILD_MAIN_FD + LAUNCH_FDS) : -1;
	for (int i = 0; i < LAUNCH_FDS; i++) {
		if (moved[i] < 0)
			close(CHILD_MAIN_FD + i);
		else
			dup2(moved[i], CHILD_MAIN_FD + i);
	}
	close_range((unsigned)(CHILD_MAIN_FD + LAUNCH_FDS), ~0U, 0);
}

__attribute__((noreturn)) static void child_execute(const struct launch *l, const struct command *c)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid(); /* a ^C on the terminal is main's to handle */
	fds_arrange(l);
	execv(c->path, (char *const *)(uintptr_t)c->argv);
	log_error("%s: %s", c->path, LANGUAGE("起動できません", "cannot be started"));
	_exit(127);
}

int launch_start(const struct launch *l, pid_t *pid)
{
	struct command c = {0};
	int r = command_make(l, &c);

	*pid = 0;
	if (r != 0)
		return r;
	*pid = fork();
	if (*pid == 0)
		child_execute(l, &c);
	if (*pid > 0)
		return 0;
	*pid = 0;
	return ERR_IO;
}
