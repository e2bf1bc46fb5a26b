#include "agent/cards.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launch.h"
#include "agent/sekisho.h"
#include "core/clock.h"
#include "core/error.h"

static struct card_process *find(struct cards *c, pid_t pid)
{
	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++)
		if (c->processes[i].pid == pid)
			return &c->processes[i];
	return NULL;
}

/* By main, whoever owns it by udev's rules; whether it is there is the process' affair. */
static int open_device(const struct cards *c)
{
	return c->device == NULL
	               ? -1
	               : openat(c->root, c->device, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int64_t in_seconds(int seconds)
{
	return clock_boot_ms() + seconds * INT64_C(1000);
}

static int start(struct cards *c, struct card_process *p, const int pair[2])
{
	const int device = open_device(c);
	const struct launch l = {.role = c->role,
	        .ids = c->ids,
	        .libexec = c->libexec,
	        .root_path = c->root_path,
	        .null_fd = c->null_fd,
	        .fds = {pair[1], -1, device, -1}};
	struct stat st;
	int error = fstat(pair[0], &st) != 0 ? ERR_IO : 0;

	if (error == 0) {
		*p = (struct card_process){
		        .deadline_ms = in_seconds(CARD_LIFETIME), .socket = st.st_ino, .held = -1};
		error = launch_start(&l, &p->pid);
	}
	if (device >= 0)
		close(device);
	return error;
}

int cards_start(struct cards *c, int *fd)
{
	struct card_process *place = find(c, 0);
	int pair[2];
	int error = 0;

	*fd = -1;
	if (c->ids.uid == 0)
		return ERR_NOT_FOUND;
	if (place == NULL)
		return ERR_TOO_LONG;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return ERR_IO;
	error = start(c, place, pair);
	close(pair[1]);
	if (error == 0)
		*fd = pair[0]; /* transferred */
	else
		close(pair[0]);
	return error;
}

static void let_go(struct card_process *p)
{
	if (p->held >= 0)
		close(p->held);
	p->held = -1;
	p->user[0] = '\0';
}

static bool is_held_for(const struct card_process *p, const char *user)
{
	return p->pid != 0 && p->held >= 0 && strcmp(p->user, user) == 0;
}

int cards_hold(struct cards *c, int channel, const char *user, bool settled)
{
	struct stat st;

	if (fstat(channel, &st) != 0 || !S_ISSOCK(st.st_mode))
		return ERR_NOT_FOUND;
	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++) {
		struct card_process *p = &c->processes[i];

		if (p->pid == 0 || p->held >= 0 || p->socket != st.st_ino)
			continue;
		p->held = fcntl(channel, F_DUPFD_CLOEXEC, 0);
		if (p->held < 0)
			return ERR_IO;
		snprintf(p->user, sizeof(p->user), "%s", user);
		p->deadline_ms = settled ? 0 : in_seconds(CARD_HELD);
		return 0;
	}
	return ERR_NOT_FOUND;
}

void cards_settle(struct cards *c, const char *user)
{
	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++)
		if (is_held_for(&c->processes[i], user))
			c->processes[i].deadline_ms = 0;
}

static void end(struct card_process *p)
{
	let_go(p);
	(void)kill(p->pid, SIGKILL);
	p->deadline_ms = in_seconds(CARD_LIFETIME);
}

void cards_release(struct cards *c, const char *user)
{
	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++)
		if (is_held_for(&c->processes[i], user))
			end(&c->processes[i]);
}

bool cards_take(struct cards *c, pid_t pid, int status, struct card_end *how)
{
	struct card_process *p = find(c, pid);

	*how = (struct card_end){.unwatchable = status == EXIT_UNASKED};
	if (p == NULL)
		return false;
	if (status < 0) {
		(void)kill(pid, SIGKILL);
		return true;
	}
	memcpy(how->user, p->user, sizeof(how->user));
	let_go(p);
	p->pid = 0;
	return true;
}

void cards_expire(struct cards *c)
{
	int64_t now = clock_boot_ms();

	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++) {
		struct card_process *p = &c->processes[i];

		if (p->pid != 0 && p->deadline_ms != 0 && p->deadline_ms <= now)
			end(p);
	}
}

int cards_wait_ms(const struct cards *c)
{
	int64_t now = clock_boot_ms();
	int64_t least = -1;

	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++) {
		int64_t left = c->processes[i].deadline_ms - now;

		if (c->processes[i].pid == 0 || c->processes[i].deadline_ms == 0)
			continue;
		left = left > 0 ? left : 0;
		if (least < 0 || left < least)
			least = left;
	}
	return (int)least;
}
