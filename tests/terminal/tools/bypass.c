/*
 * What root tries who knows a disk well that is read-only to the kernel:
 *     bypass sg NODE       writes its second sector by SCSI's WRITE(10), with a descriptor that can
 *                          only read
 *     bypass mark32 NODE   takes the mark "read-only" off by a system call of 32 bits
 *     bypass nvme NODE     sends NVMe's command for reading and writing
 *     bypass usbfs NODE    takes interface 0 from its driver, and keeps it for a minute
 * Exit code 0: nothing stopped it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nvme_ioctl.h>
#include <linux/usbdevice_fs.h>
#include <scsi/sg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SECTOR = 512, SYSTEM_CALL_IOCTL_32 = 54 };

static char data[SECTOR] = "bypass";

static int sg_write(const char *node)
{
	unsigned char command[10] = {0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0};
	unsigned char sense[32];
	sg_io_hdr_t header = {.interface_id = 'S',
	        .dxfer_direction = SG_DXFER_TO_DEV,
	        .cmd_len = sizeof(command),
	        .mx_sb_len = sizeof(sense),
	        .dxfer_len = sizeof(data),
	        .dxferp = data,
	        .cmdp = command,
	        .sbp = sense,
	        .timeout = 5000};
	int fd = open(node, O_RDONLY | O_NONBLOCK);

	return fd >= 0 && ioctl(fd, SG_IO, &header) == 0 && header.status == 0 ? 0 : 1;
}

/* The argument must lie below 4 GiB. */
static int mark_take_off(const char *node)
{
	int *off = mmap(
	        NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int fd = open(node, O_RDONLY | O_NONBLOCK);
	int on = 1;
	long r;

	if (fd < 0 || off == MAP_FAILED)
		return 1;
	*off = 0;
	__asm__ volatile("int $0x80"
	                 : "=a"(r)
	                 : "a"((long)SYSTEM_CALL_IOCTL_32), "b"((long)fd), "c"((long)BLKROSET),
	                 "d"((long)(uintptr_t)off)
	                 : "memory", "r8", "r9", "r10", "r11");
	if (r != 0 || ioctl(fd, BLKROGET, &on) != 0)
		return 1;
	return on == 0 ? 0 : 1;
}

/* A node that is no NVMe disk has no such command, which is the kernel's answer and not ours. */
static int nvme_send(const char *node)
{
	struct nvme_passthru_cmd command = {.opcode = 2};
	int fd = open(node, O_RDONLY | O_NONBLOCK);

	return fd >= 0 && (ioctl(fd, NVME_IOCTL_IO_CMD, &command) == 0 || errno == ENOTTY) ? 0 : 1;
}

static int interface_take(const char *node)
{
	struct usbdevfs_disconnect_claim claim = {.interface = 0};
	int fd = open(node, O_RDWR);

	if (fd < 0 || ioctl(fd, USBDEVFS_DISCONNECT_CLAIM, &claim) != 0)
		return 1;
	sleep(60);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "sg") == 0)
		return sg_write(argv[2]);
	if (argc == 3 && strcmp(argv[1], "mark32") == 0)
		return mark_take_off(argv[2]);
	if (argc == 3 && strcmp(argv[1], "nvme") == 0)
		return nvme_send(argv[2]);
	if (argc == 3 && strcmp(argv[1], "usbfs") == 0)
		return interface_take(argv[2]);
	return 2;
}
