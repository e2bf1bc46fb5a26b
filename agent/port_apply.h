/* One port that is not USB: judged, told of, and made to be what its verdict says. */
#ifndef SEKISHO_AGENT_PORT_APPLY_H
#define SEKISHO_AGENT_PORT_APPLY_H

#include "agent/ports.h"

/* Its verdict by the policy in force; what follows a USB device is marked quiet. */
struct verdict port_judge(const struct ports *p, struct port_guarded *g);

/* Tells and applies its verdict; again and again until it is told and enforced. */
void port_apply(struct ports *p, struct port_guarded *g);
void port_judge_and_apply(struct ports *p, struct port_guarded *g);

/* Looks whether it is what its verdict says, and mends it. */
void port_check(struct ports *p, struct port_guarded *g);

/* Lets drivers have it. */
void port_release(struct ports *p, struct port_guarded *g);

/* It is let in, no driver has it, and it is worth asking again. */
bool port_wants_driver(const struct ports *p, const struct port_guarded *g);

/* It has gone. */
void port_go(struct ports *p, struct port_guarded *g);

/* Journals why it is not what its verdict says, where that is not in the journal yet. */
void port_unenforced_tell(struct ports *p, struct port_guarded *g);

/* Why its medium is not as the policy says; NULL: it is. */
const char *port_media_cause(const struct ports *p, const struct port_guarded *g);

/* The terminal's own gets its driver although the bus does not probe of itself, and its disk passes
 * the second line. */
void port_own_release(struct ports *p, const struct port_look *look);

#endif
