/* The kernel's uevents (Documentation/ABI/testing/sysfs-uevent, netlink(7)): what came, went or
 * changed. */
#ifndef SEKISHO_AGENT_UEVENT_H
#define SEKISHO_AGENT_UEVENT_H

#include <stddef.h>
#include <stdint.h>

/* The kernel's are below 4096: 2048 of variables, and a path. */
enum { UEVENT_MAX = 8192 };

/* Every text lies in the bytes it was read from. */
struct uevent {
	const char *action;    /* "add" */
	const char *devpath;   /* "/devices/pci0000:00/0000:00:04.0/usb1/1-1", below /sys */
	const char *name;      /* its last part: "1-1" */
	const char *subsystem; /* "usb" */
	const char *devtype;   /* "usb_device"; "" where the subsystem has no types */
};

/*
 * "add@/devices/…", NUL, then variables "ACTION=add", each ended by NUL. The head must say what the
 * variables say, and no variable that is read here may come twice. ERR_FORMAT.
 */
int uevent_parse(const char *bytes, size_t length, struct uevent *u);

/* A socket that hears the kernel's uevents, and does not wait. */
int uevent_open(int *fd);

/*
 * The next one, in memory (UEVENT_MAX). ERR_TIMEOUT: none is there. ERR_DENIED: it was not the
 * kernel's. Anything else: one or more were lost (ENOBUFS, cut off, not understood), and what is
 * true must be looked for in sysfs.
 */
int uevent_receive(int fd, char *memory, struct uevent *u);

#endif
