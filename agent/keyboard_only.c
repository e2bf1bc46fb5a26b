#include "agent/keyboard_only.h"

enum {
	TYPE_DEVICE = 1,
	TYPE_CONFIGURATION = 2,
	TYPE_INTERFACE = 4,
	DEVICE_SIZE = 18,
	CONFIGURATION_SIZE = 9,
	INTERFACE_SIZE = 9,
	CLASS_HID = 3,
	CLASS_HUB = 9,
	SUBCLASS_BOOT = 1,
	PROTOCOL_KEYBOARD = 1,
};

struct seen {
	size_t configurations, interfaces, hubs, hids, keyboards;
	size_t declared; /* wTotalLength of the configuration */
};

static void interface_see(const uint8_t *d, struct seen *s)
{
	s->interfaces++;
	s->hubs += d[5] == CLASS_HUB;
	s->hids += d[5] == CLASS_HID;
	s->keyboards += d[5] == CLASS_HID && d[6] == SUBCLASS_BOOT && d[7] == PROTOCOL_KEYBOARD;
}

/* One descriptor, whole within length. */
static bool descriptor_see(const uint8_t *d, size_t length, struct seen *s)
{
	if (length < 2 || d[0] < 2 || d[0] > length)
		return false;
	switch (d[1]) {
	case TYPE_DEVICE:
		return false;
	case TYPE_CONFIGURATION:
		s->configurations++;
		if (d[0] < CONFIGURATION_SIZE)
			return false;
		s->declared = (size_t)d[2] | (size_t)d[3] << 8;
		return true;
	case TYPE_INTERFACE:
		if (d[0] < INTERFACE_SIZE || s->configurations == 0)
			return false;
		interface_see(d, s);
		return true;
	default:
		return s->configurations > 0;
	}
}

bool keyboard_only(const uint8_t *bytes, size_t length)
{
	struct seen s = {0};
	uint8_t class;

	if (length < DEVICE_SIZE || bytes[0] != DEVICE_SIZE || bytes[1] != TYPE_DEVICE)
		return false;
	class = bytes[4];
	for (size_t at = DEVICE_SIZE; at < length; at += bytes[at]) {
		if (!descriptor_see(bytes + at, length - at, &s))
			return false;
	}
	if (bytes[17] != 1 || s.configurations != 1 || s.interfaces == 0 ||
	        s.declared != length - DEVICE_SIZE)
		return false;
	if (class == CLASS_HUB)
		return s.hubs == s.interfaces;
	return (class == 0 || class == CLASS_HID) && s.hids == s.interfaces && s.keyboards > 0;
}
