/* That new USB devices are denied by the kernel before guard has seen them. sys: descriptor of
 * /sys. */
#ifndef SEKISHO_AGENT_HUBS_H
#define SEKISHO_AGENT_HUBS_H

#include "agent/channel.h"

#include <stdbool.h>

/* What is the case. */
bool hubs_controllers_deny(int sys);
bool hubs_deny(int sys, const char *name);

/* Asks main where it is not. NULL, or why it still is not; a hub that has gone is NULL. */
const char *hubs_close_controllers(struct channel *c, int sys);
const char *hubs_close(struct channel *c, int sys, const char *name);

#endif
