#include "agent/requests.h"
#include "tests/unit/workspace.h"

#include <sys/mman.h>

#include "agent/usb_number.h"
#include "core/error.h"

/* A workspace that is root and sys at once. */
static struct requests requests_in(const struct workspace *w)
{
	return (struct requests){.root = w->fd, .sys = w->fd};
}

static struct request request_of(enum request_type type, const char *name, uint64_t number)
{
	struct request q = {.id = 7, .type = (uint32_t)type, .number = number};

	strncpy(q.name, name, sizeof(q.name) - 1);
	return q;
}

static int answer(const struct workspace *w, enum role role, enum request_type type,
        const char *name, uint64_t number, int fd)
{
	struct requests r = requests_in(w);
	struct request q = request_of(type, name, number);
	int fd_out;
	int error = requests_answer(&r, role, &q, fd, &fd_out);

	if (fd_out >= 0)
		close(fd_out);
	return error;
}

static void sysfs_make(struct workspace *w)
{
	assert_int_equal(
	        workspace_run(w,
	                "mkdir -p bus/usb/devices devices/usb1/1-2 module/usbcore/parameters\n"
	                "for d in usb1 usb1/1-2; do ln -s ../../../devices/$d bus/usb/devices/; "
	                "done\n"
	                "echo 1 >devices/usb1/authorized_default; echo 1 "
	                ">devices/usb1/interface_authorized_default\n"
	                "echo 0 >devices/usb1/1-2/authorized; echo 1 "
	                ">devices/usb1/1-2/bConfigurationValue\n"
	                "for i in 0 1 2; do mkdir devices/usb1/1-2/1-2:1.$i; echo 0 "
	                ">devices/usb1/1-2/1-2:1.$i/authorized; done\n"
	                "mkdir -p bus/usb/drivers/usbhid; : >bus/usb/drivers_probe\n"
	                ": >devices/usb1/1-2/uevent; echo 5 >devices/usb1/1-2/devnum; echo 1 "
	                ">module/usbcore/parameters/authorized_default"),
	        0);
}

static void assert_holds(const struct workspace *w, const char *name, const char *text)
{
	char *data = workspace_read(w, name, NULL);

	assert_int_equal(strncmp(data, text, strlen(text)), 0);
	free(data);
}

static void names_outside_the_grammar_are_forbidden(void **state)
{
	static const char *const hubs[] = {
	        "", "usb", "usb1/", "usb1x", "usb1234", "1-2", "../usb1", "USB1"};
	static const char *const devices[] = {"", "1", "1-", "-1", "1-2.", "1-2..3", "1-2:1.0",
	        "usb1", "1-2-3", "1.2", "../1-2", "1-2/..", "1-2345", " 1-2", "1-2 "};
	static const char *const users[] = {"Root", "1st", "-x", ".x", "a/b", "a b", "a\n", "..",
	        "a23456789012345678901234567890123"};

	for (size_t i = 0; i < sizeof(hubs) / sizeof(hubs[0]); i++)
		assert_int_equal(answer(*state, ROLE_GUARD, REQUEST_HUB_DENY, hubs[i], 0, -1),
		        REQUESTS_FORBIDDEN);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		assert_int_equal(
		        answer(*state, ROLE_GUARD, REQUEST_USB_AUTHORISE, devices[i], 5, -1),
		        REQUESTS_FORBIDDEN);
		assert_int_equal(
		        answer(*state, ROLE_GUARD, REQUEST_USB_DEAUTHORISE, devices[i], 5, -1),
		        REQUESTS_FORBIDDEN);
	}
	static const char *const services[] = {
	        "", ".", "..", ".cron", "../cron", "a/b", "login", "sshd", "other", "Cron", "a b"};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		assert_int_equal(answer(*state, ROLE_AUTH, REQUEST_UNATTENDED, services[i], 1, -1),
		        REQUESTS_FORBIDDEN);
	static const char *const vouchers[] = {"", ".", "2026-11-21", "2026-11-21.",
	        "2026-11-21.a/b", "../../auth/hana", "2026-11-21./..", "2026.11.21.a",
	        "x026-11-21.a"};

	for (size_t i = 0; i < sizeof(vouchers) / sizeof(vouchers[0]); i++)
		assert_int_equal(answer(*state, ROLE_AUTH, REQUEST_VOUCHER_END, vouchers[i], 0, -1),
		        REQUESTS_FORBIDDEN);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		assert_int_equal(answer(*state, ROLE_AUTH, REQUEST_USER_OPEN, users[i], 0, -1),
		        REQUESTS_FORBIDDEN);
}

static void numbers_outside_their_range_are_forbidden(void **state)
{
	assert_int_equal(answer(*state, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", 0, -1),
	        REQUESTS_FORBIDDEN);
	assert_int_equal(answer(*state, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", 128, -1),
	        REQUESTS_FORBIDDEN);
	assert_int_equal(
	        answer(*state, ROLE_GUARD, REQUEST_HUB_DENY, "usb1", 1, -1), REQUESTS_FORBIDDEN);
	assert_int_equal(
	        answer(*state, ROLE_GUARD, REQUEST_POLICY_STORE, "", 0, 0), REQUESTS_FORBIDDEN);
	assert_int_equal(
	        answer(*state, ROLE_AUTH, REQUEST_USER_OPEN, "a", 1, -1), REQUESTS_FORBIDDEN);
	assert_int_equal(
	        answer(*state, ROLE_AUTH, REQUEST_UNATTENDED, "cron", 2, -1), REQUESTS_FORBIDDEN);
}

static void unattended_services_come_and_go(void **state)
{
	struct workspace *w = *state;

	assert_int_equal(workspace_run(w, "mkdir -p var/lib/sekisho && umask 077"), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(answer(w, ROLE_AUTH, REQUEST_UNATTENDED, "cron", 1, -1), 0);
	assert_int_equal(answer(w, ROLE_AUTH, REQUEST_UNATTENDED, "atd", 1, -1), 0);
	assert_int_equal(
	        workspace_run(w, "cd var/lib/sekisho/unattended && test \"$(stat -c '%a %s' "
	                         ". cron | cut -d' ' -f1 | paste -sd,)\" = 755,644 && "
	                         "test -e atd"),
	        0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(answer(w, ROLE_AUTH, REQUEST_UNATTENDED, "cron", 0, -1), 0);
	assert_int_equal(
	        workspace_run(w, "cd var/lib/sekisho/unattended && test \"$(ls)\" = atd"), 0);
	assert_int_equal(
	        workspace_run(w, "cd var/lib/sekisho && rm -r unattended && ln -s /tmp unattended"),
	        0);
	assert_int_equal(answer(w, ROLE_AUTH, REQUEST_UNATTENDED, "cron", 1, -1), ERR_IO);
}

static void vouchers_that_ended_go(void **state)
{
	struct workspace *w = *state;

	assert_int_equal(workspace_run(w, "mkdir -p var/lib/sekisho/voucher && cd "
	                                  "var/lib/sekisho/voucher && touch "
	                                  "2026-11-21.hanako 2026-11-21.taro"),
	        0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		        answer(w, ROLE_AUTH, REQUEST_VOUCHER_END, "2026-11-21.hanako", 0, -1), 0);
	assert_int_equal(
	        workspace_run(w, "test \"$(ls var/lib/sekisho/voucher)\" = 2026-11-21.taro"), 0);
	assert_int_equal(workspace_run(w, "cd var/lib/sekisho && mv voucher elsewhere && ln -s "
	                                  "elsewhere voucher"),
	        0);
	assert_int_equal(
	        answer(w, ROLE_AUTH, REQUEST_VOUCHER_END, "2026-11-21.taro", 0, -1), ERR_IO);
	assert_int_equal(workspace_run(w, "test -e var/lib/sekisho/elsewhere/2026-11-21.taro"), 0);
}

static void a_role_has_its_own_requests_only(void **state)
{
	static const struct {
		const char *name;
		uint64_t number;
		enum request_type type;
		enum role role;
	} valid[] = {
	        {"", 0, REQUEST_CONTROLLERS_DENY, ROLE_GUARD},
	        {"usb1", 0, REQUEST_HUB_DENY, ROLE_GUARD},
	        {"1-2", 5, REQUEST_USB_AUTHORISE, ROLE_GUARD},
	        {"1-2", 5, REQUEST_USB_DEAUTHORISE, ROLE_GUARD},
	        {"a", 0, REQUEST_USER_OPEN, ROLE_AUTH},
	        {"cron", 1, REQUEST_UNATTENDED, ROLE_AUTH},
	        {"2026-11-21.a", 0, REQUEST_VOUCHER_END, ROLE_AUTH},
	};

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		for (enum role role = ROLE_MAIN; role < ROLE_COUNT; role++) {
			int r = answer(
			        *state, role, valid[i].type, valid[i].name, valid[i].number, -1);

			assert_int_equal(
			        r, role == valid[i].role ? ERR_NOT_FOUND : REQUESTS_FORBIDDEN);
		}
	}
	assert_int_equal(answer(*state, ROLE_GUARD, 0, "", 0, -1), REQUESTS_FORBIDDEN);
	assert_int_equal(
	        answer(*state, ROLE_GUARD, REQUEST_TYPE_END, "", 0, -1), REQUESTS_FORBIDDEN);
	assert_int_equal(answer(*state, ROLE_GUARD, (enum request_type)0xffffffffu, "", 0, -1),
	        REQUESTS_FORBIDDEN);
}

static void a_descriptor_where_none_belongs_is_forbidden(void **state)
{
	assert_int_equal(
	        answer(*state, ROLE_GUARD, REQUEST_HUB_DENY, "usb1", 0, 0), REQUESTS_FORBIDDEN);
	assert_int_equal(
	        answer(*state, ROLE_GUARD, REQUEST_POLICY_STORE, "", 1, -1), REQUESTS_FORBIDDEN);
}

static void bytes_behind_the_name_are_forbidden(void **state)
{
	struct requests r = requests_in(*state);
	struct request q = request_of(REQUEST_HUB_DENY, "usb1", 0);
	int fd_out;

	q.name[10] = 'x';
	assert_int_equal(requests_answer(&r, ROLE_GUARD, &q, -1, &fd_out), REQUESTS_FORBIDDEN);
	memset(q.name, 'a', sizeof(q.name));
	assert_int_equal(requests_answer(&r, ROLE_GUARD, &q, -1, &fd_out), REQUESTS_FORBIDDEN);
}

static void hubs_and_controllers_deny(void **state)
{
	struct workspace *w = *state;

	sysfs_make(w);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_HUB_DENY, "usb1", 0, -1), 0);
	assert_holds(w, "devices/usb1/authorized_default", "0\n");
	assert_holds(w, "devices/usb1/interface_authorized_default", "0\n");
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_CONTROLLERS_DENY, "", 0, -1), 0);
	assert_holds(w, "module/usbcore/parameters/authorized_default", "0\n");
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_HUB_DENY, "usb2", 0, -1), ERR_NOT_FOUND);
}

/* The root hub's own interface, when it came after its default was taken away. */
static void a_hub_itself_is_left_open(void **state)
{
	struct workspace *w = *state;

	sysfs_make(w);
	assert_int_equal(workspace_run(w, "mkdir devices/usb1/1-0:1.0 && "
	                                  "echo 1 >devices/usb1/1-0:1.0/authorized"),
	        0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_HUB_DENY, "usb1", 0, -1), 0);
	assert_int_equal(workspace_run(w, "test ! -s bus/usb/drivers_probe && "
	                                  "echo 0 >devices/usb1/1-0:1.0/authorized"),
	        0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_HUB_DENY, "usb1", 0, -1), 0);
	assert_holds(w, "devices/usb1/1-0:1.0/authorized", "1\n");
	assert_holds(w, "bus/usb/drivers_probe", "1-0:1.0");
	assert_holds(w, "devices/usb1/interface_authorized_default", "0\n");
}

static void only_the_device_that_was_judged_is_authorised(void **state)
{
	struct workspace *w = *state;

	sysfs_make(w);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", 4, -1), ERR_NOT_FOUND);
	assert_holds(w, "devices/usb1/1-2/authorized", "0\n");
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", 5, -1), 0);
	assert_holds(w, "devices/usb1/1-2/authorized", "1\n");
	assert_int_equal(
	        answer(w, ROLE_GUARD, REQUEST_USB_DEAUTHORISE, "1-2", 6, -1), ERR_NOT_FOUND);
	assert_holds(w, "devices/usb1/1-2/authorized", "1\n");
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_DEAUTHORISE, "1-2", 5, -1), 0);
	assert_holds(w, "devices/usb1/1-2/authorized", "0\n");
}

/* Bits of a mask, what stands in 1-2:1.0 to 1-2:1.2. */
static void only_the_interfaces_that_were_judged_are_opened(void **state)
{
	struct workspace *w = *state;
	const char *const interfaces[] = {"devices/usb1/1-2/1-2:1.0/authorized",
	        "devices/usb1/1-2/1-2:1.1/authorized", "devices/usb1/1-2/1-2:1.2/authorized"};
	static const uint32_t masks[] = {5, 2, 7, 0};

	sysfs_make(w);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
		                         usb_number_authorise(5, 1, masks[i]), -1),
		        0);
		for (unsigned n = 0; n < 3; n++)
			assert_holds(w, interfaces[n], (masks[i] >> n & 1) != 0 ? "1\n" : "0\n");
	}
	assert_holds(w, "devices/usb1/interface_authorized_default", "0\n");
	assert_holds(w, "bus/usb/drivers_probe", "1-2:1.");
	/* Another configuration is active, or it has no such interface. */
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 2, 1), -1),
	        ERR_VERSION);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 1, 8), -1),
	        ERR_NOT_FOUND);
	for (unsigned n = 0; n < 3; n++)
		assert_holds(w, interfaces[n], "0\n");
	/* Interfaces of no configuration; bits between. */
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 0, 1), -1),
	        REQUESTS_FORBIDDEN);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 1, 1) | 1 << 17, -1),
	        REQUESTS_FORBIDDEN);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 0, 0) | USB_NODE_OPEN, -1),
	        REQUESTS_FORBIDDEN);
}

/* udev gives the node to programs only when main says so, and takes it back. */
static void a_node_is_roots_until_its_device_is_let_in_whole(void **state)
{
	struct workspace *w = *state;
	const char *const uevent = "devices/usb1/1-2/uevent";
	const char *const open = "add 00000000-0000-0000-0000-000000000000 SEKISHO=open\n";
	const char *const closed = "change 00000000-0000-0000-0000-000000000000 SEKISHO=closed\n";
	const uint64_t whole = usb_number_authorise(5, 1, 7);

	sysfs_make(w);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", 5, -1), 0);
	assert_int_equal(workspace_run(w, "test ! -s devices/usb1/1-2/uevent"), 0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", whole, -1), 0);
	assert_holds(w, uevent, closed);
	assert_int_equal(
	        answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", whole | USB_NODE_OPEN, -1), 0);
	assert_holds(w, uevent, open);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 2, 1) | USB_NODE_OPEN, -1),
	        ERR_VERSION);
	assert_holds(w, uevent, closed);
	workspace_write_text(w, uevent, "");
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_DEAUTHORISE, "1-2", 5, -1), 0);
	assert_holds(w, uevent, closed);
}

/* What drives a device without the kernel hears of it when it is open; where a driver is, nothing
 * changes. */
static void an_interface_without_a_driver_is_announced_when_it_is_open(void **state)
{
	struct workspace *w = *state;

	sysfs_make(w);
	assert_int_equal(workspace_run(w, "cd devices/usb1/1-2 && mkdir 1-2:1.1/driver && "
	                                  "for at in 1-2:1.0 1-2:1.1 1-2:1.2; do "
	                                  ": >$at/uevent; done"),
	        0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 0, 0), -1),
	        0);
	assert_int_equal(workspace_run(w, "test ! -s devices/usb1/1-2/1-2:1.0/uevent"), 0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2",
	                         usb_number_authorise(5, 1, 3), -1),
	        0);
	/* "remove", and "add" over it. */
	assert_holds(w, "devices/usb1/1-2/1-2:1.0/uevent", "add\nve\n");
	assert_int_equal(workspace_run(w, "cd devices/usb1/1-2 && "
	                                  "test ! -s 1-2:1.1/uevent && test ! -s 1-2:1.2/uevent"),
	        0);
}

/* Without interfaces held back nothing is authorised at all. */
static void a_hub_that_gives_interfaces_away_gets_no_device(void **state)
{
	struct workspace *w = *state;

	sysfs_make(w);
	assert_int_equal(workspace_run(w, "rm devices/usb1/interface_authorized_default"), 0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_AUTHORISE, "1-2", 5, -1), ERR_NOT_FOUND);
	assert_holds(w, "devices/usb1/1-2/authorized", "0\n");
}

/* What is asked of a device is asked of its own node, and nothing else is. */
static void only_the_device_itself_is_asked(void **state)
{
	struct workspace *w = *state;
	const uint64_t look = usb_number_look(5, USB_LOOK_OS_STRING, 0);

	sysfs_make(w);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_LOOK, "1-2", look, -1), ERR_NOT_FOUND);
	assert_int_equal(workspace_run(w, "echo 1 >devices/usb1/1-2/busnum; echo 189:4 "
	                                  ">devices/usb1/1-2/dev; mkdir -p dev/bus/usb/001"),
	        0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_LOOK, "1-2", look, -1), ERR_NOT_FOUND);
	workspace_write_text(w, "dev/bus/usb/001/005", "a file");
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_LOOK, "1-2", look, -1), ERR_UNSAFE);
	assert_int_equal(workspace_run(w, "cd dev/bus/usb/001; rm 005; mknod 005 c 1 3"), 0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_LOOK, "1-2", look, -1), ERR_UNSAFE);
	/* /dev/null in its place knows no such question. */
	assert_int_equal(workspace_run(w, "echo 1:3 >devices/usb1/1-2/dev"), 0);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_LOOK, "1-2", look, -1), ERR_IO);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_LOOK, "1-2",
	                         usb_number_look(5, USB_LOOK_REPORT, 1), -1),
	        ERR_DENIED);
	assert_holds(w, "devices/usb1/1-2/1-2:1.1/authorized", "0\n");
	static const uint64_t forbidden[] = {5, 5 | USB_LOOK_END << 8,
	        5 | USB_LOOK_OS_STRING << 8 | 1 << 16, 5 | USB_LOOK_BOS << 8 | 1 << 16, 3 << 8,
	        5 | 3 << 8 | 32 << 16, 5 | 1 << 8 | 1 << 24, 200 | 1 << 8};
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		assert_int_equal(answer(w, ROLE_GUARD, REQUEST_USB_LOOK, "1-2", forbidden[i], -1),
		        REQUESTS_FORBIDDEN);
}

static void observing_changes_nothing(void **state)
{
	struct workspace *w = *state;
	struct requests r = requests_in(w);
	struct request hub = request_of(REQUEST_HUB_DENY, "usb1", 0);
	struct request device = request_of(REQUEST_USB_AUTHORISE, "1-2", 5);
	struct request off = request_of(REQUEST_USB_DEAUTHORISE, "1-2", 5);
	struct request controllers = request_of(REQUEST_CONTROLLERS_DENY, "", 0);
	struct request *const all[] = {&hub, &device, &off, &controllers};
	int fd_out;

	sysfs_make(w);
	r.observe = true;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(requests_answer(&r, ROLE_GUARD, all[i], -1, &fd_out), ERR_DENIED);
	assert_holds(w, "devices/usb1/authorized_default", "1\n");
	assert_holds(w, "devices/usb1/1-2/authorized", "0\n");
	assert_holds(w, "module/usbcore/parameters/authorized_default", "1\n");
}

static int memory_of(const char *text, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

enum { SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW };

static int store(const struct workspace *w, const char *text, uint64_t version)
{
	int fd = memory_of(text, SEALS);
	int r = answer(w, ROLE_GUARD, REQUEST_POLICY_STORE, "", version, fd);

	close(fd);
	return r;
}

#define POLICY "var/lib/sekisho/policy/"

static void a_policy_only_grows(void **state)
{
	struct workspace *w = *state;

	assert_int_equal(store(w, "five", 5), ERR_NOT_FOUND);
	assert_int_equal(workspace_run(w, "mkdir -p " POLICY), 0);
	assert_int_equal(store(w, "five", 5), 0);
	assert_holds(w, POLICY "in-force.p7", "five");
	assert_holds(w, POLICY "offered.p7", "five");
	assert_holds(w, POLICY "version", "5\n");
	assert_int_equal(store(w, "five", 5), 0);
	assert_int_equal(store(w, "four", 4), ERR_VERSION);
	assert_holds(w, POLICY "in-force.p7", "five");
	assert_int_equal(store(w, "six", 6), 0);
	assert_holds(w, POLICY "in-force.p7", "six");
	assert_holds(w, POLICY "version", "6\n");
	/* The policy is lost, its number is not: it may come back, no older one. */
	assert_int_equal(workspace_run(w, "rm " POLICY "in-force.p7"), 0);
	assert_int_equal(store(w, "five", 5), ERR_VERSION);
	assert_int_equal(store(w, "six", 6), 0);
	assert_holds(w, POLICY "in-force.p7", "six");
	assert_int_equal(store(w, "seven", 7), 0);
}

static void a_broken_version_lets_nothing_through(void **state)
{
	struct workspace *w = *state;
	static const char *const broken[] = {
	        "", "\n", "5", "5 \n", "-1\n", "5\n5\n", "99999999999999999999999\n"};

	assert_int_equal(workspace_run(w, "mkdir -p " POLICY), 0);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		workspace_write_text(w, POLICY "version", broken[i]);
		assert_int_not_equal(store(w, "nine", 9), 0);
	}
	assert_int_equal(access(POLICY "in-force.p7", F_OK), -1);
}

static void a_policy_that_may_still_change_is_unsafe(void **state)
{
	struct workspace *w = *state;
	static const int seals[] = {
	        0, F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE | F_SEAL_SHRINK};

	assert_int_equal(workspace_run(w, "mkdir -p " POLICY "; mkfifo fifo"), 0);
	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
		int fd = memory_of("x", seals[i]);

		assert_int_equal(
		        answer(w, ROLE_GUARD, REQUEST_POLICY_STORE, "", 1, fd), ERR_UNSAFE);
		close(fd);
	}
	/* Reading one of these would hold main up. */
	int fifo = openat(w->fd, "fifo", O_RDWR | O_CLOEXEC);
	assert_int_equal(answer(w, ROLE_GUARD, REQUEST_POLICY_STORE, "", 1, fifo), ERR_UNSAFE);
	close(fifo);
}

#define AUTH "var/lib/sekisho/auth/"

static void a_users_file_is_roots_alone(void **state)
{
	struct workspace *w = *state;
	struct requests r = requests_in(w);
	struct request q = request_of(REQUEST_USER_OPEN, "hanako", 0);
	int fd_out;

	assert_int_equal(answer(w, ROLE_AUTH, REQUEST_USER_OPEN, "hanako", 0, -1), ERR_NOT_FOUND);
	assert_int_equal(
	        workspace_run(w, "mkdir -p " AUTH "dir; cd " AUTH "; umask 077; echo state >hanako;"
	                         "ln -s hanako linked; echo x >wide; chmod 0640 wide; echo x "
	                         ">twice; ln twice again;"
	                         "echo x >foreign; chown 61001 foreign; mkfifo fifo"),
	        0);
	assert_int_equal(requests_answer(&r, ROLE_AUTH, &q, -1, &fd_out), 0);
	assert_true(fd_out >= 0);
	assert_int_equal(fcntl(fd_out, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd_out);
	assert_int_equal(answer(w, ROLE_AUTH, REQUEST_USER_OPEN, "taro", 0, -1), ERR_NOT_FOUND);
	static const char *const unsafe[] = {
	        "linked", "wide", "twice", "again", "foreign", "fifo", "dir"};
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		assert_int_equal(
		        answer(w, ROLE_AUTH, REQUEST_USER_OPEN, unsafe[i], 0, -1), ERR_UNSAFE);
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, workspace_set_up, workspace_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(names_outside_the_grammar_are_forbidden),
	        TEST(numbers_outside_their_range_are_forbidden),
	        TEST(unattended_services_come_and_go),
	        TEST(vouchers_that_ended_go),
	        TEST(a_role_has_its_own_requests_only),
	        TEST(a_descriptor_where_none_belongs_is_forbidden),
	        TEST(bytes_behind_the_name_are_forbidden),
	        TEST(hubs_and_controllers_deny),
	        TEST(a_hub_itself_is_left_open),
	        TEST(only_the_device_that_was_judged_is_authorised),
	        TEST(only_the_interfaces_that_were_judged_are_opened),
	        TEST(a_node_is_roots_until_its_device_is_let_in_whole),
	        TEST(an_interface_without_a_driver_is_announced_when_it_is_open),
	        TEST(a_hub_that_gives_interfaces_away_gets_no_device),
	        TEST(only_the_device_itself_is_asked),
	        TEST(observing_changes_nothing),
	        TEST(a_policy_only_grows),
	        TEST(a_broken_version_lets_nothing_through),
	        TEST(a_policy_that_may_still_change_is_unsafe),
	        TEST(a_users_file_is_roots_alone),
	};

	if (geteuid() != 0) /* main is root, and its files must be */
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
