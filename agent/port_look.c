#include "agent/port_look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/device.h"
#include "agent/port_recognise.h"
#include "core/error.h"

/* The nearest: a stick behind hubs is "1-2.3". */
static void usb_device_find(struct port_look *p)
{
	char path[PORT_LINK_MAX];
	char *rest = NULL;

	if (strstr(p->path, "/usb") == NULL)
		return;
	memcpy(path, p->path, sizeof(path));
	for (char *part = strtok_r(path, "/", &rest); part != NULL;
	        part = strtok_r(NULL, "/", &rest)) {
		if (device_name_is_device(part) && strlen(part) < sizeof(p->usb_device))
			memcpy(p->usb_device, part, strlen(part) + 1);
	}
}

static int port_open(int sys, const struct port_look *p, int *dir)
{
	char path[PORT_PATH_MAX];

	port_path(p->kind, p->name, path);
	*dir = openat(sys, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 ? 0 : ERR_NOT_FOUND;
}

/* "../../../devices/pci0000:00/…": below /sys, wherever the link lies. */
static int link_read(int sys, struct port_look *p)
{
	char path[PORT_PATH_MAX];
	char link[PORT_LINK_MAX];
	const char *at = link;
	ssize_t length;

	port_path(p->kind, p->name, path);
	length = readlinkat(sys, path, link, sizeof(link) - 1);
	if (length <= 0)
		return ERR_NOT_FOUND;
	link[length] = '\0';
	while (strncmp(at, "../", 3) == 0)
		at += 3;
	memcpy(p->path, at, strlen(at) + 1);
	return 0;
}

int port_look(int sys, const struct port_kind *kind, const char *name, struct port_look *p)
{
	char full[2 * PORT_NAME_MAX];
	const char *kernel_name;
	struct stat status;
	int dir = -1;
	int r;

	*p = (struct port_look){.way = WAY_COUNT};
	snprintf(full, sizeof(full), "%s/%.*s", kind->name, PORT_NAME_MAX, name);
	if (!port_name_parse(full, &p->kind, &kernel_name))
		return ERR_NOT_FOUND;
	memcpy(p->name, kernel_name, strlen(kernel_name) + 1);
	r = port_open(sys, p, &dir);
	if (r == 0)
		r = link_read(sys, p);
	if (r == 0 && (fstat(dir, &status) != 0 || !port_recognise(sys, dir, p)))
		r = ERR_NOT_FOUND;
	if (r == 0) {
		p->inode = status.st_ino;
		usb_device_find(p);
	}
	if (dir >= 0)
		close(dir);
	return r;
}

static bool inode_is(int dir, const struct port_look *p)
{
	struct stat status;

	return fstat(dir, &status) == 0 && status.st_ino == p->inode;
}

bool port_is_there(int sys, const struct port_look *p)
{
	int dir;
	bool is;

	if (port_open(sys, p, &dir) != 0)
		return false;
	is = inode_is(dir, p);
	close(dir);
	return is;
}

static bool has_driver(int dir)
{
	return faccessat(dir, "driver", F_OK, 0) == 0;
}

static bool means_stop(int dir, const struct port_look *p)
{
	switch (p->kind->means) {
	case PORT_BY_DRIVER:
		return !has_driver(dir);
	case PORT_BY_STATE:
		return !has_driver(dir) && port_attribute_is(dir, "state", "offline");
	case PORT_BY_OVERRIDE:
		return !has_driver(dir) && port_attribute_is(dir, "driver_override", PORT_OVERRIDE);
	case PORT_BY_AUTHORISED:
		return port_attribute_is(dir, "authorized", "0");
	case PORT_BY_RFKILL:
		return port_attribute_is(dir, "soft", "1");
	case PORT_BY_MODULE:
		return false;
	}
	return false;
}

static bool means_release(int dir, const struct port_look *p)
{
	switch (p->kind->means) {
	case PORT_BY_STATE:
		return !port_attribute_is(dir, "state", "offline");
	case PORT_BY_OVERRIDE:
		return !port_attribute_is(dir, "driver_override", PORT_OVERRIDE);
	case PORT_BY_AUTHORISED:
		return !port_attribute_is(dir, "authorized", "0");
	case PORT_BY_RFKILL:
		return port_attribute_is(dir, "soft", "0");
	case PORT_BY_DRIVER:
	case PORT_BY_MODULE:
		return true;
	}
	return false;
}

static bool means_lack_driver(int dir, const struct port_look *p)
{
	return (p->kind->means == PORT_BY_DRIVER || p->kind->means == PORT_BY_STATE ||
	               p->kind->means == PORT_BY_OVERRIDE) &&
	       !has_driver(dir);
}

/* What is not there any more is stopped, and nothing keeps it. */
static bool port_ask(int sys, const struct port_look *p, bool gone,
        bool (*question)(int dir, const struct port_look *p))
{
	int dir;
	bool answer;

	if (port_open(sys, p, &dir) != 0)
		return gone;
	answer = question(dir, p);
	if (!inode_is(dir, p) || faccessat(dir, "uevent", F_OK, 0) != 0)
		answer = gone;
	close(dir);
	return answer;
}

bool port_is_stopped(int sys, const struct port_look *p)
{
	return port_ask(sys, p, true, means_stop);
}

bool port_is_released(int sys, const struct port_look *p)
{
	return port_ask(sys, p, true, means_release);
}

bool port_lacks_driver(int sys, const struct port_look *p)
{
	return port_ask(sys, p, false, means_lack_driver);
}

bool port_bus_is_closed(int sys, const struct port_kind *kind)
{
	char path[PORT_PATH_MAX];
	char value[PORT_VALUE_MAX];
	size_t length = strlen(kind->directory) - strlen("devices");

	if (!kind->closes)
		return true;
	snprintf(path, sizeof(path), "%.*sdrivers_autoprobe", (int)length, kind->directory);
	if (faccessat(sys, path, F_OK, 0) != 0)
		return errno == ENOENT;
	port_text_read(sys, path, value, sizeof(value));
	return strcmp(value, "0") == 0;
}
