#include "agent/boot_ports.h"
#include "tests/unit/workspace.h"

#include "core/error.h"

static const char usb[] =
        "mkdir -p bus/usb/devices/usb1 bus/usb/devices/1-1 bus/usb/devices/1-1:1.0 "
        "module/usbcore/parameters proc run/initramfs\n"
        "echo 1 >module/usbcore/parameters/authorized_default\n"
        "echo quiet >proc/cmdline; cd bus/usb/devices\n"
        "echo 1 >usb1/authorized_default; echo 1 >usb1/interface_authorized_default\n"
        "echo 1 >1-1/authorized; echo 1 >1-1:1.0/authorized";

static const char closed[] =
        "cd bus/usb/devices; for f in usb1/authorized_default usb1/interface_authorized_default "
        "1-1/authorized 1-1:1.0/authorized ../../../module/usbcore/parameters/authorized_default; "
        "do echo 0 >$f; done";

/* What is closed now, by name, with its value's first byte. */
static void assert_values(struct workspace *w, const char *values)
{
	char command[512];

	snprintf(command, sizeof(command),
	        "cat module/usbcore/parameters/authorized_default bus/usb/devices/usb1/* "
	        "bus/usb/devices/1-1*/authorized | cut -c1 | tr -d '\\n' >seen; "
	        "[ \"$(cat seen)\" = %s ] || { cat seen >&2; false; }",
	        values);
	assert_int_equal(workspace_run(w, command), 0);
}

static struct requests requests_of(void *state, bool observe)
{
	const struct workspace *w = state;

	return (struct requests){.root = w->fd, .sys = w->fd, .observe = observe};
}

static void closing_takes_hubs_and_controllers(void **state)
{
	struct requests r = requests_of(*state, false);

	assert_int_equal(workspace_run(*state, usb), 0);
	assert_int_equal(workspace_run(*state, "rm bus/usb/devices/usb1/interface_*"), 0);
	assert_int_equal(boot_ports_close(&r), 0);
	assert_values(*state, "0011"); /* a device that works is guard's to judge */
}

static void what_nobody_closed_is_not_touched(void **state)
{
	struct requests r = requests_of(*state, true);

	assert_int_equal(workspace_run(*state, usb), 0);
	assert_int_equal(workspace_run(*state, closed), 0);
	assert_int_equal(boot_ports_open(&r), 0);
	assert_values(*state, "00000");
}

static void what_the_initramfs_closed_is_given_back(void **state)
{
	struct requests r = requests_of(*state, true);

	assert_int_equal(workspace_run(*state, usb), 0);
	assert_int_equal(workspace_run(*state, closed), 0);
	assert_int_equal(workspace_run(*state, ": >run/initramfs/sekisho"), 0);
	assert_int_equal(boot_ports_open(&r), 0);
	assert_values(*state, "11111");
}

static void what_the_boot_lock_closed_is_given_back(void **state)
{
	struct requests r = requests_of(*state, true);

	assert_int_equal(workspace_run(*state, usb), 0);
	assert_int_equal(workspace_run(*state, closed), 0);
	assert_int_equal(
	        workspace_run(*state, "echo ro usbcore.authorized_default=0 >proc/cmdline"), 0);
	assert_int_equal(boot_ports_open(&r), 0);
	assert_values(*state, "11111");
}

static void a_terminal_without_usb_is_no_error(void **state)
{
	struct requests r = requests_of(*state, true);

	assert_int_equal(
	        workspace_run(*state, "mkdir -p run/initramfs; : >run/initramfs/sekisho"), 0);
	assert_int_equal(boot_ports_open(&r), 0);
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, workspace_set_up, workspace_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(closing_takes_hubs_and_controllers),
	        TEST(what_nobody_closed_is_not_touched),
	        TEST(what_the_initramfs_closed_is_given_back),
	        TEST(what_the_boot_lock_closed_is_given_back),
	        TEST(a_terminal_without_usb_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
