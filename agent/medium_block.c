#include "agent/medium_block.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/gate.h"
#include "core/error.h"

enum { PATH_SIZE = 64 };

int medium_block_find(const char *name, const struct medium_order *order, int *node)
{
	char path[PATH_SIZE];
	struct stat status;

	snprintf(path, sizeof(path), "/dev/%s", name);
	*node = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (*node < 0)
		return ERR_NOT_FOUND;
	if (fstat(*node, &status) == 0 && S_ISBLK(status.st_mode) &&
	        status.st_rdev == makedev(order->major, order->minor))
		return 0;
	close(*node);
	*node = -1;
	return ERR_NOT_FOUND;
}

int medium_block_order(const char *name, struct medium_order *order)
{
	char path[PATH_SIZE];
	struct stat status;

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (lstat(path, &status) != 0 || !S_ISBLK(status.st_mode))
		return ERR_NOT_FOUND;
	*order = (struct medium_order){
	        TREATMENT_ALLOW, major(status.st_rdev), minor(status.st_rdev)};
	return 0;
}

/* Opens what an O_PATH descriptor stands for. */
static int node_open(int node)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static long bpf_call(enum bpf_cmd command, union bpf_attr *attribute)
{
	return syscall(SYS_bpf, command, attribute, sizeof(*attribute));
}

/* ERR_NOT_FOUND: there is no second line. */
static int map_open(int *map)
{
	union bpf_attr attribute;

	memset(&attribute, 0, sizeof(attribute));
	attribute.pathname = (uintptr_t)GATE_PIN_MAP;
	*map = (int)bpf_call(BPF_OBJ_GET, &attribute);
	if (*map >= 0)
		return 0;
	return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

/* access: bits of agent/gate.h; 0 closes. */
static int gate_set(const struct medium_order *order, uint32_t access)
{
	const uint32_t device = GATE_DEVICE(order->major, order->minor);
	union bpf_attr attribute;
	long r;
	int map;
	int error = map_open(&map);

	if (error != 0)
		return error == ERR_NOT_FOUND ? 0 : error;
	memset(&attribute, 0, sizeof(attribute));
	attribute.map_fd = (uint32_t)map;
	attribute.key = (uintptr_t)&device;
	if (access != 0) /* the kernel refuses a deletion that has one */
		attribute.value = (uintptr_t)&access;
	r = bpf_call(access != 0 ? BPF_MAP_UPDATE_ELEM : BPF_MAP_DELETE_ELEM, &attribute);
	if (r != 0)
		error = access == 0 && errno == ENOENT ? 0 : ERR_IO;
	close(map);
	return error;
}

static int read_only_mark(int node)
{
	int fd = node_open(node);
	int wanted = 1;
	int r;

	if (fd < 0)
		return errno == ENOMEDIUM ? ERR_NOT_FOUND : ERR_IO;
	r = ioctl(fd, BLKROSET, &wanted) == 0 ? 0 : ERR_IO;
	close(fd);
	return r;
}

/* Some kernels take an ioctl and mean another, and somebody may have taken the mark off again. */
static int read_only_look(int node)
{
	int fd = node_open(node);
	int seen = 0;
	int r;

	if (fd < 0)
		return ERR_IO;
	r = ioctl(fd, BLKROGET, &seen) == 0 && seen == 1 ? 0 : ERR_IO;
	close(fd);
	return r;
}

/* Nothing that goes by the second line can have written before the mark, or takes it off after. */
static int import_release(int node, const struct medium_order *order)
{
	int r = gate_set(order, GATE_READ | GATE_MARK);

	if (r == 0)
		r = read_only_mark(node);
	if (r == 0)
		r = gate_set(order, GATE_READ);
	if (r == 0)
		r = read_only_look(node);
	return r;
}

int medium_block_release(int node, const struct medium_order *order)
{
	int r = order->treatment == TREATMENT_IMPORT ? import_release(node, order)
	                                             : gate_set(order, GATE_ALL);

	if (r != 0)
		(void)gate_set(order, 0);
	return r;
}

bool medium_block_take_back(int node, const struct medium_order *order)
{
	int fd = node >= 0 ? node_open(node) : -1;
	bool written = order->treatment == TREATMENT_IMPORT || (fd >= 0 && fsync(fd) == 0);

	if (fd >= 0)
		close(fd);
	return gate_set(order, 0) == 0 && written;
}

static bool partitions_are_there(const char *name)
{
	char path[PATH_SIZE];
	DIR *dir;
	struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	dir = opendir(path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL)
		found = strncmp(entry->d_name, name, strlen(name)) == 0;
	if (dir != NULL)
		closedir(dir);
	return found;
}

static bool is_partition(const char *name)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/sys/class/block/%s/partition", name);
	return access(path, F_OK) == 0;
}

bool medium_block_has_partitions(const char *name, int node)
{
	int fd;

	if (is_partition(name))
		return false;
	if (partitions_are_there(name))
		return true;
	fd = node_open(node);
	if (fd < 0)
		return false;
	(void)ioctl(fd, BLKRRPART);
	close(fd);
	return partitions_are_there(name);
}

void medium_block_tell_udev(const char *name)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, "change", 6);
	close(fd);
}
