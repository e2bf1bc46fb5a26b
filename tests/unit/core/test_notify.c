#include "core/notify.h"

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

static void set_environment(const char *socket, const char *span, const char *pid)
{
	setenv("NOTIFY_SOCKET", socket, 1);
	setenv("WATCHDOG_USEC", span, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
}

static int manager_open(const struct workspace *w, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/notify", w->path);
	int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)address, sizeof(*address)), 0);
	return manager;
}

static void test_service_manager(void **state)
{
	struct sockaddr_un address;
	struct notify notify;
	char text[96] = "";

	int manager = manager_open(*state, &address);
	set_environment(address.sun_path, "3000000", NULL);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.every_us, 1500000);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	notify_send(&notify, "READY=1");
	assert_int_equal(recv(manager, text, sizeof(text) - 1, 0), 7);
	assert_string_equal(text, "READY=1");
	notify_reloading(&notify);
	assert_true(recv(manager, text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, "RELOADING=1\nMONOTONIC_USEC="));
	notify_close(&notify);
	close(manager);
}

static void test_watchdog_of_another(void **state)
{
	struct sockaddr_un address;
	struct notify notify;
	char pid[24];

	int manager = manager_open(*state, &address);
	set_environment(address.sun_path, "3000000", "1");
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.every_us, 0);
	notify_close(&notify);
	snprintf(pid, sizeof(pid), "%d", getpid());
	set_environment(address.sun_path, "3000000", pid);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.every_us, 1500000);
	notify_close(&notify);
	close(manager);
}

static void test_nonsense(void **state)
{
	struct notify notify;

	(void)state;
	set_environment("/nowhere", "soon", NULL);
	assert_int_equal(notify_open(&notify), ERR_FORMAT);
	assert_int_equal(notify.fd, -1);
	set_environment("relative", "3000000", NULL);
	assert_int_equal(notify_open(&notify), ERR_FORMAT);
	assert_int_equal(notify.every_us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_nobody),
	        cmocka_unit_test_setup_teardown(
	                test_service_manager, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                test_watchdog_of_another, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
