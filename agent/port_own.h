/* What is the terminal's own and nobody's way out: it was there when guard first looked since boot,
 * and cannot leave, or the system stands on it. */
#ifndef SEKISHO_AGENT_PORT_OWN_H
#define SEKISHO_AGENT_PORT_OWN_H

#include "agent/ports.h"

/* Finds the disks the system stands on, anew. */
void port_own_disks_find(struct ports *p);

/* Reads this boot's mark, or sets it: what is there now came before it. Once. */
void port_own_mark_find(struct ports *p);

bool port_is_own(const struct ports *p, const struct port_look *look);

#endif
