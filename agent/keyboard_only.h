/* Whether a USB device is nothing but a keyboard, or a hub: what may be let in before guard runs.
 */
#ifndef SEKISHO_AGENT_KEYBOARD_ONLY_H
#define SEKISHO_AGENT_KEYBOARD_ONLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * bytes: sysfs' "descriptors", that is the device descriptor and its configurations (USB 2.0, 9.5
 * and 9.6). True for a device with one configuration whose interfaces are all hubs (and so is the
 * device), or all HID with a boot keyboard among them (HID 1.11, 4.2 and 4.3). False for everything
 * else, and for bytes that do not add up.
 */
bool keyboard_only(const uint8_t *bytes, size_t length);

#endif
