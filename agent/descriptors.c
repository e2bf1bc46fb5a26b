#include "agent/descriptors.h"

#include <stdbool.h>

#include "core/error.h"

/* Descriptor types and lengths, and where the fields lie (USB 2.0, tables 9-5, 9-8, 9-10, 9-12). */
enum { TYPE_DEVICE = 1, TYPE_CONFIGURATION = 2, TYPE_INTERFACE = 4 };
enum {
	DEVICE_LENGTH = 18,
	DEVICE_USB = 2,
	DEVICE_CLASS = 4,
	DEVICE_VENDOR = 8,
	DEVICE_PRODUCT = 10
};
enum { DEVICE_CONFIGURATIONS = 17 };
enum { CONFIGURATION_LENGTH = 9, CONFIGURATION_TOTAL = 2, CONFIGURATION_INTERFACES = 4 };
enum { CONFIGURATION_VALUE = 5 };
enum { INTERFACE_LENGTH = 9, INTERFACE_NUMBER = 2, INTERFACE_ALTERNATE = 3, INTERFACE_CLASS = 5 };

/* What one configuration has shown so far. */
struct progress {
	uint32_t seen;   /* interface numbers, bit 1 << number */
	unsigned count;  /* of them */
	unsigned number; /* the last one */
	uint8_t alternates[256 / 8];
	uint8_t configuration;
};

static unsigned u16_at(const uint8_t *bytes)
{
	return bytes[0] | (unsigned)bytes[1] << 8;
}

static void facts_add(struct device_facts *facts, const uint8_t *d, uint8_t configuration)
{
	if (facts->interface_count == FACTS_INTERFACES_MAX) {
		facts->interfaces_cut = 1;
		return;
	}
	facts->interfaces[facts->interface_count++] =
	        (struct facts_interface){.class = d[INTERFACE_CLASS],
	                .subclass = d[INTERFACE_CLASS + 1],
	                .protocol = d[INTERFACE_CLASS + 2],
	                .number = d[INTERFACE_NUMBER],
	                .configuration = configuration};
}

/* Alternate settings of one interface stand together, each once. */
static int interface_note(struct progress *p, unsigned number, unsigned alternate)
{
	const uint8_t bit = (uint8_t)(1u << alternate % 8);
	bool first = p->count == 0 || number != p->number;

	if (number >= DESCRIPTORS_INTERFACE_NUMBERS)
		return ERR_FORMAT;
	if (first) {
		if ((p->seen & UINT32_C(1) << number) != 0)
			return ERR_FORMAT;
		for (size_t i = 0; i < sizeof(p->alternates); i++)
			p->alternates[i] = 0;
		p->seen |= UINT32_C(1) << number;
		p->number = number;
		p->count++;
	}
	if ((p->alternates[alternate / 8] & bit) != 0)
		return ERR_FORMAT;
	p->alternates[alternate / 8] |= bit;
	return 0;
}

static int descriptor_take(struct progress *p, const uint8_t *d, struct device_facts *facts)
{
	int r;

	if (d[1] == TYPE_DEVICE || d[1] == TYPE_CONFIGURATION)
		return ERR_FORMAT;
	if (d[1] != TYPE_INTERFACE)
		return 0;
	if (d[0] < INTERFACE_LENGTH)
		return ERR_FORMAT;
	r = interface_note(p, d[INTERFACE_NUMBER], d[INTERFACE_ALTERNATE]);
	if (r == 0)
		facts_add(facts, d, p->configuration);
	return r;
}

/* *at: its first byte; moved behind it. */
static int configuration_take(const uint8_t **at, const uint8_t *end, struct device_facts *facts)
{
	const uint8_t *c = *at;
	const uint8_t *d = c;
	struct progress p = {0};
	const uint8_t *stop;
	int r = 0;

	if (end - c < CONFIGURATION_LENGTH || c[0] < CONFIGURATION_LENGTH ||
	        c[1] != TYPE_CONFIGURATION || c[CONFIGURATION_VALUE] == 0)
		return ERR_FORMAT;
	if (u16_at(c + CONFIGURATION_TOTAL) < c[0] || u16_at(c + CONFIGURATION_TOTAL) > end - c)
		return ERR_FORMAT;
	p.configuration = c[CONFIGURATION_VALUE];
	stop = c + u16_at(c + CONFIGURATION_TOTAL);
	for (d += d[0]; r == 0 && d < stop; d += d[0]) {
		if (stop - d < 2 || d[0] < 2 || d[0] > stop - d)
			return ERR_FORMAT;
		r = descriptor_take(&p, d, facts);
	}
	*at = stop;
	if (r == 0 && (p.count == 0 || p.count != c[CONFIGURATION_INTERFACES]))
		r = ERR_FORMAT;
	return r;
}

int descriptors_read(const uint8_t *bytes, size_t length, struct device_facts *facts)
{
	const uint8_t *end = bytes + length;
	const uint8_t *at = bytes + DEVICE_LENGTH;
	unsigned configurations = 0;
	int r = 0;

	if (length < DEVICE_LENGTH || bytes[0] != DEVICE_LENGTH || bytes[1] != TYPE_DEVICE)
		return ERR_FORMAT;
	facts->vendor = (uint16_t)u16_at(bytes + DEVICE_VENDOR);
	facts->product = (uint16_t)u16_at(bytes + DEVICE_PRODUCT);
	facts->usb_version = (uint16_t)u16_at(bytes + DEVICE_USB);
	facts->device_class = bytes[DEVICE_CLASS];
	for (; r == 0 && at < end; configurations++)
		r = configuration_take(&at, end, facts);
	if (r == 0 && (configurations == 0 || configurations != bytes[DEVICE_CONFIGURATIONS]))
		r = ERR_FORMAT;
	return r;
}
