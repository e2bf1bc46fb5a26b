#include "agent/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/hidraw.h>
#include <linux/netlink.h>
#include <linux/usbdevice_fs.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Memory, time, signals, and descriptors that are already there. A child can look at files, never
 * change them. */
static const int calls_common[] = {
        SCMP_SYS(accept4),
        SCMP_SYS(access),
        SCMP_SYS(brk),
        SCMP_SYS(clock_getres),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(close),
        SCMP_SYS(dup),
        SCMP_SYS(epoll_create1),
        SCMP_SYS(epoll_ctl),
        SCMP_SYS(epoll_pwait),
        SCMP_SYS(epoll_wait),
        SCMP_SYS(eventfd2),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(fcntl),
        SCMP_SYS(fstat),
        SCMP_SYS(fstatfs),
        SCMP_SYS(futex),
        SCMP_SYS(getcwd),
        SCMP_SYS(getdents64),
        SCMP_SYS(getegid),
        SCMP_SYS(geteuid),
        SCMP_SYS(getgid),
        SCMP_SYS(getpeername),
        SCMP_SYS(getpid),
        SCMP_SYS(getppid),
        SCMP_SYS(getrandom),
        SCMP_SYS(getrlimit),
        SCMP_SYS(getrusage),
        SCMP_SYS(getsockname),
        SCMP_SYS(getsockopt),
        SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(getuid),
        SCMP_SYS(lseek),
        SCMP_SYS(lstat),
        SCMP_SYS(madvise),
        SCMP_SYS(membarrier),
        SCMP_SYS(mlock),
        SCMP_SYS(mlock2),
        SCMP_SYS(mremap),
        SCMP_SYS(munlock),
        SCMP_SYS(munmap),
        SCMP_SYS(nanosleep),
        SCMP_SYS(newfstatat),
        SCMP_SYS(pipe2),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(pread64),
        SCMP_SYS(preadv),
        SCMP_SYS(pselect6),
        SCMP_SYS(read),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(readv),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rseq),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(sched_yield),
        SCMP_SYS(select),
        SCMP_SYS(sendmsg),
        SCMP_SYS(sendto),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(setsockopt),
        SCMP_SYS(shutdown),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(signalfd4),
        SCMP_SYS(stat),
        SCMP_SYS(statfs),
        SCMP_SYS(statx),
        SCMP_SYS(sysinfo),
        SCMP_SYS(tgkill),
        SCMP_SYS(time),
        SCMP_SYS(timerfd_create),
        SCMP_SYS(timerfd_gettime),
        SCMP_SYS(timerfd_settime),
        SCMP_SYS(umask),
        SCMP_SYS(uname),
        SCMP_SYS(write),
        SCMP_SYS(writev),
};

static const int calls_guard[] = {
        SCMP_SYS(bind),
        SCMP_SYS(ftruncate),
        SCMP_SYS(memfd_create),
        SCMP_SYS(name_to_handle_at),
};

/* A worker is a fork; the state file it writes was opened by main. */
static const int calls_auth[] = {
        SCMP_SYS(alarm),
        SCMP_SYS(fdatasync),
        SCMP_SYS(inotify_add_watch),
        SCMP_SYS(inotify_init1),
        SCMP_SYS(kill),
        SCMP_SYS(pwrite64),
        SCMP_SYS(socketpair),
        SCMP_SYS(wait4),
};

static const int calls_signer[] = {
        SCMP_SYS(fallocate),
        SCMP_SYS(fchmod),
        SCMP_SYS(fdatasync),
        SCMP_SYS(flock),
        SCMP_SYS(fsync),
        SCMP_SYS(ftruncate),
        SCMP_SYS(link),
        SCMP_SYS(linkat),
        SCMP_SYS(mkdir),
        SCMP_SYS(mkdirat),
        SCMP_SYS(pwrite64),
        SCMP_SYS(pwritev),
        SCMP_SYS(rename),
        SCMP_SYS(renameat),
        SCMP_SYS(renameat2),
        SCMP_SYS(unlink),
        SCMP_SYS(unlinkat),
};

/* libevent looks names up by itself, over UDP: no NSS module is loaded, no route asked for. */
static const int calls_reporter[] = {
        SCMP_SYS(bind),
        SCMP_SYS(connect),
        SCMP_SYS(fchmod),
        SCMP_SYS(fdatasync),
        SCMP_SYS(fsync),
        SCMP_SYS(ftruncate),
        SCMP_SYS(mkdir),
        SCMP_SYS(mkdirat),
        SCMP_SYS(rename),
        SCMP_SYS(renameat),
        SCMP_SYS(renameat2),
        SCMP_SYS(unlink),
        SCMP_SYS(unlinkat),
};

/* A module, and through it pcscd's socket or a token in files. */
static const int calls_card[] = {
        SCMP_SYS(connect),
        SCMP_SYS(fsync),
        SCMP_SYS(ftruncate),
};

/* OpenSC, by way of GLib, makes a thread and a place for a D-Bus socket before it looks at a card,
 * and goes on without: these answer EPERM. */
static const int calls_card_refused[] = {
        SCMP_SYS(mkdir),
        SCMP_SYS(sched_getattr),
        SCMP_SYS(sched_setattr),
};

/* libfido2 locks the hidraw device it speaks to. */
static const int calls_fido2[] = {
        SCMP_SYS(flock),
};

/* Its one file, written anew and renamed. */
static const int calls_seal[] = {
        SCMP_SYS(fchmod),
        SCMP_SYS(flock),
        SCMP_SYS(fsync),
        SCMP_SYS(renameat),
        SCMP_SYS(unlinkat),
};

/* The system's bus. */
static const int calls_absence[] = {
        SCMP_SYS(connect),
};

/* Spawning and supervising; what a child calls from its exec to its own filter; root's requests. */
static const int calls_main[] = {
        SCMP_SYS(arch_prctl),
        SCMP_SYS(bind),
        SCMP_SYS(capget),
        SCMP_SYS(capset),
        SCMP_SYS(chdir),
        SCMP_SYS(clone),
        SCMP_SYS(close_range),
        SCMP_SYS(dup2),
        SCMP_SYS(dup3),
        SCMP_SYS(execve),
        SCMP_SYS(fchmod),
        SCMP_SYS(fork),
        SCMP_SYS(fsync),
        SCMP_SYS(ftruncate),
        SCMP_SYS(getgroups),
        SCMP_SYS(getresgid),
        SCMP_SYS(getresuid),
        SCMP_SYS(kill),
        SCMP_SYS(listen),
        SCMP_SYS(mkdirat),
        SCMP_SYS(mmap),
        SCMP_SYS(mprotect),
        SCMP_SYS(openat),
        SCMP_SYS(prctl),
        SCMP_SYS(prlimit64),
        SCMP_SYS(renameat),
        SCMP_SYS(seccomp),
        SCMP_SYS(set_tid_address),
        SCMP_SYS(setgid),
        SCMP_SYS(setgroups),
        SCMP_SYS(setresgid),
        SCMP_SYS(setresuid),
        SCMP_SYS(setrlimit),
        SCMP_SYS(setsid),
        SCMP_SYS(setuid),
        SCMP_SYS(socketpair),
        SCMP_SYS(unlinkat),
        SCMP_SYS(wait4),
        SCMP_SYS(waitid),
};

/* Waits for main, ends it, passes signals on. */
static const int calls_keeper[] = {
        SCMP_SYS(kill),
        SCMP_SYS(waitid),
};

enum condition {
	MAY_WRITE_FILES = 1, /* opens files for writing too, as their owners and modes let it */
	MAY_FORK = 2,
	MAY_SOCKET_UNIX = 4,
	MAY_SOCKET_NET = 8,
	MAY_SOCKET_UEVENT = 16,
	MAY_ASK_USB = 32,   /* what a device says of itself: three calls of usbfs */
	MAY_LOAD_CODE = 64, /* maps executable pages: PKCS#11 modules */
	MAY_ASK_HID = 128,  /* what a HID device is: two calls of hidraw */
	MAY_THREAD = 256,
};

#define CALLS(list) .calls = (list), .count = COUNT(list)

static const struct profile {
	const int *calls;
	size_t count;
	unsigned conditions;
	const int *refused; /* with EPERM, where the process would end otherwise */
	size_t refused_count;
} profiles[ROLE_COUNT] = {
        [ROLE_MAIN] = {CALLS(calls_main),
                .conditions = MAY_WRITE_FILES | MAY_SOCKET_UNIX | MAY_ASK_USB},
        [ROLE_GUARD] = {CALLS(calls_guard), .conditions = MAY_SOCKET_UEVENT},
        [ROLE_AUTH] = {CALLS(calls_auth), .conditions = MAY_FORK},
        [ROLE_SIGNER] = {CALLS(calls_signer), .conditions = MAY_WRITE_FILES},
        [ROLE_REPORTER] = {CALLS(calls_reporter), .conditions = MAY_WRITE_FILES | MAY_SOCKET_NET},
        [ROLE_CARD] = {CALLS(calls_card),
                .conditions = MAY_WRITE_FILES | MAY_LOAD_CODE | MAY_SOCKET_UNIX | MAY_THREAD,
                .refused = calls_card_refused, .refused_count = COUNT(calls_card_refused)},
        [ROLE_FIDO2] = {CALLS(calls_fido2), .conditions = MAY_WRITE_FILES | MAY_ASK_HID},
        [ROLE_SEAL] = {CALLS(calls_seal), .conditions = MAY_WRITE_FILES},
        [ROLE_ABSENCE] = {CALLS(calls_absence), .conditions = MAY_SOCKET_UNIX},
};

/* No role: nothing it could do is in main's union. */
static const struct profile profile_keeper = {CALLS(calls_keeper)};

/* Two roles may name the same call: for main's union that is no error. */
static int rule_add(
        scmp_filter_ctx filter, int call, unsigned count, const struct scmp_arg_cmp *arguments)
{
	int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, arguments);

	return r == 0 || r == -EEXIST ? 0 : ERR_IO;
}

static int rule_add_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rule_add(filter, calls[i], 0, NULL) != 0)
			return ERR_IO;
	}
	return 0;
}

struct conditional {
	unsigned condition; /* 0: for every role */
	int call;
	unsigned count;
	struct scmp_arg_cmp arguments[2];
};

#define ARGUMENT(n, value)                                                                         \
	{                                                                                          \
		(n), SCMP_CMP_EQ, (scmp_datum_t)(value), 0                                         \
	}
#define ARGUMENT_WITHOUT(n, mask)                                                                  \
	{                                                                                          \
		(n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), 0                                   \
	}

enum { OPEN_CHANGES = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) };
/* CLONE_NEWTIME lies in the bits of the exit signal. */
enum {
	CLONE_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
	                   CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
};
enum { SOCKET_TYPE_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK };
enum { PRCTL_SET_VMA = 0x53564d41 }; /* PR_SET_VMA of Linux 5.17: names for anonymous memory */

static const struct conditional conditionals[] = {
        {0, SCMP_SYS(openat), 1, {ARGUMENT_WITHOUT(2, OPEN_CHANGES)}},
        {0, SCMP_SYS(open), 1, {ARGUMENT_WITHOUT(1, OPEN_CHANGES)}},
        {0, SCMP_SYS(mmap), 1, {ARGUMENT_WITHOUT(2, PROT_EXEC)}},
        {0, SCMP_SYS(mprotect), 1, {ARGUMENT_WITHOUT(2, PROT_EXEC)}},
        {0, SCMP_SYS(ioctl), 1, {ARGUMENT(1, TCGETS)}}, /* isatty() of stdio and log */
        {0, SCMP_SYS(ioctl), 1, {ARGUMENT(1, FIONREAD)}},
        {0, SCMP_SYS(ioctl), 1, {ARGUMENT(1, FIONBIO)}},
        {0, SCMP_SYS(prctl), 1, {ARGUMENT(0, PR_SET_NAME)}},
        {0, SCMP_SYS(prctl), 1, {ARGUMENT(0, PR_GET_NAME)}},
        {0, SCMP_SYS(prctl), 1, {ARGUMENT(0, PRCTL_SET_VMA)}},
        {0, SCMP_SYS(prlimit64), 1, {ARGUMENT(2, 0)}}, /* asking, not setting */
        {MAY_WRITE_FILES, SCMP_SYS(openat), 0, {{0}}},
        {MAY_LOAD_CODE, SCMP_SYS(mmap), 0, {{0}}},
        {MAY_LOAD_CODE, SCMP_SYS(mprotect), 0, {{0}}},
        {MAY_FORK, SCMP_SYS(clone), 1, {ARGUMENT_WITHOUT(0, CLONE_NAMESPACES)}},
        {MAY_THREAD, SCMP_SYS(clone), 1,
                {{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_NAMESPACES, CLONE_THREAD}}},
        {MAY_FORK, SCMP_SYS(prctl), 1, {ARGUMENT(0, PR_SET_PDEATHSIG)}},
        {MAY_ASK_USB, SCMP_SYS(ioctl), 1, {ARGUMENT(1, USBDEVFS_CONTROL)}},
        {MAY_ASK_USB, SCMP_SYS(ioctl), 1, {ARGUMENT(1, USBDEVFS_CLAIMINTERFACE)}},
        {MAY_ASK_USB, SCMP_SYS(ioctl), 1, {ARGUMENT(1, USBDEVFS_RELEASEINTERFACE)}},
        {MAY_ASK_HID, SCMP_SYS(ioctl), 1, {ARGUMENT(1, HIDIOCGRDESCSIZE)}},
        {MAY_ASK_HID, SCMP_SYS(ioctl), 1, {ARGUMENT(1, HIDIOCGRDESC)}},
        {MAY_SOCKET_UNIX, SCMP_SYS(socket), 1, {ARGUMENT(0, AF_UNIX)}},
        {MAY_SOCKET_NET, SCMP_SYS(socket), 1, {ARGUMENT(0, AF_INET)}},
        {MAY_SOCKET_NET, SCMP_SYS(socket), 1, {ARGUMENT(0, AF_INET6)}},
        {MAY_SOCKET_UEVENT, SCMP_SYS(socket), 2,
                {ARGUMENT(0, AF_NETLINK), ARGUMENT(2, NETLINK_KOBJECT_UEVENT)}},
};

static int rule_add_conditionals(scmp_filter_ctx filter, unsigned conditions)
{
	for (size_t i = 0; i < COUNT(conditionals); i++) {
		const struct conditional *c = &conditionals[i];

		if (c->condition != 0 && (c->condition & conditions) == 0)
			continue;
		if (rule_add(filter, c->call, c->count, c->arguments) != 0)
			return ERR_IO;
	}
	return 0;
}

static int profile_add(scmp_filter_ctx filter, const struct profile *p)
{
	if (rule_add_calls(filter, p->calls, p->count) != 0)
		return ERR_IO;
	return rule_add_conditionals(filter, p->conditions);
}

/* After all that is allowed: what another role may do, main's union keeps. */
static int rule_add_refused(scmp_filter_ctx filter, const struct profile *p)
{
	for (size_t i = 0; i < p->refused_count; i++) {
		int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), p->refused[i], 0);

		if (r != 0 && r != -EEXIST)
			return ERR_IO;
	}
	return 0;
}

static int filter_fill(scmp_filter_ctx filter, const struct profile *list, size_t count)
{
	if (rule_add_calls(filter, calls_common, COUNT(calls_common)) != 0)
		return ERR_IO;
	/* Its flags are behind a pointer, which no filter can read: libc falls back to clone(). */
	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0)
		return ERR_IO;
	for (size_t i = 0; i < count; i++) {
		if (profile_add(filter, &list[i]) != 0)
			return ERR_IO;
	}
	for (size_t i = 0; i < count; i++) {
		if (rule_add_refused(filter, &list[i]) != 0)
			return ERR_IO;
	}
	return 0;
}

static int filter_load(const struct profile *list, size_t count)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = ERR_MEMORY;

	if (filter == NULL)
		return r;
	r = ERR_IO;
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
		goto out;
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0) /* a tree, not a list */
		goto out;
	r = filter_fill(filter, list, count);
	if (r == 0 && seccomp_load(filter) != 0)
		r = ERR_IO;
out:
	seccomp_release(filter);
	return r;
}

/* CAP_SETPCAP, and with it the bounding set, is given up where there is one. */
static int capabilities_keep(const unsigned *kept, size_t count)
{
	capng_select_t what = CAPNG_SELECT_CAPS;

	if (capng_get_caps_process() != 0)
		return ERR_DENIED;
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what = CAPNG_SELECT_BOTH;
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < count; i++) {
		const capng_type_t sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET;

		if (capng_update(CAPNG_ADD, sets, kept[i]) != 0)
			return ERR_DENIED;
	}
	return capng_apply(what) == 0 ? 0 : ERR_DENIED;
}

static int ids_drop(const struct sandbox_ids *ids)
{
	gid_t groups[1] = {ids->extra};
	uid_t owner = ids->owner != 0 ? ids->owner : ids->uid;

	if (ids->uid == 0 || ids->gid == 0 || ids->uid == (uid_t)-1 || ids->gid == (gid_t)-1 ||
	        owner == (uid_t)-1)
		return ERR_DENIED;
	if (setgroups(ids->extra != (gid_t)-1 ? 1 : 0, groups) != 0)
		return ERR_DENIED;
	if (setresgid(ids->gid, ids->gid, ids->gid) != 0 || setresuid(owner, ids->uid, owner) != 0)
		return ERR_DENIED;
	/* Trust, then check: the way back must be closed. */
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0)
		return ERR_DENIED;
	return 0;
}

static int process_harden(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return ERR_DENIED;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : ERR_DENIED;
}

static int main_enter(void)
{
	/* To start children under their ids, and to end them. */
	static const unsigned kept[] = {CAP_SETUID, CAP_SETGID, CAP_KILL};

	return capabilities_keep(kept, COUNT(kept));
}

/* Changing ids clears the parent-death signal, so it comes after. */
static int child_enter(const struct sandbox_ids *ids)
{
	int r;

	if (ids == NULL)
		return ERR_DENIED;
	/* The bounding set goes while there is CAP_SETPCAP, everything else with the ids. */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
		capng_clear(CAPNG_SELECT_BOUNDS);
		if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
			return ERR_DENIED;
	}
	r = ids_drop(ids);
	if (r == 0)
		r = capabilities_keep(NULL, 0);
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		r = ERR_DENIED;
	return r;
}

/* What it took to make the list would stay with the process for as long as that runs. Those that
 * end after one command or one login would only have to get back what they are about to use. */
static bool is_resident(enum role role)
{
	return role != ROLE_ADMIN && role != ROLE_CARD && role != ROLE_FIDO2;
}

int sandbox_enter(enum role role, const struct sandbox_ids *ids)
{
	int r;

	if ((unsigned)role >= ROLE_COUNT)
		return ERR_USAGE;
	if (role == ROLE_MAIN)
		r = main_enter();
	else if (role == ROLE_ADMIN)
		r = capabilities_keep(NULL, 0);
	else
		r = child_enter(ids);
	if (r == 0)
		r = process_harden();
	if (r != 0)
		return r;
	r = role == ROLE_MAIN ? filter_load(profiles, COUNT(profiles))
	                      : filter_load(&profiles[role], 1);
	if (is_resident(role))
		memory_give_back();
	return r;
}

int sandbox_enter_keeper(void)
{
	int r = capabilities_keep(NULL, 0);

	if (r == 0)
		r = process_harden();
	if (r == 0)
		r = filter_load(&profile_keeper, 1);
	memory_give_back();
	return r;
}
