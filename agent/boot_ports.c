#include "agent/boot_ports.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/boot_lock.h"
#include "agent/requests_handlers.h"
#include "core/error.h"

/* A hub may have hubs behind it: seven levels, the host's own among them. */
enum { LEVELS = 7 };

#define USB_DEVICES "bus/usb/devices"
#define MARK "run/initramfs/sekisho"

typedef int (*visit_fn)(const struct requests *r, const char *name);

/* Calls visit for each entry of bus/usb/devices; no directory there is no USB. The first error
 * counts. */
static int usb_each(const struct requests *r, visit_fn visit)
{
	int fd = openat(r->sys, USB_DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	int error = 0;

	if (directory == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(directory)) != NULL) {
		int e = entry->d_name[0] != '.' ? visit(r, entry->d_name) : 0;

		if (error == 0)
			error = e;
	}
	closedir(directory);
	return error;
}

static int close_ask(const struct requests *r, enum request_type type, const char *name)
{
	struct request request = {.type = (uint32_t)type};
	int fd = -1;

	if (strlen(name) >= sizeof(request.name))
		return 0;
	memcpy(request.name, name, strlen(name));
	if (type == REQUEST_HUB_DENY && !request_is_hub(&request))
		return 0;
	return requests_answer(r, ROLE_GUARD, &request, -1, &fd);
}

static int hub_close(const struct requests *r, const char *name)
{
	return close_ask(r, REQUEST_HUB_DENY, name);
}

int boot_ports_close(const struct requests *r)
{
	int controllers = close_ask(r, REQUEST_CONTROLLERS_DENY, "");
	int hubs = usb_each(r, hub_close);

	return controllers != 0 ? controllers : hubs;
}

/* Only what is closed is opened; what has gone in the meantime needs nothing. */
static int attribute_open(const struct requests *r, const char *directory, const char *name)
{
	char value[ATTRIBUTE_MAX];
	int dir;
	int e = sys_open(r, directory, &dir);

	if (e != 0)
		return 0;
	if (attribute_read(dir, name, value) == 0 && strcmp(value, "0") == 0)
		e = attribute_write(dir, name, "1");
	close(dir);
	return e == ERR_NOT_FOUND ? 0 : e;
}

/* A root hub has the first two, a device and an interface the third. */
static int entry_open(const struct requests *r, const char *name)
{
	static const char *const attributes[] = {
	        "authorized_default", "interface_authorized_default", "authorized"};
	char path[sizeof(USB_DEVICES) + 256 + 1];
	int error = 0;

	snprintf(path, sizeof(path), USB_DEVICES "/%s", name);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		int e = attribute_open(r, path, attributes[i]);

		if (error == 0)
			error = e;
	}
	return error;
}

static bool closed_at_boot(const struct requests *r)
{
	char line[BOOT_LOCK_LINE_MAX];
	int fd = openat(r->root, "proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, line, sizeof(line) - 1) : 0;

	if (fd >= 0)
		close(fd);
	line[length > 0 ? length : 0] = '\0';
	return boot_lock_line_closes(line) || faccessat(r->root, MARK, F_OK, 0) == 0;
}

int boot_ports_open(const struct requests *r)
{
	int error;

	if (!closed_at_boot(r))
		return 0;
	error = attribute_open(r, "module/usbcore/parameters", "authorized_default");
	for (int level = 0; level < LEVELS; level++) {
		int e = usb_each(r, entry_open);

		if (error == 0)
			error = e;
	}
	return error;
}
