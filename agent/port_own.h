/* What is the terminal's own and nobody's way out: it was there when the terminal was started, and
 * cannot leave, or the system stands on it. */
#ifndef SEKISHO_AGENT_PORT_OWN_H
#define SEKISHO_AGENT_PORT_OWN_H

#include "agent/ports.h"

/* Finds the disks the system stands on, anew. */
void port_own_disks_find(struct ports *p);

/* Reads this boot's mark, or raises it to what is there now; it stands once udev has met all that
 * was there at boot. To be called before something new is judged. */
void port_own_mark_find(struct ports *p);

bool port_is_own(const struct ports *p, const struct port_look *look);

#endif
