/* What guard packs beside a device's name into the number of a request about USB. */
#ifndef SEKISHO_AGENT_USB_NUMBER_H
#define SEKISHO_AGENT_USB_NUMBER_H

#include <stdint.h>

/* Interface numbers that can be authorised; the kernel takes no more than this many of them. */
enum { USB_INTERFACES = 32 };

/* What REQUEST_USB_LOOK asks the device for. */
enum usb_look {
	USB_LOOK_OS_STRING =
	        1,           /* string descriptor 0xEE, 18 bytes (Microsoft OS Descriptors 1.0) */
	USB_LOOK_COMPATIBLE, /* extended compatible ids; argument: the vendor code found in it */
	USB_LOOK_REPORT,     /* HID report descriptor; argument: the interface */
	USB_LOOK_BOS,        /* BOS descriptor, in which version 2.0 of those announces itself */
	USB_LOOK_SET,        /* its descriptor set; argument: the vendor code found in it */
	USB_LOOK_END
};

/* The longest answer: the kernel's own limit for a report descriptor. */
enum { USB_LOOK_MAX = 4096 };

/* REQUEST_USB_AUTHORISE with this: programs may have the device's node, as the system gives it to
 * them. Without: it is root's alone. */
#define USB_NODE_OPEN (UINT64_C(1) << 16)

/* REQUEST_USB_AUTHORISE. interfaces: bit 1 << number; configuration 0 and interfaces 0: the device
 * alone, whose interfaces stay closed. */
static inline uint64_t usb_number_authorise(
        unsigned devnum, unsigned configuration, uint32_t interfaces)
{
	return (uint64_t)interfaces << 32 | (uint64_t)(configuration & 0xff) << 8 | devnum;
}

/* REQUEST_USB_LOOK */
static inline uint64_t usb_number_look(unsigned devnum, enum usb_look what, unsigned argument)
{
	return (uint64_t)(argument & 0xff) << 16 | (uint64_t)what << 8 | devnum;
}

static inline unsigned usb_number_devnum(uint64_t number)
{
	return number & 0xff;
}

static inline unsigned usb_number_configuration(uint64_t number)
{
	return number >> 8 & 0xff;
}

static inline uint32_t usb_number_interfaces(uint64_t number)
{
	return (uint32_t)(number >> 32);
}

static inline unsigned usb_number_what(uint64_t number)
{
	return number >> 8 & 0xff;
}

static inline unsigned usb_number_argument(uint64_t number)
{
	return number >> 16 & 0xff;
}

#endif
