/* A USB device as the kernel shows it: everything in it is claimed by the device. */
#ifndef SEKISHO_AGENT_DEVICE_H
#define SEKISHO_AGENT_DEVICE_H

#include "agent/hub_hashes.h"
#include "policy/facts.h"

#include <stdbool.h>

enum { DEVICE_NAME_MAX = 64 };

struct device {
	char name[DEVICE_NAME_MAX]; /* kernel name: "1-2.3" */
	unsigned bus;
	unsigned devnum; /* of 127: used again */
	uint64_t inode;  /* of its directory in sysfs: never used again before a restart */
	bool authorised; /* at the time it was read */
	bool readable;   /* facts hold everything; else it must be denied */
	struct device_facts facts;
};

/* "1-2.3": a device, not a root hub and not an interface. "usb1": a root hub. */
bool device_name_is_device(const char *name);
bool device_name_is_hub(const char *name);

/*
 * Reads device name. sys: descriptor of /sys. hubs: those that are known, and where it is kept when
 * it is one; NULL: none. What cannot be read whole (agent/descriptors.h) leaves readable false.
 * ERR_NOT_FOUND: no such device (any more). ERR_IO: one is there, of which not even the number and
 * whether it is authorised can be read.
 */
int device_read(int sys, const char *name, struct hub_hashes *hubs, struct device *d);

/* Keeps the hash of a root hub, "usb1", if it can be read. */
void device_hub_learn(int sys, const char *name, struct hub_hashes *hubs);

/* What the kernel has of it now. Interfaces: of the active configuration, bit 1 << number. */
struct device_state {
	bool authorised;
	unsigned configuration; /* 0: none is active */
	uint32_t present;
	uint32_t open; /* authorised */
};

/* ERR_NOT_FOUND when the device that was read is not there any more; ERR_IO: not known. */
int device_state_read(int sys, const struct device *d, struct device_state *state);

/*
 * What is known of the interfaces of the active configuration without asking the device: which
 * driver each has, its string, its report descriptor where usbhid has it. facts.interfaces[].found
 * follows; true when that changed something.
 */
bool device_interfaces_look(int sys, struct device *d);

/* Puts what was found out about an interface of a configuration beside every alternate setting. */
void device_found(struct device *d, unsigned configuration, unsigned number, uint8_t found);

#endif
