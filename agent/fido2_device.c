#include "agent/fido2_device.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { DEVICES_MAX = 8 };

static enum fido2_state open_only(
        const fido_dev_info_t *list, size_t count, fido_dev_t **device, int *presence)
{
	static const char hidraw[] = "/dev/hidraw";
	const fido_dev_info_t *only = NULL;

	for (size_t i = 0; i < count; i++) {
		const fido_dev_info_t *info = fido_dev_info_ptr(list, i);

		/* NFC readers are named here too. */
		if (strncmp(fido_dev_info_path(info), hidraw, sizeof(hidraw) - 1) != 0)
			continue;
		if (only != NULL)
			return FIDO2_SEVERAL;
		only = info;
	}
	if (only == NULL)
		return FIDO2_ABSENT;
	*presence = open(fido_dev_info_path(only), O_RDONLY | O_CLOEXEC);
	*device = fido_dev_new_with_info(only);
	if (*presence >= 0 && *device != NULL && fido_dev_open_with_info(*device) == FIDO_OK)
		return FIDO2_PRESENT;
	if (*presence >= 0)
		close(*presence);
	*presence = -1;
	fido_dev_free(device);
	return FIDO2_UNUSABLE;
}

enum fido2_state fido2_device_open(fido_dev_t **device, int *presence)
{
	fido_dev_info_t *list = fido_dev_info_new(DEVICES_MAX);
	size_t count = 0;
	enum fido2_state state = FIDO2_UNUSABLE;

	*device = NULL;
	*presence = -1;
	if (list != NULL && fido_dev_info_manifest(list, DEVICES_MAX, &count) == FIDO_OK)
		state = open_only(list, count, device, presence);
	fido_dev_info_free(&list, DEVICES_MAX);
	return state;
}
