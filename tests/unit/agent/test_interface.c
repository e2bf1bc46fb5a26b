/* What an interface's directory in sysfs tells of it. */
#include "tests/unit/workspace.h"

#include "agent/interface.h"
#include "policy/treatment.h"
#include "tests/unit/agent/hid_reports.h"

static struct device_facts facts;

static void interfaces_set(const struct facts_interface *interfaces, size_t count)
{
	memset(&facts, 0, sizeof(facts));
	memcpy(facts.interfaces, interfaces, count * sizeof(*interfaces));
	facts.interface_count = count;
}

static void hid_set(uint8_t found)
{
	interfaces_set(
	        &(struct facts_interface){.class = 0x03, .configuration = 1, .found = found}, 1);
}

static void vendor_set(void)
{
	interfaces_set(&(struct facts_interface){.class = 0xff, .configuration = 1}, 1);
}

/* Of the first interface, whose directory is "i". */
static uint8_t seen(const struct workspace *w)
{
	return interface_seen(w->fd, "i", &facts, 0);
}

static void driver_is(const struct workspace *w, const char *driver)
{
	char command[128];

	snprintf(command, sizeof(command), "mkdir -p i && ln -sfn ../bus/usb/drivers/%s i/driver",
	        driver);
	assert_int_equal(workspace_run(w, command), 0);
}

static void without_a_driver_nothing_is_seen(void **state)
{
	const struct workspace *w = *state;

	assert_int_equal(workspace_run(w, "mkdir i"), 0);
	hid_set(0);
	assert_int_equal(seen(w), 0);
	hid_set(FACTS_FOUND_NO_KEYS); /* what it answered when it was asked stays */
	assert_int_equal(seen(w), FACTS_FOUND_NO_KEYS);
	vendor_set();
	assert_int_equal(seen(w), 0);
}

static void what_usbhid_was_given_counts(void **state)
{
	const struct workspace *w = *state;

	driver_is(w, "usbhid");
	assert_int_equal(workspace_run(w, "mkdir i/0003:046D:C31C.0001"), 0);
	workspace_write(w, "i/0003:046D:C31C.0001/report_descriptor", report_keyboard,
	        sizeof(report_keyboard));
	hid_set(FACTS_FOUND_NO_KEYS); /* it had answered otherwise */
	assert_int_equal(seen(w), FACTS_FOUND_KEYS);
	hid_set(FACTS_FOUND_SECURITY_KEY);
	assert_int_equal(seen(w), FACTS_FOUND_KEYS);
	workspace_write(
	        w, "i/0003:046D:C31C.0001/report_descriptor", report_fido, sizeof(report_fido));
	hid_set(0);
	assert_int_equal(seen(w), FACTS_FOUND_SECURITY_KEY);
}

/* The kernel reads what we cannot: then it has keys. */
static void a_report_only_the_kernel_reads_has_keys(void **state)
{
	const struct workspace *w = *state;

	driver_is(w, "usbhid");
	assert_int_equal(workspace_run(w, "mkdir i/0003:046D:C31C.0001"), 0);
	workspace_write_text(w, "i/0003:046D:C31C.0001/report_descriptor", "nonsense");
	hid_set(0);
	assert_int_equal(seen(w), FACTS_FOUND_KEYS);
	workspace_write(
	        w, "i/0003:046D:C31C.0001/report_descriptor", report_mouse, sizeof(report_mouse));
	interfaces_set((struct facts_interface[]){{.class = 0x03, .configuration = 1},
	                       {.class = 0x03, .configuration = 1}},
	        2);
	assert_int_equal(seen(w), FACTS_FOUND_KEYS); /* another setting may have them */
}

static void mtp_is_known_by_its_string(void **state)
{
	const struct workspace *w = *state;

	assert_int_equal(workspace_run(w, "mkdir i"), 0);
	vendor_set();
	workspace_write_text(w, "i/interface", "MTP\n");
	assert_int_equal(seen(w), FACTS_FOUND_MTP);
	workspace_write_text(w, "i/interface", "MTP2\n");
	assert_int_equal(seen(w), 0);
	workspace_write_text(w, "i/interface", "");
	assert_int_equal(seen(w), 0);
	hid_set(0);
	workspace_write_text(w, "i/interface", "MTP\n");
	assert_int_equal(seen(w), 0);
}

static void drivers_fit_or_are_strangers(void **state)
{
	static const struct {
		const char *driver;
		uint8_t class, subclass, protocol;
		uint8_t found;
	} rows[] = {
	        {"hub", 0x09, 0, 0, 0},
	        {"snd-usb-audio", 0x01, 1, 0, 0},
	        {"uvcvideo", 0x0e, 1, 0, 0},
	        {"usblp", 0x07, 1, 2, 0},
	        {"btusb", 0xe0, 1, 1, 0},
	        {"cdc_acm", 0x02, 2, 1, 0},
	        {"cdc_ether", 0x02, 6, 0, 0},
	        {"cdc_ncm", 0x02, 0x0d, 0, 0},
	        {"cdc_eem", 0x02, 0x0c, 7, 0},
	        {"rndis_host", 0xe0, 1, 3, 0},
	        {"usb-storage", 0x08, 6, 0x50, 0},
	        {"uas", 0x08, 6, 0x62, 0},
	        /* known by its ids */
	        {"ftdi_sio", 0x03, 1, 2, FACTS_FOUND_STRANGER},
	        {"ftdi_sio", 0x07, 1, 2, FACTS_FOUND_STRANGER},
	        {"asix", 0x0b, 0, 0, FACTS_FOUND_STRANGER},
	        {"cdc_acm", 0x02, 6, 0, FACTS_FOUND_STRANGER},
	        {"usb-storage", 0x03, 1, 2, FACTS_FOUND_STORAGE},
	        {"usb-storage", 0xff, 0, 0, FACTS_FOUND_STORAGE},
	        {"uas", 0xff, 0, 0, FACTS_FOUND_STORAGE},
	        {"ums-realtek", 0xff, 0, 0, FACTS_FOUND_STORAGE},
	        /* the policy that lets it in lets in what nobody knows */
	        {"ftdi_sio", 0xff, 0, 0, 0},
	        /* a program has it */
	        {"usbfs", 0x03, 1, 2, 0},
	        {"usbfs", 0x06, 1, 1, 0},
	        {"usbfs", 0x08, 6, 0x50, FACTS_FOUND_STRANGER},
	};
	const struct workspace *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		interfaces_set(&(struct facts_interface){.class = rows[i].class,
		                       .subclass = rows[i].subclass,
		                       .protocol = rows[i].protocol,
		                       .configuration = 1},
		        1);
		driver_is(w, rows[i].driver);
		if (seen(w) != rows[i].found)
			fail_msg("%s at %02x:%02x:%02x: %u", rows[i].driver, rows[i].class,
			        rows[i].subclass, rows[i].protocol, seen(w));
	}
}

/* The other half of a network adapter is a network adapter, of a modem a modem. */
static void a_driver_of_the_data_interface_fits_its_control(void **state)
{
	const struct workspace *w = *state;
	struct facts_interface both[] = {{.class = 0x0a, .number = 1, .configuration = 1},
	        {.class = 0x02, .subclass = 0x06, .configuration = 1}};

	driver_is(w, "cdc_ether");
	interfaces_set(both, 2);
	assert_int_equal(seen(w), 0);
	both[1].subclass = 0x02;
	interfaces_set(both, 2);
	assert_int_equal(seen(w), FACTS_FOUND_STRANGER);
}

/* What a driver was, is not forgotten when it goes. */
static void a_stranger_stays_one(void **state)
{
	const struct workspace *w = *state;

	driver_is(w, "ftdi_sio");
	hid_set(0);
	facts.interfaces[0].found = seen(w);
	assert_int_equal(facts.interfaces[0].found, FACTS_FOUND_STRANGER);
	driver_is(w, "usbhid");
	assert_int_equal(seen(w), FACTS_FOUND_STRANGER);
	assert_int_equal(workspace_run(w, "rm i/driver"), 0);
	assert_int_equal(seen(w), FACTS_FOUND_STRANGER);
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, workspace_set_up, workspace_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(without_a_driver_nothing_is_seen),
	        TEST(what_usbhid_was_given_counts),
	        TEST(a_report_only_the_kernel_reads_has_keys),
	        TEST(mtp_is_known_by_its_string),
	        TEST(drivers_fit_or_are_strangers),
	        TEST(a_driver_of_the_data_interface_fits_its_control),
	        TEST(a_stranger_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
