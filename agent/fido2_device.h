/* Where the process fido2 finds security keys: hidraw. */
#ifndef SEKISHO_AGENT_FIDO2_DEVICE_H
#define SEKISHO_AGENT_FIDO2_DEVICE_H

#include <fido.h>

#include "agent/fido2.h"

/* Opens the one security key that is plugged in: FIDO2_PRESENT, and *device, to be closed and
 * freed; else why there is none. *presence: a descriptor, the caller's to close, that hangs up
 * (poll(2)) when this key is pulled out; -1 on an error. */
enum fido2_state fido2_device_open(fido_dev_t **device, int *presence);

#endif
