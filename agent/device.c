#include "agent/device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/descriptors.h"
#include "agent/interface.h"
#include "core/encode.h"
#include "core/error.h"

enum { CLASS_HUB = 0x09 };
enum {
	NUMBER_SIZE = 16,
	DEVICE_LENGTH = 18,
	INTERFACE_PATH_MAX = DEVICE_NAME_MAX + 64,
	INTERFACE_NAME_MAX = DEVICE_NAME_MAX + 16
};

static size_t digits_at(const char *text)
{
	return strspn(text, "0123456789");
}

bool device_name_is_hub(const char *name)
{
	size_t digits;

	if (strncmp(name, "usb", 3) != 0)
		return false;
	digits = digits_at(name + 3);
	return digits >= 1 && digits <= 3 && name[3 + digits] == '\0';
}

bool device_name_is_device(const char *name)
{
	const char *at = name + digits_at(name);
	char separator = '-';

	if (at == name || strlen(name) >= DEVICE_NAME_MAX)
		return false;
	for (; *at != '\0'; at += digits_at(at)) {
		if (*at++ != separator || digits_at(at) == 0)
			return false;
		separator = '.';
	}
	return separator == '.';
}

/* What belongs to a device that is going away answers ENODEV. */
static int error_of_sysfs(void)
{
	return errno == ENOENT || errno == ENODEV ? ERR_NOT_FOUND : ERR_IO;
}

/* At most size bytes. ERR_TOO_LONG when there is more. */
static int bytes_read(int dir, const char *name, void *bytes, size_t size, size_t *length)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	int r = ERR_TOO_LONG;

	*length = 0;
	if (fd < 0)
		return error_of_sysfs();
	while (*length < size) {
		ssize_t got = read(fd, (char *)bytes + *length, size - *length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			r = got == 0 ? 0 : error_of_sysfs();
			break;
		}
		*length += (size_t)got;
	}
	close(fd);
	return r;
}

/* An attribute without the newline that the kernel adds. One that the device does not have is "".
 */
static int text_read(int dir, const char *name, char *text, size_t size)
{
	size_t length;
	int r = bytes_read(dir, name, text, size - 1, &length);

	if (r == ERR_NOT_FOUND) {
		text[0] = '\0';
		return 0;
	}
	if (r != 0)
		return r;
	if (length > 0 && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return strlen(text) == length ? 0 : ERR_FORMAT;
}

static int number_read(int dir, const char *name, unsigned *number)
{
	char text[NUMBER_SIZE];
	size_t length;
	int r = bytes_read(dir, name, text, sizeof(text) - 1, &length);

	*number = 0;
	if (r != 0)
		return r;
	text[length] = '\0';
	if (digits_at(text) == 0 || digits_at(text) > 6)
		return ERR_FORMAT;
	*number = (unsigned)strtoul(text, NULL, 10);
	return 0;
}

/* Linux's own root hubs carry the kernel's version in bcdDevice, so their hash would change with
 * it. */
static void raw_clear_version(uint8_t *raw)
{
	unsigned vendor = (unsigned)raw[8] | (unsigned)raw[9] << 8;
	unsigned product = (unsigned)raw[10] | (unsigned)raw[11] << 8;

	if (vendor == 0x1d6b && product >= 1 && product <= 3)
		memset(raw + 12, 0, 2);
}

struct identity {
	unsigned vendor, product;
	const char *name, *serial;
};

/*
 * USBGuard's hash: SHA-256 over name, the two ids as four hex digits, the serial number and the raw
 * descriptors, nothing between them; base64.
 */
static int hash_make(
        const struct identity *id, const uint8_t *raw, size_t raw_length, char hash[FACTS_HASH_MAX])
{
	size_t texts = strlen(id->name) + 8 + strlen(id->serial);
	uint8_t digest[SHA256_SIZE];
	char *encoded = NULL;
	char *all = malloc(texts + raw_length + 1);
	int r = ERR_MEMORY;

	if (all == NULL)
		return r;
	snprintf(all, texts + 1, "%s%04x%04x%s", id->name, id->vendor, id->product, id->serial);
	memcpy(all + texts, raw, raw_length);
	raw_clear_version((uint8_t *)all + texts);
	r = encode_sha256(all, texts + raw_length, digest);
	if (r != 0)
		goto out;
	encoded = encode_base64(digest, sizeof(digest));
	if (encoded == NULL || strlen(encoded) >= FACTS_HASH_MAX)
		r = ERR_MEMORY;
	else
		snprintf(hash, FACTS_HASH_MAX, "%s", encoded);
out:
	free(encoded);
	free(all);
	return r;
}

static int raw_read(int dir, uint8_t **raw, size_t *length)
{
	int r = ERR_MEMORY;

	*raw = malloc(DESCRIPTORS_MAX);
	if (*raw != NULL)
		r = bytes_read(dir, "descriptors", *raw, DESCRIPTORS_MAX, length);
	if (r == 0 && *length < DEVICE_LENGTH)
		r = ERR_FORMAT;
	return r;
}

static bool is_hub(const uint8_t *raw)
{
	return raw[4] == CLASS_HUB;
}

/* The kernel may hold it for seconds. */
static int hub_hash_read(int hub, char hash[FACTS_HASH_MAX])
{
	char name[FACTS_TEXT_MAX];
	char serial[FACTS_TEXT_MAX];
	struct identity id = {.name = name, .serial = serial};
	uint8_t *raw = NULL;
	size_t length;
	int r = raw_read(hub, &raw, &length);

	if (r == 0)
		r = text_read(hub, "product", name, sizeof(name));
	if (r == 0)
		r = text_read(hub, "serial", serial, sizeof(serial));
	if (r == 0) {
		id.vendor = (unsigned)raw[8] | (unsigned)raw[9] << 8;
		id.product = (unsigned)raw[10] | (unsigned)raw[11] << 8;
		r = hash_make(&id, raw, length, hash);
	}
	free(raw);
	return r;
}

static int hub_hash_find(int hub, struct hub_hashes *hubs, char hash[FACTS_HASH_MAX])
{
	const char *known;
	struct stat status;
	int r = 0;

	if (fstat(hub, &status) != 0)
		return ERR_IO;
	known = hub_hashes_find(hubs, status.st_ino);
	if (known != NULL)
		snprintf(hash, FACTS_HASH_MAX, "%s", known);
	else
		r = hub_hash_read(hub, hash);
	if (r == 0 && known == NULL)
		hub_hashes_keep(hubs, status.st_ino, hash);
	return r;
}

/* The parent is a device too: a port has no other. */
static int parent_hash_read(int dir, struct hub_hashes *hubs, char hash[FACTS_HASH_MAX])
{
	int parent = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (parent < 0)
		return ERR_NOT_FOUND;
	r = hub_hash_find(parent, hubs, hash);
	close(parent);
	return r;
}

/* The first interface of the active configuration, "1-2:1.0" of "1-2", "1-0:1.0" of "usb1". */
static bool interface_find(int dir, const char *device, char interface[INTERFACE_NAME_MAX])
{
	const char *port = device_name_is_hub(device) ? device + strlen("usb") : device;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	char begins[DEVICE_NAME_MAX + 4];
	const struct dirent *entry;
	bool found = false;

	snprintf(begins, sizeof(begins), "%s%s:", port, port == device ? "" : "-0");
	if (list == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(list)) != NULL) {
		found = strncmp(entry->d_name, begins, strlen(begins)) == 0 &&
		        strlen(entry->d_name) < INTERFACE_NAME_MAX;
		if (found)
			memcpy(interface, entry->d_name, strlen(entry->d_name) + 1);
	}
	closedir(list);
	return found;
}

/* "1-2" of "1-2.3", "usb1" of "1-2"; returns the port, "3" of the first. */
static const char *hub_name(const char *device, char hub[DEVICE_NAME_MAX])
{
	const char *dot = strrchr(device, '.');
	const char *dash = strchr(device, '-');

	if (dot != NULL) {
		snprintf(hub, DEVICE_NAME_MAX, "%.*s", (int)(dot - device), device);
		return dot + 1;
	}
	snprintf(hub, DEVICE_NAME_MAX, "usb%.*s", (int)(dash - device), device);
	return dash + 1;
}

/*
 * The device's own link "port" comes a moment after the uevent (usb_new_device() in
 * drivers/usb/core/hub.c). The port itself was there before: "usb1/1-0:1.0/usb1-port2".
 */
static int connect_type_read(int dir, const char *name, char *text, size_t size)
{
	char interface[INTERFACE_NAME_MAX];
	char hub[DEVICE_NAME_MAX];
	char path[2 * DEVICE_NAME_MAX + INTERFACE_NAME_MAX];
	const char *port = hub_name(name, hub);
	int parent = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	text[0] = '\0';
	if (parent < 0)
		return ERR_NOT_FOUND;
	if (interface_find(parent, hub, interface)) {
		snprintf(path, sizeof(path), "%s/%s-port%s/connect_type", interface, hub, port);
		r = text_read(parent, path, text, size);
	}
	close(parent);
	return r;
}

static int facts_read(int dir, struct hub_hashes *hubs, struct device *d)
{
	struct device_facts *f = &d->facts;
	struct identity id = {.name = f->name, .serial = f->serial};
	uint8_t *raw = NULL;
	size_t length;
	int r = raw_read(dir, &raw, &length);

	if (r == 0)
		r = text_read(dir, "product", f->name, sizeof(f->name));
	if (r == 0)
		r = text_read(dir, "serial", f->serial, sizeof(f->serial));
	if (r == 0)
		r = descriptors_read(raw, length, f);
	if (r == 0)
		r = connect_type_read(dir, d->name, f->connect_type, sizeof(f->connect_type));
	id.vendor = f->vendor;
	id.product = f->product;
	if (r == 0)
		r = hash_make(&id, raw, length, f->hash);
	if (r == 0 && is_hub(raw))
		hub_hashes_keep(hubs, d->inode, f->hash);
	if (r == 0)
		r = parent_hash_read(dir, hubs, f->parent_hash);
	free(raw);
	return r;
}

/* The ids are told even of a device that is not readable. */
static void ids_read(int dir, struct device_facts *f)
{
	char text[NUMBER_SIZE];

	if (text_read(dir, "idVendor", text, sizeof(text)) == 0)
		f->vendor = (uint16_t)strtoul(text, NULL, 16);
	if (text_read(dir, "idProduct", text, sizeof(text)) == 0)
		f->product = (uint16_t)strtoul(text, NULL, 16);
}

static int sysfs_open(int sys, const char *name)
{
	char path[DEVICE_NAME_MAX + 32];

	snprintf(path, sizeof(path), "bus/usb/devices/%s", name);
	return openat(sys, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int device_open(int sys, const char *name, int *dir)
{
	*dir = -1;
	if (!device_name_is_device(name))
		return ERR_NOT_FOUND;
	*dir = sysfs_open(sys, name);
	return *dir >= 0 ? 0 : error_of_sysfs();
}

/* The directory is one device's for ever, so every attribute read through it is that device's. */
static int state_read(int dir, struct device *d)
{
	unsigned authorised = 0;
	struct stat status;
	int r = fstat(dir, &status) == 0 ? 0 : ERR_IO;

	if (r == 0)
		r = number_read(dir, "busnum", &d->bus);
	if (r == 0)
		r = number_read(dir, "devnum", &d->devnum);
	if (r == 0)
		r = number_read(dir, "authorized", &authorised);
	if (r != 0)
		return r == ERR_NOT_FOUND ? r : ERR_IO;
	d->inode = status.st_ino;
	d->authorised = authorised != 0;
	return 0;
}

int device_read(int sys, const char *name, struct hub_hashes *hubs, struct device *d)
{
	int dir;
	int r = device_open(sys, name, &dir);

	memset(d, 0, sizeof(*d));
	if (r != 0)
		return r;
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf(d->facts.via_port, sizeof(d->facts.via_port), "%s", name);
	r = state_read(dir, d);
	if (r != 0)
		goto out;
	ids_read(dir, &d->facts);
	d->readable = facts_read(dir, hubs, d) == 0;
	r = state_read(dir, d);
out:
	close(dir);
	return r;
}

void device_hub_learn(int sys, const char *name, struct hub_hashes *hubs)
{
	char hash[FACTS_HASH_MAX];
	int hub = sysfs_open(sys, name);

	if (hub < 0)
		return;
	(void)hub_hash_find(hub, hubs, hash);
	close(hub);
}

/* An attribute of an interface of the active configuration: "1-2:1.0/authorized". */
static void interface_path(const struct device *d, unsigned configuration, unsigned number,
        const char *attribute, char path[INTERFACE_PATH_MAX])
{
	snprintf(
	        path, INTERFACE_PATH_MAX, "%s:%u.%u/%s", d->name, configuration, number, attribute);
}

/*
 * The active one by the name of an interface. For bConfigurationValue the kernel would want the
 * device to itself, and a hub is not to be had while something is plugged into it. 0: none.
 */
static unsigned configuration_read(int dir, const struct device *d)
{
	char interface[INTERFACE_NAME_MAX];

	if (!interface_find(dir, d->name, interface))
		return 0;
	return (unsigned)strtoul(strchr(interface, ':') + 1, NULL, 10);
}

static void interfaces_state_read(int dir, const struct device *d, struct device_state *state)
{
	char path[INTERFACE_PATH_MAX];
	unsigned authorised;

	for (size_t i = 0; i < d->facts.interface_count; i++) {
		const struct facts_interface *f = &d->facts.interfaces[i];
		uint32_t bit = UINT32_C(1) << f->number;

		if (f->configuration != state->configuration || (state->present & bit) != 0)
			continue;
		interface_path(d, f->configuration, f->number, "authorized", path);
		if (number_read(dir, path, &authorised) != 0)
			continue;
		state->present |= bit;
		if (authorised != 0)
			state->open |= bit;
	}
}

int device_state_read(int sys, const struct device *d, struct device_state *state)
{
	struct device now = {0};
	int dir;
	int r = device_open(sys, d->name, &dir);

	*state = (struct device_state){0};
	if (r != 0)
		return r;
	r = state_read(dir, &now);
	if (r == 0 && (now.bus != d->bus || now.devnum != d->devnum || now.inode != d->inode))
		r = ERR_NOT_FOUND;
	if (r == 0) {
		state->authorised = now.authorised;
		state->configuration = configuration_read(dir, d);
		interfaces_state_read(dir, d, state);
	}
	close(dir);
	return r;
}

void device_found(struct device *d, unsigned configuration, unsigned number, uint8_t found)
{
	for (size_t i = 0; i < d->facts.interface_count; i++) {
		struct facts_interface *f = &d->facts.interfaces[i];

		if (f->configuration == configuration && f->number == number)
			f->found = found;
	}
}

bool device_interfaces_look(int sys, struct device *d)
{
	struct device_state state;
	bool changed = false;
	int dir = -1;

	if (device_state_read(sys, d, &state) != 0 || state.present == 0 ||
	        device_open(sys, d->name, &dir) != 0)
		return false;
	for (size_t i = 0; i < d->facts.interface_count; i++) {
		struct facts_interface *f = &d->facts.interfaces[i];
		char path[INTERFACE_PATH_MAX];
		uint8_t found;

		if (f->configuration != state.configuration ||
		        (state.present & UINT32_C(1) << f->number) == 0)
			continue;
		interface_path(d, f->configuration, f->number, ".", path);
		found = interface_seen(dir, path, &d->facts, i);
		if (found != f->found) {
			f->found = found;
			changed = true;
		}
	}
	close(dir);
	return changed;
}
