/* A device that is authorised while none of its interfaces is: what can be asked of it before it is
 * judged for good. */
#ifndef SEKISHO_AGENT_PROBATION_H
#define SEKISHO_AGENT_PROBATION_H

#include "agent/channel.h"
#include "agent/device.h"

/*
 * Has main ask the device what its interfaces are, as far as that is uncertain
 * (way_is_uncertain()), and notes it in facts.interfaces[].found. A device that does not answer, or
 * nonsense, or slower than half a second in all, stays what it looks like.
 */
void probation_look(struct channel *channel, int sys, struct device *d);

#endif
