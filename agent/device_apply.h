/* One USB device: told of, and made to be what its verdict says. */
#ifndef SEKISHO_AGENT_DEVICE_APPLY_H
#define SEKISHO_AGENT_DEVICE_APPLY_H

#include "agent/enforce.h"

/* Asks main, and looks what came of it (g->state). configuration 0: the device without its
 * interfaces. ERR_NOT_FOUND: it has gone. */
int device_ask(struct enforcement *e, struct guarded *g, bool authorised, unsigned configuration);

/* Tells and applies its verdict; again and again until it is told and enforced. */
void device_apply(struct enforcement *e, struct guarded *g);

/* Looks whether it is what its verdict says, and mends it. */
void device_check(struct enforcement *e, struct guarded *g);

/*
 * Opens interfaces of an allowed device that are closed though they were opened. The kernel tries
 * to configure a device after its uevent (usb_generic_driver_probe()): where guard was quicker, it
 * is configured once more, and its interfaces come again, born closed.
 */
void device_reopen(struct enforcement *e, struct guarded *g);

/* Journals why it is not what its verdict says, where that is not in the journal yet. */
void device_unenforced_tell(struct enforcement *e, struct guarded *g);

/* It has gone: what was decided on it, and that, in the order in which things went. */
void device_go(struct enforcement *e, struct guarded *g);

#endif
