/*
 * gate: puts the second line (gate.bpf.c) into the kernel and takes it out again. Run by
 * sekisho-gate.service, once at each start and reload of the agent; no process of it stays.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/gate.h"
#include "agent/gate_disks.h"
#include "agent/gate_pins.h"
#include "agent/paths.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"

#include <gate.skel.h> /* made by the build from gate.bpf.c */

enum { CAUSE_MAX = 160, LSM_LIST_MAX = 1024 };

#define PROGRAMS_NEW "new"

static int pins_open(void)
{
	return open(GATE_PINS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int programs_open(int pins, const char *name)
{
	return openat(pins, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A directory of programs: they end with their pins. */
static void programs_remove(int pins, const char *name)
{
	int fd = programs_open(pins, name);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			(void)unlinkat(fd, entry->d_name, 0);
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	(void)unlinkat(pins, name, AT_REMOVEDIR);
}

/* Calls visit for each directory of programs but this build's own; the number of them. */
static unsigned others_visit(int pins, void (*visit)(int pins, const char *name))
{
	int fd = programs_open(pins, ".");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	unsigned count = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		        strcmp(entry->d_name, gate_pins_directory()) == 0)
			continue;
		count++;
		if (visit != NULL)
			visit(pins, entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return count;
}

static void others_remove(int pins)
{
	(void)others_visit(pins, programs_remove);
}

/* Before an upgrade: its programs have kept the map right until now. */
static bool others_are_in_force(int pins)
{
	return faccessat(pins, gate_pins_directory(), F_OK, 0) != 0 &&
	       access(GATE_PIN_MAP, F_OK) == 0 && others_visit(pins, NULL) > 0;
}

static bool kernel_has_lsm(void)
{
	char list[LSM_LIST_MAX] = ",";
	int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, list + 1, sizeof(list) - 3);
	close(fd);
	if (length <= 0)
		return false;
	list[1 + length] = '\0';
	list[strcspn(list, "\n")] = '\0';
	memcpy(list + strlen(list), ",", 2);
	return strstr(list, ",bpf,") != NULL;
}

/* The kernel gives bsg a number of its choice: "246 bsg". */
static uint32_t bsg_major(void)
{
	FILE *file = fopen("/proc/devices", "re");
	char line[64];
	uint32_t major = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL && major == 0) {
		const char *name = line + strspn(line, " 0123456789");

		if (strcmp(name, "bsg\n") == 0)
			major = (uint32_t)strtoul(line, NULL, 10);
	}
	if (file != NULL)
		fclose(file);
	return major;
}

static void disk_release(void *context, uint32_t major, uint32_t minor)
{
	const uint32_t device = GATE_DEVICE(major, minor);
	const uint32_t all = GATE_ALL;
	const int *map = context;

	if (bpf_map_update_elem(*map, &device, &all, BPF_ANY) != 0)
		log_error("%u:%u: %s", major, minor, strerror(errno));
}

static int disks_release(int root, struct gate_bpf *gate)
{
	int map = bpf_map__fd(gate->maps.released);

	return gate_disks_find(root, disk_release, &map);
}

static int gate_attach(struct gate_bpf *gate)
{
	int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (cgroup < 0)
		return ERR_IO;
	gate->links.gate_device = bpf_program__attach_cgroup(gate->progs.gate_device, cgroup);
	close(cgroup);
	return gate->links.gate_device != NULL && gate_bpf__attach(gate) == 0 ? 0 : ERR_IO;
}

/* What this kernel has not got is pinned as the map, so that the names are always the same. */
static int link_pin(const struct gate_bpf *gate, enum gate_pin pin, const struct bpf_link *link)
{
	char path[128];

	snprintf(path, sizeof(path), GATE_PINS "/" PROGRAMS_NEW "/%s", gate_pin_name(pin));
	return bpf_obj_pin(link != NULL ? bpf_link__fd(link) : bpf_map__fd(gate->maps.released),
	               path) == 0
	               ? 0
	               : ERR_IO;
}

static int gate_pin(int pins, const struct gate_bpf *gate)
{
	const struct bpf_link *const links[GATE_PIN_COUNT] = {
	        [GATE_PIN_FILE_OPEN] = gate->links.gate_file_open,
	        [GATE_PIN_SB_KERN_MOUNT] = gate->links.gate_sb_kern_mount,
	        [GATE_PIN_FILE_IOCTL] = gate->links.gate_file_ioctl,
	        [GATE_PIN_FILE_IOCTL_COMPAT] = gate->links.gate_file_ioctl_compat,
	        [GATE_PIN_URING_CMD] = gate->links.gate_uring_cmd,
	        [GATE_PIN_DEVICE] = gate->links.gate_device,
	        [GATE_PIN_BDEV_ADD] = gate->links.gate_bdev_add,
	};
	int r = mkdirat(pins, PROGRAMS_NEW, 0700) == 0 ? 0 : ERR_IO;

	for (unsigned i = 0; r == 0 && i < GATE_PIN_COUNT; i++)
		r = link_pin(gate, (enum gate_pin)i, links[i]);
	if (r != 0)
		return r;
	programs_remove(pins, gate_pins_directory()); /* of one that is not whole */
	return renameat(pins, PROGRAMS_NEW, pins, gate_pins_directory()) == 0 ? 0 : ERR_IO;
}

static bool kernel_has(const struct btf *kernel, const char *hook)
{
	return btf__find_by_name_kind(kernel, hook, BTF_KIND_FUNC) > 0;
}

/* Not every kernel has each of these hooks. */
static int hooks_choose(struct gate_bpf *gate)
{
	struct btf *kernel = btf__load_vmlinux_btf();

	if (kernel == NULL)
		return ERR_IO;
	bpf_program__set_autoload(gate->progs.gate_file_ioctl_compat,
	        kernel_has(kernel, "bpf_lsm_file_ioctl_compat"));
	bpf_program__set_autoload(
	        gate->progs.gate_uring_cmd, kernel_has(kernel, "bpf_lsm_uring_cmd"));
	btf__free(kernel);
	return 0;
}

static struct gate_bpf *gate_open(void)
{
	struct gate_bpf *gate = gate_bpf__open();

	if (gate == NULL)
		return NULL;
	gate->rodata->gate_bsg_major = bsg_major();
	if (hooks_choose(gate) == 0 &&
	        bpf_map__set_pin_path(gate->maps.released, GATE_PIN_MAP) == 0 &&
	        gate_bpf__load(gate) == 0)
		return gate;
	gate_bpf__destroy(gate);
	return NULL;
}

/* The terminal's own disks are let through before anything is stopped, and once more after: what
 * came in between. The map of programs that are in force already has them. */
static int gate_load(int root, int pins, char cause[CAUSE_MAX])
{
	bool upgrade = others_are_in_force(pins);
	struct gate_bpf *gate = NULL;
	const char *step = "kernel";
	int r = ERR_IO;

	programs_remove(pins, PROGRAMS_NEW);
	if (!upgrade)
		(void)unlink(GATE_PIN_MAP);
	gate = gate_open();
	if (gate == NULL)
		goto out;
	step = "disks";
	if (!upgrade && disks_release(root, gate) != 0)
		goto out;
	step = "attach";
	if (gate_attach(gate) != 0 || (!upgrade && disks_release(root, gate) != 0))
		goto out;
	step = "pin";
	r = gate_pin(pins, gate);
	if (r == 0)
		others_remove(pins);
out:
	if (r != 0)
		snprintf(cause, CAUSE_MAX, "%s: %s", step, strerror(errno));
	gate_bpf__destroy(gate);
	return r;
}

static int pins_make(int *pins)
{
	if (mkdir(GATE_PINS, 0700) != 0 && errno != EEXIST)
		return ERR_IO;
	*pins = pins_open();
	return *pins >= 0 ? 0 : ERR_IO;
}

static int gate_try(int root, char cause[CAUSE_MAX])
{
	int pins = -1;
	int r;

	if (!kernel_has_lsm()) {
		snprintf(cause, CAUSE_MAX, "the kernel runs without the bpf LSM");
		return ERR_NOT_FOUND;
	}
	r = pins_make(&pins);
	if (r != 0) {
		snprintf(cause, CAUSE_MAX, "%s: %s", GATE_PINS, strerror(errno));
		return r;
	}
	r = gate_load(root, pins, cause);
	if (r != 0)
		programs_remove(pins, PROGRAMS_NEW);
	close(pins);
	return r;
}

static void gate_unload(void)
{
	int pins = pins_open();

	if (pins < 0)
		return;
	programs_remove(pins, gate_pins_directory());
	others_remove(pins);
	close(pins);
	(void)unlink(GATE_PIN_MAP);
	(void)rmdir(GATE_PINS);
}

/* For main, which says it in the state. */
static void state_write(int root, const char *state)
{
	int dir = openat(root, PATH_MEDIA_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0 || file_replace(dir, GATE_STATE, state, strlen(state), 0644) != 0)
		log_warning("%s/%s: %s", PATH_MEDIA_DIR, GATE_STATE, error_text(ERR_IO));
	if (dir >= 0)
		close(dir);
}

/* What cannot be read is taken as enforce. */
static bool mode_is_enforce(int root)
{
	struct agent_config config;
	char message[160];
	unsigned line;

	(void)config_read(root, &config, &line, message);
	return config.enforce;
}

static int command_apply(int root)
{
	char state[CAUSE_MAX + 16] = "active";
	char cause[CAUSE_MAX];

	if (!mode_is_enforce(root)) {
		gate_unload();
		state_write(root, "off");
		return EXIT_YES;
	}
	if (!gate_pins_are_whole(root))
		state_write(root, "absent: loading did not end");
	if (!gate_pins_are_whole(root) && gate_try(root, cause) != 0) {
		snprintf(state, sizeof(state), "absent: %s", cause);
		log_warning("%s: %s", LANGUAGE("第二の防壁がありません", "there is no second line"),
		        cause);
	}
	state_write(root, state);
	return EXIT_YES;
}

static int command_unload(int root)
{
	gate_unload();
	state_write(root, "off");
	return EXIT_YES;
}

static int command_status(int root)
{
	bool whole = gate_pins_are_whole(root);

	puts(whole ? "active" : "off");
	return whole ? EXIT_YES : EXIT_NO;
}

static const struct command {
	const char *name;
	int (*run)(int root);
} commands[] = {{"apply", command_apply}, {"unload", command_unload}, {"status", command_status}};

int main(int argc, char **argv)
{
	int root;

	log_open("sekisho-gate", LOG_LEVEL_INFO);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (geteuid() != 0 || root < 0) {
		log_error("%s", LANGUAGE("rootで動かしてください", "must be run as root"));
		return EXIT_UNASKED;
	}
	for (size_t i = 0; argc == 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(root);
	}
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: gate apply|unload|status", "usage: gate apply|unload|status"));
	return EXIT_USAGE;
}
