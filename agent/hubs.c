#include "agent/hubs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/device.h"
#include "core/error.h"

enum { PATH_MAX_HERE = DEVICE_NAME_MAX + 64 };

#define USB_DEVICES "bus/usb/devices/"
#define CONTROLLERS_DEFAULT "module/usbcore/parameters/authorized_default"

static bool attribute_is_zero(int dir, const char *path)
{
	char value[2] = "";
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, value, sizeof(value));
	close(fd);
	return length >= 1 && value[0] == '0' && (length == 1 || value[1] == '\n');
}

static bool is_absent(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, 0) != 0 && errno == ENOENT;
}

bool hubs_controllers_deny(int sys)
{
	return attribute_is_zero(sys, CONTROLLERS_DEFAULT);
}

bool hubs_deny(int sys, const char *name)
{
	char devices[PATH_MAX_HERE];
	char interfaces[PATH_MAX_HERE];

	snprintf(devices, sizeof(devices), USB_DEVICES "%s/authorized_default", name);
	snprintf(interfaces, sizeof(interfaces), USB_DEVICES "%s/interface_authorized_default",
	        name);
	return attribute_is_zero(sys, devices) && attribute_is_zero(sys, interfaces);
}

/* What somebody closed of the hub itself, "1-0:1.0" of "usb1", main opens. */
static bool hub_itself_is_open(int sys, const char *name)
{
	char path[PATH_MAX_HERE];

	snprintf(path, sizeof(path), USB_DEVICES "%s/%s-0:1.0/authorized", name,
	        name + strlen("usb"));
	return !attribute_is_zero(sys, path);
}

const char *hubs_close_controllers(struct channel *c, int sys)
{
	int r;

	if (hubs_controllers_deny(sys))
		return NULL;
	r = channel_request(c, REQUEST_CONTROLLERS_DENY, NULL, 0, -1, NULL);
	/* With usbcore a module, its parameter exists only once that is loaded. */
	if (hubs_controllers_deny(sys) || is_absent(sys, CONTROLLERS_DEFAULT))
		return NULL;
	return error_text(r != 0 ? r : ERR_IO);
}

const char *hubs_close(struct channel *c, int sys, const char *name)
{
	char path[PATH_MAX_HERE];
	int r;

	if (hubs_deny(sys, name) && hub_itself_is_open(sys, name))
		return NULL;
	r = channel_request(c, REQUEST_HUB_DENY, name, 0, -1, NULL);
	snprintf(path, sizeof(path), USB_DEVICES "%s", name);
	if (hubs_deny(sys, name) || is_absent(sys, path))
		return NULL;
	return error_text(r != 0 ? r : ERR_IO);
}
