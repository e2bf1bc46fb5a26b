/* Ports that no virtual machine has, Thunderbolt and FireWire, as sysfs shows them
 * (ports.umockdev), against main's real table of requests. A mock's drivers let nothing go and take
 * nothing. */
#include "tests/unit/agent/guard_world.h"

#include "agent/ports.h"
#include "core/error.h"

#define TUNNEL "bus/thunderbolt/devices/"
#define DISK "bus/firewire/devices/fw1.0/"

struct fixture {
	struct workspace *w;
	struct world world;
	struct channel channel;
	struct enforcement e;
	struct ports ports;
	struct policy *policy;
};

static void sys_write(const struct fixture *f, const char *path, const char *text)
{
	int fd = openat(f->e.sys, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool sys_is(const struct fixture *f, const char *path, const char *wanted)
{
	char text[64] = "";
	int fd = openat(f->e.sys, path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, wanted) == 0;
}

/* A machine that was started with everything plugged in and let in. */
static void sys_reset(const struct fixture *f)
{
	sys_write(f, "bus/thunderbolt/drivers_autoprobe", "1\n");
	sys_write(f, "bus/thunderbolt/drivers_probe", "");
	sys_write(f, "bus/firewire/drivers_autoprobe", "1\n");
	sys_write(f, "bus/firewire/drivers_probe", "");
	sys_write(f, TUNNEL "0-0/authorized", "1\n");
	sys_write(f, TUNNEL "0-1/authorized", "1\n");
	sys_write(f, DISK "uevent", "");
	(void)unlinkat(f->e.sys, DISK "driver", 0);
}

static void driver_take(const struct fixture *f)
{
	(void)mkdirat(f->e.sys, "bus/firewire/drivers", 0755);
	(void)mkdirat(f->e.sys, "bus/firewire/drivers/sbp2", 0755);
	sys_write(f, "bus/firewire/drivers/sbp2/unbind", "");
	assert_int_equal(
	        symlinkat("../../../../../../bus/firewire/drivers/sbp2", f->e.sys, DISK "driver"),
	        0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *workspace = NULL;

	assert_non_null(f);
	assert_int_equal(workspace_set_up(&workspace), 0);
	f->w = workspace;
	assert_int_equal(
	        workspace_run(f->w, "mkdir -p run/sekisho run/sekisho-media proc/self"), 0);
	workspace_write_text(f->w, "proc/self/mountinfo", "");
	f->e.channel = &f->channel;
	f->e.sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->ports.enforcement = &f->e;
	f->ports.root = f->w->fd;
	sys_reset(f);
	world_start(&f->world, f->w->fd, f->e.sys, &f->channel);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *workspace = f->w;

	world_end(&f->world, &f->channel);
	ports_free(&f->ports);
	enforce_free(&f->e);
	policy_free(&f->policy);
	close(f->e.sys);
	free(f);
	return workspace_tear_down(&workspace);
}

#define POLICY(version, ways)                                                                      \
	"sekisho: policy-1\nid: test\nbody: mito-2026\ntier: my_number\nsigners: 1\n"              \
	"login:\n  factors: [password, totp]\n  max_failures: 3\n"                                 \
	"  totp:\n    digits: 6\n    step: 30\n    window: 1\nreport:\n  interval: 300\n"          \
	"version: " #version "\nways:\n  hub: allow\n" ways "rules: |\n  block\n"

static const char denying[] = POLICY(1, "");
static const char allowing[] = POLICY(2, "  thunderbolt: allow\n  firewire: allow\n");

static void policy_use(struct fixture *f, const char *text)
{
	struct policy_error error;

	policy_free(&f->policy);
	if (policy_parse((const uint8_t *)text, strlen(text), &f->policy, &error) != 0)
		fail_msg("%zu:%zu: %s", error.line, error.column, error.message);
	f->e.policy = f->policy;
}

static size_t noted(struct fixture *f, const char *begin)
{
	return world_noted(&f->world, begin);
}

static struct ports_figures counted(const struct fixture *f)
{
	struct ports_figures figures;

	ports_count(&f->ports, &figures);
	return figures;
}

static void denied_by_default(void **state)
{
	struct fixture *f = *state;

	policy_use(f, denying);
	ports_everything(&f->ports);
	assert_true(sys_is(f, "bus/thunderbolt/drivers_autoprobe", "0"));
	assert_true(sys_is(f, "bus/firewire/drivers_autoprobe", "0"));
	assert_true(sys_is(f, TUNNEL "0-1/authorized", "0"));
	assert_int_not_equal(noted(f, "event device.denied 0-1 way-denied"), 0);
	/* another computer at the cable, and what it offers */
	assert_int_not_equal(noted(f, "event device.denied 0-3.0 way-denied"), 0);
	assert_int_not_equal(noted(f, "event device.denied fw1.0 way-denied"), 0);
	/* the terminal's own router, a retimer, and what has no driver anyway */
	assert_true(sys_is(f, TUNNEL "0-0/authorized", "1"));
	assert_int_equal(f->ports.count, 3);
	assert_int_equal(counted(f).denied, 3);
	assert_int_equal(counted(f).unenforced, 0);
	assert_int_equal(counted(f).unwatched, 0);
	assert_true(ports_are_told(&f->ports));
}

static void allowed_by_the_policy_and_denied_again(void **state)
{
	struct fixture *f = *state;

	policy_use(f, denying);
	ports_everything(&f->ports);
	policy_use(f, allowing);
	ports_judge_again(&f->ports);
	assert_true(sys_is(f, TUNNEL "0-1/authorized", "1"));
	assert_true(sys_is(f, "bus/firewire/drivers_probe", "fw1.0"));
	assert_true(sys_is(f, "bus/thunderbolt/drivers_probe", "0-3.0"));
	/* nobody has loaded its driver yet: udev is asked to */
	assert_true(sys_is(f, DISK "uevent", "add"));
	assert_int_not_equal(noted(f, "event device.allowed 0-1 way-allowed"), 0);
	assert_int_not_equal(noted(f, "event device.allowed fw1.0 way-allowed"), 0);
	assert_int_equal(counted(f).allowed, 3);
	/* allowed does not mean that the bus gives away what comes next */
	assert_true(sys_is(f, "bus/firewire/drivers_autoprobe", "0"));
	policy_use(f, denying);
	ports_judge_again(&f->ports);
	assert_true(sys_is(f, TUNNEL "0-1/authorized", "0"));
	assert_int_equal(counted(f).denied, 3);
}

static void what_comes_later_is_closed_when_it_comes(void **state)
{
	struct fixture *f = *state;

	policy_use(f, denying);
	ports_everything(&f->ports);
	/* somebody authorises it by hand, the kernel tells of a change */
	sys_write(f, TUNNEL "0-1/authorized", "1\n");
	ports_uevent(&f->ports, "thunderbolt", "change", "0-1");
	assert_true(sys_is(f, TUNNEL "0-1/authorized", "0"));
	/* somebody opens the bus, the next look closes it */
	sys_write(f, "bus/firewire/drivers_autoprobe", "1\n");
	assert_int_not_equal(counted(f).unwatched, 0);
	ports_check(&f->ports);
	assert_true(sys_is(f, "bus/firewire/drivers_autoprobe", "0"));
	assert_int_equal(counted(f).unwatched, 0);
}

static void a_driver_that_does_not_let_go_is_told_of(void **state)
{
	struct fixture *f = *state;

	driver_take(f);
	policy_use(f, denying);
	ports_everything(&f->ports);
	assert_true(sys_is(f, "bus/firewire/drivers/sbp2/unbind", "fw1.0"));
	assert_int_equal(counted(f).unenforced, 1);
	assert_int_equal(counted(f).unwatched, UINT32_C(1) << WAY_FIREWIRE);
	assert_int_not_equal(noted(f, "event device.unenforced fw1.0"), 0);
	assert_false(ports_are_enforced(&f->ports));
	assert_int_equal(unlinkat(f->e.sys, DISK "driver", 0), 0);
	ports_check(&f->ports);
	assert_int_equal(counted(f).unenforced, 0);
	assert_true(ports_are_enforced(&f->ports));
}

static void what_main_did_not_do_is_tried_again(void **state)
{
	struct fixture *f = *state;

	policy_use(f, allowing);
	atomic_store(&f->world.main_answers, false);
	atomic_store(&f->world.signer_answers, false);
	ports_uevent(&f->ports, "firewire", "add", "fw1.0");
	assert_true(sys_is(f, "bus/firewire/drivers_probe", ""));
	atomic_store(&f->world.signer_answers, true);
	f->e.silent_until_ms = 0;
	(void)ports_tell_again(&f->ports);
	/* Nothing keeps it from its driver, but main was to give it to one and did not answer; nor
	 * was the mark of this boot kept. */
	assert_int_equal(counted(f).unenforced, 2);
	assert_true(ports_are_told(&f->ports));
	assert_int_not_equal(noted(f, "event device.unenforced fw1.0"), 0);
	assert_int_not_equal(noted(f, "event device.unenforced boot-mark"), 0);
	atomic_store(&f->world.main_answers, true);
	ports_check(&f->ports);
	assert_true(sys_is(f, "bus/firewire/drivers_probe", "fw1.0"));
	assert_true(ports_are_enforced(&f->ports));
}

static void assert_mended(struct fixture *f)
{
	ports_check(&f->ports);
	assert_true(ports_are_told(&f->ports));
	assert_true(ports_are_enforced(&f->ports));
	assert_int_equal(counted(f).unenforced, 0);
}

/* What is no port's own failure is told of as well, and counts until it is mended. */
static void what_cannot_be_done_for_all_ports_is_told_of(void **state)
{
	struct fixture *f = *state;

	policy_use(f, denying);
	assert_int_equal(unlinkat(f->e.sys, "bus/firewire/drivers_autoprobe", 0), 0);
	assert_int_equal(mkdirat(f->e.sys, "bus/firewire/drivers_autoprobe", 0755), 0);
	assert_int_equal(
	        workspace_run(f->w, "rmdir run/sekisho-media && echo >run/sekisho/ways"), 0);
	ports_everything(&f->ports);
	assert_int_not_equal(noted(f, "event device.unenforced firewire"), 0);
	assert_int_not_equal(noted(f, "event device.unenforced ways"), 0);
	assert_int_not_equal(noted(f, "event device.unenforced boot-mark"), 0);
	assert_int_equal(counted(f).unenforced, 3);
	assert_int_equal(counted(f).unwatched, UINT32_C(1) << WAY_FIREWIRE);
	assert_false(ports_are_enforced(&f->ports));
	assert_int_equal(unlinkat(f->e.sys, "bus/firewire/drivers_autoprobe", AT_REMOVEDIR), 0);
	sys_write(f, "bus/firewire/drivers_autoprobe", "1\n");
	assert_int_equal(workspace_run(f->w, "mkdir run/sekisho-media && rm run/sekisho/ways"), 0);
	assert_mended(f);
	assert_true(sys_is(f, "bus/firewire/drivers_autoprobe", "0"));
	assert_int_equal(workspace_run(f->w, "test -s run/sekisho-media/boot-mark"), 0);
	/* Once more it is kept already. */
	f->ports.mark_kept = false;
	assert_mended(f);
}

/* The bus gives it no driver, and guard has no room to know more of it. */
static void one_too_many_is_told_of(void **state)
{
	struct fixture *f = *state;

	policy_use(f, denying);
	for (size_t i = 0; i < PORTS_MAX; i++) {
		f->ports.ports[i] = calloc(1, sizeof(struct port_guarded));
		assert_non_null(f->ports.ports[i]);
		f->ports.ports[i]->look.kind = &port_kinds[0];
		f->ports.ports[i]->told = true;
	}
	f->ports.count = PORTS_MAX;
	ports_uevent(&f->ports, "firewire", "add", "fw1.0");
	assert_int_not_equal(noted(f, "event device.unenforced firewire/fw1.0"), 0);
	assert_int_equal(noted(f, "event device.denied fw1.0"), 0);
	assert_int_equal(counted(f).unenforced, 1);
	assert_false(ports_are_enforced(&f->ports));
	for (size_t i = 0; i < PORTS_MAX; i++)
		free(f->ports.ports[i]);
	f->ports.count = 0;
	assert_mended(f);
	assert_int_not_equal(noted(f, "event device.denied fw1.0"), 0);
}

static void a_driver_that_passed_it_over_is_asked_again(void **state)
{
	struct fixture *f = *state;
	unsigned asked = 0;

	policy_use(f, allowing);
	ports_uevent(&f->ports, "firewire", "add", "fw1.0");
	while (!ports_are_settled(&f->ports)) {
		assert_true(sys_is(f, "bus/firewire/drivers_probe", "fw1.0"));
		sys_write(f, "bus/firewire/drivers_probe", "");
		ports_settle(&f->ports);
		assert_true(++asked < 10);
	}
	assert_int_not_equal(asked, 0);
	/* What no driver wants is let in all the same. */
	assert_true(ports_are_enforced(&f->ports));
	/* Let in anew it is offered anew; with a driver, no more. */
	policy_use(f, denying);
	ports_judge_again(&f->ports);
	assert_true(ports_are_settled(&f->ports));
	policy_use(f, allowing);
	ports_judge_again(&f->ports);
	assert_false(ports_are_settled(&f->ports));
	driver_take(f);
	assert_true(ports_are_settled(&f->ports));
}

static void what_is_not_journalled_stays_out(void **state)
{
	struct fixture *f = *state;

	policy_use(f, denying);
	ports_everything(&f->ports);
	atomic_store(&f->world.signer_answers, false);
	policy_use(f, allowing);
	ports_judge_again(&f->ports);
	assert_true(sys_is(f, TUNNEL "0-1/authorized", "0"));
	assert_true(sys_is(f, "bus/firewire/drivers_probe", ""));
	assert_int_equal(counted(f).allowed, 0);
	assert_false(ports_are_told(&f->ports));
	atomic_store(&f->world.signer_answers, true);
	f->e.silent_until_ms = 0;
	(void)ports_tell_again(&f->ports);
	assert_true(sys_is(f, TUNNEL "0-1/authorized", "1"));
	assert_true(ports_are_told(&f->ports));
}

static void who_goes_before_the_journal_is_there_is_told_of(void **state)
{
	struct fixture *f = *state;

	policy_use(f, denying);
	ports_everything(&f->ports);
	assert_true(ports_are_told(&f->ports));
	f->e.silent_until_ms = INT64_MAX;
	assert_int_equal(renameat(f->e.sys, TUNNEL "0-1", f->e.sys, TUNNEL "gone"), 0);
	ports_uevent(&f->ports, "thunderbolt", "remove", "0-1");
	assert_int_equal(renameat(f->e.sys, TUNNEL "gone", f->e.sys, TUNNEL "0-1"), 0);
	assert_int_equal(noted(f, "event device.removed 0-1"), 0);
	assert_int_equal(f->e.departed.count, 1);
	assert_false(enforce_is_told(&f->e));
	f->e.silent_until_ms = 0;
	(void)enforce_tell_again(&f->e);
	assert_int_not_equal(noted(f, "event device.removed 0-1"), 0);
	assert_true(enforce_is_told(&f->e));
}

static void observing_tells_and_touches_nothing(void **state)
{
	struct fixture *f = *state;

	f->e.observe = true;
	f->world.requests.observe = true;
	policy_use(f, denying);
	ports_everything(&f->ports);
	assert_true(sys_is(f, "bus/thunderbolt/drivers_autoprobe", "1"));
	assert_true(sys_is(f, "bus/firewire/drivers_autoprobe", "1"));
	assert_true(sys_is(f, TUNNEL "0-1/authorized", "1"));
	assert_int_not_equal(noted(f, "event device.denied 0-1 way-denied observed"), 0);
	assert_int_equal(counted(f).unwatched, UINT32_MAX);
}

static void a_name_is_no_path(void **state)
{
	static const char *const wrong[] = {"", "pci", "pci/", "/x", "pci/../x", "pci/.", "pci/a/b",
	        "usb/1-2", "pci/a b", "pci/a\n", "pc/a", "pcii/a",
	        "pci/0123456789012345678901234567890123456789012345678901234567890"};
	const struct port_kind *kind;
	const char *name;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(port_name_parse(wrong[i], &kind, &name));
	assert_true(port_name_parse("mmc/mmc0:4567", &kind, &name));
	assert_string_equal(kind->name, "mmc");
	assert_string_equal(name, "mmc0:4567");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest plain[] = {cmocka_unit_test(a_name_is_no_path)};
	const struct CMUnitTest mocked[] = {
	        TEST(denied_by_default),
	        TEST(allowed_by_the_policy_and_denied_again),
	        TEST(what_comes_later_is_closed_when_it_comes),
	        TEST(a_driver_that_does_not_let_go_is_told_of),
	        TEST(what_main_did_not_do_is_tried_again),
	        TEST(what_cannot_be_done_for_all_ports_is_told_of),
	        TEST(one_too_many_is_told_of),
	        TEST(a_driver_that_passed_it_over_is_asked_again),
	        TEST(what_is_not_journalled_stays_out),
	        TEST(who_goes_before_the_journal_is_there_is_told_of),
	        TEST(observing_tells_and_touches_nothing),
	};

	if (argc > 1 && strcmp(argv[1], "mocked") == 0)
		return cmocka_run_group_tests(mocked, NULL, NULL);
	return cmocka_run_group_tests(plain, NULL, NULL);
}
