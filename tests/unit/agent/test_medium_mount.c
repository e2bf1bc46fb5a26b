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

static void assert_filesystems(
        const uint8_t *bytes, enum treatment treatment, const char *const expected[])
{
	const char *options;
	size_t next = 0;

	for (size_t i = 0; expected[i] != NULL; i++) {
		assert_string_equal(
		        medium_filesystem(bytes, treatment, &next, &options), expected[i]);
		assert_non_null(options);
	}
	assert_null(medium_filesystem(bytes, treatment, &next, &options));
}

static void mark(uint8_t *bytes, size_t offset, const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++)
		bytes[offset + i] = (uint8_t)text[i];
}

static void file_systems_are_known_by_their_marks(void **state)
{
	static const char *const none[] = {NULL};
	static const char *const ext4[] = {"ext4", NULL};
	static const char *const ntfs[] = {"ntfs3", "vfat", NULL};
	static const char *const disc[] = {"udf", "iso9660", NULL};
	static uint8_t bytes[MEDIUM_BEGINNING];

	(void)state;
	assert_filesystems(bytes, TREATMENT_EXPORT, none);
	mark(bytes, 1080, "\x53\xef");
	assert_filesystems(bytes, TREATMENT_IMPORT, ext4);
	assert_filesystems(bytes, TREATMENT_EXPORT, ext4);
	memset(bytes, 0, sizeof(bytes));
	mark(bytes, 3, "NTFS    ");
	mark(bytes, 510, "\x55\xaa"); /* a boot sector, as FAT's is */
	assert_filesystems(bytes, TREATMENT_IMPORT, ntfs);
	memset(bytes, 0, sizeof(bytes));
	mark(bytes, 32769, "CD001");
	mark(bytes, 36865, "BEA01");
	assert_filesystems(bytes, TREATMENT_IMPORT, disc);
	assert_filesystems(bytes, TREATMENT_EXPORT, none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_mounted_comes_first),
	        cmocka_unit_test(what_does_not_fit_is_left_out),
	        cmocka_unit_test(file_systems_are_known_by_their_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
