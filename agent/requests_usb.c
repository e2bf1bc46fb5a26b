/* Main's part in USB: hubs, devices and their interfaces authorised or not. */
#include "agent/requests_handlers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/usb_number.h"
#include "core/error.h"

#define USB_DEVICES "bus/usb/devices/"
#define USB_PROBE "bus/usb/drivers_probe"
/* The kernel wants a UUID before the variables of an event from outside. */
#define NODE_CALL " 00000000-0000-0000-0000-000000000000 SEKISHO="
#define NODE_OPEN "add" NODE_CALL "open"
#define NODE_CLOSED "change" NODE_CALL "closed"

enum { INTERFACE_NAME_MAX = 80, HUB_WAIT_MS = 300, STEP_MS = 10 };

/* "usb1" */
bool request_is_hub(const struct request *q)
{
	const char *number = q->name + 3;

	if (q->number != 0 || strncmp(q->name, "usb", 3) != 0)
		return false;
	return request_digits(number) >= 1 && request_digits(number) <= 3 &&
	       number[request_digits(number)] == '\0';
}

/* "1-2.3.4" as the kernel names ports */
static bool name_is_device(const char *name)
{
	const char *at = name;
	char separator = '-';

	if (request_digits(at) < 1 || request_digits(at) > 3)
		return false;
	for (at += request_digits(at); *at != '\0'; at += request_digits(at)) {
		if (*at++ != separator || request_digits(at) < 1 || request_digits(at) > 3)
			return false;
		separator = '.';
	}
	return separator == '.'; /* one port at least */
}

/* A devnum is 7 bits. */
bool request_names_device(const struct request *q)
{
	return usb_number_devnum(q->number) >= 1 && usb_number_devnum(q->number) <= 127 &&
	       name_is_device(q->name);
}

bool request_is_device(const struct request *q)
{
	return request_names_device(q) && q->number <= 127;
}

bool request_is_authorisation(const struct request *q)
{
	uint32_t interfaces = usb_number_interfaces(q->number);
	unsigned configuration = usb_number_configuration(q->number);

	bool opens = interfaces != 0 || (q->number & USB_NODE_OPEN) != 0;

	return request_names_device(q) && (q->number & 0xfffe0000u) == 0 &&
	       (configuration != 0 || !opens);
}

int usb_controllers_deny(struct answer *a)
{
	int dir;
	int r = sys_open(a->r, "module/usbcore/parameters", &dir);

	if (r != 0)
		return r;
	r = attribute_set(dir, "authorized_default", "0");
	close(dir);
	return r;
}

static int usb_open(const struct answer *a, const char *name, int *dir)
{
	char path[sizeof(USB_DEVICES) + sizeof(a->request->name)];

	snprintf(path, sizeof(path), USB_DEVICES "%s", name);
	return sys_open(a->r, path, dir);
}

/* Whether a driver takes it is the driver's affair. */
static int driver_probe(const struct answer *a, const char *interface)
{
	int fd = openat(a->r->sys, USB_PROBE, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return ERR_IO;
	(void)!write(fd, interface, strlen(interface));
	close(fd);
	return 0;
}

bool usb_appears(int dir, const char *path, int within_ms)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

	for (int i = 0; i < within_ms / STEP_MS; i++) {
		if (faccessat(dir, path, F_OK, 0) == 0)
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

/* Where it came too late, it is opened: what it serves is the hub, no device. */
static int hub_interface_open(const struct answer *a, int dir, const char *interface)
{
	int own = openat(dir, interface, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char is[ATTRIBUTE_MAX];
	int r;

	if (own < 0)
		return 0;
	r = attribute_read(own, "authorized", is);
	if (r == 0 && strcmp(is, "0") == 0) {
		r = attribute_set(own, "authorized", "1");
		if (r == 0)
			r = driver_probe(a, interface);
	}
	close(own);
	return r == ERR_NOT_FOUND ? 0 : r;
}

/* Devices first: without their interfaces' default nothing is authorised (hub_holds_back()). */
int usb_hub_deny(struct answer *a)
{
	char interface[INTERFACE_NAME_MAX];
	int dir;
	int r = usb_open(a, a->request->name, &dir);

	if (r != 0)
		return r;
	snprintf(interface, sizeof(interface), "%s-0:1.0", a->request->name + strlen("usb"));
	r = attribute_set(dir, "authorized_default", "0");
	if (r == 0) {
		/*
		 * The hub's own interface comes after the uevent of its device, and has what the
		 * default is then: closed before that, the hub would have no driver and nothing
		 * behind it could ever be plugged in. Its devices are closed meanwhile. A hub
		 * without one is closed all the same, a little later.
		 */
		(void)usb_appears(dir, interface, HUB_WAIT_MS);
		r = attribute_set(dir, "interface_authorized_default", "0");
		/* A kernel without it: the hub is closed, and hub_holds_back() opens nothing. */
		r = r == ERR_NOT_FOUND ? 0 : r;
	}
	if (r == 0)
		r = hub_interface_open(a, dir, interface);
	close(dir);
	return r;
}

/* The root hub of this device gives drivers no interface that nobody authorised. */
static int hub_holds_back(const struct answer *a)
{
	char value[ATTRIBUTE_MAX];
	char name[8];
	int dir;
	int r;

	snprintf(name, sizeof(name), "usb%.*s", (int)request_digits(a->request->name),
	        a->request->name);
	r = usb_open(a, name, &dir);
	if (r != 0)
		return r;
	r = attribute_read(dir, "interface_authorized_default", value);
	if (r == 0 && strcmp(value, "0") != 0)
		r = attribute_set(dir, "interface_authorized_default", "0");
	close(dir);
	return r;
}

int usb_devnum_check(const struct answer *a, int dir)
{
	char devnum[ATTRIBUTE_MAX];
	char wanted[ATTRIBUTE_MAX];
	int r = attribute_read(dir, "devnum", devnum);

	snprintf(wanted, sizeof(wanted), "%u", usb_number_devnum(a->request->number));
	return r == 0 && strcmp(devnum, wanted) != 0 ? ERR_NOT_FOUND : r;
}

/*
 * The directory stays this device's: once it is pulled, nothing in it opens any more, and what sits
 * in the port afterwards has a directory of its own. So a devnum that matches here is the device
 * that was judged.
 */
int usb_device_open(const struct answer *a, int *dir)
{
	int r = usb_open(a, a->request->name, dir);

	if (r != 0)
		return r;
	r = usb_devnum_check(a, *dir);
	if (r != 0)
		close(*dir);
	return r;
}

static int authorised_make(int dir, const char *value)
{
	char is[ATTRIBUTE_MAX];
	int r = attribute_read(dir, "authorized", is);

	return r == 0 && strcmp(is, value) != 0 ? attribute_set(dir, "authorized", value) : r;
}

/* "1-2:1.0" of the device "1-2", in this configuration: 0; USB_INTERFACES: any other interface of
 * it; -1: no interface. */
static int interface_number(const struct answer *a, const char *entry)
{
	size_t length = strlen(a->request->name);
	char expected[INTERFACE_NAME_MAX];
	unsigned number;

	if (strncmp(entry, a->request->name, length) != 0 || entry[length] != ':')
		return -1;
	for (number = 0; number < USB_INTERFACES; number++) {
		snprintf(expected, sizeof(expected), "%s:%u.%u", a->request->name,
		        usb_number_configuration(a->request->number), number);
		if (strcmp(entry, expected) == 0)
			break;
	}
	return (int)number;
}

static bool interface_is_wanted(const struct answer *a, int number)
{
	return number >= 0 && number < USB_INTERFACES &&
	       (usb_number_interfaces(a->request->number) & UINT32_C(1) << number) != 0;
}

/* Those that are wanted open, every other closed. *seen: those that were there. */
static int interfaces_set(const struct answer *a, int dir, uint32_t *seen)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int r = 0;

	*seen = 0;
	if (list == NULL) {
		if (fd >= 0)
			close(fd);
		return ERR_NOT_FOUND;
	}
	while (r == 0 && (entry = readdir(list)) != NULL) {
		int number = interface_number(a, entry->d_name);
		int interface;

		if (number < 0)
			continue;
		interface =
		        openat(dir, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (interface < 0)
			continue; /* gone with its configuration */
		r = authorised_make(interface, interface_is_wanted(a, number) ? "1" : "0");
		if (number < USB_INTERFACES)
			*seen |= UINT32_C(1) << number;
		close(interface);
	}
	closedir(list);
	return r;
}

/* tail: "", or an attribute: "/driver" */
static const char *interface_path(
        const struct answer *a, unsigned number, const char *tail, char path[INTERFACE_NAME_MAX])
{
	snprintf(path, INTERFACE_NAME_MAX, "%s:%u.%u%s", a->request->name,
	        usb_number_configuration(a->request->number), number, tail);
	return path;
}

static bool interface_has_driver(const struct answer *a, int dir, unsigned number)
{
	char path[INTERFACE_NAME_MAX];

	return faccessat(dir, interface_path(a, number, "/driver", path), F_OK, 0) == 0;
}

static int interface_probe(const struct answer *a, int dir, unsigned number)
{
	char name[INTERFACE_NAME_MAX];

	if (interface_has_driver(a, dir, number))
		return 0;
	return driver_probe(a, interface_path(a, number, "", name));
}

/*
 * Programs that drive a device themselves (pcscd, libmtp) go by udev's "add", which came while the
 * interface was still closed: who was quick could not claim it, and does not try again. It says
 * so once more; that a program was told of it before is taken back first.
 */
static void interface_announce(const struct answer *a, int dir, unsigned number)
{
	char path[INTERFACE_NAME_MAX];

	if (interface_has_driver(a, dir, number))
		return;
	interface_path(a, number, "/uevent", path);
	(void)attribute_write(dir, path, "remove");
	(void)attribute_write(dir, path, "add");
}

static void interfaces_announce(const struct answer *a, int dir)
{
	for (unsigned number = 0; number < USB_INTERFACES; number++) {
		if ((usb_number_interfaces(a->request->number) & UINT32_C(1) << number) != 0)
			interface_announce(a, dir, number);
	}
}

/* All are open before the first is given to a driver: a driver may take several. */
static int interfaces_open(const struct answer *a, int dir)
{
	const uint32_t wanted = usb_number_interfaces(a->request->number);
	char value[ATTRIBUTE_MAX];
	uint32_t seen;
	int r = attribute_read(dir, "bConfigurationValue", value);

	if (r != 0)
		return r;
	if (value[0] == '\0' ||
	        strtoul(value, NULL, 10) != usb_number_configuration(a->request->number))
		return ERR_VERSION;
	r = interfaces_set(a, dir, &seen);
	if (r == 0 && (wanted & ~seen) != 0)
		r = ERR_NOT_FOUND;
	for (unsigned number = 0; r == 0 && number < USB_INTERFACES; number++) {
		if ((wanted & UINT32_C(1) << number) != 0)
			r = interface_probe(a, dir, number);
	}
	return r;
}

/*
 * Programs reach a device by its node, authorised or not, so udev is told whose that is
 * (05-sekisho.rules). It is root's until then: a message that gets lost opens nothing. An "add",
 * since the first one came when the device had no interfaces yet for udev's rules to know it by.
 */
static int node_tell(int dir, bool open)
{
	return attribute_write(dir, "uevent", open ? NODE_OPEN : NODE_CLOSED);
}

int usb_authorise(struct answer *a)
{
	bool open = (a->request->number & USB_NODE_OPEN) != 0;
	int dir;
	int r = usb_device_open(a, &dir);

	if (r != 0)
		return r;
	r = hub_holds_back(a);
	if (r == 0)
		r = authorised_make(dir, "1");
	if (r == 0 && usb_number_configuration(a->request->number) != 0) {
		r = interfaces_open(a, dir);
		(void)node_tell(dir, open && r == 0);
		if (r == 0)
			interfaces_announce(a, dir);
	}
	close(dir);
	return r;
}

int usb_deauthorise(struct answer *a)
{
	int told;
	int dir;
	int r = usb_device_open(a, &dir);

	if (r != 0)
		return r;
	told = node_tell(dir, false);
	r = attribute_set(dir, "authorized", "0");
	close(dir);
	return r != 0 ? r : told;
}
