#include "agent/device.h"

#include <errno.h>
#include <fcntl.h>
#include <libusb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/encode.h"
#include "core/error.h"

enum { NUMBER_SIZE = 16 };

/* libusb.h names them with values of its own enum; these are of the raw bytes (USB 2.0, table 9-5).
 */
enum { RAW_CONFIGURATION = 2, RAW_INTERFACE = 4, RAW_DEVICE_LENGTH = 18 };

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

/* At most size bytes. ERR_TOO_LONG when there is more. */
static int bytes_read(int dir, const char *name, void *bytes, size_t size, size_t *length)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	int r = ERR_TOO_LONG;

	*length = 0;
	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	while (*length < size) {
		ssize_t got = read(fd, (char *)bytes + *length, size - *length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			r = got == 0 ? 0 : ERR_IO;
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

	*raw = malloc(DEVICE_DESCRIPTORS_MAX);
	if (*raw != NULL)
		r = bytes_read(dir, "descriptors", *raw, DEVICE_DESCRIPTORS_MAX, length);
	if (r == 0 && *length < RAW_DEVICE_LENGTH)
		r = ERR_FORMAT;
	return r;
}

/* The parent is a device too: a port has no other. */
static int parent_hash_read(int dir, char hash[FACTS_HASH_MAX])
{
	char name[FACTS_TEXT_MAX];
	char serial[FACTS_TEXT_MAX];
	struct identity id = {.name = name, .serial = serial};
	uint8_t *raw = NULL;
	size_t length;
	int parent = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (parent < 0)
		return ERR_NOT_FOUND;
	r = raw_read(parent, &raw, &length);
	if (r == 0)
		r = text_read(parent, "product", name, sizeof(name));
	if (r == 0)
		r = text_read(parent, "serial", serial, sizeof(serial));
	if (r == 0) {
		id.vendor = (unsigned)raw[8] | (unsigned)raw[9] << 8;
		id.product = (unsigned)raw[10] | (unsigned)raw[11] << 8;
		r = hash_make(&id, raw, length, hash);
	}
	free(raw);
	close(parent);
	return r;
}

struct tally {
	size_t configurations;
	size_t interfaces; /* every alternate setting of every configuration */
};

/*
 * Only counts: what is in a descriptor is libusb's to say. libusb passes over what it does not
 * expect, an alternate setting that comes later than its siblings for one; the kernel does not, so
 * the two counts must agree.
 */
static int raw_count(const uint8_t *raw, size_t length, struct tally *t)
{
	*t = (struct tally){0};
	for (size_t at = 0; at < length; at += raw[at]) {
		if (length - at < 2 || raw[at] < 2 || raw[at] > length - at)
			return ERR_FORMAT;
		if (at > 0 && raw[at + 1] == RAW_CONFIGURATION)
			t->configurations++;
		if (at > 0 && raw[at + 1] == RAW_INTERFACE)
			t->interfaces++;
	}
	return 0;
}

static void facts_add_interface(
        struct device_facts *facts, const struct libusb_interface_descriptor *i)
{
	struct facts_interface *to;

	if (facts->interface_count == FACTS_INTERFACES_MAX) {
		facts->interfaces_cut = 1;
		return;
	}
	to = &facts->interfaces[facts->interface_count++];
	to->class = i->bInterfaceClass;
	to->subclass = i->bInterfaceSubClass;
	to->protocol = i->bInterfaceProtocol;
}

static size_t configuration_take(
        const struct libusb_config_descriptor *c, struct device_facts *facts)
{
	size_t taken = 0;

	for (int i = 0; i < c->bNumInterfaces; i++) {
		for (int a = 0; a < c->interface[i].num_altsetting; a++, taken++)
			facts_add_interface(facts, &c->interface[i].altsetting[a]);
	}
	return taken;
}

static int descriptors_take(
        libusb_device *device, const struct tally *raw, struct device_facts *facts)
{
	struct libusb_device_descriptor d;
	struct tally taken = {0};

	if (libusb_get_device_descriptor(device, &d) != 0)
		return ERR_FORMAT;
	facts->vendor = d.idVendor;
	facts->product = d.idProduct;
	facts->device_class = d.bDeviceClass;
	for (; taken.configurations < d.bNumConfigurations; taken.configurations++) {
		struct libusb_config_descriptor *c = NULL;

		if (libusb_get_config_descriptor(device, (uint8_t)taken.configurations, &c) != 0)
			return ERR_FORMAT;
		taken.interfaces += configuration_take(c, facts);
		libusb_free_config_descriptor(c);
	}
	if (taken.configurations == 0 || taken.interfaces == 0)
		return ERR_FORMAT;
	return taken.configurations == raw->configurations && taken.interfaces == raw->interfaces
	               ? 0
	               : ERR_FORMAT;
}

static libusb_device *device_find(libusb_device *const *list, ssize_t count, const struct device *d)
{
	for (ssize_t i = 0; i < count; i++) {
		if (libusb_get_bus_number(list[i]) == d->bus &&
		        libusb_get_device_address(list[i]) == d->devnum)
			return list[i];
	}
	return NULL;
}

/* A context of its own looks at what is there now, and keeps no thread between two devices. */
static int libusb_read(const struct tally *raw, struct device *d)
{
	libusb_context *context = NULL;
	libusb_device **list = NULL;
	libusb_device *device;
	ssize_t count;
	int r = ERR_NOT_FOUND;

	if (libusb_init(&context) != 0)
		return ERR_IO;
	count = libusb_get_device_list(context, &list);
	device = device_find(list, count, d);
	if (device != NULL)
		r = descriptors_take(device, raw, &d->facts);
	if (count >= 0)
		libusb_free_device_list(list, 1);
	libusb_exit(context);
	return r;
}

static int facts_read(int dir, struct device *d)
{
	struct device_facts *f = &d->facts;
	struct identity id = {.name = f->name, .serial = f->serial};
	uint8_t *raw = NULL;
	size_t length;
	struct tally tally;
	int r = raw_read(dir, &raw, &length);

	if (r == 0)
		r = raw_count(raw, length, &tally);
	if (r == 0)
		r = text_read(dir, "product", f->name, sizeof(f->name));
	if (r == 0)
		r = text_read(dir, "serial", f->serial, sizeof(f->serial));
	if (r == 0)
		r = text_read(dir, "port/connect_type", f->connect_type, sizeof(f->connect_type));
	if (r == 0)
		r = libusb_read(&tally, d);
	id.vendor = f->vendor;
	id.product = f->product;
	if (r == 0)
		r = hash_make(&id, raw, length, f->hash);
	if (r == 0)
		r = parent_hash_read(dir, f->parent_hash);
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

static int device_open(int sys, const char *name, int *dir)
{
	char path[DEVICE_NAME_MAX + 32];

	*dir = -1;
	if (!device_name_is_device(name))
		return ERR_NOT_FOUND;
	snprintf(path, sizeof(path), "bus/usb/devices/%s", name);
	*dir = openat(sys, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 ? 0 : ERR_NOT_FOUND;
}

/* The directory is one device's for ever, so every attribute read through it is that device's. */
static int state_read(int dir, struct device *d)
{
	unsigned authorised;

	if (number_read(dir, "busnum", &d->bus) != 0 || number_read(dir, "devnum", &d->devnum) != 0)
		return ERR_NOT_FOUND;
	if (number_read(dir, "authorized", &authorised) != 0)
		return ERR_NOT_FOUND;
	d->authorised = authorised != 0;
	return 0;
}

int device_read(int sys, const char *name, struct device *d)
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
	d->readable = facts_read(dir, d) == 0;
	/* libusb looked by number: it must be the number of a device that was there all the time.
	 */
	r = state_read(dir, d);
out:
	close(dir);
	return r;
}

int device_authorised(int sys, const struct device *d, bool *authorised)
{
	struct device now = {0};
	int dir;
	int r = device_open(sys, d->name, &dir);

	*authorised = false;
	if (r != 0)
		return r;
	r = state_read(dir, &now);
	close(dir);
	if (r == 0 && (now.bus != d->bus || now.devnum != d->devnum))
		r = ERR_NOT_FOUND;
	if (r == 0)
		*authorised = now.authorised;
	return r;
}
