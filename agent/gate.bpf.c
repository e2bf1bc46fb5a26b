/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The second line: in the kernel, and there when every process of the agent is dead. A block device
 * that is not in the map `released` can be neither opened nor mounted, and one that is in it for
 * reading cannot be written. gate.c loads and pins this; `medium` writes the map. Of the kernel's
 * structures only what is used here is named; libbpf finds the fields in the running kernel
 * (CO-RE).
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "agent/gate.h"

char gate_license[] SEC("license") = "GPL";

enum { GATE_EPERM = 1, OPENED_TO_WRITE = 2 };
enum { MODE_FORMAT = 0170000, MODE_BLOCK = 0060000, MODE_CHARACTER = 0020000 };
enum { MAJOR_SCSI_TAPE = 9, MAJOR_SCSI_GENERIC = 21 };
enum { IOCTL_BLKROSET = 0x125d, IOCTL_CDROM_SEND_PACKET = 0x5393, IOCTL_HDIO_GETGEO = 0x0301 };
/* The second byte: of every block device, of drives for discs, of files that may be a terminal. */
enum { IOCTL_BLOCK = 0x12, IOCTL_CDROM = 0x53, IOCTL_TTY = 0x54 };
/* Reading and writing an NVMe disk by its controller's node: one, 64 bits wide, in pieces. */
#define IOCTL_NVME_IO 0xc0484e43
#define IOCTL_NVME_IO64 0xc0504e48
#define IOCTL_NVME_IO64_VEC 0xc0504e49
#define URING_NVME_IO 0xc0484e80
#define URING_NVME_IO_VEC 0xc0484e81

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inode {
	unsigned short i_mode;
	__u32 i_rdev;
};

struct file {
	struct inode *f_inode;
	unsigned int f_mode;
};

struct device {
	struct device *parent;
};

struct block_device;

struct gendisk {
	struct block_device *part0;
};

struct block_device {
	__u32 bd_dev;
	struct gendisk *bd_disk;
	struct device bd_device;
};

struct super_block {
	struct block_device *s_bdev;
};

struct io_uring_cmd {
	__u32 cmd_op;
};

#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_RELEASED_MAX);
	__type(key, __u32);
	__type(value, __u32);
} released SEC(".maps");

const volatile __u32 gate_bsg_major; /* given when it is loaded; 0: there is none */

static bool may(__u32 device, __u32 access)
{
	const __u32 *given = bpf_map_lookup_elem(&released, &device);

	return given != NULL && (*given & access) == access;
}

static bool is_block(const struct inode *inode)
{
	return (inode->i_mode & MODE_FORMAT) == MODE_BLOCK;
}

/* A disk's commands, past the block device; and tapes, which have none. */
static bool is_generic(const struct inode *inode)
{
	__u32 major = inode->i_rdev >> 20;

	if ((inode->i_mode & MODE_FORMAT) != MODE_CHARACTER)
		return false;
	return major == MAJOR_SCSI_GENERIC || major == MAJOR_SCSI_TAPE ||
	       (major != 0 && major == gate_bsg_major);
}

SEC("lsm/file_open")
int BPF_PROG(gate_file_open, struct file *file, int result)
{
	struct inode *inode = file->f_inode;
	__u32 access = GATE_READ;

	if (result != 0 || is_generic(inode))
		return result != 0 ? result : -GATE_EPERM;
	if (!is_block(inode))
		return 0;
	if ((file->f_mode & OPENED_TO_WRITE) != 0)
		access |= GATE_WRITE;
	return may(inode->i_rdev, access) ? 0 : -GATE_EPERM;
}

SEC("lsm/sb_kern_mount")
int BPF_PROG(gate_sb_kern_mount, struct super_block *sb, int result)
{
	struct block_device *bdev = sb->s_bdev;

	if (result != 0 || bdev == NULL)
		return result;
	return may(bdev->bd_dev, GATE_READ) ? 0 : -GATE_EPERM;
}

/* A command for the disk itself (SG_IO, MMC_IOC_CMD and their kin) may write, and needs no
 * descriptor that can. */
static bool only_asks(unsigned int command)
{
	switch (command >> 8 & 0xff) {
	case IOCTL_BLOCK:
	case IOCTL_TTY:
		return true;
	case IOCTL_CDROM:
		return command != IOCTL_CDROM_SEND_PACKET;
	default:
		return command == IOCTL_HDIO_GETGEO;
	}
}

static bool is_nvme_io(unsigned int command)
{
	return command == IOCTL_NVME_IO || command == IOCTL_NVME_IO64 ||
	       command == IOCTL_NVME_IO64_VEC;
}

/* What is read-only stays so. */
static int ioctl_judge(const struct file *file, unsigned int command)
{
	const struct inode *inode = file->f_inode;

	if (!is_block(inode))
		return is_nvme_io(command) ? -GATE_EPERM : 0;
	if (command == IOCTL_BLKROSET)
		return may(inode->i_rdev, GATE_MARK) ? 0 : -GATE_EPERM;
	return only_asks(command) || may(inode->i_rdev, GATE_WRITE) ? 0 : -GATE_EPERM;
}

SEC("lsm/file_ioctl")
int BPF_PROG(gate_file_ioctl, struct file *file, unsigned int command, unsigned long argument,
        int result)
{
	return result != 0 ? result : ioctl_judge(file, command);
}

/* Programs of 32 bits have a hook of their own, in kernels from 6.1.76 on. */
SEC("lsm/file_ioctl_compat")
int BPF_PROG(gate_file_ioctl_compat, struct file *file, unsigned int command,
        unsigned long argument, int result)
{
	return result != 0 ? result : ioctl_judge(file, command);
}

SEC("lsm/uring_cmd")
int BPF_PROG(gate_uring_cmd, struct io_uring_cmd *command, int result)
{
	if (result != 0)
		return result;
	return command->cmd_op == URING_NVME_IO || command->cmd_op == URING_NVME_IO_VEC
	               ? -GATE_EPERM
	               : 0;
}

/* Where every way to a block device meets, also those that open no file: mount(2) before it has
 * read anything, device-mapper, the kernel's search for partitions. */
SEC("cgroup/dev")
int gate_device(struct bpf_cgroup_dev_ctx *context)
{
	__u32 wanted = context->access_type >> 16;
	__u32 access = 0;

	if ((context->access_type & 0xffff) != BPF_DEVCG_DEV_BLOCK)
		return 1;
	if ((wanted & BPF_DEVCG_ACC_READ) != 0)
		access |= GATE_READ;
	if ((wanted & BPF_DEVCG_ACC_WRITE) != 0)
		access |= GATE_WRITE;
	return access == 0 || may(GATE_DEVICE(context->major, context->minor), access);
}

/* A number is used again by what is plugged in next: whatever is new begins unreleased. What has no
 * hardware of its own (loop, device-mapper, RAID) stands on block devices that were opened through
 * here. */
SEC("fentry/bdev_add")
int BPF_PROG(gate_bdev_add, struct block_device *bdev, __u32 device)
{
	const __u32 all = GATE_ALL;

	if (bdev->bd_disk->part0->bd_device.parent == NULL)
		bpf_map_update_elem(&released, &device, &all, BPF_ANY);
	else
		bpf_map_delete_elem(&released, &device);
	return 0;
}
