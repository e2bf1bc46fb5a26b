/*
 * gate: puts the second line (gate.bpf.c) into the kernel and takes it out again. Run by
 * sekisho-gate.service, once at each start and reload of the agent; no process of it stays.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
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
#include "agent/paths.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"

#include <gate.skel.h> /* made by the build from gate.bpf.c */

enum { CAUSE_MAX = 160, LSM_LIST_MAX = 1024, PINS = 6 };

#define GATE_PIN_NEW GATE_PINS "/new"

static const char *const pin_names[PINS] = {
        "released", "file_open", "sb_kern_mount", "file_ioctl", "device", "bdev_add"};

static void pins_remove(const char *dir)
{
	char path[128];

	for (size_t i = 0; i < PINS; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, pin_names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static bool pins_are_whole(void)
{
	char path[128];

	for (size_t i = 0; i < PINS; i++) {
		snprintf(path, sizeof(path), "%s/%s", GATE_PIN_DIR, pin_names[i]);
		if (access(path, F_OK) != 0)
			return false;
	}
	return true;
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

static int gate_pin(struct gate_bpf *gate)
{
	const struct bpf_link *const links[] = {gate->links.gate_file_open,
	        gate->links.gate_sb_kern_mount, gate->links.gate_file_ioctl,
	        gate->links.gate_device, gate->links.gate_bdev_add};
	char path[128];

	pins_remove(GATE_PIN_NEW);
	if ((mkdir(GATE_PINS, 0700) != 0 && errno != EEXIST) || mkdir(GATE_PIN_NEW, 0700) != 0)
		return ERR_IO;
	if (bpf_obj_pin(bpf_map__fd(gate->maps.released), GATE_PIN_NEW "/released") != 0)
		return ERR_IO;
	for (size_t i = 0; i < PINS - 1; i++) {
		snprintf(path, sizeof(path), "%s/%s", GATE_PIN_NEW, pin_names[i + 1]);
		if (bpf_obj_pin(bpf_link__fd(links[i]), path) != 0)
			return ERR_IO;
	}
	pins_remove(GATE_PIN_DIR); /* of one that is not whole */
	return rename(GATE_PIN_NEW, GATE_PIN_DIR) == 0 ? 0 : ERR_IO;
}

/* The terminal's own disks are let through before anything is stopped, and once more after: what
 * came in between. */
static int gate_load(int root, char cause[CAUSE_MAX])
{
	struct gate_bpf *gate;
	const char *step = "kernel";
	int r = ERR_IO;

	if (!kernel_has_lsm()) {
		snprintf(cause, CAUSE_MAX, "the kernel runs without the bpf LSM");
		return ERR_NOT_FOUND;
	}
	gate = gate_bpf__open();
	if (gate == NULL)
		goto out;
	gate->rodata->gate_bsg_major = bsg_major();
	if (gate_bpf__load(gate) != 0)
		goto out;
	step = "disks";
	if (disks_release(root, gate) != 0)
		goto out;
	step = "attach";
	if (gate_attach(gate) != 0 || disks_release(root, gate) != 0)
		goto out;
	step = "pin";
	r = gate_pin(gate);
out:
	if (r != 0)
		snprintf(cause, CAUSE_MAX, "%s: %s", step, strerror(errno));
	gate_bpf__destroy(gate);
	return r;
}

static void gate_unload(void)
{
	pins_remove(GATE_PIN_NEW);
	pins_remove(GATE_PIN_DIR);
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
	if (!pins_are_whole())
		state_write(root, "absent: loading did not end");
	if (!pins_are_whole() && gate_load(root, cause) != 0) {
		pins_remove(GATE_PIN_NEW);
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
	(void)root;
	puts(pins_are_whole() ? "active" : "off");
	return pins_are_whole() ? EXIT_YES : EXIT_NO;
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
