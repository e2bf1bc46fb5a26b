/* Which USB devices and root hubs the kernel has. */
#ifndef SEKISHO_AGENT_USB_NAMES_H
#define SEKISHO_AGENT_USB_NAMES_H

#include "agent/device.h"

#include <stddef.h>

struct usb_name {
	char text[DEVICE_NAME_MAX];
};

struct usb_names {
	struct usb_name *list; /* in the order of usb_names_compare() */
	size_t count;
};

/* Hubs before what hangs on them: "usb1" < "1-2" < "1-2.3". */
int usb_names_compare(const char *left, const char *right);

/* sys: descriptor of /sys. None where there is no USB. On an error, which is no proof of absence,
 * names holds those that could be read. */
int usb_names_read(int sys, struct usb_names *names);

void usb_names_free(struct usb_names *names);

#endif
