#include "agent/cards.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/launch.h"
#include "core/clock.h"
#include "core/error.h"

static int find(const struct cards *c, pid_t pid)
{
	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++)
		if (c->processes[i].pid == pid)
			return i;
	return -1;
}

/* By main, whoever owns it by udev's rules; whether it is there is the process' affair. */
static int open_device(const struct cards *c)
{
	return c->device == NULL
	               ? -1
	               : openat(c->root, c->device, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int start(struct cards *c, int place, int channel)
{
	const int device = open_device(c);
	const struct launch l = {.role = c->role,
	        .ids = c->ids,
	        .libexec = c->libexec,
	        .root_path = c->root_path,
	        .null_fd = c->null_fd,
	        .fds = {channel, -1, device, -1}};
	int error = launch_start(&l, &c->processes[place].pid);

	c->processes[place].deadline_ms = clock_boot_ms() + CARD_LIFETIME * INT64_C(1000);
	if (device >= 0)
		close(device);
	return error;
}

int cards_start(struct cards *c, int *fd)
{
	int place = find(c, 0);
	int pair[2];
	int error = 0;

	*fd = -1;
	if (c->ids.uid == 0)
		return ERR_NOT_FOUND;
	if (place < 0)
		return ERR_TOO_LONG;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return ERR_IO;
	error = start(c, place, pair[1]);
	close(pair[1]);
	if (error == 0)
		*fd = pair[0]; /* transferred */
	else
		close(pair[0]);
	return error;
}

bool cards_take(struct cards *c, pid_t pid, bool stopped)
{
	int place = find(c, pid);

	if (place < 0)
		return false;
	if (stopped)
		(void)kill(pid, SIGKILL);
	else
		c->processes[place].pid = 0;
	return true;
}

void cards_expire(struct cards *c)
{
	int64_t now = clock_boot_ms();

	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++) {
		if (c->processes[i].pid == 0 || c->processes[i].deadline_ms > now)
			continue;
		(void)kill(c->processes[i].pid, SIGKILL);
		c->processes[i].deadline_ms = now + CARD_LIFETIME * INT64_C(1000);
	}
}

int cards_wait_ms(const struct cards *c)
{
	int64_t now = clock_boot_ms();
	int64_t least = -1;

	for (int i = 0; i < CARD_LIFETIME_PROCESSES; i++) {
		int64_t left = c->processes[i].deadline_ms - now;

		if (c->processes[i].pid == 0)
			continue;
		left = left > 0 ? left : 0;
		if (least < 0 || left < least)
			least = left;
	}
	return (int)least;
}
