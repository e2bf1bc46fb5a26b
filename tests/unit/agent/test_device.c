/* Without arguments: names and verdict texts. "mocked": among the devices of usb.umockdev, under
 * umockdev-run. */
#include "agent/device.h"
#include "tests/unit/cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <libusb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/descriptors.h"
#include "agent/enforce.h"
#include "agent/sandbox.h"
#include "agent/uevent.h"
#include "agent/ways.h"
#include "core/error.h"
#include "policy/treatment.h"

static void names_are_devices_or_hubs_or_neither(void **state)
{
	static const char *const devices[] = {"1-1", "12-3.4.5", "3-14.1"};
	static const char *const hubs[] = {"usb1", "usb12"};
	static const char *const neither[] = {"", "1", "1-", "1-1:1.0", "1-1.", "1.1", "usb",
	        "usb1a", "usb1234", "ep_00", "../1-1", "1-1/../1-2"};

	(void)state;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		assert_true(device_name_is_device(devices[i]));
		assert_false(device_name_is_hub(devices[i]));
	}
	for (size_t i = 0; i < sizeof(hubs) / sizeof(hubs[0]); i++) {
		assert_true(device_name_is_hub(hubs[i]));
		assert_false(device_name_is_device(hubs[i]));
	}
	for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++) {
		assert_false(device_name_is_hub(neither[i]));
		assert_false(device_name_is_device(neither[i]));
	}
}

static void a_way_is_watched_absent_or_unwatched(void **state)
{
	struct ways w;
	size_t words = 0;
	char all[3 * WAYS_TEXT_MAX];
	int sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(sys >= 0);
	for (int enforced = 0; enforced < 2; enforced++) {
		ways_look(sys, enforced != 0, 0, &w);
		snprintf(all, sizeof(all), "%s %s %s", w.watched, w.absent, w.unwatched);
		words = 0;
		for (char *rest = all, *word; (word = strsep(&rest, " ")) != NULL;) {
			if (*word == '\0')
				continue;
			assert_int_not_equal(way_from_name(word), WAY_COUNT);
			words++;
		}
		assert_int_equal(words, WAY_COUNT);
	}
	close(sys);
}

static int sys_open(void)
{
	int sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(sys >= 0);
	return sys;
}

struct expectation {
	const char *name;
	uint16_t vendor, product;
	const char *text, *serial, *connect_type, *interfaces, *hash;
};

/* Hashes by USBGuard's formula, calculated apart from this code. */
static const struct expectation readable[] = {
        {"1-1", 0x0781, 0x5567, "Cruzer Blade", "4C530001", "hotplug", "08:06:50",
                "ZVjsoCmbnFjktp47vu6Dn3DINOMzVPPOK5RnGTSotws="},
        {"1-2", 0x046d, 0xc31c, "USB Keyboard", "", "hardwired", "03:01:01 03:00:00",
                "8XDGSaIZ0VncSBNgE092ylXC2fijSK9WdJ/8alfn3bc="},
        /* two alternate settings and a second configuration */
        {"1-3", 0x0bc2, 0xab38, "Expansion", "NA8", "", "08:06:50 08:06:62 ff:00:00",
                "7uxuAaeT6cDew3iAOcbc9F1jDHdiBLPTWbOPPxAq/uQ="},
};

#define ROOT_HUB_HASH "mofhNo1aPAxhZusL5LemtydtWSXlDMS8cPbfiiwp4dk="

static void facts_are_what_the_descriptors_say(void **state)
{
	int sys = sys_open();

	(void)state;
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		const struct expectation *x = &readable[i];
		char interfaces[256];
		struct device d;

		assert_int_equal(device_read(sys, x->name, NULL, &d), 0);
		assert_true(d.readable);
		assert_false(d.authorised);
		assert_int_equal(d.bus, 1);
		assert_int_equal(d.devnum, i + 2);
		assert_int_equal(d.facts.vendor, x->vendor);
		assert_int_equal(d.facts.product, x->product);
		assert_string_equal(d.facts.name, x->text);
		assert_string_equal(d.facts.serial, x->serial);
		assert_string_equal(d.facts.via_port, x->name);
		assert_string_equal(d.facts.connect_type, x->connect_type);
		enforce_interfaces_text(&d.facts, interfaces, sizeof(interfaces));
		assert_string_equal(interfaces, x->interfaces);
		assert_string_equal(d.facts.hash, x->hash);
		assert_string_equal(d.facts.parent_hash, ROOT_HUB_HASH);
	}
	close(sys);
}

/* A hub that the kernel holds is not read again: what is known of it is taken. */
static void a_known_hub_is_not_read(void **state)
{
	struct hub_hashes hubs = {0};
	struct device d;
	int sys = sys_open();

	(void)state;
	device_hub_learn(sys, "usb9", &hubs);
	assert_int_equal(hubs.kept, 0);
	device_hub_learn(sys, "usb1", &hubs);
	assert_int_equal(hubs.kept, 1);
	assert_string_equal(hubs.list[0].hash, ROOT_HUB_HASH);
	snprintf(hubs.list[0].hash, sizeof(hubs.list[0].hash), "known");
	assert_int_equal(device_read(sys, "1-1", &hubs, &d), 0);
	assert_string_equal(d.facts.parent_hash, "known");
	hubs.list[0].inode++;
	assert_int_equal(device_read(sys, "1-1", &hubs, &d), 0);
	assert_string_equal(d.facts.parent_hash, ROOT_HUB_HASH);
	assert_int_equal(hubs.kept, 2);
	for (uint64_t i = 1; i <= HUB_HASHES_MAX; i++)
		hub_hashes_keep(&hubs, i, "another");
	assert_int_equal(device_read(sys, "1-1", &hubs, &d), 0);
	assert_string_equal(d.facts.parent_hash, ROOT_HUB_HASH);
	close(sys);
}

/* A hub's port, not the device's link to it, which the kernel makes after its uevent. */
static void the_port_of_a_device_is_its_hubs(void **state)
{
	static const char port[] = "bus/usb/devices/usb1/1-0:1.0/usb1-port2";
	static const char other[] = "bus/usb/devices/usb1/1-0:1.0/usb1-port22";
	int sys = sys_open();
	struct device d = {0};

	(void)state;
	assert_int_equal(renameat(sys, port, sys, other), 0);
	assert_int_equal(device_read(sys, "1-2", NULL, &d), 0);
	assert_true(d.readable);
	assert_string_equal(d.facts.connect_type, "");
	assert_int_equal(renameat(sys, other, sys, port), 0);
	assert_int_equal(device_read(sys, "1-2", NULL, &d), 0);
	assert_string_equal(d.facts.connect_type, "hardwired");
	close(sys);
}

static void interfaces_add(const struct libusb_config_descriptor *c, struct device_facts *facts)
{
	for (int i = 0; i < c->bNumInterfaces; i++) {
		for (int a = 0; a < c->interface[i].num_altsetting; a++) {
			const struct libusb_interface_descriptor *d =
			        &c->interface[i].altsetting[a];

			facts->interfaces[facts->interface_count++] =
			        (struct facts_interface){.class = d->bInterfaceClass,
			                .subclass = d->bInterfaceSubClass,
			                .protocol = d->bInterfaceProtocol,
			                .number = d->bInterfaceNumber,
			                .configuration = c->bConfigurationValue};
		}
	}
}

/* A second opinion on what is read from the raw descriptors. */
static void libusb_reads_the_same(void **state)
{
	libusb_context *context = NULL;
	libusb_device **list = NULL;
	ssize_t count;
	size_t compared = 0;
	int sys = sys_open();

	(void)state;
	assert_int_equal(libusb_init(&context), 0);
	count = libusb_get_device_list(context, &list);
	for (ssize_t i = 0; i < count; i++) {
		struct libusb_device_descriptor descriptor;
		struct device_facts facts = {0};
		struct device d;

		if (libusb_get_device_address(list[i]) < 2 ||
		        libusb_get_device_address(list[i]) > 4)
			continue;
		assert_int_equal(libusb_get_device_descriptor(list[i], &descriptor), 0);
		for (uint8_t c = 0; c < descriptor.bNumConfigurations; c++) {
			struct libusb_config_descriptor *configuration;

			assert_int_equal(
			        libusb_get_config_descriptor(list[i], c, &configuration), 0);
			interfaces_add(configuration, &facts);
			libusb_free_config_descriptor(configuration);
		}
		assert_int_equal(
		        device_read(sys, readable[libusb_get_device_address(list[i]) - 2].name,
		                NULL, &d),
		        0);
		assert_int_equal(d.facts.interface_count, facts.interface_count);
		assert_memory_equal(d.facts.interfaces, facts.interfaces, sizeof(facts.interfaces));
		compared++;
	}
	assert_int_equal(compared, 3);
	libusb_free_device_list(list, 1);
	libusb_exit(context);
	close(sys);
}

/* An alternate setting hidden behind another interface; descriptors cut; a configuration too few;
 * no interface. */
/* As many as 64 kB hold: 29 interfaces, nearly all of them with 256 settings. */
static void of_thousands_of_interfaces_it_is_known_that_there_are_more(void **state)
{
	enum { SETTINGS = 7280, DEVICE = 18, HEADER = 9, TOTAL = HEADER + 9 * SETTINGS };
	static const uint8_t device[DEVICE] = {DEVICE, 1, 0, 2, 0, 0, 0, 64, 1, 0, 1, 0, [17] = 1};
	uint8_t *bytes = calloc(1, DEVICE + TOTAL);
	struct device_facts facts = {0};

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, device, DEVICE);
	memcpy(bytes + DEVICE,
	        (uint8_t[]){HEADER, 2, TOTAL & 0xff, TOTAL >> 8, (SETTINGS + 255) / 256, 1}, 6);
	for (unsigned i = 0; i < SETTINGS; i++)
		memcpy(bytes + DEVICE + HEADER + 9 * (size_t)i,
		        (uint8_t[]){9, 4, (uint8_t)(i / 256), (uint8_t)i, 0, 3, 1, 2, 0}, 9);
	assert_int_equal(descriptors_read(bytes, DEVICE + TOTAL, &facts), 0);
	assert_int_equal(facts.interface_count, FACTS_INTERFACES_MAX);
	assert_int_equal(facts.interfaces_cut, 1);
	/* One more setting than fits a byte is one twice. */
	bytes[DEVICE + HEADER + 9 * 256 + 2] = 0;
	assert_int_equal(descriptors_read(bytes, DEVICE + TOTAL, &facts), ERR_FORMAT);
	free(bytes);
}

static void devices_that_lie_are_not_readable(void **state)
{
	static const char *const liars[] = {"1-4", "1-5", "1-6", "1-7"};
	int sys = sys_open();

	(void)state;
	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		struct device d;

		assert_int_equal(device_read(sys, liars[i], NULL, &d), 0);
		assert_false(d.readable);
		assert_int_equal(d.facts.vendor, 0x16c0);
	}
	close(sys);
}

static void what_is_not_there_is_not_found(void **state)
{
	struct device d;
	struct device_state now;
	int sys = sys_open();

	(void)state;
	assert_int_equal(device_read(sys, "1-9", NULL, &d), ERR_NOT_FOUND);
	assert_int_equal(device_read(sys, "usb1", NULL, &d), ERR_NOT_FOUND);
	assert_int_equal(device_read(sys, "../devices/usb1", NULL, &d), ERR_NOT_FOUND);
	assert_int_equal(device_read(sys, "1-1", NULL, &d), 0);
	assert_int_equal(device_state_read(sys, &d, &now), 0);
	assert_false(now.authorised);
	assert_int_equal(now.configuration, 1);
	assert_int_equal(now.present, 1);
	assert_int_equal(now.open, 0);
	d.devnum++; /* another device sits in the port */
	assert_int_equal(device_state_read(sys, &d, &now), ERR_NOT_FOUND);
	close(sys);
}

/* Under guard's filter: SIGSYS would show. */
static int guard_works(void)
{
	char memory[UEVENT_MAX];
	struct uevent u;
	struct ways w;
	int sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (uevent_open(&fd) != 0)
		return 1;
	if (uevent_receive(fd, memory, &u) != ERR_TIMEOUT)
		return 2;
	close(fd);
	ways_look(sys, true, 0, &w);
	return 0;
}

static void the_sandbox_lets_guard_work(void **state)
{
	const struct sandbox_ids ids = {61001, 61001, (gid_t)-1, 0};
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(sandbox_enter(ROLE_GUARD, &ids) == 0 ? guard_works() : 90);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest plain[] = {
	        cmocka_unit_test(names_are_devices_or_hubs_or_neither),
	        cmocka_unit_test(a_way_is_watched_absent_or_unwatched),
	        cmocka_unit_test(of_thousands_of_interfaces_it_is_known_that_there_are_more),
	        cmocka_unit_test(the_sandbox_lets_guard_work),
	};
	const struct CMUnitTest mocked[] = {
	        cmocka_unit_test(facts_are_what_the_descriptors_say),
	        cmocka_unit_test(a_known_hub_is_not_read),
	        cmocka_unit_test(the_port_of_a_device_is_its_hubs),
	        cmocka_unit_test(libusb_reads_the_same),
	        cmocka_unit_test(devices_that_lie_are_not_readable),
	        cmocka_unit_test(what_is_not_there_is_not_found),
	};

	if (argc > 1 && strcmp(argv[1], "mocked") == 0)
		return cmocka_run_group_tests(mocked, NULL, NULL);
	return cmocka_run_group_tests(plain, NULL, NULL);
}
