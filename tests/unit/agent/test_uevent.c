/* Uevents: what the bytes say, and whose they are. The socket is tried in a network of the test's
 * own, where it may say what it likes. */
#include "agent/uevent.h"
#include "tests/unit/cmocka_all.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"

#define PLACE "/devices/pci0000:00/0000:00:04.0/usb1/1-1"

#define STICK                                                                                      \
	"add@" PLACE "\0ACTION=add\0DEVPATH=" PLACE "\0SUBSYSTEM=usb\0DEVTYPE=usb_device\0"        \
	"PRODUCT=46f4/1/0\0SEQNUM=1234"

#define PARSE(text, u) uevent_parse(text, sizeof(text), u) /* with the last NUL */

static void what_it_says_is_read(void **state)
{
	struct uevent u;

	(void)state;
	assert_int_equal(PARSE(STICK, &u), 0);
	assert_string_equal(u.action, "add");
	assert_string_equal(u.devpath, PLACE);
	assert_string_equal(u.name, "1-1");
	assert_string_equal(u.subsystem, "usb");
	assert_string_equal(u.devtype, "usb_device");
	assert_int_equal(
	        PARSE("remove@/module/uas\0ACTION=remove\0DEVPATH=/module/uas\0SUBSYSTEM=module",
	                &u),
	        0);
	assert_string_equal(u.devtype, "");
	assert_string_equal(u.name, "uas");
}

static void what_is_no_uevent_is_refused(void **state)
{
	struct uevent u;

	(void)state;
	assert_int_equal(uevent_parse("", 0, &u), ERR_FORMAT);
	assert_int_equal(PARSE("", &u), ERR_FORMAT);
	assert_int_equal(uevent_parse(STICK, sizeof(STICK) - 1, &u), ERR_FORMAT); /* no end */
	assert_int_equal(PARSE("add@" PLACE, &u), ERR_FORMAT);
	/* One that the head does not speak of. */
	assert_int_equal(PARSE("add@/x\0ACTION=remove\0DEVPATH=/x\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	assert_int_equal(PARSE("add@/x\0ACTION=add\0DEVPATH=/y\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	assert_int_equal(PARSE("add@/xy\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	assert_int_equal(PARSE("@/x\0ACTION=\0DEVPATH=/x\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	/* A variable twice. */
	assert_int_equal(
	        PARSE("add@/x\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=usb\0SUBSYSTEM=block", &u),
	        ERR_FORMAT);
	/* Paths that lead elsewhere, or nowhere. */
	assert_int_equal(PARSE("add@x\0ACTION=add\0DEVPATH=x\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	assert_int_equal(PARSE("add@\0ACTION=add\0SUBSYSTEM=usb\0DEVPATH=", &u), ERR_FORMAT);
	assert_int_equal(PARSE("add@/\0ACTION=add\0DEVPATH=/\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	assert_int_equal(PARSE("add@/x/\0ACTION=add\0DEVPATH=/x/\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	assert_int_equal(
	        PARSE("add@/a/../x\0ACTION=add\0DEVPATH=/a/../x\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	assert_int_equal(
	        PARSE("add@/a//x\0ACTION=add\0DEVPATH=/a//x\0SUBSYSTEM=usb", &u), ERR_FORMAT);
	/* udev's own kind, which comes from a process. */
	assert_int_equal(PARSE("libudev\0\xfe\xed\xca\xfe", &u), ERR_FORMAT);
	assert_null(u.name);
}

static uint32_t port_of(int fd)
{
	struct sockaddr_nl address = {0};
	socklen_t length = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 ? address.nl_pid : 0;
}

static int forge(int from, uint32_t port, uint32_t group)
{
	const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = group};

	return sendto(from, STICK, sizeof(STICK), 0, (const struct sockaddr *)&to, sizeof(to)) ==
	                       (ssize_t)sizeof(STICK)
	               ? 0
	               : -1;
}

/* The kernel tells of it. */
static int loopback_rename(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_newname = "renamed"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd >= 0 ? ioctl(fd, SIOCSIFNAME, &request) : -1;

	if (fd >= 0)
		close(fd);
	return r;
}

enum { CANNOT_BE_TRIED = 77 };

/* 0, or which line it was. */
static int socket_try(void)
{
	char memory[UEVENT_MAX];
	const int small = 4096;
	struct uevent u;
	int lost = 0;
	int from;
	int fd;
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return CANNOT_BE_TRIED;
	from = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (uevent_open(&fd) != 0 || from < 0)
		return 1;
	if (uevent_receive(fd, memory, &u) != ERR_TIMEOUT)
		return 2;
	if (forge(from, 0, 1) != 0 || forge(from, port_of(fd), 0) != 0)
		return CANNOT_BE_TRIED;
	for (int forged = 0; forged < 2; forged++) {
		if (uevent_receive(fd, memory, &u) != ERR_DENIED)
			return 3;
	}
	if (uevent_receive(fd, memory, &u) != ERR_TIMEOUT)
		return 3;
	if (loopback_rename() == 0 &&
	        (uevent_receive(fd, memory, &u) != 0 || strcmp(u.subsystem, "net") != 0 ||
	                strcmp(u.name, "renamed") != 0 || strcmp(u.action, "move") != 0))
		return 4;
	while (uevent_receive(fd, memory, &u) != ERR_TIMEOUT)
		;
	/* More than fits: that something is missing is said once, and what is there can be read. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int i = 0; i < 100; i++)
		(void)forge(from, 0, 1);
	while ((r = uevent_receive(fd, memory, &u)) != ERR_TIMEOUT)
		lost += r != ERR_DENIED;
	return lost == 1 ? 0 : 5;
}

static void what_is_not_the_kernels_is_not_heard(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(socket_try());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_BE_TRIED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_it_says_is_read),
	        cmocka_unit_test(what_is_no_uevent_is_refused),
	        cmocka_unit_test(what_is_not_the_kernels_is_not_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
