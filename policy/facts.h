/* What guard knows of a device, all of it claimed by the device itself and bounded in size. */
#ifndef SEKISHO_POLICY_FACTS_H
#define SEKISHO_POLICY_FACTS_H

#include <stddef.h>
#include <stdint.h>

enum { FACTS_INTERFACES_MAX = 256, FACTS_TEXT_MAX = 512, FACTS_HASH_MAX = 48 };

/* What descriptors do not tell: found out while the interface has no driver, and seen when it has
 * one. */
enum {
	FACTS_FOUND_MTP = 1,          /* a vendor-specific interface that says it is MTP */
	FACTS_FOUND_SECURITY_KEY = 2, /* HID, and nothing in its report descriptor but FIDO */
	FACTS_FOUND_KEYS = 4,         /* HID whose report descriptor has a keyboard's keys */
	FACTS_FOUND_NO_KEYS = 8,      /* HID whose report descriptor has none */
	FACTS_FOUND_STRANGER = 16,    /* a driver took it that is not one of its class's */
	FACTS_FOUND_STORAGE = 32      /* a driver for storage took it */
};

struct facts_interface {
	uint8_t class;
	uint8_t subclass;
	uint8_t protocol;
	uint8_t number;        /* bInterfaceNumber: alternate settings share it */
	uint8_t found;         /* FACTS_FOUND_*; no rule asks for it */
	uint8_t configuration; /* bConfigurationValue of what it belongs to */
};

struct device_facts {
	uint16_t vendor;
	uint16_t product;
	uint16_t usb_version; /* bcdUSB; no rule asks for it */
	uint8_t device_class; /* bDeviceClass: a hub's is 09 */
	char serial[FACTS_TEXT_MAX];
	char name[FACTS_TEXT_MAX];
	char hash[FACTS_HASH_MAX]; /* USBGuard's: base64(SHA-256(name, idVendor, idProduct, serial,
	                              descriptors)) */
	char parent_hash[FACTS_HASH_MAX];
	char via_port[64];      /* kernel name: "1-2.3" */
	char connect_type[32];  /* "hotplug", "hardwired", "not used", "unknown" or "" */
	size_t interface_count; /* every alternate setting of every configuration */
	struct facts_interface interfaces[FACTS_INTERFACES_MAX];
	int interfaces_cut; /* more than the maximum: such a device is denied */
};

/*
 * Reads a --device description: the grammar of a rule without its target (id, serial, name, hash,
 * parent-hash, via-port, with-interface, with-connect-type). 0 or ERR_FORMAT; column (from 1) and
 * message say where and why.
 */
int facts_parse(const char *text, struct device_facts *facts, size_t *column, char *message,
        size_t message_size);

#endif
