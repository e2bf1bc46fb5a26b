#include "agent/gate_disks.h"
#include "tests/unit/workspace.h"

#include "core/error.h"

struct found {
	char text[1024];
};

static void note(void *context, uint32_t major, uint32_t minor)
{
	struct found *f = context;
	char one[24];

	snprintf(one, sizeof(one), " %u:%u ", major, minor);
	assert_true(strlen(f->text) + sizeof(one) < sizeof(f->text));
	if (strstr(f->text, one) == NULL)
		memcpy(f->text + strlen(f->text), one, strlen(one) + 1);
}

static void make_system(struct workspace *w, const char *mountinfo)
{
	/* sda: sda1 and sda2, dm-0 on sda2; sdb: somebody's stick with sdb1; vda; loop0. */
	assert_int_equal(
	        workspace_run(w, "mkdir -p proc/self sys/dev/block sys/devices/virtual/block\n"
	                         "disk() { mkdir -p sys/devices/$1; echo $2 >sys/devices/$1/dev; "
	                         "ln -s ../../devices/$1 sys/dev/block/$2; }\n"
	                         "disk pci/sda 8:0; disk pci/sda/sda1 8:1; disk pci/sda/sda2 8:2\n"
	                         "echo 1 >sys/devices/pci/sda/sda1/partition\n"
	                         "echo 2 >sys/devices/pci/sda/sda2/partition\n"
	                         "disk usb/sdb 8:16; disk usb/sdb/sdb1 8:17\n"
	                         "echo 1 >sys/devices/usb/sdb/sdb1/partition\n"
	                         "disk virtio/vda 254:0; disk virtual/block/loop0 7:0; disk "
	                         "virtual/block/dm-0 253:0\n"
	                         "mkdir sys/devices/virtual/block/dm-0/slaves\n"
	                         "ln -s ../../../../pci/sda/sda2 "
	                         "sys/devices/virtual/block/dm-0/slaves/sda2"),
	        0);
	workspace_write_text(w, "proc/self/mountinfo", mountinfo);
	workspace_write_text(w, "proc/swaps", "Filename\tType\tSize\n/swap file\tfile\t1\n");
}

static void assert_found(struct workspace *w, const char *expected)
{
	struct found f = {""};
	struct found wanted = {""};

	assert_int_equal(gate_disks_find(w->fd, note, &f), 0);
	snprintf(wanted.text, sizeof(wanted.text), "%s", expected);
	for (char *rest = NULL, *word = strtok_r(wanted.text, " ", &rest); word != NULL;
	        word = strtok_r(NULL, " ", &rest)) {
		char one[24];

		snprintf(one, sizeof(one), " %s ", word);
		assert_non_null(strstr(f.text, one));
	}
	assert_int_equal(strlen(f.text), strlen(expected)); /* and nothing else */
}

static void what_is_mounted_is_the_systems(void **state)
{
	make_system(*state, "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	                    "23 1 8:17 / /media/clerk/STICK rw - vfat /dev/sdb1 rw\n"
	                    "24 1 0:5 / /proc rw - proc proc rw\n");
	assert_found(*state, " 8:0  8:1  8:2  7:0  253:0 ");
}

static void what_carries_it_is_the_systems(void **state)
{
	make_system(*state, "22 1 253:0 / / rw shared:1 - ext4 /dev/mapper/root rw\n"
	                    "23 1 254:0 / /srv rw - ext4 /dev/vda rw\n");
	assert_found(*state, " 253:0  8:0  8:1  8:2  254:0  7:0 ");
}

static void nonsense_is_passed_over(void **state)
{
	make_system(*state, "\n22 1\n22 1 8:99999999 / / rw\n22 1 x:1 / / rw - ext4 /dev/sdb "
	                    "rw\n22 1 8:1x / /a rw -\n");
	assert_found(*state, " 7:0  253:0 ");
}

static void without_mountinfo_nothing_can_be_said(void **state)
{
	struct workspace *w = *state;
	struct found f = {""};

	make_system(w, "");
	assert_int_equal(workspace_run(w, "rm proc/self/mountinfo"), 0);
	assert_int_equal(gate_disks_find(w->fd, note, &f), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                what_is_mounted_is_the_systems, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                what_carries_it_is_the_systems, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nonsense_is_passed_over, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(without_mountinfo_nothing_can_be_said,
	                workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
