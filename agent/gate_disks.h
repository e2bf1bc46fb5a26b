/* The block devices this system stands on, which the second line lets through from the start. */
#ifndef SEKISHO_AGENT_GATE_DISKS_H
#define SEKISHO_AGENT_GATE_DISKS_H

#include <stdint.h>

typedef void gate_disk_found(void *context, uint32_t major, uint32_t minor);

/*
 * root: descriptor of "/". What is mounted or swapped to (not what hangs below /media, /run/media,
 * /mnt: that is somebody's medium), what these stand on (device-mapper, RAID), each with its whole
 * disk and all partitions; and whatever has no hardware of its own. A device may be found more than
 * once. 0 or ERR_IO: nothing can be said.
 */
int gate_disks_find(int root, gate_disk_found *found, void *context);

#endif
