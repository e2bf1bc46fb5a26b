#include "collector/notify.h"

#include "core/error.h"
#include "tests/unit/workspace.h"

#include <sys/socket.h>
#include <sys/un.h>

static void test_nobody(void **state)
{
	struct notify notify;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.fd, -1);
	notify_send(&notify, "READY=1");
	notify_close(&notify);
}

static void test_service_manager(void **state)
{
	const struct workspace *w = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct notify notify;
	char text[32] = "";
	char pid[24];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", w->path);
	int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.every_us, 1500000);
	notify_send(&notify, "READY=1");
	assert_int_equal(recv(manager, text, sizeof(text), 0), 7);
	assert_string_equal(text, "READY=1");
	notify_close(&notify);
	/* A watchdog for somebody else. */
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.every_us, 0);
	notify_close(&notify);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.every_us, 1500000);
	notify_close(&notify);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_open(&notify), ERR_FORMAT);
	unsetenv("WATCHDOG_USEC");
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_open(&notify), ERR_FORMAT);
	close(manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_nobody),
	        cmocka_unit_test_setup_teardown(
	                test_service_manager, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
