#include "agent/port_recognise.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void port_text_read(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = fd >= 0 ? read(fd, text, size - 1) : -1;
	size_t blanks;

	text[length > 0 ? length : 0] = '\0';
	if (fd >= 0)
		close(fd);
	for (size_t end = strlen(text); end > 0 && isspace((unsigned char)text[end - 1]); end--)
		text[end - 1] = '\0';
	blanks = strspn(text, " ");
	memmove(text, text + blanks, strlen(text + blanks) + 1);
}

bool port_attribute_is(int dir, const char *name, const char *value)
{
	char text[PORT_VALUE_MAX];

	port_text_read(dir, name, text, sizeof(text));
	return strcmp(text, value) == 0;
}

static unsigned long number_read(int dir, const char *name, int base, unsigned long otherwise)
{
	char text[PORT_VALUE_MAX];
	char *end;
	unsigned long number;

	port_text_read(dir, name, text, sizeof(text));
	number = strtoul(text, &end, base);
	return text[0] != '\0' && *end == '\0' ? number : otherwise;
}
static bool is_external(int dir)
{
	return port_attribute_is(dir, "removable", "removable");
}

static void text_join(char *text, size_t size, const char *left, const char *right)
{
	snprintf(text, size, "%s%s%s", left, left[0] != '\0' && right[0] != '\0' ? " " : "", right);
}

/* "H:C:T:L", not "host0" and not "target0:0:0" */
static bool name_is_scsi(const char *name)
{
	unsigned colons = 0;

	for (const char *at = name; *at != '\0'; at++) {
		if (*at == ':')
			colons++;
		else if (!isdigit((unsigned char)*at))
			return false;
	}
	return colons == 3;
}

enum scsi_type {
	SCSI_DISK = 0,
	SCSI_PROCESSOR = 3,
	SCSI_WORM = 4,
	SCSI_CD = 5,
	SCSI_OPTICAL = 7,
	SCSI_RAID = 12,
	SCSI_ENCLOSURE = 13,
	SCSI_REDUCED_DISK = 14,
	SCSI_ZONED_DISK = 20,
	SCSI_UNKNOWN = 256
};

/* The medium can be taken out: bit 7 of byte 1 of INQUIRY; libata sets it for a port that says
 * external or hot-plug capable. */
static bool scsi_is_removable(int dir)
{
	uint8_t inquiry[2] = {0, 0x80};
	int fd = openat(dir, "inquiry", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true;
	if (read(fd, inquiry, sizeof(inquiry)) != (ssize_t)sizeof(inquiry))
		inquiry[1] = 0x80;
	close(fd);
	return (inquiry[1] & 0x80) != 0;
}

/* VPD page 80h: four bytes, then the serial number. */
static void scsi_serial_read(int dir, char serial[PORT_TEXT_MAX])
{
	char page[4 + PORT_TEXT_MAX] = "";
	int fd = openat(dir, "vpd_pg80", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, page, sizeof(page) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (length <= 4)
		return;
	page[length] = '\0';
	while (length > 4 && page[length - 1] == ' ')
		page[--length] = '\0';
	snprintf(serial, PORT_TEXT_MAX, "%s", page + 4 + strspn(page + 4, " "));
}

static bool scsi_recognise(int sys, int dir, struct port_look *p)
{
	char vendor[PORT_VALUE_MAX];
	char model[PORT_VALUE_MAX];

	(void)sys;
	if (!name_is_scsi(p->name))
		return false;
	port_text_read(dir, "vendor", vendor, sizeof(vendor));
	port_text_read(dir, "model", model, sizeof(model));
	text_join(p->model, sizeof(p->model), vendor, model);
	scsi_serial_read(dir, p->serial);
	switch (number_read(dir, "type", 10, SCSI_UNKNOWN)) {
	case SCSI_WORM:
	case SCSI_CD:
	case SCSI_OPTICAL:
		p->way = WAY_OPTICAL;
		p->detachable = true;
		break;
	case SCSI_DISK:
	case SCSI_REDUCED_DISK:
	case SCSI_ZONED_DISK:
		p->way = WAY_ATA_HOTPLUG;
		p->detachable = scsi_is_removable(dir);
		break;
	case SCSI_PROCESSOR:
	case SCSI_RAID:
	case SCSI_ENCLOSURE:
		p->way = WAY_OTHER;
		break;
	default: /* tapes, changers, scanners, printers, what nobody knows */
		p->way = WAY_OTHER;
		p->detachable = true;
	}
	return true;
}

/* An MMC is the board's own memory, an SD card sits in a slot. SDIO functions are on sdio's bus. */
static bool mmc_recognise(int sys, int dir, struct port_look *p)
{
	char type[PORT_VALUE_MAX];

	(void)sys;
	port_text_read(dir, "type", type, sizeof(type));
	if (strcmp(type, "SDIO") == 0)
		return false;
	p->way = WAY_MMC;
	p->detachable = strcmp(type, "MMC") != 0 || is_external(dir);
	port_text_read(dir, "name", p->model, sizeof(p->model));
	port_text_read(dir, "serial", p->serial, sizeof(p->serial));
	return true;
}

static bool memstick_recognise(int sys, int dir, struct port_look *p)
{
	(void)sys;
	(void)dir;
	p->way = WAY_MMC;
	p->detachable = true;
	return true;
}

/* SDIO's standard function codes: 2, 3 and 9 are Bluetooth, 7 is wireless LAN. */
static bool sdio_recognise(int sys, int dir, struct port_look *p)
{
	(void)sys;
	switch (number_read(dir, "class", 16, 0)) {
	case 2:
	case 3:
	case 9:
		p->way = WAY_BLUETOOTH;
		p->detachable = true;
		break;
	case 7:
		p->way = WAY_WIFI;
		p->detachable = true;
		break;
	default:
		p->way = WAY_OTHER;
	}
	return true;
}

/* pciehp and acpiphp make a slot's power a file: such a slot can be filled while the terminal runs.
 */
static bool slot_holds(int slots, const char *slot, const char *path)
{
	char file[NAME_MAX + 16];
	char address[PORT_VALUE_MAX];
	char function[PORT_VALUE_MAX + 8];

	snprintf(file, sizeof(file), "%s/power", slot);
	if (faccessat(slots, file, F_OK, 0) != 0)
		return false;
	snprintf(file, sizeof(file), "%s/address", slot);
	port_text_read(slots, file, address, sizeof(address));
	snprintf(function, sizeof(function), "/%s.", address);
	return address[0] != '\0' && strstr(path, function) != NULL;
}

static bool is_in_hotplug_slot(int sys, const char *path)
{
	int fd = openat(sys, "bus/pci/slots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool found = false;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(dir)) != NULL)
		found = entry->d_name[0] != '.' && slot_holds(fd, entry->d_name, path);
	closedir(dir);
	return found;
}

/*
 * PCI Code and ID Assignment Specification: base class, subclass. built_in: a way out even where it
 * was there from the start. WAY_COUNT: let in, what hangs on it is judged. First match wins.
 */
static const struct pci_class {
	unsigned long mask, class;
	enum way way;
	bool built_in;
} pci_classes[] = {
        {0xffff, 0x0108, WAY_NVME_HOTPLUG, false},
        {0xff00, 0x0100, WAY_ATA_HOTPLUG, false},
        {0xffff, 0x0280, WAY_WIFI, true},
        {0xff00, 0x0600, WAY_COUNT, false}, /* bridges */
        {0xff00, 0x0800, WAY_COUNT, false}, /* SD hosts, Thunderbolt, timers, IOMMU */
        {0xffff, 0x0c00, WAY_FIREWIRE, true},
        {0xffff, 0x0c03, WAY_COUNT, false}, /* USB */
        {0xffff, 0x0c05, WAY_COUNT, false}, /* SMBus */
        {0xffff, 0x0d11, WAY_BLUETOOTH, true},
        {0xffff, 0x0d20, WAY_WIFI, true},
        {0xffff, 0x0d21, WAY_WIFI, true},
        {0xff00, 0x0d00, WAY_OTHER, true}, /* mobile telephone, infrared, radio */
        {0, 0, WAY_OTHER, false},
};

static bool pci_recognise(int sys, int dir, struct port_look *p)
{
	/* Without a class it is whatever is judged always. */
	unsigned long class = number_read(dir, "class", 16, 0x0d0000) >> 8 & 0xffff;
	const struct pci_class *c = pci_classes;

	while ((class & c->mask) != c->class)
		c++;
	if (c->way == WAY_COUNT)
		return false;
	p->way = c->way;
	p->detachable = c->built_in || is_external(dir);
	if (c->way == WAY_NVME_HOTPLUG && is_in_hotplug_slot(sys, p->path))
		p->detachable = true;
	snprintf(p->id, sizeof(p->id), "%04lx:%04lx", number_read(dir, "vendor", 16, 0) & 0xffff,
	        number_read(dir, "device", 16, 0) & 0xffff);
	snprintf(p->model, sizeof(p->model), "PCI %04lx", class);
	return true;
}

/* "0-1" and "0-301" are devices, "0-0" is the terminal's own router. */
static bool thunderbolt_recognise(int sys, int dir, struct port_look *p)
{
	char vendor[PORT_VALUE_MAX];
	char device[PORT_VALUE_MAX];
	size_t domain = strspn(p->name, "0123456789");

	(void)sys;
	if (domain == 0 || p->name[domain] != '-' || strpbrk(p->name, ".:") != NULL ||
	        strcmp(p->name + domain, "-0") == 0 || faccessat(dir, "authorized", F_OK, 0) != 0)
		return false;
	p->way = WAY_THUNDERBOLT;
	p->detachable = true;
	port_text_read(dir, "vendor_name", vendor, sizeof(vendor));
	port_text_read(dir, "device_name", device, sizeof(device));
	text_join(p->model, sizeof(p->model), vendor, device);
	port_text_read(dir, "unique_id", p->serial, sizeof(p->serial));
	return true;
}

/* "0-1.0": what another computer at the cable offers, a network for one. "0-0:1.1" is a retimer, a
 * part of the cable or of the terminal. */
static bool thunderbolt_service_recognise(int sys, int dir, struct port_look *p)
{
	(void)sys;
	if (!isdigit((unsigned char)p->name[0]) || strchr(p->name, '.') == NULL ||
	        strchr(p->name, ':') != NULL)
		return false;
	p->way = WAY_THUNDERBOLT;
	p->detachable = true;
	port_text_read(dir, "key", p->model, sizeof(p->model));
	return true;
}

/* "fw1.0": a unit of a node; nodes have no driver. */
static bool firewire_recognise(int sys, int dir, struct port_look *p)
{
	(void)sys;
	if (strncmp(p->name, "fw", 2) != 0 || strchr(p->name, '.') == NULL)
		return false;
	p->way = WAY_FIREWIRE;
	p->detachable = true;
	port_text_read(dir, "model_name", p->model, sizeof(p->model));
	return true;
}

static bool rfkill_recognise(int sys, int dir, struct port_look *p)
{
	char type[PORT_VALUE_MAX];

	(void)sys;
	port_text_read(dir, "type", type, sizeof(type));
	if (strcmp(type, "gps") == 0 || strcmp(type, "fm") == 0) /* these only receive */
		return false;
	p->way = WAY_OTHER;
	if (strcmp(type, "bluetooth") == 0)
		p->way = WAY_BLUETOOTH;
	else if (strcmp(type, "wlan") == 0)
		p->way = WAY_WIFI;
	p->detachable = true;
	port_text_read(dir, "name", p->model, sizeof(p->model));
	return true;
}

static bool floppy_recognise(int sys, int dir, struct port_look *p)
{
	(void)sys;
	(void)dir;
	if (strncmp(p->name, "fd", 2) != 0 || p->name[2] == '\0' ||
	        strspn(p->name + 2, "0123456789") != strlen(p->name + 2))
		return false;
	p->way = WAY_FLOPPY;
	p->detachable = true;
	return true;
}

/* By the name of port_kinds[]. */
static const struct recogniser {
	const char *kind;
	bool (*recognise)(int sys, int dir, struct port_look *p);
} recognisers[] = {
        {"scsi", scsi_recognise},
        {"mmc", mmc_recognise},
        {"memstick", memstick_recognise},
        {"sdio", sdio_recognise},
        {"pci", pci_recognise},
        {"thunderbolt", thunderbolt_recognise},
        {"thunderbolt-service", thunderbolt_service_recognise},
        {"firewire", firewire_recognise},
        {"rfkill", rfkill_recognise},
        {"floppy", floppy_recognise},
};

bool port_recognise(int sys, int dir, struct port_look *p)
{
	for (size_t i = 0; i < sizeof(recognisers) / sizeof(recognisers[0]); i++) {
		if (strcmp(recognisers[i].kind, p->kind->name) == 0)
			return recognisers[i].recognise(sys, dir, p);
	}
	return false;
}
