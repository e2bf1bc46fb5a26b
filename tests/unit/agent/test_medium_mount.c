#include "agent/medium_mount.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static const char mountinfo[] = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
                                "30 22 8:17 / /media/sekisho/sdb1 ro - vfat /dev/sdb1 ro\n"
                                "31 22 0:17 / /proc rw - proc proc rw\n"
                                "32 22 8:17 /sub /media/a\\040stick\\134 ro - vfat /dev/sdb1 ro\n"
                                "33 22 8:177 / /media/other ro - vfat /dev/sdc ro";

static void assert_mount_point(uint32_t minor, size_t index, const char *expected)
{
	char path[64] = "";
	bool found = medium_mount_point(mountinfo, 8, minor, index, path, sizeof(path));

	assert_int_equal(found, expected != NULL);
	if (expected != NULL)
		assert_string_equal(path, expected);
}

static void the_last_mounted_comes_first(void **state)
{
	(void)state;
	assert_mount_point(17, 0, "/media/a stick\\");
	assert_mount_point(17, 1, "/media/sekisho/sdb1");
	assert_mount_point(17, 2, NULL);
	assert_mount_point(177, 0, "/media/other");
	assert_mount_point(1, 0, "/");
	assert_mount_point(7, 0, NULL);
}

static void what_does_not_fit_is_left_out(void **state)
{
	char path[8];

	(void)state;
	assert_false(medium_mount_point(mountinfo, 8, 17, 0, path, sizeof(path)));
	assert_false(medium_mount_point("", 8, 17, 0, path, sizeof(path)));
	assert_false(medium_mount_point("\n\n8:17\n a b c", 8, 17, 0, path, sizeof(path)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_mounted_comes_first),
	        cmocka_unit_test(what_does_not_fit_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
