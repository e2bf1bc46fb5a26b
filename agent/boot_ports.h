/* `sekishod --close-ports`: USB at boot, before udev looks for the first controller. */
#ifndef SEKISHO_AGENT_BOOT_PORTS_H
#define SEKISHO_AGENT_BOOT_PORTS_H

#include "agent/requests.h"

/* Controllers to come, and those the initramfs knew, take no new device. 0 or the first ERR_*. */
int boot_ports_close(const struct requests *r);

/*
 * Where the agent only observes: gives back what the initramfs hook or the boot lock closed in this
 * boot, hubs before what hangs on them. Nothing is touched that neither of them closed. 0 or the
 * first ERR_*.
 */
int boot_ports_open(const struct requests *r);

#endif
