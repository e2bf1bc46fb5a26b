#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/boot_lock.h"
#include "core/error.h"
#include "tests/unit/agent/temporary.h"
#include "tests/unit/workspace.h"

static void test_words(void **state)
{
	static const struct {
		const char *line, *on, *off;
	} cases[] = {
	        {"", "usbcore.authorized_default=0", ""},
	        {"root=/dev/sda1 ro quiet\n",
	                "root=/dev/sda1 ro quiet usbcore.authorized_default=0",
	                "root=/dev/sda1 ro quiet"},
	        {"usbcore.authorized_default=1  a\tb", "a b usbcore.authorized_default=0", "a b"},
	        {"a usbcore.authorized_default=0", "a usbcore.authorized_default=0", "a"},
	        {"xusbcore.authorized_default=0",
	                "xusbcore.authorized_default=0 "
	                "usbcore.authorized_default=0",
	                "xusbcore.authorized_default=0"},
	};
	char out[BOOT_LOCK_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(boot_lock_line(cases[i].line, true, out), 0);
		assert_string_equal(out, cases[i].on);
		assert_true(boot_lock_line_closes(out));
		assert_int_equal(boot_lock_line(cases[i].line, false, out), 0);
		assert_string_equal(out, cases[i].off);
		assert_false(boot_lock_line_closes(out));
	}
}

static void test_last_word_counts(void **state)
{
	(void)state;
	assert_true(
	        boot_lock_line_closes("usbcore.authorized_default=1 usbcore.authorized_default=0"));
	assert_false(
	        boot_lock_line_closes("usbcore.authorized_default=0 usbcore.authorized_default=1"));
	assert_false(boot_lock_line_closes("usbcore.authorized_default=01"));
	assert_false(boot_lock_line_closes("usbcore.authorized_default=0x"));
	assert_false(boot_lock_line_closes("usbcore.authorized_default="));
}

static void test_too_long(void **state)
{
	char line[BOOT_LOCK_LINE_MAX];
	char out[BOOT_LOCK_LINE_MAX];

	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(boot_lock_line(line, true, out), ERR_TOO_LONG);
	line[sizeof(line) - 4] = '\0';
	assert_int_equal(boot_lock_line(line, false, out), 0);
	assert_int_equal(boot_lock_line(line, true, out), ERR_TOO_LONG);
}

static void text_of(int root, const char *path, char text[512])
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	assert_true(fd >= 0);
	length = read(fd, text, 511);
	assert_true(length >= 0);
	text[length] = '\0';
	close(fd);
}

static void test_no_loader(void **state)
{
	int root = *(int *)*state;

	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	assert_int_equal(boot_lock_loader(root), BOOT_LOADER_NONE);
	assert_int_equal(boot_lock_set(root, BOOT_LOADER_NONE, true), ERR_NOT_FOUND);
	assert_false(boot_lock_is_set(root, BOOT_LOADER_NONE));
}

static void test_grub(void **state)
{
	char text[512];
	int root = *(int *)*state;

	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	assert_int_equal(mkdirat(root, "etc/default", 0755), 0);
	temporary_write(root, "etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\n", 0644);
	assert_int_equal(boot_lock_loader(root), BOOT_LOADER_GRUB);
	assert_int_equal(boot_lock_set(root, BOOT_LOADER_GRUB, false), 0);
	assert_int_equal(boot_lock_set(root, BOOT_LOADER_GRUB, true), 0);
	assert_int_equal(boot_lock_set(root, BOOT_LOADER_GRUB, true), 0);
	assert_true(boot_lock_is_set(root, BOOT_LOADER_GRUB));
	text_of(root, BOOT_LOCK_GRUB, text);
	assert_non_null(strstr(text,
	        "\nGRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX usbcore.authorized_default=0\"\n"));
	/* Changed by hand, it is not what was set. */
	temporary_write(root, BOOT_LOCK_GRUB, "#", 0644);
	assert_false(boot_lock_is_set(root, BOOT_LOADER_GRUB));
	assert_int_equal(boot_lock_set(root, BOOT_LOADER_GRUB, false), 0);
	assert_int_not_equal(faccessat(root, BOOT_LOCK_GRUB, F_OK, 0), 0);
}

/* What grub-mkconfig, which is a shell, makes of it: the last word of this name closes. */
static void test_grub_last_word(void **state)
{
	static const char *const lines[] = {"GRUB_CMDLINE_LINUX=\"quiet\"\n",
	        "GRUB_CMDLINE_LINUX=usbcore.authorized_default=1\n",
	        "GRUB_CMDLINE_LINUX_DEFAULT=usbcore.authorized_default=1\n",
	        "GRUB_CMDLINE_LINUX_DEFAULT=\"a usbcore.authorized_default=2 b\"\n"};
	const struct workspace *w = *state;
	char text[512];

	assert_int_equal(workspace_run(w, "mkdir -p etc/default"), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		temporary_write(w->fd, "etc/default/grub", lines[i], 0644);
		assert_int_equal(boot_lock_set(w->fd, BOOT_LOADER_GRUB, true), 0);
		assert_int_equal(
		        workspace_run(w, "sh -ec '. ./etc/default/grub; . ./" BOOT_LOCK_GRUB
		                         "; echo $GRUB_CMDLINE_LINUX "
		                         "$GRUB_CMDLINE_LINUX_DEFAULT >shown'"),
		        0);
		text_of(w->fd, "shown", text);
		assert_true(boot_lock_line_closes(text));
	}
}

static void test_systemd_boot(void **state)
{
	char text[512];
	int root = *(int *)*state;

	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	assert_int_equal(mkdirat(root, "etc/kernel", 0755), 0);
	temporary_write(root, BOOT_LOCK_CMDLINE, "root=UUID=1 ro\n", 0644);
	assert_int_equal(boot_lock_loader(root), BOOT_LOADER_SYSTEMD);
	assert_false(boot_lock_is_set(root, BOOT_LOADER_SYSTEMD));
	assert_int_equal(boot_lock_set(root, BOOT_LOADER_SYSTEMD, true), 0);
	assert_true(boot_lock_is_set(root, BOOT_LOADER_SYSTEMD));
	text_of(root, BOOT_LOCK_CMDLINE, text);
	assert_string_equal(text, "root=UUID=1 ro usbcore.authorized_default=0\n");
	assert_int_equal(boot_lock_set(root, BOOT_LOADER_SYSTEMD, false), 0);
	text_of(root, BOOT_LOCK_CMDLINE, text);
	assert_string_equal(text, "root=UUID=1 ro\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_words),
	        cmocka_unit_test(test_last_word_counts),
	        cmocka_unit_test(test_too_long),
	        cmocka_unit_test_setup_teardown(
	                test_no_loader, temporary_setup, temporary_teardown),
	        cmocka_unit_test_setup_teardown(test_grub, temporary_setup, temporary_teardown),
	        cmocka_unit_test_setup_teardown(
	                test_grub_last_word, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                test_systemd_boot, temporary_setup, temporary_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
