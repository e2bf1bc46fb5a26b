/* A USB device as the kernel and libusb show it: everything in it is claimed by the device. */
#ifndef SEKISHO_AGENT_DEVICE_H
#define SEKISHO_AGENT_DEVICE_H

#include "policy/facts.h"

#include <stdbool.h>

enum { DEVICE_NAME_MAX = 64, DEVICE_DESCRIPTORS_MAX = 65536 };

struct device {
	char name[DEVICE_NAME_MAX]; /* kernel name: "1-2.3" */
	unsigned bus;
	unsigned devnum;
	bool authorised; /* at the time it was read */
	bool readable;   /* facts hold everything; else it must be denied */
	struct device_facts facts;
};

/* "1-2.3": a device, not a root hub and not an interface. "usb1": a root hub. */
bool device_name_is_device(const char *name);
bool device_name_is_hub(const char *name);

/*
 * Reads device name. sys: descriptor of /sys. Descriptors are parsed by libusb and their count is
 * checked against the raw ones; what libusb does not understand whole leaves readable false.
 * ERR_NOT_FOUND: no such device (any more).
 */
int device_read(int sys, const char *name, struct device *d);

/* Whether the device that was read is still there, and authorised now. ERR_NOT_FOUND when it is not
 * there. */
int device_authorised(int sys, const struct device *d, bool *authorised);

#endif
