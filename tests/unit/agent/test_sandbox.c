#include "agent/sandbox.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hidraw.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"

enum { ID = 61001, EXTRA = 61004, ENTER_FAILED = 90 };

static const struct sandbox_ids ids = {ID, ID + 1, EXTRA, 0};

static const struct sandbox_ids *ids_of(enum role role)
{
	return role == ROLE_MAIN || role == ROLE_ADMIN ? NULL : &ids;
}

/* Runs action in a process of its own, in the role's sandbox. Its wait status. */
static int status_in(enum role role, int (*action)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(sandbox_enter(role, ids_of(role)) == 0 ? action() : ENTER_FAILED);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_killed(enum role role, int (*action)(void))
{
	int status = status_in(role, action);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("role %d: status %#x, not killed by SIGSYS", role, (unsigned)status);
}

static void assert_works(enum role role, int (*action)(void))
{
	int status = status_in(role, action);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("role %d: status %#x", role, (unsigned)status);
}

static int try_exec(void)
{
	char *const argv[] = {(char *)"true", NULL};

	execv("/bin/true", argv);
	return 1;
}

static int try_ptrace(void)
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

static int try_socket(int family, int protocol)
{
	(void)socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
	return 0;
}

static int try_socket_packet(void)
{
	return try_socket(AF_PACKET, 0);
}

static int try_socket_inet(void)
{
	return try_socket(AF_INET, 0);
}

static int try_socket_inet6(void)
{
	return try_socket(AF_INET6, 0);
}

static int try_socket_unix(void)
{
	(void)socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return 0;
}

static int try_socket_uevent(void)
{
	return try_socket(AF_NETLINK, NETLINK_KOBJECT_UEVENT);
}

static int try_socket_route(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0 ? 0 : 1;
}

static int try_socket_netfilter(void)
{
	return try_socket(AF_NETLINK, NETLINK_NETFILTER);
}

static int try_write_file(void)
{
	(void)open("/dev/null", O_WRONLY | O_CLOEXEC);
	return 0;
}

static int try_create_file(void)
{
	(void)open("/nonexistent/file", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	return 0;
}

static int try_read_file(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? close(fd) : 1;
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 ? 0 : 1;
}

static int try_unshare(void)
{
	(void)unshare(CLONE_NEWUSER);
	return 0;
}

static int try_setuid(void)
{
	return setuid(0);
}

static int try_mount(void)
{
	(void)syscall(SYS_mount, "none", "/", "none", 0, NULL);
	return 0;
}

static int try_bpf(void)
{
	(void)syscall(SYS_bpf, 0, NULL, 0);
	return 0;
}

static int try_keyctl(void)
{
	(void)syscall(SYS_keyctl, 0, 0);
	return 0;
}

static int try_chmod(void)
{
	(void)syscall(SYS_chmod, "/nonexistent", 0777);
	return 0;
}

static int try_x32(void)
{
	(void)syscall(0x40000000 | SYS_getpid);
	return 0;
}

static int try_executable_memory(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED;
}

static int try_rename(void)
{
	(void)renameat(AT_FDCWD, "/nonexistent/a", AT_FDCWD, "/nonexistent/b");
	return 0;
}

/* As libfido2 asks what may be a security key; this is none, and says so. */
static int try_ask_hid(void)
{
	struct hidraw_report_descriptor descriptor = {.size = 1};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int size = 0;

	if (ioctl(fd, HIDIOCGRDESCSIZE, &size) == 0 || ioctl(fd, HIDIOCGRDESC, &descriptor) == 0)
		return 1;
	return flock(fd, LOCK_EX | LOCK_NB);
}

static int try_change_hid(void)
{
	uint8_t report[2] = {0};

	(void)ioctl(0, HIDIOCSFEATURE(sizeof(report)), report);
	return 0;
}

static void *thread(void *argument)
{
	*(int *)argument = 1;
	return NULL;
}

static int try_thread(void)
{
	pthread_t id;
	int ran = 0;

	if (pthread_create(&id, NULL, thread, &ran) != 0 || pthread_join(id, NULL) != 0)
		return 1;
	return ran ? 0 : 1;
}

/* On behalf of OpenSC, which goes on when it is refused. */
static int try_what_glib_tries(void)
{
	uint64_t attributes[7] = {sizeof(attributes)};

	if (syscall(SYS_sched_getattr, 0, attributes, sizeof(attributes), 0) != -1 ||
	        errno != EPERM)
		return 1;
	if (syscall(SYS_sched_setattr, 0, attributes, 0) != -1 || errno != EPERM)
		return 2;
	return mkdir("/tmp/sekisho-never", 0700) == -1 && errno == EPERM ? 0 : 3;
}

/* What every process does all day: memory, time, files, messages. */
static int ordinary_work(void)
{
	struct timespec moment = {0, 1000};
	char *memory;
	char text[64];
	FILE *file = fopen("/proc/self/stat", "r");

	if (file == NULL || fgets(text, sizeof(text), file) == NULL)
		file = file != NULL
		               ? file
		               : fopen("/etc/passwd", "r"); /* not dumpable: /proc/self is root's */
	if (file == NULL)
		return 1;
	fclose(file);
	memory = malloc(1 << 20);
	if (memory == NULL)
		return 2;
	memset(memory, 1, 1 << 20);
	free(memory);
	nanosleep(&moment, NULL);
	signal(SIGTERM, SIG_IGN);
	fprintf(stderr, "%s", "");
	return 0;
}

static int read_status(pid_t pid, const char *name, char *value, size_t size)
{
	char path[64];
	char line[256];
	size_t length = strlen(name);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	value[0] = '\0';
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			line[strcspn(line, "\n")] = '\0';
			snprintf(value, size, "%s",
			        line + length + 1 + strspn(line + length + 1, "\t "));
		}
	}
	if (file != NULL)
		fclose(file);
	return value[0] != '\0' ? 0 : 1;
}

static void assert_status(pid_t pid, const char *name, const char *wanted)
{
	char value[128];

	assert_int_equal(read_status(pid, name, value, sizeof(value)), 0);
	assert_string_equal(value, wanted);
}

static void roles_and_what_kills_them(void **state)
{
	static const enum role children[] = {ROLE_GUARD, ROLE_AUTH, ROLE_SIGNER, ROLE_REPORTER,
	        ROLE_ADMIN, ROLE_CARD, ROLE_FIDO2, ROLE_SEAL, ROLE_ABSENCE};
	static int (*const never[])(void) = {try_exec, try_ptrace, try_socket_packet,
	        try_socket_netfilter, try_socket_route, try_unshare, try_setuid, try_mount, try_bpf,
	        try_keyctl, try_chmod, try_x32, try_change_hid};

	(void)state;
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++)
			assert_killed(children[i], never[k]);
		assert_works(children[i], ordinary_work);
		assert_works(children[i], try_read_file);
	}
}

static void what_one_role_may_another_may_not(void **state)
{
	enum {
		writers = 1 << ROLE_REPORTER | 1 << ROLE_SIGNER | 1 << ROLE_CARD | 1 << ROLE_FIDO2 |
		          1 << ROLE_SEAL
	};
	static const struct {
		int (*action)(void);
		unsigned may; /* bits of roles */
	} actions[] = {
	        {try_socket_inet, 1u << ROLE_REPORTER},
	        {try_socket_inet6, 1u << ROLE_REPORTER},
	        {try_socket_unix, 1u << ROLE_CARD | 1u << ROLE_ABSENCE},
	        {try_socket_uevent, 1u << ROLE_GUARD},
	        {try_write_file, writers},
	        {try_create_file, writers},
	        {try_rename, 1u << ROLE_REPORTER | 1u << ROLE_SIGNER | 1u << ROLE_SEAL},
	        {try_fork, 1u << ROLE_AUTH},
	        {try_thread, 1u << ROLE_AUTH | 1u << ROLE_CARD},
	        {try_what_glib_tries, 1u << ROLE_CARD},
	        {try_executable_memory, 1u << ROLE_CARD},
	        {try_ask_hid, 1u << ROLE_FIDO2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		for (enum role role = ROLE_GUARD; role < ROLE_COUNT; role++) {
			if ((actions[i].may & 1u << role) != 0)
				assert_works(role, actions[i].action);
			else
				assert_killed(role, actions[i].action);
		}
	}
}

static void main_may_start_children_and_little_else(void **state)
{
	static int (*const never[])(void) = {try_ptrace, try_socket_packet, try_socket_netfilter,
	        try_unshare, try_mount, try_bpf, try_keyctl, try_chmod, try_x32};

	(void)state;
	assert_works(ROLE_MAIN, try_exec);
	assert_works(ROLE_MAIN, try_fork);
	assert_works(ROLE_MAIN, ordinary_work);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_killed(ROLE_MAIN, never[i]);
}

/* A sandboxed process that waits, so that /proc can be read from outside; *end closes it. */
static pid_t sandboxed_start(enum role role, int *end)
{
	int ready[2], stop[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		close(stop[1]);
		if (sandbox_enter(role, ids_of(role)) != 0)
			_exit(ENTER_FAILED);
		close(ready[1]);
		_exit(read(stop[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(ready[1]);
	close(stop[0]);
	(void)!read(ready[0], &byte, 1);
	close(ready[0]);
	*end = stop[1];
	return pid;
}

static void sandboxed_end(pid_t pid, int end)
{
	int status;

	close(end);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void proc_shows_it(void **state)
{
	(void)state;
	for (enum role role = ROLE_MAIN; role < ROLE_COUNT; role++) {
		int end;
		pid_t pid = sandboxed_start(role, &end);

		assert_status(pid, "Seccomp", "2");
		assert_status(pid, "NoNewPrivs", "1");
		assert_status(pid, "CapInh", "0000000000000000");
		assert_status(pid, "CapAmb", "0000000000000000");
		/* CAP_KILL, CAP_SETGID, CAP_SETUID */
		assert_status(
		        pid, "CapEff", role == ROLE_MAIN ? "00000000000000e0" : "0000000000000000");
		assert_status(
		        pid, "CapBnd", role == ROLE_MAIN ? "00000000000000e0" : "0000000000000000");
		if (ids_of(role) != NULL) {
			assert_status(pid, "Uid", "61001\t61001\t61001\t61001");
			assert_status(pid, "Gid", "61002\t61002\t61002\t61002");
			assert_status(pid, "Groups", "61004 ");
		}
		sandboxed_end(pid, end);
	}
}

static int no_core_file_is_written(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 1;
	return 0;
}

/* Of a process that is not dumpable, /proc is root's though its ids are dropped: its own user
 * cannot trace it. */
static void no_core_file_and_no_debugger(void **state)
{
	struct stat status;
	char path[64];
	int end;
	pid_t pid = sandboxed_start(ROLE_SIGNER, &end);

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, 0);
	sandboxed_end(pid, end);
	assert_works(ROLE_SIGNER, no_core_file_is_written);
}

/* The child of a child that is killed: it must not live on. */
static void a_child_dies_with_its_parent(void **state)
{
	int ends[2];
	char byte;
	int status;
	pid_t parent;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		pid_t child = fork();

		if (child == 0) {
			if (sandbox_enter(ROLE_SIGNER, &ids) != 0)
				_exit(ENTER_FAILED);
			(void)!write(ends[1], "r", 1);
			for (;;)
				pause();
		}
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* the last holder of the other end is gone */
	close(ends[0]);
}

static int enter_status(enum role role, const struct sandbox_ids *wanted)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(sandbox_enter(role, wanted) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Under the user's id, and out of the user's reach. */
static void its_owner_alone_may_signal(void **state)
{
	const struct sandbox_ids owned = {ID, ID + 1, (gid_t)-1, ID + 2};
	char byte = 'x';
	int pair[2];
	int status = -1;
	pid_t pid = 0;
	pid_t user = 0;

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)(sandbox_enter(ROLE_ABSENCE, &owned) == 0 && geteuid() == ID &&
		        write(pair[1], &byte, 1) == 1 && poll(NULL, 0, -1) == 0);
		_exit(ENTER_FAILED);
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	user = fork();
	if (user == 0)
		_exit(setresuid(ID, ID, ID) == 0 && kill(pid, SIGKILL) == -1 && errno == EPERM ? 0
		                                                                               : 1);
	assert_int_equal(waitpid(user, &status, 0), user);
	assert_int_equal(status, 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(pair[0]);
}

static void ids_that_drop_nothing_are_refused(void **state)
{
	const struct sandbox_ids root_user = {0, ID, (gid_t)-1, 0};
	const struct sandbox_ids root_group = {ID, 0, (gid_t)-1, 0};
	const struct sandbox_ids kept = {(uid_t)-1, ID, (gid_t)-1, 0};

	(void)state;
	assert_int_equal(enter_status(ROLE_GUARD, &root_user), 1);
	assert_int_equal(enter_status(ROLE_GUARD, &root_group), 1);
	assert_int_equal(enter_status(ROLE_GUARD, &kept), 1);
	assert_int_equal(enter_status(ROLE_GUARD, NULL), 1);
	assert_int_equal(sandbox_enter((enum role)ROLE_COUNT, &ids), ERR_USAGE);
	assert_int_equal(sandbox_enter(ROLE_POLICY, &ids), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(roles_and_what_kills_them),
	        cmocka_unit_test(what_one_role_may_another_may_not),
	        cmocka_unit_test(main_may_start_children_and_little_else),
	        cmocka_unit_test(proc_shows_it),
	        cmocka_unit_test(no_core_file_and_no_debugger),
	        cmocka_unit_test(a_child_dies_with_its_parent),
	        cmocka_unit_test(its_owner_alone_may_signal),
	        cmocka_unit_test(ids_that_drop_nothing_are_refused),
	};

	if (geteuid() != 0) /* dropping ids takes root */
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
