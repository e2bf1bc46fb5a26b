#include "agent/ways.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/treatment.h"

enum { LINK_MAX = 512 };

#define BIT(way) (UINT32_C(1) << (way))

/* Kinds that reach a terminal through USB; guard judges all of them by one rule: the device's. */
static const uint32_t usb_ways = BIT(WAY_USB_STORAGE) | BIT(WAY_MTP_PTP) | BIT(WAY_USB_NETWORK) |
                                 BIT(WAY_USB_SERIAL) | BIT(WAY_USB_PRINTER) | BIT(WAY_HID) |
                                 BIT(WAY_SMARTCARD) | BIT(WAY_SECURITY_KEY) | BIT(WAY_AUDIO) |
                                 BIT(WAY_VIDEO) | BIT(WAY_HUB) | BIT(WAY_OTHER);

static void text_add(char text[WAYS_TEXT_MAX], enum way way)
{
	size_t length = strlen(text);

	snprintf(text + length, WAYS_TEXT_MAX - length, "%s%s", length > 0 ? " " : "",
	        way_name(way));
}

void ways_of_device(const struct device_facts *facts, char text[WAYS_TEXT_MAX])
{
	uint32_t ways = way_of_device(facts);

	text[0] = '\0';
	for (unsigned way = 0; way < WAY_COUNT; way++) {
		if ((ways & BIT(way)) != 0)
			text_add(text, (enum way)way);
	}
}

/* An attribute of one character: removable is "0" or "1". */
static bool attribute_is(int dir, const char *entry, const char *attribute, char value)
{
	char path[NAME_MAX + 64];
	char seen = '\0';
	int fd;

	snprintf(path, sizeof(path), "%s/%s", entry, attribute);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &seen, 1) != 1)
		seen = '\0';
	close(fd);
	return seen == value;
}

static bool any(int dir, const char *entry)
{
	(void)dir;
	(void)entry;
	return true;
}

/* A disk on an internal port cannot be told from one on an eSATA port, unless the drive or the port
 * says removable. */
static bool is_removable_ata(int dir, const char *entry)
{
	char link[LINK_MAX];
	ssize_t length = readlinkat(dir, entry, link, sizeof(link) - 1);

	if (length <= 0)
		return true;
	link[length] = '\0';
	return strstr(link, "/ata") != NULL && attribute_is(dir, entry, "removable", '1');
}

/* pciehp and acpiphp make a slot's power a file: such a slot can be filled while the terminal runs.
 */
static bool is_hotplug_slot(int dir, const char *entry)
{
	char path[NAME_MAX + 16];

	snprintf(path, sizeof(path), "%s/power", entry);
	return faccessat(dir, path, F_OK, 0) == 0;
}

/* The way is present when the directory has an entry with this prefix that does not hang on USB,
 * and that the test accepts. */
static const struct sign {
	enum way way;
	const char *directory;
	const char *prefix;
	bool (*test)(int dir, const char *entry);
} signs[] = {
        {WAY_MMC, "class/mmc_host", "", any},
        {WAY_OPTICAL, "block", "sr", any},
        {WAY_FLOPPY, "block", "fd", any},
        {WAY_ATA_HOTPLUG, "block", "sd", is_removable_ata},
        {WAY_NVME_HOTPLUG, "bus/pci/slots", "", is_hotplug_slot},
        {WAY_THUNDERBOLT, "bus/thunderbolt/devices", "", any},
        {WAY_FIREWIRE, "bus/firewire/devices", "", any},
        {WAY_BLUETOOTH, "class/bluetooth", "hci", any},
        {WAY_WIFI, "class/ieee80211", "", any},
};

static bool hangs_on_usb(int dir, const char *entry)
{
	char link[LINK_MAX];
	ssize_t length = readlinkat(dir, entry, link, sizeof(link) - 1);

	if (length <= 0)
		return false;
	link[length] = '\0';
	return strstr(link, "/usb") != NULL;
}

static bool entry_counts(int dir, const char *entry, const struct sign *sign)
{
	if (entry[0] == '.' || strncmp(entry, sign->prefix, strlen(sign->prefix)) != 0)
		return false;
	return !hangs_on_usb(dir, entry) && sign->test(dir, entry);
}

/* A directory that is there and cannot be read is no proof of absence. */
static bool sign_is_seen(int sys, const struct sign *sign)
{
	int fd = openat(sys, sign->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool seen = false;
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return errno != ENOENT;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return true;
	}
	while (!seen && (entry = readdir(dir)) != NULL)
		seen = entry_counts(fd, entry->d_name, sign);
	closedir(dir);
	return seen;
}

static uint32_t ways_seen(int sys)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (sign_is_seen(sys, &signs[i]))
			seen |= BIT(signs[i].way);
	}
	return seen;
}

void ways_look(int sys, bool usb_enforced, uint32_t enforced, struct ways *w)
{
	bool usb = faccessat(sys, "bus/usb/devices", F_OK, 0) == 0;
	uint32_t present = ways_seen(sys) | (usb ? usb_ways : 0);

	*w = (struct ways){0};
	for (unsigned way = 0; way < WAY_COUNT; way++) {
		if ((present & BIT(way)) == 0)
			text_add(w->absent, (enum way)way);
		else if ((usb_ways & BIT(way)) != 0 ? usb_enforced : (enforced & BIT(way)) != 0)
			text_add(w->watched, (enum way)way);
		else
			text_add(w->unwatched, (enum way)way);
	}
}
