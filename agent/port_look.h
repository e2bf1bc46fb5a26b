/* A device of agent/port.h as sysfs shows it: what way out it opens, and whether it can be used
 * now. */
#ifndef SEKISHO_AGENT_PORT_LOOK_H
#define SEKISHO_AGENT_PORT_LOOK_H

#include "agent/port.h"
#include "policy/treatment.h"

#include <stdint.h>

enum { PORT_TEXT_MAX = 128, PORT_LINK_MAX = 512 };

struct port_look {
	const struct port_kind *kind;
	char name[PORT_NAME_MAX]; /* the kernel's */
	uint64_t inode; /* of its directory: the kernel counts upwards, so a later device has a
	                   higher one */
	char path[PORT_LINK_MAX]; /* below /sys: "devices/pci0000:00/…" */
	enum way way;
	bool detachable; /* may leave, or carry something away, though it was there from the start
	                  */
	char usb_device[PORT_NAME_MAX]; /* "1-2" it hangs on; "": none */
	char id[16];                    /* "8086:2723" of a PCI device; "" */
	char model[PORT_TEXT_MAX];      /* claimed by the device */
	char serial[PORT_TEXT_MAX];     /* the same */
};

/* sys: descriptor of /sys. ERR_NOT_FOUND: it is not there, or nothing that could be a way out. */
int port_look(int sys, const struct port_kind *kind, const char *name, struct port_look *p);

/* Whether it is still the one that was seen. */
bool port_is_there(int sys, const struct port_look *p);

/* Whether nothing can use it, in each way that agent/port.h's means close. */
bool port_is_stopped(int sys, const struct port_look *p);

/* Whether nothing of ours keeps it from being used; a driver need not have it. */
bool port_is_released(int sys, const struct port_look *p);

/* Whether its kind is used through drivers, and none has it. */
bool port_lacks_driver(int sys, const struct port_look *p);

/* The bus of this kind probes nothing of itself; true where there is no such bus. */
bool port_bus_is_closed(int sys, const struct port_kind *kind);

#endif
