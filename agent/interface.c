#include "agent/interface.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/hid_report.h"
#include "core/error.h"
#include "policy/treatment.h"

enum { CLASS_HID = 0x03, CLASS_VENDOR = 0xff, REPORT_MAX = 4096, STRING_MAX = 64 };
enum { FOUND_REPORT = FACTS_FOUND_SECURITY_KEY | FACTS_FOUND_KEYS | FACTS_FOUND_NO_KEYS };
enum { FOUND_DRIVER = FACTS_FOUND_STRANGER | FACTS_FOUND_STORAGE };

/* Drivers that take an interface by its class, and the way that is. Every other takes a device by
 * its ids, whatever the interface claims to be. */
static const struct driver {
	const char *name;
	enum way way;
} DRIVERS[] = {
        {"hub", WAY_HUB},
        {"usbhid", WAY_HID},
        {"snd-usb-audio", WAY_AUDIO},
        {"uvcvideo", WAY_VIDEO},
        {"usblp", WAY_USB_PRINTER},
        {"btusb", WAY_BLUETOOTH},
        {"cdc_acm", WAY_USB_SERIAL},
        {"cdc_ether", WAY_USB_NETWORK},
        {"cdc_ncm", WAY_USB_NETWORK},
        {"cdc_mbim", WAY_USB_NETWORK},
        {"cdc_eem", WAY_USB_NETWORK},
        {"cdc_subset", WAY_USB_NETWORK},
        {"cdc_phonet", WAY_USB_NETWORK},
        {"cdc_wdm", WAY_USB_NETWORK},
        {"rndis_host", WAY_USB_NETWORK},
        {"zaurus", WAY_USB_NETWORK},
};

static bool is_storage(const char *driver)
{
	return strcmp(driver, "usb-storage") == 0 || strcmp(driver, "uas") == 0 ||
	       strncmp(driver, "ums-", 4) == 0;
}

static bool driver_fits(const char *driver, enum way way)
{
	/* A program has it, and the interface as it is; storage would be written past its block
	 * device. */
	if (strcmp(driver, "usbfs") == 0)
		return way != WAY_USB_STORAGE;
	if (way == WAY_OTHER) /* the policy lets in what nobody knows */
		return true;
	for (size_t i = 0; i < sizeof(DRIVERS) / sizeof(DRIVERS[0]); i++) {
		if (strcmp(DRIVERS[i].name, driver) == 0)
			return DRIVERS[i].way == way ||
			       (DRIVERS[i].way == WAY_HID && way == WAY_SECURITY_KEY);
	}
	return false;
}

/* "" without a driver */
static void driver_read(int dir, const char *path, char driver[NAME_MAX])
{
	char link[PATH_MAX];
	char name[PATH_MAX];
	const char *slash;
	ssize_t length;

	driver[0] = '\0';
	snprintf(name, sizeof(name), "%s/driver", path);
	length = readlinkat(dir, name, link, sizeof(link) - 1);
	if (length <= 0)
		return;
	link[length] = '\0';
	slash = strrchr(link, '/');
	snprintf(driver, NAME_MAX, "%.*s", NAME_MAX - 1, slash != NULL ? slash + 1 : link);
}

static ssize_t file_read_at(int dir, const char *name, void *bytes, size_t size)
{
	size_t length = 0;
	ssize_t got = 0;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (length < size && (got = read(fd, (char *)bytes + length, size - length)) > 0)
		length += (size_t)got;
	close(fd);
	return got < 0 ? -1 : (ssize_t)length;
}

/* Windows and libmtp know it by this string. */
static bool string_is_mtp(int dir, const char *path)
{
	char name[PATH_MAX];
	char text[STRING_MAX];
	ssize_t length;

	snprintf(name, sizeof(name), "%s/interface", path);
	length = file_read_at(dir, name, text, sizeof(text));
	return length == 4 && memcmp(text, "MTP\n", 4) == 0;
}

/* "0003:046D:C31C.0001" below the interface: what usbhid has, with the descriptor it was given. */
static ssize_t report_read(int dir, const char *path, uint8_t report[REPORT_MAX])
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	char name[NAME_MAX + 32];
	ssize_t length = -1;

	if (list == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (length < 0 && (entry = readdir(list)) != NULL) {
		if (strncmp(entry->d_name, "0003:", 5) != 0)
			continue;
		snprintf(name, sizeof(name), "%s/report_descriptor", entry->d_name);
		length = file_read_at(fd, name, report, REPORT_MAX);
	}
	closedir(list);
	return length;
}

uint8_t interface_report_found(const uint8_t *bytes, size_t length, bool alone)
{
	struct hid_report report;

	if (hid_report_read(bytes, length, &report) != 0)
		return FACTS_FOUND_STRANGER;
	if (report.keys)
		return FACTS_FOUND_KEYS;
	if (!alone) /* another setting may have another */
		return 0;
	return report.fido ? FACTS_FOUND_SECURITY_KEY : FACTS_FOUND_NO_KEYS;
}

bool interface_is_alone(const struct device_facts *facts, size_t index)
{
	const struct facts_interface *f = &facts->interfaces[index];
	size_t settings = 0;

	for (size_t i = 0; i < facts->interface_count; i++)
		settings += facts->interfaces[i].number == f->number &&
		            facts->interfaces[i].configuration == f->configuration;
	return settings == 1;
}

/* The kernel reads what we cannot: then it has keys. */
static uint8_t report_seen(int dir, const char *path, bool alone, uint8_t before)
{
	uint8_t report[REPORT_MAX];
	ssize_t length = report_read(dir, path, report);
	uint8_t found;

	if (length <= 0)
		return before & FOUND_REPORT;
	found = interface_report_found(report, (size_t)length, alone);
	return (found & FOUND_REPORT) != 0 ? found : FACTS_FOUND_KEYS;
}

static uint8_t driver_seen(const char *driver, enum way way)
{
	if (is_storage(driver))
		return way == WAY_USB_STORAGE ? 0 : FACTS_FOUND_STORAGE;
	return driver_fits(driver, way) ? 0 : FACTS_FOUND_STRANGER;
}

uint8_t interface_seen(int dir, const char *path, const struct device_facts *facts, size_t index)
{
	struct facts_interface f = facts->interfaces[index];
	char driver[NAME_MAX];
	uint8_t driver_found = f.found & FOUND_DRIVER;

	driver_read(dir, path, driver);
	if (f.class == CLASS_HID)
		f.found = report_seen(dir, path, interface_is_alone(facts, index), f.found);
	else if (f.class == CLASS_VENDOR && string_is_mtp(dir, path))
		f.found |= FACTS_FOUND_MTP;
	if (driver[0] != '\0')
		driver_found |= driver_seen(driver, way_of_claim(facts, index));
	return f.found | driver_found;
}
