/* Main's part in what guard asks a USB device before it is let in (usb_number.h): main puts the
 * question and passes the answer on unread. */
#include "agent/requests_handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/usb_number.h"
#include "core/error.h"

#define USB_HID_DRIVER "bus/usb/drivers/usbhid"

enum { INTERFACE_NAME_MAX = 80, ANSWER_MS = 250, DRIVER_WAIT_MS = 500 };
enum { REPORT_TIMES = 4 }; /* as often as usbhid asks */

bool request_is_look(const struct request *q)
{
	unsigned what = usb_number_what(q->number);
	unsigned argument = usb_number_argument(q->number);

	if (!request_names_device(q) || q->number >> 24 != 0)
		return false;
	if (what == USB_LOOK_REPORT)
		return argument < USB_INTERFACES;
	if (what == USB_LOOK_OS_STRING || what == USB_LOOK_BOS)
		return argument == 0;
	return what == USB_LOOK_COMPATIBLE || what == USB_LOOK_SET;
}

/* The node that the kernel made for the device of this directory. */
static int node_open(const struct answer *a, int dir, int *node)
{
	char number[ATTRIBUTE_MAX];
	char bus[ATTRIBUTE_MAX];
	char path[64];
	struct stat status;
	int r = attribute_read(dir, "busnum", bus);

	if (r == 0)
		r = attribute_read(dir, "dev", number);
	if (r != 0)
		return r;
	snprintf(path, sizeof(path), "dev/bus/usb/%03lu/%03u", strtoul(bus, NULL, 10),
	        usb_number_devnum(a->request->number));
	*node = openat(a->r->root, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (*node < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	r = fstat(*node, &status) == 0 && S_ISCHR(status.st_mode) ? 0 : ERR_UNSAFE;
	if (r == 0)
		snprintf(path, sizeof(path), "%u:%u", major(status.st_rdev), minor(status.st_rdev));
	if (r == 0 && strcmp(path, number) != 0)
		r = ERR_UNSAFE;
	if (r == 0)
		r = usb_devnum_check(a, dir); /* it was there all the time */
	if (r != 0)
		close(*node);
	return r;
}

/* ERR_IO: the device does not answer, or refuses as many times. */
static int control_read(int node, int times, struct usbdevfs_ctrltransfer *c)
{
	int length = -1;

	for (int i = 0; i < times && length < 0; i++) {
		length = ioctl(node, USBDEVFS_CONTROL, c);
		if (length < 0 && errno != EPIPE)
			break;
	}
	if (length < 0)
		return ERR_IO;
	c->wLength = (uint16_t)length;
	return 0;
}

static int interface_open(
        const struct answer *a, int dir, unsigned configuration, unsigned number, int *interface)
{
	char name[INTERFACE_NAME_MAX];

	snprintf(name, sizeof(name), "%s:%u.%u", a->request->name, configuration, number);
	*interface = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *interface >= 0 ? 0 : ERR_NOT_FOUND;
}

/* A driver that is not loaded yet could be while the interface is open, and take it before we do.
 */
static int driver_wait(const struct answer *a)
{
	return usb_appears(a->r->sys, USB_HID_DRIVER, DRIVER_WAIT_MS) ? 0 : ERR_NOT_FOUND;
}

/* Nobody but usbfs, that is us, has the interface while it is open. */
static int report_read(int node, int interface, unsigned number, struct usbdevfs_ctrltransfer *c)
{
	char before[ATTRIBUTE_MAX];
	int r = attribute_read(interface, "authorized", before);

	if (r == 0 && strcmp(before, "1") != 0)
		r = attribute_set(interface, "authorized", "1");
	if (r == 0 && ioctl(node, USBDEVFS_CLAIMINTERFACE, &number) != 0)
		r = ERR_DENIED;
	else if (r == 0) {
		r = control_read(node, REPORT_TIMES, c);
		if (strcmp(before, "1") == 0)
			(void)ioctl(node, USBDEVFS_RELEASEINTERFACE, &number);
	}
	/* Closing it takes it from whoever has it, from us too. */
	if (strcmp(before, "1") != 0 && attribute_set(interface, "authorized", "0") != 0)
		r = ERR_IO;
	return r;
}

static int report_look(const struct answer *a, int dir, int node, struct usbdevfs_ctrltransfer *c)
{
	unsigned number = usb_number_argument(a->request->number);
	char value[ATTRIBUTE_MAX];
	int interface;
	int r = attribute_read(dir, "bConfigurationValue", value);

	if (r == 0)
		r = interface_open(a, dir, (unsigned)strtoul(value, NULL, 10), number, &interface);
	if (r != 0)
		return r;
	r = driver_wait(a);
	if (r == 0)
		r = report_read(node, interface, number, c);
	close(interface);
	return r;
}

/* USB 2.0, 9.4.3; USB 3.2, 9.6.2; Microsoft OS Descriptors 1.0 and 2.0; HID 1.11, 7.1.1. */
static struct usbdevfs_ctrltransfer question_of(uint64_t number, uint8_t *data)
{
	enum { DEVICE_IN = 0x80, INTERFACE_IN = 0x81, VENDOR_IN = 0xc0, GET_DESCRIPTOR = 6 };
	const uint8_t argument = (uint8_t)usb_number_argument(number);

	switch (usb_number_what(number)) {
	case USB_LOOK_OS_STRING:
		return (struct usbdevfs_ctrltransfer){
		        DEVICE_IN, GET_DESCRIPTOR, 0x03ee, 0, 18, ANSWER_MS, data};
	case USB_LOOK_COMPATIBLE:
		return (struct usbdevfs_ctrltransfer){
		        VENDOR_IN, argument, 0, 4, USB_LOOK_MAX, ANSWER_MS, data};
	case USB_LOOK_BOS:
		return (struct usbdevfs_ctrltransfer){
		        DEVICE_IN, GET_DESCRIPTOR, 0x0f00, 0, USB_LOOK_MAX, ANSWER_MS, data};
	case USB_LOOK_SET:
		return (struct usbdevfs_ctrltransfer){
		        VENDOR_IN, argument, 0, 7, USB_LOOK_MAX, ANSWER_MS, data};
	default:
		return (struct usbdevfs_ctrltransfer){INTERFACE_IN, GET_DESCRIPTOR, 0x2200,
		        argument, USB_LOOK_MAX, ANSWER_MS, data};
	}
}

/* As the device said it: guard, not main, reads what it means. */
static int answer_keep(struct answer *a, const uint8_t *data, size_t length)
{
	int fd = memfd_create("usb", MFD_CLOEXEC);

	if (fd < 0)
		return ERR_IO;
	if (write(fd, data, length) != (ssize_t)length) {
		close(fd);
		return ERR_IO;
	}
	a->fd_out = fd;
	return 0;
}

static int device_ask(struct answer *a, int dir, int node)
{
	uint8_t *data = malloc(USB_LOOK_MAX);
	struct usbdevfs_ctrltransfer c = question_of(a->request->number, data);
	int r = ERR_MEMORY;

	if (data == NULL)
		return r;
	r = usb_number_what(a->request->number) == USB_LOOK_REPORT ? report_look(a, dir, node, &c)
	                                                           : control_read(node, 1, &c);
	if (r == 0)
		r = answer_keep(a, data, c.wLength);
	free(data);
	return r;
}

int usb_look(struct answer *a)
{
	int node;
	int dir;
	int r = usb_device_open(a, &dir);

	if (r != 0)
		return r;
	r = node_open(a, dir, &node);
	if (r == 0) {
		r = device_ask(a, dir, node);
		close(node);
	}
	close(dir);
	return r;
}
