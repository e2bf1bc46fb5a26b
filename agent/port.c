#include "agent/port.h"

#include <stdio.h>
#include <string.h>

const struct port_kind port_kinds[] = {
        {"scsi", "bus/scsi/devices", "scsi", PORT_BY_STATE, true},
        {"mmc", "bus/mmc/devices", "mmc", PORT_BY_DRIVER, true},
        {"memstick", "bus/memstick/devices", "memstick", PORT_BY_DRIVER, true},
        {"sdio", "bus/sdio/devices", "sdio", PORT_BY_DRIVER, true},
        {"pci", "bus/pci/devices", "pci", PORT_BY_OVERRIDE, false},
        {"thunderbolt", "bus/thunderbolt/devices", "thunderbolt", PORT_BY_AUTHORISED, true},
        {"thunderbolt-service", "bus/thunderbolt/devices", "thunderbolt", PORT_BY_DRIVER, false},
        {"firewire", "bus/firewire/devices", "firewire", PORT_BY_DRIVER, true},
        {"rfkill", "class/rfkill", "rfkill", PORT_BY_RFKILL, false},
        {"floppy", "block", "block", PORT_BY_MODULE, false},
};

const size_t port_kind_count = sizeof(port_kinds) / sizeof(port_kinds[0]);

const struct port_kind *port_kind_find(const char *name, size_t length)
{
	for (size_t i = 0; i < port_kind_count; i++) {
		const char *kind = port_kinds[i].name;

		if (strlen(kind) == length && strncmp(kind, name, length) == 0)
			return &port_kinds[i];
	}
	return NULL;
}

bool port_name_parse(const char *name, const struct port_kind **kind, const char **kernel_name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                              "0123456789:._-";
	size_t length = strcspn(name, "/");

	*kind = port_kind_find(name, length);
	*kernel_name = NULL;
	if (*kind == NULL || name[length] != '/' || strlen(name) >= PORT_NAME_MAX)
		return false;
	*kernel_name = name + length + 1;
	length = strlen(*kernel_name);
	return length > 0 && (*kernel_name)[0] != '.' && strspn(*kernel_name, letters) == length;
}

void port_path(const struct port_kind *kind, const char *kernel_name, char path[PORT_PATH_MAX])
{
	snprintf(path, PORT_PATH_MAX, "%s/%s", kind->directory, kernel_name);
}
