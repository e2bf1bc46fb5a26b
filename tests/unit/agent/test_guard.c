/* Guard's decisions against main's real table of requests, and a signer that can be made to answer
 * or not. */
#include "tests/unit/agent/guard_world.h"

#include <jansson.h>
#include <malloc.h>

#include "agent/guard_answer.h"
#include "core/clock.h"
#include "core/error.h"

struct fixture {
	struct workspace *w;
	struct world world;
	struct channel channel;
	struct enforcement e;
	struct policy *policy;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *workspace = NULL;

	assert_non_null(f);
	assert_int_equal(workspace_set_up(&workspace), 0);
	f->w = workspace;
	f->e.channel = &f->channel;
	f->e.sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world_start(&f->world, f->w->fd, f->e.sys, &f->channel);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *workspace = f->w;

	world_end(&f->world, &f->channel);
	enforce_free(&f->e);
	policy_free(&f->policy);
	close(f->e.sys);
	free(f);
	return workspace_tear_down(&workspace);
}

#define POLICY_HEAD                                                                                \
	"sekisho: policy-1\nid: test\nbody: mito-2026\ntier: my_number\nsigners: 1\n"              \
	"login:\n  factors: [password, totp]\n  max_failures: 3\n"                                 \
	"  totp:\n    digits: 6\n    step: 30\n    window: 1\nreport:\n  interval: 300\n"

static const char policy_keyboard[] =
        POLICY_HEAD "version: 1\nways:\n  hid: allow\n  hub: allow\nrules: |\n"
                    "  allow id 046d:c31c with-interface equals { 03:*:* }\n"
                    "  allow with-interface one-of { 08:*:* }\n";
static const char policy_nothing[] =
        POLICY_HEAD "version: 2\nways:\n  hid: allow\nrules: |\n  block\n";

static void policy_use(struct fixture *f, const char *text)
{
	struct policy_error error;
	struct policy *policy;
	int r = policy_parse((const uint8_t *)text, strlen(text), &policy, &error);

	if (r != 0)
		fail_msg("%zu:%zu: %s", error.line, error.column, error.message);
	policy_free(&f->policy);
	f->policy = policy;
	f->e.policy = policy;
}

static void sys_write(const struct fixture *f, const char *path, const char *text)
{
	int fd = openat(f->e.sys, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static char sys_first(const struct fixture *f, const char *path)
{
	char c = '\0';
	int fd = openat(f->e.sys, path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, &c, 1), 1);
	close(fd);
	return c;
}

#define DEVICES "bus/usb/devices/"
#define PROBED "bus/usb/drivers_probe"
#define CONTROLLERS "module/usbcore/parameters/authorized_default"

static const char *const all_devices[] = {"1-1", "1-2", "1-3", "1-4", "1-5", "1-6", "1-7"};

static const char *const all_interfaces[] = {
        "1-1/1-1:1.0", "1-2/1-2:1.0", "1-2/1-2:1.1", "1-3/1-3:1.0"};

/* Every test begins with a system that lets everything in, and devices in this state. */
static void sys_reset(const struct fixture *f, const char *authorised)
{
	char path[64];

	(void)mkdirat(f->e.sys, "module", 0755);
	(void)mkdirat(f->e.sys, "module/usbcore", 0755);
	(void)mkdirat(f->e.sys, "module/usbcore/parameters", 0755);
	sys_write(f, CONTROLLERS, "1\n");
	(void)mkdirat(f->e.sys, "bus/usb/drivers", 0755);
	sys_write(f, DEVICES "usb1/authorized_default", "1\n");
	sys_write(f, DEVICES "usb1/interface_authorized_default", "1\n");
	sys_write(f, PROBED, "");
	for (size_t i = 0; i < sizeof(all_devices) / sizeof(all_devices[0]); i++) {
		snprintf(path, sizeof(path), DEVICES "%s/authorized", all_devices[i]);
		sys_write(f, path, authorised);
	}
	for (size_t i = 0; i < sizeof(all_interfaces) / sizeof(all_interfaces[0]); i++) {
		snprintf(path, sizeof(path), DEVICES "%s/authorized", all_interfaces[i]);
		sys_write(f, path, authorised);
	}
}

static char authorised(const struct fixture *f, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), DEVICES "%s/authorized", name);
	return sys_first(f, path);
}

static size_t noted(struct fixture *f, const char *begin)
{
	return world_noted(&f->world, begin);
}

static const struct guarded *guarded(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->e.count; i++) {
		if (strcmp(f->e.devices[i]->device.name, name) == 0)
			return f->e.devices[i];
	}
	fail_msg("%s is not known", name);
	return NULL;
}

static void everything_is_judged(void **state)
{
	struct fixture *f = *state;
	struct enforcement_figures figures;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	assert_int_equal(sys_first(f, DEVICES "usb1/authorized_default"), '0');
	assert_int_equal(sys_first(f, DEVICES "usb1/interface_authorized_default"), '0');
	assert_int_equal(sys_first(f, CONTROLLERS), '0');
	assert_int_equal(authorised(f, "1-2"), '1');
	assert_int_equal(authorised(f, "1-2/1-2:1.0"), '1');
	assert_int_equal(authorised(f, "1-2/1-2:1.1"), '1');
	assert_int_equal(sys_first(f, PROBED), '1'); /* "1-2:1.…" */
	/* A rule allows the stick, the policy denies storage. */
	assert_int_equal(guarded(f, "1-1")->verdict.reason, REASON_WAY_DENIED);
	assert_int_equal(guarded(f, "1-1")->verdict.way, WAY_USB_STORAGE);
	for (size_t i = 0; i < sizeof(all_devices) / sizeof(all_devices[0]); i++) {
		if (strcmp(all_devices[i], "1-2") != 0)
			assert_int_equal(authorised(f, all_devices[i]), '0');
		if (i >= 3)
			assert_int_equal(
			        guarded(f, all_devices[i])->verdict.reason, REASON_UNREADABLE);
	}
	/* The hub was closed before anything was judged; the keyboard was told before it was let
	 * in. */
	assert_int_not_equal(noted(f, "request 2 usb1"), 0);
	assert_true(noted(f, "request 2 usb1") < noted(f, "event device.denied 1-1"));
	assert_int_not_equal(noted(f, "event device.allowed 1-2 rule-allows"), 0);
	assert_true(
	        noted(f, "event device.allowed 1-2 rule-allows") < noted(f, "request 3 1-2 open"));
	enforce_count(&f->e, &figures);
	assert_int_equal(figures.hubs, 1);
	assert_int_equal(figures.hubs_denying, 1);
	assert_true(figures.controllers_deny);
	assert_int_equal(figures.devices, 7);
	assert_int_equal(figures.allowed, 1);
	assert_int_equal(figures.denied, 6);
	assert_int_equal(figures.unenforced, 0);
	assert_int_equal(figures.storage_usable, 0);
}

static void what_was_there_before_is_denied_too(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "1\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	for (size_t i = 0; i < sizeof(all_devices) / sizeof(all_devices[0]); i++)
		assert_int_equal(authorised(f, all_devices[i]),
		        strcmp(all_devices[i], "1-2") == 0 ? '1' : '0');
}

static void observing_tells_and_touches_nothing(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "1\n");
	f->e.observe = true;
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	enforce_check(&f->e);
	assert_int_equal(sys_first(f, DEVICES "usb1/authorized_default"), '1');
	assert_int_equal(sys_first(f, CONTROLLERS), '1');
	assert_int_equal(authorised(f, "1-1"), '1');
	assert_int_equal(noted(f, "request"), 0);
	assert_int_not_equal(noted(f, "event device.denied 1-1 way-denied observed"), 0);
	assert_int_not_equal(noted(f, "event device.allowed 1-2 rule-allows observed"), 0);
}

static void one_that_was_met_too_early_is_read_again(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	assert_int_equal(
	        renameat(f->e.sys, DEVICES "1-2/descriptors", f->e.sys, DEVICES "1-2/later"), 0);
	enforce_everything(&f->e);
	assert_int_equal(authorised(f, "1-2"), '0');
	assert_int_equal(guarded(f, "1-2")->verdict.reason, REASON_UNREADABLE);
	assert_int_equal(
	        renameat(f->e.sys, DEVICES "1-2/later", f->e.sys, DEVICES "1-2/descriptors"), 0);
	enforce_appeared(&f->e, "1-2");
	assert_int_equal(authorised(f, "1-2"), '1');
	assert_int_not_equal(noted(f, "event device.denied 1-2 unreadable"), 0);
	assert_int_not_equal(noted(f, "event device.allowed 1-2 rule-allows"), 0);
	/* One that does not become readable is not told of again. */
	enforce_appeared(&f->e, "1-4");
	assert_int_equal(guarded(f, "1-4")->verdict.reason, REASON_UNREADABLE);
}

static void what_is_not_journalled_stays_out(void **state)
{
	struct fixture *f = *state;
	int64_t start = clock_boot_ms();

	sys_reset(f, "0\n");
	atomic_store(&f->world.signer_answers, false);
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	assert_int_equal(authorised(f, "1-2"), '0');
	assert_true(guarded(f, "1-2")->held_back);
	assert_int_equal(enforce_verdict(guarded(f, "1-2")).reason, REASON_NOT_JOURNALLED);
	assert_int_equal(enforce_verdict(guarded(f, "1-2")).treatment, TREATMENT_DENY);
	/* They do not all wait, one after the other. */
	assert_true(clock_boot_ms() - start < (int64_t)(f->e.count - 1) * CHANNEL_TIMEOUT_MS);
	assert_int_equal(authorised(f, "1-1"), '0');
	atomic_store(&f->world.signer_answers, true);
	f->e.silent_until_ms = 0;
	assert_false(enforce_tell_again(&f->e));
	assert_int_equal(authorised(f, "1-2"), '1');
	assert_false(guarded(f, "1-2")->held_back);
}

static void without_a_signer_nothing_new_is_let_in(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	close(f->channel.signer_fd);
	f->channel.signer_fd = -1;
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	assert_int_equal(authorised(f, "1-2"), '0');
	assert_true(enforce_tell_again(&f->e));
	assert_int_equal(authorised(f, "1-2"), '0');
}

static void without_a_policy_one_can_still_log_in(void **state)
{
	struct fixture *f = *state;
	struct enforcement_figures figures;

	sys_reset(f, "1\n");
	sys_write(f, DEVICES "1-3/authorized", "0\n");
	enforce_everything(&f->e);
	assert_int_equal(authorised(f, "1-2"), '1'); /* the keyboard that was there */
	assert_int_equal(authorised(f, "1-1"), '0');
	assert_int_equal(authorised(f, "1-3"), '0');
	/* It claims to be a keyboard, and lies. */
	assert_int_equal(authorised(f, "1-4"), '0');
	assert_int_equal(guarded(f, "1-2")->verdict.reason, REASON_NO_POLICY);
	assert_int_not_equal(noted(f, "event device.unenforced 1-2 kept for login"), 0);
	enforce_count(&f->e, &figures);
	assert_int_equal(figures.unenforced, 1);
	assert_int_equal(figures.allowed, 0);
	/* A check leaves it, a policy decides. */
	enforce_check(&f->e);
	assert_int_equal(authorised(f, "1-2"), '1');
	policy_use(f, policy_nothing);
	enforce_judge_again(&f->e);
	assert_int_equal(authorised(f, "1-2"), '0');
	enforce_count(&f->e, &figures);
	assert_int_equal(figures.unenforced, 0);
}

static void a_new_keyboard_waits_for_a_policy(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	enforce_everything(&f->e);
	assert_int_equal(authorised(f, "1-2"), '0');
}

static void a_policy_that_changes_is_applied(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	assert_int_equal(authorised(f, "1-2"), '1');
	policy_use(f, policy_nothing);
	enforce_judge_again(&f->e);
	assert_int_equal(authorised(f, "1-2"), '0');
	assert_int_not_equal(noted(f, "event device.denied 1-2 rule-denies"), 0);
}

static void what_somebody_changed_is_put_right(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	sys_write(f, DEVICES "1-1/authorized", "1\n");
	sys_write(f, DEVICES "usb1/authorized_default", "1\n");
	enforce_check(&f->e);
	assert_int_equal(authorised(f, "1-1"), '0');
	assert_int_equal(sys_first(f, DEVICES "usb1/authorized_default"), '0');
}

/* The kernel configures a device anew that guard was quicker with than it. */
static void what_comes_again_is_opened_again(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	sys_write(f, DEVICES "1-2/1-2:1.0/authorized", "0\n");
	sys_write(f, DEVICES "1-1/1-1:1.0/authorized", "0\n");
	enforce_interface_added(&f->e, "1-2:1.0");
	assert_int_equal(authorised(f, "1-2/1-2:1.0"), '1');
	enforce_interface_added(&f->e, "1-1:1.0"); /* which is denied */
	assert_int_equal(authorised(f, "1-1"), '0');
	assert_int_equal(authorised(f, "1-1/1-1:1.0"), '0');
}

static void main_that_refuses_is_told_of(void **state)
{
	struct fixture *f = *state;
	struct enforcement_figures figures;

	sys_reset(f, "1\n");
	f->world.requests.observe = true;
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	assert_string_equal(guarded(f, "1-1")->unenforced, error_text(ERR_DENIED));
	assert_int_not_equal(noted(f, "event device.unenforced 1-1"), 0);
	enforce_count(&f->e, &figures);
	assert_int_equal(figures.hubs_denying, 0);
	assert_int_equal(figures.storage_usable, 2);
	assert_true(figures.unenforced >= 2);
}

static void a_port_has_one_device_at_a_time(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	size_t before = f->e.count;

	enforce_appeared(&f->e, "1-2"); /* the uevent of a device that was enumerated already */
	assert_int_equal(f->e.count, before);
	enforce_removed(&f->e, "1-2"); /* a removal that is late: something sits there */
	assert_int_equal(f->e.count, before);
	/* Pulled and put in again: another devnum, judged anew. */
	sys_write(f, DEVICES "1-2/devnum", "77\n");
	sys_write(f, DEVICES "1-2/authorized", "0\n");
	enforce_appeared(&f->e, "1-2");
	assert_int_equal(f->e.count, before);
	assert_int_equal(guarded(f, "1-2")->device.devnum, 77);
	assert_int_not_equal(noted(f, "event device.removed 1-2"), 0);
	assert_int_equal(authorised(f, "1-2"), '1');
	sys_write(f, DEVICES "1-2/devnum", "3\n");
	enforce_appeared(&f->e, "1-99");
	assert_int_equal(f->e.count, before);
}

/* Main answers nothing but "not found": it has no descriptor left, say. */
static void what_main_cannot_do_is_told_and_done_later(void **state)
{
	struct fixture *f = *state;
	struct enforcement_figures figures;

	sys_reset(f, "1\n");
	f->world.requests.sys = -1;
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	assert_int_equal(authorised(f, "1-1"), '1');
	assert_non_null(guarded(f, "1-1")->unenforced);
	assert_int_not_equal(noted(f, "event device.unenforced 1-1"), 0);
	assert_int_not_equal(noted(f, "event device.unenforced usb1"), 0);
	assert_int_not_equal(noted(f, "event device.unenforced usbcore"), 0);
	assert_false(enforce_is_enforced(&f->e));
	enforce_count(&f->e, &figures);
	assert_int_equal(figures.hubs_denying, 0);
	assert_true(figures.unenforced >= 4);
	f->world.requests.sys = f->e.sys;
	enforce_check(&f->e);
	assert_int_equal(authorised(f, "1-1"), '0');
	assert_int_equal(sys_first(f, DEVICES "usb1/authorized_default"), '0');
	assert_int_equal(sys_first(f, CONTROLLERS), '0');
	assert_true(enforce_is_enforced(&f->e));
	enforce_count(&f->e, &figures);
	assert_int_equal(figures.unenforced, 0);
}

static void a_failure_waits_for_the_journal(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "1\n");
	atomic_store(&f->world.signer_answers, false);
	f->world.requests.sys = -1;
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	/* Mended before it could be told. */
	f->world.requests.sys = f->e.sys;
	f->e.silent_until_ms = INT64_MAX;
	enforce_check(&f->e);
	assert_true(enforce_is_enforced(&f->e));
	assert_false(enforce_is_told(&f->e));
	pthread_mutex_lock(&f->world.lock);
	f->world.count = 0;
	pthread_mutex_unlock(&f->world.lock);
	atomic_store(&f->world.signer_answers, true);
	f->e.silent_until_ms = 0;
	assert_false(enforce_tell_again(&f->e));
	assert_int_not_equal(noted(f, "event device.unenforced 1-1"), 0);
	assert_int_not_equal(noted(f, "event device.unenforced usb1"), 0);
	assert_true(enforce_is_told(&f->e));
}

static void who_goes_before_the_journal_is_there_is_told_of(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	atomic_store(&f->world.signer_answers, false);
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	f->e.silent_until_ms = INT64_MAX;
	/* Others sit there now: a stick that was denied, a keyboard that was never let in. */
	sys_write(f, DEVICES "1-1/devnum", "101\n");
	sys_write(f, DEVICES "1-2/devnum", "102\n");
	enforce_appeared(&f->e, "1-1");
	enforce_appeared(&f->e, "1-2");
	assert_int_equal(f->e.departed.count, 4);
	assert_false(enforce_is_told(&f->e));
	pthread_mutex_lock(&f->world.lock);
	f->world.count = 0;
	pthread_mutex_unlock(&f->world.lock);
	atomic_store(&f->world.signer_answers, true);
	f->e.silent_until_ms = 0;
	assert_false(enforce_tell_again(&f->e));
	assert_int_equal(f->e.departed.count, 0);
	assert_int_equal(noted(f, "event device.denied 1-1 way-denied"), 1);
	assert_int_equal(noted(f, "event device.removed 1-1"), 2);
	assert_int_equal(noted(f, "event device.denied 1-2 not-journalled"), 3);
	assert_int_equal(noted(f, "event device.removed 1-2"), 4);
	assert_int_not_equal(noted(f, "event device.allowed 1-2"), 0);
	assert_int_equal(authorised(f, "1-2"), '1');
	sys_write(f, DEVICES "1-1/devnum", "2\n");
	sys_write(f, DEVICES "1-2/devnum", "3\n");
}

/* The kernel's numbers come again after 127 devices. */
static void the_same_number_is_not_the_same_device(void **state)
{
	struct fixture *f = *state;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	((struct guarded *)guarded(f, "1-2"))->device.inode++;
	sys_write(f, DEVICES "1-2/authorized", "0\n");
	enforce_appeared(&f->e, "1-2");
	assert_int_not_equal(noted(f, "event device.removed 1-2"), 0);
	assert_int_equal(authorised(f, "1-2"), '1');
	/* Nobody told of this one. */
	((struct guarded *)guarded(f, "1-1"))->device.inode++;
	sys_write(f, DEVICES "1-1/authorized", "1\n");
	enforce_check(&f->e);
	assert_int_not_equal(noted(f, "event device.removed 1-1"), 0);
	assert_int_equal(authorised(f, "1-1"), '0');
}

static void sys_remove(const struct fixture *f, const char *path)
{
	assert_int_equal(unlinkat(f->e.sys, path, 0), 0);
}

static void who_vanishes_halfway_is_forgotten(void **state)
{
	struct fixture *f = *state;
	size_t all;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	all = f->e.count;
	sys_remove(f, DEVICES "1-2/authorized");
	enforce_check(&f->e);
	assert_int_equal(f->e.count, all - 1);
	assert_int_not_equal(noted(f, "event device.removed 1-2"), 0);
	enforce_appeared(&f->e, "1-2"); /* gone before it was looked at */
	assert_int_equal(f->e.count, all - 1);
	assert_true(enforce_is_enforced(&f->e));
	sys_write(f, DEVICES "1-2/authorized", "0\n");
	enforce_check(&f->e);
	assert_int_equal(f->e.count, all);
	assert_int_equal(authorised(f, "1-2"), '1');
}

/* It may be open: that nobody can tell is a fault until somebody can. */
static void who_cannot_be_read_is_a_fault(void **state)
{
	struct fixture *f = *state;
	struct enforcement_figures figures;

	sys_reset(f, "1\n");
	sys_write(f, DEVICES "1-1/devnum", "x\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	assert_int_not_equal(noted(f, "event device.unenforced 1-1"), 0);
	assert_false(enforce_is_enforced(&f->e));
	enforce_count(&f->e, &figures);
	assert_int_equal(figures.unenforced, 1);
	sys_write(f, DEVICES "1-1/devnum", "2\n");
	enforce_check(&f->e);
	assert_int_equal(authorised(f, "1-1"), '0');
	assert_true(enforce_is_enforced(&f->e));
	/* One that is known does not become unknown by it. */
	sys_write(f, DEVICES "1-1/authorized", "?\n");
	enforce_check(&f->e);
	assert_non_null(guarded(f, "1-1")->unenforced);
	sys_write(f, DEVICES "1-1/authorized", "0\n");
	enforce_check(&f->e);
	assert_null(guarded(f, "1-1")->unenforced);
}

/* It has to be closed before it is let in as something else. */
static void what_does_not_close_is_not_let_in_anew(void **state)
{
	struct fixture *f = *state;
	struct guarded *keyboard;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	keyboard = (struct guarded *)guarded(f, "1-2");
	keyboard->anew = true;
	f->world.requests.sys = -1;
	enforce_judge_again(&f->e);
	assert_true(keyboard->anew);
	assert_non_null(keyboard->unenforced);
	enforce_check(&f->e); /* it looks as it shall, and is not */
	assert_non_null(keyboard->unenforced);
	f->world.requests.sys = f->e.sys;
	enforce_check(&f->e);
	assert_false(keyboard->anew);
	assert_null(keyboard->unenforced);
	assert_int_equal(authorised(f, "1-2"), '1');
}

static size_t descriptors_open(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void plug_cycles(struct fixture *f, unsigned from, unsigned to)
{
	char number[16];

	for (unsigned i = from; i < to; i++) {
		snprintf(number, sizeof(number), "%u\n", 10 + i % 117);
		sys_write(f, DEVICES "1-1/devnum", number);
		sys_write(f, DEVICES "1-1/authorized", "0\n");
		enforce_appeared(&f->e, "1-1");
		assert_int_equal(authorised(f, "1-1"), '0');
	}
}

static void hundreds_of_plugs_leave_nothing_behind(void **state)
{
	struct fixture *f = *state;
	size_t descriptors, devices, memory;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	plug_cycles(f, 0, 50);
	devices = f->e.count;
	descriptors = descriptors_open();
	memory = mallinfo2().uordblks;
	plug_cycles(f, 50, 350);
	assert_int_equal(f->e.count, devices);
	assert_int_equal(f->e.departed.count, 0);
	assert_int_equal(descriptors_open(), descriptors);
	assert_true(mallinfo2().uordblks <= memory + 1024);
	sys_write(f, DEVICES "1-1/devnum", "2\n");
}

static json_t *answer_read(int fd)
{
	uint8_t memory[FRAME_MAX];
	char text[65536] = "";
	struct frame frame;
	json_t *json;

	while (frame_receive(fd, 200, memory, sizeof(memory), &frame) == 0) {
		size_t length;
		const uint8_t *piece = buffer_get_bytes(&frame.payload, &length);

		assert_int_equal(frame.type, MESSAGE_JSON);
		strncat(text, (const char *)piece, length);
	}
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	return json;
}

static void the_cli_is_told_what_and_why(void **state)
{
	struct fixture *f = *state;
	int ours, theirs;
	json_t *json;
	json_t *stick;

	sys_reset(f, "0\n");
	policy_use(f, policy_keyboard);
	enforce_everything(&f->e);
	pair(&ours, &theirs);
	assert_int_equal(
	        guard_answer_devices(&f->e, &(struct ports){.enforcement = &f->e}, ours), 0);
	close(ours);
	json = answer_read(theirs);
	close(theirs);
	assert_int_equal(json_array_size(json), 7);
	stick = json_array_get(json, 0);
	assert_string_equal(json_string_value(json_object_get(stick, "device")), "1-1");
	assert_string_equal(json_string_value(json_object_get(stick, "id")), "0781:5567");
	assert_string_equal(json_string_value(json_object_get(stick, "verdict")), "deny");
	assert_string_equal(json_string_value(json_object_get(stick, "reason")), "way-denied");
	assert_string_equal(json_string_value(json_object_get(stick, "way")), "usb_storage");
	assert_int_equal(json_integer_value(json_object_get(stick, "rule")), 2);
	assert_true(json_is_false(json_object_get(stick, "authorised")));
	assert_string_equal(
	        json_string_value(json_array_get(json_object_get(stick, "interfaces"), 0)),
	        "08:06:50");
	json_decref(json);
}

/* --- the policy, without devices --- */

#define POLICY_DIR "var/lib/sekisho/policy/"

/* Signs the text as the office `by` and leaves it as name. */
static void signed_write(
        const struct fixture *f, const char *by, const char *text, const char *name)
{
	char command[512];

	workspace_write_text(f->w, "text", text);
	snprintf(command, sizeof(command),
	        "openssl cms -sign -binary -nodetach -md sha256 -in text -signer %s.pem -inkey "
	        "%s.key -outform PEM "
	        "-out signed && mv signed %s && chmod 0644 %s",
	        by, by, name, name);
	assert_int_equal(workspace_run(f->w, command), 0);
}

static struct guard_policy policy_place(struct fixture *f)
{
	assert_int_equal(
	        workspace_run(f->w, "mkdir -p " POLICY_DIR " etc/sekisho/trust\n"
	                            "for n in office thief; do openssl req -x509 -newkey ec "
	                            "-pkeyopt ec_paramgen_curve:P-256 "
	                            "-nodes -keyout $n.key -out $n.pem -days 2 -subj /CN=$n; done\n"
	                            "cp office.pem etc/sekisho/trust/policy-signers.pem; chmod "
	                            "0644 etc/sekisho/trust/*"),
	        0);
	return (struct guard_policy){
	        .root = f->w->fd, .channel = &f->channel, .enforcement = &f->e};
}

static void offered_and_good_is_taken(void **state)
{
	struct fixture *f = *state;
	struct guard_policy p = policy_place(f);

	assert_false(guard_policy_load(&p));
	assert_string_equal(guard_policy_state(&p), "none");
	assert_string_equal(p.problem, "");
	signed_write(f, "office", policy_keyboard, POLICY_DIR "offered.p7");
	assert_true(guard_policy_load(&p));
	assert_string_equal(guard_policy_state(&p), "in-force");
	assert_int_equal(p.policy->version, 1);
	assert_int_not_equal(noted(f, "event policy.accepted"), 0);
	char *version = workspace_read(f->w, POLICY_DIR "version", NULL);
	assert_string_equal(version, "1\n");
	free(version);
	/* Again, and after a new start. */
	assert_false(guard_policy_load(&p));
	policy_free(&p.policy);
	assert_true(guard_policy_load(&p));
	assert_string_equal(guard_policy_state(&p), "in-force");
	policy_free(&p.policy);
}

static void assert_last_good(struct guard_policy *p, uint64_t version)
{
	assert_false(guard_policy_load(p));
	assert_string_equal(guard_policy_state(p), "last-good");
	assert_string_not_equal(p->problem, "");
	assert_int_equal(p->policy->version, version);
}

static void anything_else_leaves_the_last_good_one(void **state)
{
	struct fixture *f = *state;
	struct guard_policy p = policy_place(f);

	signed_write(f, "office", policy_nothing, POLICY_DIR "offered.p7");
	assert_true(guard_policy_load(&p));
	/* older */
	signed_write(f, "office", policy_keyboard, POLICY_DIR "offered.p7");
	assert_last_good(&p, 2);
	/* not the office's */
	signed_write(f, "thief", POLICY_HEAD "version: 9\nways:\n  hid: allow\nrules: |\n  allow\n",
	        POLICY_DIR "offered.p7");
	assert_last_good(&p, 2);
	/* not signed */
	workspace_write_text(f->w, POLICY_DIR "offered.p7", policy_keyboard);
	assert_last_good(&p, 2);
	/* signed, but no policy */
	signed_write(f, "office", POLICY_HEAD "version: 9\nsurprise: 1\n", POLICY_DIR "offered.p7");
	assert_last_good(&p, 2);
	/* past its date */
	signed_write(f, "office",
	        POLICY_HEAD "version: 9\nnot_after: 2020-01-01T00:00:00Z\nways:\n  hid: "
	                    "allow\nrules: |\n  allow\n",
	        POLICY_DIR "offered.p7");
	assert_last_good(&p, 2);
	/* others may write it */
	signed_write(f, "office",
	        POLICY_HEAD "version: 9\nways:\n  hid: allow\nrules: |\n  allow\n",
	        POLICY_DIR "offered.p7");
	assert_int_equal(workspace_run(f->w, "chmod 0666 " POLICY_DIR "offered.p7"), 0);
	assert_last_good(&p, 2);
	/* what is in force is broken or gone on the disk: guard holds it */
	assert_int_equal(workspace_run(f->w,
	                         "rm " POLICY_DIR "offered.p7; echo x >" POLICY_DIR "in-force.p7"),
	        0);
	assert_last_good(&p, 2);
	assert_int_equal(workspace_run(f->w, "rm " POLICY_DIR "in-force.p7"), 0);
	assert_last_good(&p, 2);
	assert_int_not_equal(noted(f, "event policy.refused"), 0);
	policy_free(&p.policy);
	/* a new guard has none, and says why */
	assert_false(guard_policy_load(&p));
	assert_string_equal(guard_policy_state(&p), "none");
	assert_string_not_equal(p.problem, "");
}

/* Nobody offers it again only because the journal was not there. */
static void a_refused_policy_waits_for_the_journal(void **state)
{
	struct fixture *f = *state;
	struct guard_policy p = policy_place(f);

	f->e.silent_until_ms = INT64_MAX;
	workspace_write_text(f->w, POLICY_DIR "offered.p7", policy_keyboard);
	assert_false(guard_policy_load(&p));
	assert_false(guard_policy_load(&p));
	assert_int_equal(noted(f, "event policy.refused"), 0);
	assert_false(enforce_is_told(&f->e));
	f->e.silent_until_ms = 0;
	(void)enforce_tell_again(&f->e);
	assert_int_not_equal(noted(f, "event policy.refused"), 0);
	assert_true(enforce_is_told(&f->e));
	assert_int_equal(f->e.departed.count, 0);
}

/* in-force.p7 is spoilt on the disk, and guard starts anew: the copy beside it takes its place. */
static void a_spoilt_file_is_put_right_from_its_copy(void **state)
{
	struct fixture *f = *state;
	struct guard_policy p = policy_place(f);

	signed_write(f, "office", policy_nothing, POLICY_DIR "offered.p7");
	assert_true(guard_policy_load(&p));
	policy_free(&p.policy);
	workspace_write_text(f->w, POLICY_DIR "in-force.p7", "x");
	assert_true(guard_policy_load(&p));
	assert_string_equal(guard_policy_state(&p), "in-force");
	assert_int_equal(p.policy->version, 2);
	policy_free(&p.policy);
	assert_int_equal(workspace_run(f->w, "rm " POLICY_DIR "offered.p7"), 0);
	assert_true(guard_policy_load(&p));
	assert_string_equal(guard_policy_state(&p), "in-force");
	policy_free(&p.policy);
}

static void an_older_file_in_place_of_the_good_one_is_refused(void **state)
{
	struct fixture *f = *state;
	struct guard_policy p = policy_place(f);

	signed_write(f, "office", policy_nothing, POLICY_DIR "offered.p7");
	assert_true(guard_policy_load(&p));
	policy_free(&p.policy);
	assert_int_equal(workspace_run(f->w, "rm " POLICY_DIR "offered.p7"), 0);
	signed_write(f, "office", policy_keyboard, POLICY_DIR "in-force.p7");
	assert_false(guard_policy_load(&p));
	assert_null(p.policy);
	assert_string_equal(guard_policy_state(&p), "none");
}

static int offer(struct fixture *f, struct guard_policy *p, const char *name, char *reason)
{
	int fd = openat(f->w->fd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	int r = guard_policy_offer(p, fd, reason);
	close(fd);
	return r;
}

static void the_cli_may_offer(void **state)
{
	struct fixture *f = *state;
	struct guard_policy p = policy_place(f);
	char reason[GUARD_PROBLEM_MAX];

	signed_write(f, "thief", policy_keyboard, "stolen");
	assert_int_equal(offer(f, &p, "stolen", reason), ERR_SIGNATURE);
	assert_string_not_equal(reason, "");
	assert_string_equal(guard_policy_state(&p), "none");
	assert_string_equal(p.problem, ""); /* nothing lies where a policy is taken from */
	signed_write(f, "office", policy_keyboard, "good");
	assert_int_equal(offer(f, &p, "good", reason), 0);
	assert_string_equal(guard_policy_state(&p), "in-force");
	assert_int_equal(offer(f, &p, "good", reason), 0);
	assert_false(guard_policy_load(&p));
	assert_string_equal(guard_policy_state(&p), "in-force");
	signed_write(f, "office", policy_nothing, "newer");
	assert_int_equal(offer(f, &p, "newer", reason), 0);
	assert_int_equal(offer(f, &p, "good", reason), ERR_VERSION);
	assert_int_equal(p.policy->version, 2);
	assert_int_equal(workspace_run(f->w, "mkfifo fifo"), 0);
	int fifo = openat(f->w->fd, "fifo", O_RDWR | O_CLOEXEC);
	assert_int_equal(guard_policy_offer(&p, fifo, reason), ERR_UNSAFE);
	close(fifo);
	policy_free(&p.policy);
}

static const char policy_keyboards[] =
        POLICY_HEAD "version: 1\nways:\n  hid: allow\n  usb_storage: allow\nrules: |\n  allow\n";

/* A device that nobody has plugged in: what is judged is what stands here. */
static struct guarded *keyboard_make(struct fixture *f, const char *name, bool authorised)
{
	struct guarded *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	snprintf(g->device.name, sizeof(g->device.name), "%s", name);
	g->device.readable = true;
	g->device.authorised = authorised;
	g->device.facts.interfaces[0] = (struct facts_interface){
	        .class = 0x03, .subclass = 1, .protocol = 1, .configuration = 1};
	g->device.facts.interface_count = 1;
	f->e.devices[f->e.count++] = g;
	return g;
}

static void assert_reasons(const struct fixture *f, const char *const names[3], enum reason first,
        enum reason second, enum reason third)
{
	assert_int_equal(guarded(f, names[0])->verdict.reason, first);
	assert_int_equal(guarded(f, names[1])->verdict.reason, second);
	assert_int_equal(guarded(f, names[2])->verdict.reason, third);
}

static void of_two_keyboards_the_same_one_is_the_second(void **state)
{
	static const char *const names[] = {"1-10", "1-2.1", "1-3"};
	struct fixture *f = *state;

	f->e.observe = true;
	policy_use(f, policy_keyboards);
	for (size_t i = 0; i < 3; i++)
		(void)keyboard_make(f, names[i], false);
	enforce_judge_again(&f->e); /* the nearest port */
	assert_reasons(
	        f, names, REASON_SECOND_KEYBOARD, REASON_SECOND_KEYBOARD, REASON_RULE_ALLOWS);
	enforce_judge_again(&f->e);
	assert_reasons(
	        f, names, REASON_SECOND_KEYBOARD, REASON_SECOND_KEYBOARD, REASON_RULE_ALLOWS);
	for (size_t i = 0; i < 3; i++) /* one that works stays, wherever it sits */
		f->e.devices[i]->device.authorised =
		        strcmp(f->e.devices[i]->device.name, "1-2.1") == 0;
	enforce_judge_again(&f->e);
	assert_reasons(
	        f, names, REASON_SECOND_KEYBOARD, REASON_RULE_ALLOWS, REASON_SECOND_KEYBOARD);
}

/* One that is moved to another port is met there before it has left the first. */
static void the_second_keyboard_is_the_first_when_that_is_gone(void **state)
{
	struct fixture *f = *state;

	f->e.observe = true;
	policy_use(f, policy_keyboards);
	(void)keyboard_make(f, "1-1", false);
	(void)keyboard_make(f, "1-2", false);
	(void)keyboard_make(f, "1-3", false);
	enforce_judge_again(&f->e);
	assert_int_equal(guarded(f, "1-2")->verdict.reason, REASON_SECOND_KEYBOARD);
	enforce_removed(&f->e, "1-3"); /* which was denied */
	assert_int_equal(guarded(f, "1-2")->verdict.reason, REASON_SECOND_KEYBOARD);
	enforce_removed(&f->e, "1-1");
	assert_int_equal(guarded(f, "1-2")->verdict.reason, REASON_RULE_ALLOWS);
}

/* One that is denied itself is no first keyboard. */
static void a_denied_keyboard_keeps_no_other_out(void **state)
{
	struct fixture *f = *state;
	struct guarded *storing;

	f->e.observe = true;
	policy_use(f, policy_keyboards);
	storing = keyboard_make(f, "1-1", false);
	storing->device.facts.interfaces[1] = (struct facts_interface){
	        .class = 0x08, .subclass = 6, .protocol = 0x50, .number = 1, .configuration = 1};
	storing->device.facts.interface_count = 2;
	(void)keyboard_make(f, "1-2", false);
	enforce_judge_again(&f->e);
	assert_int_equal(storing->verdict.reason, REASON_TYPES_AND_STORES);
	assert_int_equal(guarded(f, "1-2")->verdict.reason, REASON_RULE_ALLOWS);
	assert_int_equal(noted(f, "request"), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest plain[] = {
	        TEST(offered_and_good_is_taken),
	        TEST(anything_else_leaves_the_last_good_one),
	        TEST(a_refused_policy_waits_for_the_journal),
	        TEST(a_spoilt_file_is_put_right_from_its_copy),
	        TEST(an_older_file_in_place_of_the_good_one_is_refused),
	        TEST(the_cli_may_offer),
	        TEST(of_two_keyboards_the_same_one_is_the_second),
	        TEST(the_second_keyboard_is_the_first_when_that_is_gone),
	        TEST(a_denied_keyboard_keeps_no_other_out),
	};
	const struct CMUnitTest mocked[] = {
	        TEST(everything_is_judged),
	        TEST(what_was_there_before_is_denied_too),
	        TEST(observing_tells_and_touches_nothing),
	        TEST(one_that_was_met_too_early_is_read_again),
	        TEST(what_is_not_journalled_stays_out),
	        TEST(without_a_signer_nothing_new_is_let_in),
	        TEST(without_a_policy_one_can_still_log_in),
	        TEST(a_new_keyboard_waits_for_a_policy),
	        TEST(a_policy_that_changes_is_applied),
	        TEST(what_somebody_changed_is_put_right),
	        TEST(what_comes_again_is_opened_again),
	        TEST(main_that_refuses_is_told_of),
	        TEST(a_port_has_one_device_at_a_time),
	        TEST(what_main_cannot_do_is_told_and_done_later),
	        TEST(a_failure_waits_for_the_journal),
	        TEST(who_goes_before_the_journal_is_there_is_told_of),
	        TEST(the_same_number_is_not_the_same_device),
	        TEST(who_vanishes_halfway_is_forgotten),
	        TEST(who_cannot_be_read_is_a_fault),
	        TEST(what_does_not_close_is_not_let_in_anew),
	        TEST(hundreds_of_plugs_leave_nothing_behind),
	        TEST(the_cli_is_told_what_and_why),
	};

	if (geteuid() != 0) /* policies are root's files */
		return 0;
	if (argc > 1 && strcmp(argv[1], "mocked") == 0)
		return cmocka_run_group_tests(mocked, NULL, NULL);
	return cmocka_run_group_tests(plain, NULL, NULL);
}
