/* sekishod's main process: starts the others, keeps them running, and does what only root can.
 * PROCESSES.md. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/boot_ports.h"
#include "agent/config.h"
#include "agent/control.h"
#include "agent/keeper.h"
#include "agent/paths.h"
#include "agent/place.h"
#include "agent/sandbox.h"
#include "agent/supervise.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "core/memory.h"

struct arguments {
	const char *root;
	const char *libexec;
	unsigned long user_ids; /* 0: by name */
	bool observe;
	bool close_ports;
};

struct daemon {
	struct supervisor supervisor;
	struct control_socket control;
	struct keeper keeper;
	int signal_fd;
	int lock_fd;
	bool told_ready;
	bool stop;
};

static const char *const user_names[ROLE_COUNT] = {
        [ROLE_GUARD] = "_sekisho",
        [ROLE_AUTH] = "_sekisho-auth",
        [ROLE_SIGNER] = "_sekisho-sign",
        [ROLE_REPORTER] = "_sekisho-net",
        [ROLE_CARD] = "_sekisho-card",
        [ROLE_FIDO2] = "_sekisho-fido2",
};

static int user_ids_parse(const char *text, unsigned long *base)
{
	char *end;

	errno = 0;
	*base = strtoul(text, &end, 10);
	if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0')
		return ERR_USAGE;
	return *base >= 1000 && *base <= 4000000000UL ? 0 : ERR_USAGE;
}

static int arguments_parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
	        {"root", required_argument, NULL, 'r'},
	        {"observe", no_argument, NULL, 'o'},
	        {"libexec", required_argument, NULL, 'l'},
	        {"user-ids", required_argument, NULL, 'u'},
	        {"close-ports", no_argument, NULL, 'c'},
	        {NULL, 0, NULL, 0},
	};
	int option;

	*a = (struct arguments){.root = "/", .libexec = SEKISHO_LIBEXECDIR};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			a->root = optarg;
		else if (option == 'o')
			a->observe = true;
		else if (option == 'l')
			a->libexec = optarg;
		else if (option == 'c')
			a->close_ports = true;
		else if (option != 'u' || user_ids_parse(optarg, &a->user_ids) != 0)
			return ERR_USAGE;
	}
	return optind == argc ? 0 : ERR_USAGE;
}

static int ids_by_name(const char *name, struct sandbox_ids *ids)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL || user->pw_uid == 0 || user->pw_gid == 0) {
		log_error("%s: %s", name,
		        LANGUAGE("この利用者がありません", "there is no such user"));
		return ERR_NOT_FOUND;
	}
	ids->uid = user->pw_uid;
	ids->gid = user->pw_gid;
	return 0;
}

/* Without this user no card, or no security key, is read; everything else works. */
static void card_ids_find(const struct arguments *a, enum role role, struct sandbox_ids *ids)
{
	uid_t id = (uid_t)(a->user_ids + (unsigned)(role - ROLE_GUARD));

	*ids = (struct sandbox_ids){id, id, (gid_t)-1, 0};
	if (a->user_ids == 0 && ids_by_name(user_names[role], ids) != 0)
		*ids = (struct sandbox_ids){0, 0, (gid_t)-1, 0};
}

/* auth reads the policy, which _sekisho's group may. */
static int ids_find(const struct arguments *a, struct sandbox_ids ids[ROLE_COUNT])
{
	for (enum role role = ROLE_GUARD; role <= ROLE_REPORTER; role++) {
		uid_t id = (uid_t)(a->user_ids + (unsigned)(role - ROLE_GUARD));

		ids[role] = (struct sandbox_ids){id, id, (gid_t)-1, 0};
		if (a->user_ids == 0 && ids_by_name(user_names[role], &ids[role]) != 0)
			return ERR_NOT_FOUND;
	}
	ids[ROLE_AUTH].extra = ids[ROLE_GUARD].gid;
	card_ids_find(a, ROLE_CARD, &ids[ROLE_CARD]);
	card_ids_find(a, ROLE_FIDO2, &ids[ROLE_FIDO2]);
	/* What auth may know, and nobody else. */
	ids[ROLE_SEAL] = ids[ROLE_AUTH];
	ids[ROLE_SEAL].extra = (gid_t)-1;
	return 0;
}

/* The paths are absolute, and kept for as long as main lives, since it leaves the directory it was
 * started in. */
static int paths_find(const struct arguments *a, struct supervisor *s)
{
	s->root_path = realpath(a->root, NULL);
	if (s->root_path == NULL) {
		log_error("%s: %s", a->root, strerror(errno));
		return ERR_NOT_FOUND;
	}
	s->libexec = realpath(a->libexec, NULL);
	if (s->libexec == NULL) {
		log_error("%s: %s", a->libexec, strerror(errno));
		return ERR_NOT_FOUND;
	}
	return 0;
}

static int root_enter(struct supervisor *s)
{
	s->requests.root = open(s->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->requests.root < 0 || fchdir(s->requests.root) != 0) {
		log_error("%s: %s", s->root_path, strerror(errno));
		return ERR_IO;
	}
	/* Under another root that root's sys, if any: never this machine's. */
	s->requests.sys = openat(s->requests.root, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return s->null_fd >= 0 ? 0 : ERR_IO;
}

/* What cannot be read is taken as the strictest: enforce, and no collector. */
static void config_load(struct supervisor *s)
{
	struct agent_config config;
	char message[160];
	unsigned line;
	int r = config_read(s->requests.root, &config, &line, message);

	if (r == ERR_FORMAT)
		log_error("%s:%u: %s", PATH_AGENT_YAML, line, message);
	else if (r != 0 && r != ERR_NOT_FOUND)
		log_error("%s: %s", PATH_AGENT_YAML, error_text(r));
	s->requests.observe = s->observe_argument || !config.enforce;
}

/*
 * What guard asks for first, done before the kernel knows a controller: whatever is in a port then
 * never meets a driver. Not while there is no policy, which would refuse the keyboard that is
 * needed to bring one. Observing, what was closed earlier in this boot is given back.
 */
static int ports_close(struct supervisor *s, const struct arguments *a)
{
	int r = 0;

	s->observe_argument = a->observe;
	if (paths_find(a, s) != 0 || root_enter(s) != 0)
		return ERR_IO;
	config_load(s);
	if (s->requests.observe)
		r = boot_ports_open(&s->requests);
	else if (faccessat(s->requests.root, PATH_POLICY_DIR "/" POLICY_IN_FORCE, F_OK, 0) == 0)
		r = boot_ports_close(&s->requests);
	if (r != 0)
		log_error("--close-ports: %s", error_text(r));
	return r;
}

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

static int place_everything(struct daemon *d, const struct sandbox_ids ids[ROLE_COUNT])
{
	bool elsewhere = strcmp(d->supervisor.root_path, "/") != 0;
	int control;
	int r = place_directories(ids, elsewhere);

	if (r == 0)
		r = place_lock(&d->lock_fd);
	if (r == 0)
		r = place_socket(PATH_CONTROL_SOCKET, 0600, &control);
	if (r != 0)
		return r;
	control_open(&d->control, control);
	return place_socket(PATH_AUTH_SOCKET, 0666, &d->supervisor.auth_listen_fd);
}

static struct cards cards_of(
        const struct supervisor *s, enum role role, const struct sandbox_ids *ids)
{
	return (struct cards){.role = role,
	        .ids = *ids,
	        .libexec = s->libexec,
	        .root_path = s->root_path,
	        .root = s->requests.root,
	        .null_fd = s->null_fd};
}

static int daemon_open(struct daemon *d, const struct arguments *a)
{
	struct sandbox_ids ids[ROLE_COUNT] = {{0, 0, (gid_t)-1, 0}};
	struct supervisor *s = &d->supervisor;
	int r;

	s->observe_argument = a->observe;
	s->tell.fd = -1;
	s->keeper = &d->keeper;
	s->alarm_fd = d->keeper.alarm_fd;
	if (ids_find(a, ids) != 0 || paths_find(a, s) != 0 || root_enter(s) != 0)
		return ERR_IO;
	for (enum role role = ROLE_GUARD; role <= ROLE_REPORTER; role++)
		s->processes[role] = (struct process){.ids = ids[role], .fd = -1};
	s->cards = cards_of(s, ROLE_CARD, &ids[ROLE_CARD]);
	s->keys = cards_of(s, ROLE_FIDO2, &ids[ROLE_FIDO2]);
	s->absences = (struct absences){.readers = {&s->cards, &s->keys, &s->seals},
	        .tell = &s->tell,
	        .libexec = s->libexec,
	        .root_path = s->root_path,
	        .null_fd = s->null_fd,
	        .owner = ids[ROLE_GUARD].uid};
	absences_open(&s->absences);
	s->requests.cards = &s->cards;
	s->requests.keys = &s->keys;
	s->seals = cards_of(s, ROLE_SEAL, &ids[ROLE_SEAL]);
	s->seals.device = PATH_TPM;
	s->requests.seals = &s->seals;
	s->requests.absences = &s->absences;
	r = place_everything(d, ids);
	if (r == 0)
		r = signals_open(&d->signal_fd);
	if (r != 0)
		return r;
	config_load(s);
	r = sandbox_enter(ROLE_MAIN, NULL);
	if (r != 0)
		log_error("%s: %s",
		        LANGUAGE("保護された状態に入れません", "cannot enter the sandbox"),
		        error_text(r));
	return r;
}

static void started_tell(struct daemon *d)
{
	struct event_record e;

	event_start(&e, EVENT_AGENT_STARTED);
	event_put(&e, FIELD_MODE, d->supervisor.requests.observe ? "observe" : "enforce");
	event_put(&e, FIELD_VERSION, SEKISHO_VERSION);
	tell_event(&d->supervisor.tell, &e);
	supervise_tell_state(&d->supervisor);
}

static void ready_tell(struct daemon *d)
{
	bool observe = d->supervisor.requests.observe;

	if (d->told_ready || !supervise_all_ready(&d->supervisor))
		return;
	d->told_ready = true;
	memory_give_back();
	keeper_say(&d->keeper, observe ? KEEPER_READY_OBSERVE : KEEPER_READY_ENFORCE);
	log_info("%s", observe ? LANGUAGE("準備ができました（監視のみ）", "ready (observing only)")
	                       : LANGUAGE("準備ができました", "ready"));
}

static void reload(struct daemon *d)
{
	keeper_say(&d->keeper, KEEPER_RELOADING);
	config_load(&d->supervisor);
	supervise_reload(&d->supervisor);
	d->told_ready = false;
	log_info("%s", LANGUAGE("設定を読み直しました", "configuration read again"));
}

static void signals_serve(struct daemon *d)
{
	struct signalfd_siginfo signal;

	while (read(d->signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo == SIGCHLD)
			supervise_reap(&d->supervisor);
		else if (signal.ssi_signo == SIGHUP)
			reload(d);
		else
			d->stop = true;
	}
}

static void control_serve(struct daemon *d, size_t index)
{
	enum control verb;
	int connection;
	int file;

	if (control_read(&d->control, index, &verb, &connection, &file) != 0)
		return;
	/* Without somebody to answer, the client sees the connection end. */
	(void)supervise_hand(&d->supervisor, verb, connection, file);
	close(connection);
	if (file >= 0)
		close(file);
}

/* What poll() looks at: fixed places, then a child a role, the pending questions, the sessions. */
enum {
	POLL_SIGNALS,
	POLL_CONTROL,
	POLL_TELL,
	POLL_KEEPER,
	POLL_CHILDREN,
	POLL_PENDING = POLL_CHILDREN + ROLE_COUNT,
	POLL_SESSIONS = POLL_PENDING + CONTROL_PENDING_MAX,
	POLL_COUNT = POLL_SESSIONS + ABSENCES_MAX
};

/* -1, without end, while nobody owes an answer: this process then sleeps until something happens.
 */
static int wait_ms(const struct daemon *d)
{
	int supervisor = supervise_wait_ms(&d->supervisor);
	int control = control_wait_ms(&d->control);

	if (supervisor < 0 || control < 0)
		return supervisor < 0 ? control : supervisor;
	return supervisor < control ? supervisor : control;
}

static int wait_any(struct daemon *d, struct pollfd fds[POLL_COUNT])
{
	for (size_t i = 0; i < POLL_COUNT; i++)
		fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	fds[POLL_SIGNALS].fd = d->signal_fd;
	fds[POLL_CONTROL].fd = d->control.listen_fd;
	fds[POLL_TELL].fd = d->supervisor.tell.fd;
	fds[POLL_KEEPER].fd = d->keeper.fd;
	for (size_t i = ROLE_GUARD; i <= ROLE_REPORTER; i++)
		fds[POLL_CHILDREN + i].fd = d->supervisor.processes[i].fd;
	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++)
		fds[POLL_PENDING + i].fd = d->control.pending[i].fd;
	for (size_t i = 0; i < ABSENCES_MAX; i++)
		fds[POLL_SESSIONS + i].fd = d->supervisor.absences.sessions[i].fd;
	return poll(fds, POLL_COUNT, wait_ms(d));
}

static void serve(struct daemon *d, const struct pollfd fds[POLL_COUNT])
{
	if (fds[POLL_SIGNALS].revents != 0)
		signals_serve(d);
	if (fds[POLL_TELL].revents != 0)
		supervise_serve_tell(&d->supervisor);
	if (fds[POLL_KEEPER].revents != 0)
		keeper_serve(&d->keeper);
	for (size_t i = ROLE_GUARD; i <= ROLE_REPORTER; i++) {
		if (fds[POLL_CHILDREN + i].revents != 0)
			supervise_serve(&d->supervisor, (enum role)i);
	}
	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++) {
		if (fds[POLL_PENDING + i].revents != 0)
			control_serve(d, i);
	}
	for (size_t i = 0; i < ABSENCES_MAX; i++) {
		if (fds[POLL_SESSIONS + i].revents != 0)
			absences_serve(&d->supervisor.absences, i);
	}
	if (fds[POLL_CONTROL].revents != 0)
		control_accept(&d->control);
}

static void run(struct daemon *d)
{
	struct pollfd fds[POLL_COUNT];

	while (!d->stop) {
		supervise_start(&d->supervisor);
		if (wait_any(d, fds) > 0)
			serve(d, fds);
		supervise_due(&d->supervisor);
		control_expire(&d->control);
		ready_tell(d);
	}
	keeper_say(&d->keeper, KEEPER_STOPPING);
	log_info("%s", LANGUAGE("終了します", "stopping"));
	supervise_stop(&d->supervisor);
	unlink(PATH_CONTROL_SOCKET);
	unlink(PATH_AUTH_SOCKET);
}

/* systemd starts it again at once; whoever mends what keeps it from starting needs the machine
 * too. */
static void pause_before_end(void)
{
	const struct timespec pause = {.tv_sec = 1};

	if (getenv("INVOCATION_ID") != NULL) /* a unit of systemd */
		(void)nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
	static struct daemon d; /* large, and zero */
	struct arguments a;

	log_open("sekishod", LOG_LEVEL_INFO);
	if (arguments_parse(argc, argv, &a) != 0) {
		fprintf(stderr, "%s\n",
		        LANGUAGE("使い方: sekishod [--root DIR] [--observe] [--libexec DIR] "
		                 "[--user-ids BASE] [--close-ports]",
		                "usage: sekishod [--root DIR] [--observe] [--libexec DIR] "
		                "[--user-ids BASE] [--close-ports]"));
		return EXIT_USAGE;
	}
	if (geteuid() != 0) {
		log_error("%s", LANGUAGE("rootで動かしてください", "must be run as root"));
		return EXIT_UNASKED;
	}
	if (a.close_ports)
		return ports_close(&d.supervisor, &a) == 0 ? EXIT_YES : EXIT_NO;
	if (keeper_start(&d.keeper) != 0) {
		log_error("%s", error_text(ERR_IO));
		return EXIT_NO;
	}
	if (daemon_open(&d, &a) != 0) {
		pause_before_end();
		return EXIT_NO;
	}
	started_tell(&d);
	run(&d);
	return EXIT_YES;
}
