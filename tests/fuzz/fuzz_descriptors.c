/* What a USB device says of itself. The first byte chooses: its descriptors, its OS string, its
 * compatible ids, a HID report descriptor, its BOS, its OS descriptor set. What is read is what a
 * simpler reader finds too. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/descriptors.h"
#include "agent/hid_report.h"
#include "agent/os_descriptor.h"
#include "core/error.h"
#include "policy/treatment.h"
#include "tests/unit/agent/hid_reports.h"

enum { DEVICE_LENGTH = 18, INTERFACE_TYPE = 4, MTP_HEADER = 16, MTP_SECTION = 24 };

static void check(bool is_so)
{
	if (!is_so)
		abort();
}

/* Every interface descriptor that stands anywhere, one after the other by their lengths alone. */
static void check_interfaces(const uint8_t *bytes, size_t length, const struct device_facts *facts)
{
	size_t count = 0;

	for (size_t at = DEVICE_LENGTH; at < length; at += bytes[at]) {
		const uint8_t *d = bytes + at;
		const struct facts_interface *f = &facts->interfaces[count];

		check(length - at >= 2 && d[0] >= 2 && d[0] <= length - at);
		if (d[1] != INTERFACE_TYPE)
			continue;
		if (count == FACTS_INTERFACES_MAX) {
			check(facts->interfaces_cut != 0);
			return;
		}
		check(f->number == d[2] && f->number < DESCRIPTORS_INTERFACE_NUMBERS);
		check(f->class == d[5] && f->subclass == d[6] && f->protocol == d[7]);
		check(f->configuration != 0 && f->found == 0);
		check((way_of_device(facts) & UINT32_C(1) << way_of_facts(facts, count)) != 0);
		count++;
	}
	check(count == facts->interface_count && count > 0);
}

static void read_device(const uint8_t *bytes, size_t length)
{
	static struct device_facts facts;
	int r;

	memset(&facts, 0, sizeof(facts));
	r = descriptors_read(bytes, length, &facts);
	check(r == 0 || r == ERR_FORMAT);
	check(facts.interface_count <= FACTS_INTERFACES_MAX && way_of_device(&facts) != 0);
	if (r == 0)
		check_interfaces(bytes, length, &facts);
}

static void read_os_string(const uint8_t *bytes, size_t length)
{
	static const uint8_t signature[] = {'M', 0, 'S', 0, 'F', 0, 'T', 0, '1', 0, '0', 0, '0', 0};
	uint8_t code = 0;

	if (os_descriptor_code(bytes, length, &code) == 0)
		check(length >= DEVICE_LENGTH && bytes[1] == 3 && code == bytes[16] &&
		        memcmp(bytes + 2, signature, sizeof(signature)) == 0);
}

static void read_compatible(const uint8_t *bytes, size_t length)
{
	uint32_t expected = 0;
	uint32_t interfaces = 0;

	if (os_descriptor_mtp(bytes, length, &interfaces) != 0)
		return;
	for (size_t at = MTP_HEADER; at + MTP_SECTION <= length; at += MTP_SECTION) {
		if (memcmp(bytes + at + 2, "MTP\0\0\0\0", 8) == 0 && bytes[at] < 32)
			expected |= UINT32_C(1) << bytes[at];
	}
	check((interfaces & ~expected) == 0);
}

static void read_bos(const uint8_t *bytes, size_t length)
{
	static const uint8_t uuid[] = {0xdf, 0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c, 0x9c, 0xd2,
	        0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f};
	uint8_t code = 0;

	if (os_descriptor_2_code(bytes, length, &code) == 0)
		check(bytes[1] == 15 && memmem(bytes, length, uuid, sizeof(uuid)) != NULL &&
		        memchr(bytes, code, length) != NULL);
}

static void read_set(const uint8_t *bytes, size_t length)
{
	uint32_t interfaces = 0;
	int r = os_descriptor_2_mtp(bytes, length, &interfaces);

	check(r == 0 || interfaces == 0);
	check(interfaces == 0 || memmem(bytes, length, "MTP\0\0\0\0", 8) != NULL);
}

/* Whatever comes before a keyboard, it is a keyboard. */
static void read_report(const uint8_t *bytes, size_t length)
{
	struct hid_report report;
	uint8_t *longer;

	if (hid_report_read(bytes, length, &report) == 0)
		check(!report.fido || !report.keys);
	longer = malloc(length + sizeof(report_keyboard));
	check(longer != NULL);
	memcpy(longer, bytes, length);
	memcpy(longer + length, report_keyboard, sizeof(report_keyboard));
	if (hid_report_read(longer, length + sizeof(report_keyboard), &report) == 0)
		check(report.keys && !report.fido);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > DESCRIPTORS_MAX)
		return 0;
	switch (data[0] % 6) {
	case 0:
		read_device(data + 1, size - 1);
		break;
	case 1:
		read_os_string(data + 1, size - 1);
		break;
	case 2:
		read_compatible(data + 1, size - 1);
		break;
	case 3:
		read_report(data + 1, size - 1);
		break;
	case 4:
		read_bos(data + 1, size - 1);
		break;
	default:
		read_set(data + 1, size - 1);
		break;
	}
	return 0;
}
