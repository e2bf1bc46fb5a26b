#include "agent/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "core/notify.h"

/* After an alarm that main answered, the next one is heard this much later. */
enum { CALM_MS = 10000 };

struct keeping {
	pid_t main;
	int fd;
	int alarm_fd;
	int signal_fd;
	struct notify notify;
	int64_t due_ms;  /* until when main must have answered; 0: it was not asked */
	int64_t calm_ms; /* until when no alarm is heard */
};

static void say(int fd, enum keeper_word word)
{
	const uint8_t byte = (uint8_t)word;

	(void)send(fd, &byte, sizeof(byte), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* false: nothing more is there. */
static bool hear(int fd, enum keeper_word *word)
{
	uint8_t byte = 0;
	ssize_t length = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);

	*word = (enum keeper_word)byte;
	return length == (ssize_t)sizeof(byte);
}

/* --- the keeper's side --- */

static void main_kill(const struct keeping *k, const char *cause)
{
	log_error("main: %s", cause);
	kill(k->main, SIGKILL);
}

static void tell_systemd(const struct keeping *k, enum keeper_word word)
{
	if (word == KEEPER_READY_ENFORCE)
		notify_send(&k->notify, "READY=1\nSTATUS=enforce");
	else if (word == KEEPER_READY_OBSERVE)
		notify_send(&k->notify, "READY=1\nSTATUS=observe");
	else if (word == KEEPER_RELOADING)
		notify_reloading(&k->notify);
	else if (word == KEEPER_STOPPING)
		notify_send(&k->notify, "STOPPING=1");
}

static void main_serve(struct keeping *k)
{
	enum keeper_word word;

	while (hear(k->fd, &word)) {
		if (word == KEEPER_ASK)
			say(k->fd, KEEPER_HERE);
		else if (word == KEEPER_HERE)
			k->due_ms = 0;
		else
			tell_systemd(k, word);
	}
}

static void alarm_serve(struct keeping *k)
{
	uint8_t bytes[64];

	while (read(k->alarm_fd, bytes, sizeof(bytes)) > 0)
		;
	k->calm_ms = clock_awake_ms() + CALM_MS;
	k->due_ms = clock_awake_ms() + KEEPER_ANSWER_MS;
	say(k->fd, KEEPER_ASK);
}

/* When main has ended: its exit code, or 1. Else -1. */
static int main_look(const struct keeping *k)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)k->main, &info, WEXITED | WSTOPPED | WNOHANG) != 0)
		return errno == ECHILD ? EXIT_NO : -1;
	if (info.si_pid == 0)
		return -1;
	if (info.si_code == CLD_EXITED)
		return info.si_status;
	if (info.si_code == CLD_STOPPED) {
		main_kill(k, "stopped");
		return -1;
	}
	log_error("main: signal %d", info.si_status);
	return EXIT_NO;
}

static int signals_serve(const struct keeping *k)
{
	struct signalfd_siginfo signal;

	while (read(k->signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo != SIGCHLD)
			kill(k->main, (int)signal.ssi_signo);
	}
	return main_look(k);
}

static int wait_ms(const struct keeping *k)
{
	int64_t until = k->due_ms != 0 ? k->due_ms : k->calm_ms;
	int64_t left = until - clock_awake_ms();

	if (until == 0)
		return -1;
	return left > 0 ? (int)left : 0;
}

static void time_serve(struct keeping *k)
{
	int64_t now = clock_awake_ms();

	if (k->due_ms != 0 && now >= k->due_ms) {
		k->due_ms = 0;
		main_kill(k, "no answer");
	}
	if (now >= k->calm_ms)
		k->calm_ms = 0;
}

/* main's exit code once it has ended, -1 before. */
static int keep(struct keeping *k)
{
	struct pollfd fds[3] = {
	        {.fd = k->signal_fd, .events = POLLIN},
	        {.fd = k->fd, .events = POLLIN},
	        {.fd = k->calm_ms == 0 ? k->alarm_fd : -1, .events = POLLIN},
	};
	int ready = poll(fds, 3, wait_ms(k));

	if (ready < 0)
		return errno == EINTR ? -1 : EXIT_NO;
	if (fds[1].revents != 0)
		main_serve(k);
	if ((fds[1].revents & POLLHUP) != 0)
		k->fd = -1; /* it ends: SIGCHLD is on its way */
	if (fds[2].revents != 0)
		alarm_serve(k);
	time_serve(k);
	return fds[0].revents != 0 ? signals_serve(k) : -1;
}

_Noreturn static void keeper_run(struct keeping *k)
{
	int code = -1;

	if (sandbox_enter_keeper() != 0) {
		log_error("%s", LANGUAGE("保護された状態に入れません", "cannot enter the sandbox"));
		exit(EXIT_NO); /* and main with it */
	}
	while (code < 0)
		code = keep(k);
	exit(code);
}

/* Blocked before there is a main, so that its end is not missed; main opens its own. */
static int signals_open(int *fd)
{
	static const int wanted[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) != 0)
		return ERR_IO;
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd >= 0 ? 0 : ERR_IO;
}

static void main_begin(struct keeper *k, const struct keeping *kept, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		exit(EXIT_NO);
	(void)prctl(PR_SET_NAME, "main", 0, 0, 0);
	close(kept->fd);
	close(kept->alarm_fd);
	close(kept->signal_fd);
	if (kept->notify.fd >= 0)
		close(kept->notify.fd);
	k->due_ms = 0;
}

int keeper_start(struct keeper *k)
{
	struct keeping kept = {.signal_fd = -1};
	pid_t self = getpid();
	int socket[2];
	int alarm[2];

	if (notify_open(&kept.notify) != 0)
		log_warning("%s",
		        LANGUAGE("NOTIFY_SOCKETが使えません", "NOTIFY_SOCKET cannot be used"));
	if (signals_open(&kept.signal_fd) != 0 ||
	        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socket) != 0 ||
	        pipe2(alarm, O_CLOEXEC | O_NONBLOCK) != 0)
		return ERR_IO;
	kept.fd = socket[0];
	kept.alarm_fd = alarm[0];
	k->fd = socket[1];
	k->alarm_fd = alarm[1];
	kept.main = fork();
	if (kept.main < 0)
		return ERR_IO;
	if (kept.main == 0) {
		main_begin(k, &kept, self);
		return 0;
	}
	close(k->fd);
	close(k->alarm_fd);
	keeper_run(&kept);
}

/* --- main's side --- */

void keeper_say(struct keeper *k, enum keeper_word word)
{
	say(k->fd, word);
}

/* proc_pid_stat(5): the state follows the name, in which there may be anything. */
static bool keeper_is_stopped(void)
{
	char path[32];
	char text[128] = "";
	const char *state;
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (length <= 0)
		return false; /* the deadline will tell */
	state = strrchr(text, ')');
	return state != NULL && (state[1] == ' ' && (state[2] == 'T' || state[2] == 't'));
}

/* One that was stopped need not be waited for. */
void keeper_ask(struct keeper *k)
{
	if (k->due_ms != 0)
		return;
	k->due_ms = clock_awake_ms() + (keeper_is_stopped() ? 0 : KEEPER_ANSWER_MS);
	say(k->fd, KEEPER_ASK);
}

void keeper_serve(struct keeper *k)
{
	enum keeper_word word;

	while (hear(k->fd, &word)) {
		if (word == KEEPER_ASK)
			say(k->fd, KEEPER_HERE);
		else if (word == KEEPER_HERE)
			k->due_ms = 0;
	}
}

void keeper_check(struct keeper *k)
{
	if (k->due_ms == 0 || clock_awake_ms() < k->due_ms)
		return;
	/* It takes a moment to go, and this process goes with it. */
	k->due_ms = clock_awake_ms() + KEEPER_ANSWER_MS;
	log_error("%s", LANGUAGE("番人が答えないため全て起動し直します",
	                        "the keeper does not answer: everything is started anew"));
	kill(getppid(), SIGKILL);
}
