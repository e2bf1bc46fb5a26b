#include "agent/fido2_device.h"

#include <string.h>

enum { DEVICES_MAX = 8 };

static enum fido2_state open_only(const fido_dev_info_t *list, size_t count, fido_dev_t **device)
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
	*device = fido_dev_new_with_info(only);
	if (*device != NULL && fido_dev_open_with_info(*device) == FIDO_OK)
		return FIDO2_PRESENT;
	fido_dev_free(device);
	return FIDO2_UNUSABLE;
}

enum fido2_state fido2_device_open(fido_dev_t **device)
{
	fido_dev_info_t *list = fido_dev_info_new(DEVICES_MAX);
	size_t count = 0;
	enum fido2_state state = FIDO2_UNUSABLE;

	*device = NULL;
	if (list != NULL && fido_dev_info_manifest(list, DEVICES_MAX, &count) == FIDO_OK)
		state = open_only(list, count, device);
	fido_dev_info_free(&list, DEVICES_MAX);
	return state;
}
