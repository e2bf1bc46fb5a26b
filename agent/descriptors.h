/* A USB device's descriptors as the kernel keeps them (USB 2.0, 9.6; sysfs `descriptors`). */
#ifndef SEKISHO_AGENT_DESCRIPTORS_H
#define SEKISHO_AGENT_DESCRIPTORS_H

#include "policy/facts.h"

#include <stddef.h>
#include <stdint.h>

enum { DESCRIPTORS_MAX = 65536, DESCRIPTORS_INTERFACE_NUMBERS = 32 };

/*
 * The device's ids, class and interfaces: the device descriptor, then each configuration with all
 * that belongs to it. ERR_FORMAT: lengths or counts that do not agree, a configuration without
 * interfaces, alternate settings that are not together, an interface twice or with a number that
 * the kernel could not authorise. Everything a driver could be given is in facts, or the device is
 * refused.
 */
int descriptors_read(const uint8_t *bytes, size_t length, struct device_facts *facts);

#endif
