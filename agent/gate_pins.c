#include "agent/gate_pins.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/gate.h"

/* GATE_VERSION: of the programs' source, by the build. */
#define DIRECTORY "programs-" GATE_VERSION

static const char *const names[GATE_PIN_COUNT] = {
        [GATE_PIN_FILE_OPEN] = "file_open",
        [GATE_PIN_SB_KERN_MOUNT] = "sb_kern_mount",
        [GATE_PIN_FILE_IOCTL] = "file_ioctl",
        [GATE_PIN_FILE_IOCTL_COMPAT] = "file_ioctl_compat",
        [GATE_PIN_URING_CMD] = "uring_cmd",
        [GATE_PIN_DEVICE] = "device",
        [GATE_PIN_BDEV_ADD] = "bdev_add",
};

const char *gate_pin_name(enum gate_pin pin)
{
	return names[pin];
}

const char *gate_pins_directory(void)
{
	return DIRECTORY;
}

static bool is_there(int root, const char *path)
{
	return faccessat(root, path + 1, F_OK, 0) == 0;
}

bool gate_pins_are_whole(int root)
{
	char path[128];
	bool whole = is_there(root, GATE_PIN_MAP);

	for (size_t i = 0; i < GATE_PIN_COUNT; i++) {
		snprintf(path, sizeof(path), GATE_PINS "/" DIRECTORY "/%s", names[i]);
		whole = whole && is_there(root, path);
	}
	return whole;
}
