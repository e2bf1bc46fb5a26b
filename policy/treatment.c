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

enum { ANY = -1, CLASS_HID = 0x03, CLASS_HUB = 0x09, CLASS_CDC_DATA = 0x0a };
enum { HID_NO_BOOT = 0, HID_KEYBOARD = 1 };

#define BIT(way) (UINT32_C(1) << (way))

/*
 * USB-IF's defined class codes. Of vendor-specific interfaces (ff), MTP among them, descriptors do
 * not tell what they do: those are `other`. First match wins.
 */
static const struct class_way {
	uint8_t class;
	int subclass, protocol;
	enum way way;
} CLASS_WAYS[] = {
        {0x01, ANY, ANY, WAY_AUDIO}, {0x02, 0x02, ANY, WAY_USB_SERIAL}, /* ACM */
        {0x02, 0x06, ANY, WAY_USB_NETWORK},                             /* ECM */
        {0x02, 0x0c, ANY, WAY_USB_NETWORK},                             /* EEM */
        {0x02, 0x0d, ANY, WAY_USB_NETWORK},                             /* NCM */
        {0x02, 0x0e, ANY, WAY_USB_NETWORK},                             /* MBIM */
        {0x03, ANY, ANY, WAY_HID}, {0x06, ANY, ANY, WAY_MTP_PTP}, {0x07, ANY, ANY, WAY_USB_PRINTER},
        {0x08, ANY, ANY, WAY_USB_STORAGE}, /* whatever medium the subclass claims: a disk may claim
                                              another */
        {0x09, ANY, ANY, WAY_HUB}, {0x0b, ANY, ANY, WAY_SMARTCARD}, {0x0e, ANY, ANY, WAY_VIDEO},
        {0x10, ANY, ANY, WAY_VIDEO},                                          /* audio/video */
        {0xe0, 0x01, 0x01, WAY_BLUETOOTH}, {0xe0, 0x01, 0x04, WAY_BLUETOOTH}, /* AMP controller */
        {0xe0, 0x01, 0x03, WAY_USB_NETWORK},                                  /* RNDIS */
        {0xef, 0x04, 0x01, WAY_USB_NETWORK}, /* RNDIS over Ethernet */
};

enum way way_of_interface(const struct facts_interface *i)
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

uint32_t way_of_device(const struct device_facts *facts)
{
	uint32_t ways = 0;
	bool data = false;

	for (size_t i = 0; i < facts->interface_count; i++) {
		if (facts->interfaces[i].class == CLASS_CDC_DATA)
			data = true;
		else
			ways |= BIT(way_of_interface(&facts->interfaces[i]));
	}
	if (facts->device_class == CLASS_HUB)
		ways |= BIT(WAY_HUB);
	/* A CDC data interface is the other half of a communication interface; without one nobody
	 * knows what it is. */
	if (data && !(ways & (BIT(WAY_USB_NETWORK) | BIT(WAY_USB_SERIAL))))
		ways |= BIT(WAY_OTHER);
	return ways ? ways : BIT(WAY_OTHER);
}

/* Boot mice (protocol 2) say what they are; what does not say may be a keyboard. */
bool facts_may_type(const struct device_facts *facts)
{
	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct facts_interface *f = &facts->interfaces[i];

		if (way_of_interface(f) == WAY_HID &&
		        (f->protocol == HID_KEYBOARD || f->protocol == HID_NO_BOOT))
			return true;
	}
	return false;
}
