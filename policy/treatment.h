/* Kinds of way out of a terminal, and what the policy does with each. */
#ifndef SEKISHO_POLICY_TREATMENT_H
#define SEKISHO_POLICY_TREATMENT_H

#include "policy/facts.h"

#include <stdbool.h>
#include <stdint.h>

enum way {
	WAY_USB_STORAGE,
	WAY_MTP_PTP,
	WAY_MMC,
	WAY_OPTICAL,
	WAY_FLOPPY,
	WAY_ATA_HOTPLUG,
	WAY_NVME_HOTPLUG,
	WAY_THUNDERBOLT,
	WAY_FIREWIRE,
	WAY_USB_NETWORK,
	WAY_USB_SERIAL,
	WAY_USB_PRINTER,
	WAY_BLUETOOTH,
	WAY_WIFI,
	WAY_HID,
	WAY_SMARTCARD,
	WAY_SECURITY_KEY,
	WAY_AUDIO,
	WAY_VIDEO,
	WAY_HUB,
	WAY_OTHER,
	WAY_COUNT
};

enum treatment {
	TREATMENT_DENY = 0,
	TREATMENT_ALLOW,
	TREATMENT_IMPORT,
	TREATMENT_EXPORT,
	TREATMENT_COUNT
};

/* "usb_storage" and so on; way_from_name() gives WAY_COUNT for an unknown name. */
const char *way_name(enum way way);
enum way way_from_name(const char *name);
const char *treatment_name(enum treatment treatment);
enum treatment treatment_from_name(const char *name); /* TREATMENT_COUNT when unknown */

/* The set of ways a USB device's interfaces open, bit 1u << way. A device without a known interface
 * is WAY_OTHER; a composite is everything it holds. Never 0. */
uint32_t way_of_device(const struct device_facts *facts);

/* The way of one interface, alone. */
enum way way_of_interface(const struct facts_interface *i);

/*
 * The way of the interface at index, within its device: a CDC data interface is the other half of
 * the nearest communication interface before it in its configuration, and WAY_OTHER without one.
 */
enum way way_of_facts(const struct device_facts *facts, size_t index);

/* The same without regard to the driver that took it: what it claims to be. */
enum way way_of_claim(const struct device_facts *facts, size_t index);

/* Whether looking at the device could tell more of this interface than its descriptor does. */
bool way_is_uncertain(const struct facts_interface *i);

/* Whether it may type: it has a keyboard's keys or claims to be one, or is HID that does not say
 * what it is. */
bool facts_may_type(const struct device_facts *facts);

#endif
