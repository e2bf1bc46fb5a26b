#include "policy/treatment.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *const WAYS[WAY_COUNT] = {
        [WAY_USB_STORAGE] = "usb_storage",
        [WAY_MTP_PTP] = "mtp_ptp",
        [WAY_MMC] = "mmc",
        [WAY_OPTICAL] = "optical",
        [WAY_FLOPPY] = "floppy",
        [WAY_ATA_HOTPLUG] = "ata_hotplug",
        [WAY_NVME_HOTPLUG] = "nvme_hotplug",
        [WAY_THUNDERBOLT] = "thunderbolt",
        [WAY_FIREWIRE] = "firewire",
        [WAY_USB_NETWORK] = "usb_network",
        [WAY_USB_SERIAL] = "usb_serial",
        [WAY_USB_PRINTER] = "usb_printer",
        [WAY_BLUETOOTH] = "bluetooth",
        [WAY_WIFI] = "wifi",
        [WAY_HID] = "hid",
        [WAY_SMARTCARD] = "smartcard",
        [WAY_SECURITY_KEY] = "security_key",
        [WAY_AUDIO] = "audio",
        [WAY_VIDEO] = "video",
        [WAY_HUB] = "hub",
        [WAY_OTHER] = "other",
};

static const char *const TREATMENTS[TREATMENT_COUNT] = {"deny", "allow", "import", "export"};

const char *way_name(enum way way)
{
	return WAYS[way];
}

enum way way_from_name(const char *name)
{
	size_t i = 0;

	while (i < WAY_COUNT && strcmp(WAYS[i], name) != 0)
		i++;
	return (enum way)i;
}

const char *treatment_name(enum treatment treatment)
{
	return TREATMENTS[treatment];
}

enum treatment treatment_from_name(const char *name)
{
	size_t i = 0;

	while (i < TREATMENT_COUNT && strcmp(TREATMENTS[i], name) != 0)
		i++;
	return (enum treatment)i;
}

enum { ANY = -1 };
enum { CLASS_COMMUNICATION = 0x02, CLASS_HID = 0x03, CLASS_HUB = 0x09, CLASS_CDC_DATA = 0x0a };
enum { CLASS_VENDOR = 0xff };
enum { HID_NO_BOOT = 0, HID_KEYBOARD = 1 };

#define BIT(way) (UINT32_C(1) << (way))

/*
 * USB-IF's defined class codes, and what Linux's drivers make of them. First match wins; what is
 * not here is `other`, vendor-specific (ff) network and serial adapters and disks among it: only
 * their ids tell what those are. sekishod(8) has the same table for people.
 */
static const struct class_way {
	uint8_t class;
	int subclass, protocol;
	enum way way;
} CLASS_WAYS[] = {
        {0x01, ANY, ANY, WAY_AUDIO},         /* MIDI too */
        {0x02, 0x02, 0xff, WAY_USB_NETWORK}, /* RNDIS as Microsoft's first had it */
        {0x02, 0x02, ANY, WAY_USB_SERIAL},   /* ACM */
        {0x02, 0x06, ANY, WAY_USB_NETWORK},  /* ECM */
        {0x02, 0x07, ANY, WAY_USB_NETWORK},  /* ATM */
        {0x02, 0x0a, ANY, WAY_USB_NETWORK},  /* MDLM */
        {0x02, 0x0b, ANY, WAY_OTHER},        /* OBEX, which takes files */
        {0x02, 0x0c, ANY, WAY_USB_NETWORK},  /* EEM */
        {0x02, 0x0d, ANY, WAY_USB_NETWORK},  /* NCM */
        {0x02, 0x0e, ANY, WAY_USB_NETWORK},  /* MBIM */
        {0x02, 0xfe, ANY, WAY_USB_NETWORK},  /* Phonet */
        {0x03, ANY, ANY, WAY_HID}, {0x05, ANY, ANY, WAY_OTHER}, /* physical */
        {0x06, ANY, ANY, WAY_MTP_PTP},                          /* still image */
        {0x07, ANY, ANY, WAY_USB_PRINTER},                      /* IPP over USB too */
        {0x08, ANY, ANY, WAY_USB_STORAGE}, /* whatever medium the subclass claims: a disk may claim
                                              another */
        {0x09, ANY, ANY, WAY_HUB}, {0x0b, ANY, ANY, WAY_SMARTCARD},
        {0x0d, ANY, ANY, WAY_OTHER}, /* content security */
        {0x0e, ANY, ANY, WAY_VIDEO},
        {0x0f, ANY, ANY, WAY_OTHER}, /* personal healthcare: takes data */
        {0x10, ANY, ANY, WAY_VIDEO}, /* audio/video */
        {0x11, ANY, ANY, WAY_OTHER}, /* billboard: denied, its port's other modes work */
        {0x12, ANY, ANY, WAY_OTHER}, /* Type-C bridge */
        {0xdc, ANY, ANY, WAY_OTHER}, /* diagnostic */
        {0xe0, 0x01, 0x01, WAY_BLUETOOTH}, {0xe0, 0x01, 0x03, WAY_USB_NETWORK}, /* RNDIS */
        {0xe0, 0x01, 0x04, WAY_BLUETOOTH},                                      /* AMP controller */
        {0xe0, ANY, ANY, WAY_OTHER},         /* ultra-wideband, wireless USB adapters */
        {0xef, 0x01, 0x01, WAY_USB_NETWORK}, /* ActiveSync, by RNDIS */
        {0xef, 0x04, ANY, WAY_USB_NETWORK},  /* RNDIS over Ethernet, Wi-Fi, WiMAX, WWAN */
        {0xef, 0x05, ANY, WAY_VIDEO},        /* USB3 Vision */
        {0xef, ANY, ANY, WAY_OTHER},
        {0xfe, 0x01, ANY, WAY_OTHER}, /* firmware upgrade: makes another device of it */
        {0xfe, 0x02, ANY, WAY_OTHER}, /* IrDA */
        {0xfe, 0x03, ANY, WAY_OTHER}, /* test and measurement */
};

static enum way way_claimed(const struct facts_interface *i)
{
	if ((i->found & FACTS_FOUND_MTP) != 0)
		return WAY_MTP_PTP;
	if (i->class == CLASS_HID && (i->found & FACTS_FOUND_SECURITY_KEY) != 0)
		return WAY_SECURITY_KEY;
	for (size_t k = 0; k < sizeof(CLASS_WAYS) / sizeof(CLASS_WAYS[0]); k++) {
		const struct class_way *c = &CLASS_WAYS[k];

		if (c->class == i->class && (c->subclass == ANY || c->subclass == i->subclass) &&
		        (c->protocol == ANY || c->protocol == i->protocol))
			return c->way;
	}
	return WAY_OTHER;
}

enum way way_of_interface(const struct facts_interface *i)
{
	if ((i->found & FACTS_FOUND_STORAGE) != 0)
		return WAY_USB_STORAGE;
	if ((i->found & FACTS_FOUND_STRANGER) != 0)
		return WAY_OTHER;
	return way_claimed(i);
}

/* RNDIS has its control interface in other classes. */
static bool has_data(const struct facts_interface *i)
{
	enum way way = way_claimed(i);

	return i->class == CLASS_COMMUNICATION || way == WAY_USB_NETWORK || way == WAY_USB_SERIAL;
}

/* Of a CDC data interface at index: the interface it belongs to, or NULL. */
static const struct facts_interface *control_of(const struct device_facts *facts, size_t index)
{
	const struct facts_interface *data = &facts->interfaces[index];
	const struct facts_interface *nearest = NULL;

	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct facts_interface *f = &facts->interfaces[i];

		if (f->configuration != data->configuration || f->number > data->number ||
		        f->class == CLASS_CDC_DATA || !has_data(f))
			continue;
		if (!nearest || f->number >= nearest->number)
			nearest = f;
	}
	return nearest;
}

enum way way_of_claim(const struct device_facts *facts, size_t index)
{
	const struct facts_interface *control;

	if (facts->interfaces[index].class != CLASS_CDC_DATA)
		return way_claimed(&facts->interfaces[index]);
	control = control_of(facts, index);
	return control ? way_claimed(control) : WAY_OTHER;
}

enum way way_of_facts(const struct device_facts *facts, size_t index)
{
	const struct facts_interface *f = &facts->interfaces[index];

	return f->class == CLASS_CDC_DATA && f->found == 0 ? way_of_claim(facts, index)
	                                                   : way_of_interface(f);
}

uint32_t way_of_device(const struct device_facts *facts)
{
	uint32_t ways = 0;

	for (size_t i = 0; i < facts->interface_count; i++)
		ways |= BIT(way_of_facts(facts, i));
	if (facts->device_class == CLASS_HUB)
		ways |= BIT(WAY_HUB);
	return ways ? ways : BIT(WAY_OTHER);
}

/* A boot keyboard is taken at its word. */
bool way_is_uncertain(const struct facts_interface *i)
{
	const uint8_t read = FACTS_FOUND_SECURITY_KEY | FACTS_FOUND_KEYS | FACTS_FOUND_NO_KEYS;

	if ((i->found & (FACTS_FOUND_STRANGER | FACTS_FOUND_STORAGE)) != 0)
		return false;
	if (i->class == CLASS_VENDOR)
		return (i->found & FACTS_FOUND_MTP) == 0;
	return i->class == CLASS_HID && i->protocol != HID_KEYBOARD && (i->found & read) == 0;
}

/* A mouse that says so may still have keys; what says nothing may be a keyboard. */
static bool interface_may_type(const struct facts_interface *i)
{
	if (way_of_interface(i) != WAY_HID)
		return false;
	return i->protocol == HID_KEYBOARD || (i->found & FACTS_FOUND_KEYS) != 0 ||
	       (i->protocol == HID_NO_BOOT && (i->found & FACTS_FOUND_NO_KEYS) == 0);
}

bool facts_may_type(const struct device_facts *facts)
{
	for (size_t i = 0; i < facts->interface_count; i++) {
		if (interface_may_type(&facts->interfaces[i]))
			return true;
	}
	return false;
}
