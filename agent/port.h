/*
 * Ways in and out that are not USB, one table (port.c): where the kernel shows what hangs there,
 * and by which attribute it is stopped and let in again. Guard recognises and judges (ports.c),
 * main carries out (requests_port.c). A port's name is "KIND/KERNEL-NAME": "mmc/mmc0:4567".
 */
#ifndef SEKISHO_AGENT_PORT_H
#define SEKISHO_AGENT_PORT_H

#include <stdbool.h>
#include <stddef.h>

enum { PORT_NAME_MAX = 64, PORT_PATH_MAX = 128 };

/* How a port's device is stopped, and how it is let in again. */
enum port_means {
	PORT_BY_DRIVER,     /* no driver has it: `unbind`, and the bus probes nothing of itself;
	                       `drivers_probe` */
	PORT_BY_STATE,      /* the same, and SCSI's `state` is offline, because sg and bsg need no
	                       driver; `running` */
	PORT_BY_OVERRIDE,   /* the same by `driver_override`, because PCI probes what is added
	                       anyway; the override is emptied */
	PORT_BY_AUTHORISED, /* Thunderbolt's `authorized`: 0; 1 */
	PORT_BY_RFKILL,     /* blocked through /dev/rfkill; unblocked */
	PORT_BY_MODULE, /* its driver holds it for ever, so the module is removed; loaded again */
};

struct port_kind {
	const char *name;      /* of the kind, and of its bus where it has one */
	const char *directory; /* below /sys */
	const char *subsystem; /* of its uevents */
	enum port_means means;
	bool closes; /* its bus has drivers_autoprobe: with 0 nothing new gets a driver of itself */
};

/* The value of driver_override that no driver has. */
#define PORT_OVERRIDE "sekisho-denied"

extern const struct port_kind port_kinds[];
extern const size_t port_kind_count;

/* NULL: there is none of this name. */
const struct port_kind *port_kind_find(const char *name, size_t length);

/*
 * "mmc/mmc0:4567" as kind, and the kernel's name as a pointer into name. false: not a port's name;
 * one that is contains nothing a path can be made of.
 */
bool port_name_parse(const char *name, const struct port_kind **kind, const char **kernel_name);

/* Its directory below /sys. */
void port_path(const struct port_kind *kind, const char *kernel_name, char path[PORT_PATH_MAX]);

#endif
