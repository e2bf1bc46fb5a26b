#include "policy/facts.h"
#include "policy/treatment.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

static struct device_facts facts;

static int parse(const char *text, size_t *column)
{
	char message[160];
	int result = facts_parse(text, &facts, column, message, sizeof(message));

	assert_true((result == 0) == (message[0] == '\0'));
	return result;
}

static void reads_every_attribute(void **state)
{
	size_t column;

	(void)state;
	assert_int_equal(
	        parse("id 0781:5567 serial \"X\" name \"Y \\\"Z\\\"\" hash \"h=\" parent-hash "
	              "\"p=\" via-port "
	              "\"1-2\" with-interface { 08:06:50 03:01:01 } with-connect-type \"hotplug\"",
	                &column),
	        0);
	assert_int_equal(facts.vendor, 0x0781);
	assert_int_equal(facts.product, 0x5567);
	assert_string_equal(facts.serial, "X");
	assert_string_equal(facts.name, "Y \"Z\"");
	assert_string_equal(facts.hash, "h=");
	assert_string_equal(facts.parent_hash, "p=");
	assert_string_equal(facts.via_port, "1-2");
	assert_string_equal(facts.connect_type, "hotplug");
	assert_int_equal(facts.interface_count, 2);
	assert_int_equal(facts.interfaces[0].class, 8);
	assert_int_equal(facts.interfaces[0].subclass, 6);
	assert_int_equal(facts.interfaces[0].protocol, 0x50);
	assert_int_equal(facts.interfaces[1].class, 3);
	assert_int_equal(facts.device_class, 0);
	assert_int_equal(facts.interfaces_cut, 0);
}

static void reads_short_forms(void **state)
{
	size_t column;

	(void)state;
	assert_int_equal(parse("", &column), 0);
	assert_int_equal(facts.interface_count, 0);
	assert_int_equal(parse("0781:5567", &column), 0);
	assert_int_equal(facts.vendor, 0x0781);
	assert_int_equal(parse("id 1d6b:0002 with-interface 09:00:00", &column), 0);
	assert_int_equal(facts.device_class, 9);
}

static void refuses_what_is_no_device(void **state)
{
	static const struct {
		const char *text;
		size_t column;
	} ROWS[] = {
	        {"allow id 0781:5567", 1},
	        {"id 0781:*", 1},
	        {"id *:*", 1},
	        {"serial \"X\" id 0781:*", 12},
	        {"id { 0781:5567 0781:5568 }", 1},
	        {"id one-of { 0781:5567 }", 1},
	        {"with-interface 08:*:*", 1},
	        {"id 0781:5567 with-interface none-of { 08:06:50 }", 14},
	        {"serial { \"a\" \"b\" }", 1},
	        {"serial \"a\\x00b\"", 1},
	        {"label \"x\"", 1},
	        {"id 0781:5567 if true", 14},
	        {"id 0781:5567 id 0781:5567", 14},
	        {"id 0781:556", 4},
	        {"serial X", 8},
	        {"via-port \"0123456789012345678901234567890123456789012345678901234567890123\"",
	                1},
	};
	size_t column;

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		if (parse(ROWS[i].text, &column) != ERR_FORMAT)
			fail_msg("accepted: %s", ROWS[i].text);
		if (column != ROWS[i].column)
			fail_msg("%s: column %zu", ROWS[i].text, column);
	}
}

static void refuses_too_many_interfaces(void **state)
{
	char text[4096];
	size_t column;

	(void)state;
	for (int count = 256; count <= 257; count++) {
		strcpy(text, "with-interface {"); // NOLINT
		for (int i = 0; i < count; i++)
			strcat(text, " 08:06:50"); // NOLINT
		strcat(text, " }");                // NOLINT
		assert_int_equal(parse(text, &column), count == 256 ? 0 : ERR_FORMAT);
	}
}

static uint32_t ways(const char *interfaces)
{
	char text[256];
	size_t column;

	snprintf(text, sizeof(text), "with-interface { %s }", interfaces);
	assert_int_equal(parse(text, &column), 0);
	return way_of_device(&facts);
}

#define WAY(way) (UINT32_C(1) << (way))

static void classifies_by_interface(void **state)
{
	static const struct {
		const char *interfaces;
		uint32_t ways;
	} ROWS[] = {
	        {"08:06:50", WAY(WAY_USB_STORAGE)},
	        {"08:06:50 08:06:62", WAY(WAY_USB_STORAGE)},
	        {"08:02:50", WAY(WAY_USB_STORAGE)},
	        {"06:01:01", WAY(WAY_MTP_PTP)},
	        {"02:02:01 0a:00:00", WAY(WAY_USB_SERIAL)},
	        {"02:06:00 0a:00:00", WAY(WAY_USB_NETWORK)},
	        {"02:0d:00 0a:00:01", WAY(WAY_USB_NETWORK)},
	        {"02:0c:07", WAY(WAY_USB_NETWORK)},
	        {"e0:01:03 0a:00:00", WAY(WAY_USB_NETWORK)},
	        {"ef:04:01 0a:00:00", WAY(WAY_USB_NETWORK)},
	        {"0a:00:00", WAY(WAY_OTHER)},
	        {"02:00:00", WAY(WAY_OTHER)},
	        {"e0:01:01", WAY(WAY_BLUETOOTH)},
	        {"07:01:02", WAY(WAY_USB_PRINTER)},
	        {"01:01:00 01:02:00", WAY(WAY_AUDIO)},
	        {"0e:01:00 0e:02:00", WAY(WAY_VIDEO)},
	        {"03:01:01", WAY(WAY_HID)},
	        {"03:01:01 08:06:50", WAY(WAY_HID) | WAY(WAY_USB_STORAGE)},
	        {"0b:00:00", WAY(WAY_SMARTCARD)},
	        {"09:00:00", WAY(WAY_HUB)},
	        {"ff:ff:ff", WAY(WAY_OTHER)},
	        {"fe:01:01", WAY(WAY_OTHER)},
	        {"ff:00:00 03:01:01", WAY(WAY_OTHER) | WAY(WAY_HID)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
		if (ways(ROWS[i].interfaces) != ROWS[i].ways)
			fail_msg("%s: %#x", ROWS[i].interfaces, ways(ROWS[i].interfaces));
}

static void a_device_without_interfaces_is_other(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	assert_int_equal(way_of_device(&facts), WAY(WAY_OTHER));
	facts.device_class = 9;
	assert_int_equal(way_of_device(&facts), WAY(WAY_HUB));
}

static void names_go_both_ways(void **state)
{
	(void)state;
	for (unsigned way = 0; way < WAY_COUNT; way++)
		assert_int_equal(way_from_name(way_name((enum way)way)), way);
	assert_int_equal(way_from_name("usb"), WAY_COUNT);
	for (unsigned t = 0; t < TREATMENT_COUNT; t++)
		assert_int_equal(treatment_from_name(treatment_name((enum treatment)t)), t);
	assert_int_equal(treatment_from_name("Allow"), TREATMENT_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_every_attribute),
	        cmocka_unit_test(reads_short_forms),
	        cmocka_unit_test(refuses_what_is_no_device),
	        cmocka_unit_test(refuses_too_many_interfaces),
	        cmocka_unit_test(classifies_by_interface),
	        cmocka_unit_test(a_device_without_interfaces_is_other),
	        cmocka_unit_test(names_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
