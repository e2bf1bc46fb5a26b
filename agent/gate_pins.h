/*
 * What `gate` has pinned in bpffs: the map, which `medium` writes to, and this build's programs.
 * The second line is whole while all of it is there.
 */
#ifndef SEKISHO_AGENT_GATE_PINS_H
#define SEKISHO_AGENT_GATE_PINS_H

#include <stdbool.h>

enum gate_pin {
	GATE_PIN_FILE_OPEN,
	GATE_PIN_SB_KERN_MOUNT,
	GATE_PIN_FILE_IOCTL,
	GATE_PIN_FILE_IOCTL_COMPAT,
	GATE_PIN_URING_CMD,
	GATE_PIN_DEVICE,
	GATE_PIN_BDEV_ADD,
	GATE_PIN_COUNT
};

/* Its file in gate_pins_directory(), which is relative to GATE_PINS. */
const char *gate_pin_name(enum gate_pin pin);
const char *gate_pins_directory(void);

/* root: descriptor of "/". */
bool gate_pins_are_whole(int root);

#endif
