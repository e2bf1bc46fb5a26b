/* Which kinds of way out this terminal has, and which of them guard stops. Read off sysfs, each
 * time anew. */
#ifndef SEKISHO_AGENT_WAYS_H
#define SEKISHO_AGENT_WAYS_H

#include "policy/facts.h"

#include <stdbool.h>

enum { WAYS_TEXT_MAX = 512 };

/* Names of policy/treatment.h, space separated; every way is in exactly one. */
struct ways {
	char watched[WAYS_TEXT_MAX];
	char absent[WAYS_TEXT_MAX];
	char unwatched[WAYS_TEXT_MAX];
};

/*
 * sys: descriptor of /sys. usb_enforced: every hub denies and guard applies its verdicts. What
 * hangs on a USB device is that device's affair. enforced: bits of the other ways that are held
 * closed. What shows that one is there stands in ways.c's table.
 */
void ways_look(int sys, bool usb_enforced, uint32_t enforced, struct ways *w);

/* The ways a device opens, by name. */
void ways_of_device(const struct device_facts *facts, char text[WAYS_TEXT_MAX]);

#endif
