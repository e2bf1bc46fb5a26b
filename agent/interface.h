/* One interface of a USB device as sysfs shows it: what its driver made of it. */
#ifndef SEKISHO_AGENT_INTERFACE_H
#define SEKISHO_AGENT_INTERFACE_H

#include "policy/facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * FACTS_FOUND_* of the interface at index, whose directory is path below dir. What was found before
 * stays where nothing newer is seen; what a driver was given replaces what the device answered when
 * it was asked.
 */
uint8_t interface_seen(int dir, const char *path, const struct device_facts *facts, size_t index);

/* FACTS_FOUND_* of a report descriptor as the device answered it; FACTS_FOUND_STRANGER when it
 * cannot be read. alone: the interface has no other alternate setting; else a report without keys
 * says nothing, and 0 is found. */
uint8_t interface_report_found(const uint8_t *bytes, size_t length, bool alone);

/* Whether the interface at index has one alternate setting only. */
bool interface_is_alone(const struct device_facts *facts, size_t index);

#endif
