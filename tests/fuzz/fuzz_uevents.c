/*
 * A uevent's bytes, up to the device that guard then looks for: no text lies outside of the bytes,
 * and no name leads out of the directory of devices (here one that has none).
 */
#include "agent/uevent.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/device.h"
#include "agent/medium.h"
#include "core/error.h"

static void check_inside(const char *text, const char *bytes, size_t length)
{
	if (text[0] != '\0' && (text < bytes || text + strlen(text) >= bytes + length))
		abort();
}

static void check_name(const char *name)
{
	static int nothing = -1;
	struct device device;

	if (nothing < 0)
		nothing = open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, "..") == 0)
		abort();
	if (device_name_is_device(name) && device_name_is_hub(name))
		abort();
	if (device_read(nothing, name, NULL, &device) != ERR_NOT_FOUND)
		abort();
	if (medium_name_is_valid(name) && strlen(name) >= MEDIUM_NAME_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size != 0 ? size : 1); /* so that what is read beyond is found */
	struct uevent u;

	if (bytes == NULL)
		return 0;
	memcpy(bytes, data, size);
	if (uevent_parse(bytes, size, &u) == 0) {
		check_inside(u.action, bytes, size);
		check_inside(u.devpath, bytes, size);
		check_inside(u.subsystem, bytes, size);
		check_inside(u.devtype, bytes, size);
		check_name(u.name);
	} else if (u.name != NULL || u.action != NULL) {
		abort();
	}
	free(bytes);
	return 0;
}
