/* A device that is authorised while none of its interfaces is: what can be asked of it before it is
 * judged for good. */
#ifndef SEKISHO_AGENT_PROBATION_H
#define SEKISHO_AGENT_PROBATION_H

#include "agent/channel.h"
#include "agent/device.h"

/*
 * Has main ask the device what its interfaces are, as far as that is uncertain
 * (way_is_uncertain()), and notes it in facts.interfaces[].found. A HID interface that refuses to
 * say what it is, says nonsense, or comes after half a second of answers, is FACTS_FOUND_STRANGER.
 * What could not be asked, for want of a driver or of main's time, stays what it looks like.
 */
void probation_look(struct channel *channel, int sys, struct device *d);

#endif
