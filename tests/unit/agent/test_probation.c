/* What guard makes of a device's answers, given by a main that says what each test wants. */
#include "tests/unit/workspace.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "agent/probation.h"
#include "agent/usb_number.h"
#include "core/error.h"
#include "policy/treatment.h"
#include "tests/unit/agent/hid_reports.h"

enum { REPLIES = 8, DEVNUM = 5 };

struct reply {
	enum usb_look what;
	unsigned argument;
	int error; /* 0: bytes */
	const uint8_t *bytes;
	size_t length;
};

struct fixture {
	struct workspace *w;
	struct channel channel;
	int main_end, stop, stop_end;
	pthread_t thread;
	struct reply replies[REPLIES]; /* set before the device is looked at */
	size_t reply_count, asked;     /* read afterwards */
	unsigned slow_ms;              /* every answer */
	struct device device;
};

static const struct reply *reply_find(const struct fixture *f, const struct request *q)
{
	for (size_t i = 0; i < f->reply_count; i++) {
		if (usb_number_look(DEVNUM, f->replies[i].what, f->replies[i].argument) ==
		        q->number)
			return &f->replies[i];
	}
	return NULL;
}

static void request_take(struct fixture *f, struct frame *frame)
{
	uint8_t payload[8];
	struct buffer out = buffer_over(payload, sizeof(payload));
	const struct reply *reply;
	struct request q;
	int fd = -1;

	memcpy(&q, frame->payload.data, sizeof(q));
	f->asked++;
	reply = q.type == REQUEST_USB_LOOK && strcmp(q.name, "1-2") == 0 ? reply_find(f, &q) : NULL;
	if (reply != NULL)
		usleep(f->slow_ms * 1000);
	buffer_put_u32(&out, q.id);
	buffer_put_u32(&out, (uint32_t) - (reply != NULL ? reply->error : ERR_DENIED));
	if (reply != NULL && reply->error == 0) {
		fd = memfd_create("answer", MFD_CLOEXEC);
		(void)!write(fd, reply->bytes, reply->length);
	}
	(void)frame_send(f->main_end, MESSAGE_RESULT, payload, out.length, &fd, fd >= 0 ? 1 : 0);
	if (fd >= 0)
		close(fd);
}

static void *main_run(void *argument)
{
	static uint8_t memory[FRAME_MAX];
	struct fixture *f = argument;

	for (;;) {
		struct pollfd fds[2] = {{.fd = f->main_end, .events = POLLIN},
		        {.fd = f->stop_end, .events = POLLIN}};
		struct frame frame;

		if (poll(fds, 2, -1) < 0 || fds[1].revents != 0)
			return NULL;
		if (frame_receive(f->main_end, 0, memory, sizeof(memory), &frame) == 0) {
			request_take(f, &frame);
			frame_close_fds(&frame);
		}
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *workspace = NULL;
	struct stat status;
	int fds[2];

	assert_non_null(f);
	assert_int_equal(workspace_set_up(&workspace), 0);
	f->w = workspace;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	f->channel.main_fd = fds[0];
	f->main_end = fds[1];
	f->channel.signer_fd = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	f->stop = fds[0];
	f->stop_end = fds[1];
	assert_int_equal(
	        workspace_run(f->w, "mkdir -p bus/usb/devices/1-2 && cd bus/usb/devices/1-2 &&"
	                            " echo 1 >busnum && echo 5 >devnum && echo 1 >authorized &&"
	                            " echo 1 >bConfigurationValue"),
	        0);
	snprintf(f->device.name, sizeof(f->device.name), "1-2");
	f->device.bus = 1;
	f->device.devnum = DEVNUM;
	assert_int_equal(fstatat(f->w->fd, "bus/usb/devices/1-2", &status, 0), 0);
	f->device.inode = status.st_ino;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *workspace = f->w;

	close(f->stop_end);
	close(f->channel.main_fd);
	free(f);
	return workspace_tear_down(&workspace);
}

static struct facts_interface *interface_add(
        struct fixture *f, unsigned number, uint8_t class, uint8_t protocol)
{
	struct device_facts *facts = &f->device.facts;
	struct facts_interface *i = &facts->interfaces[facts->interface_count++];
	char command[128];

	*i = (struct facts_interface){.class = class,
	        .protocol = protocol,
	        .number = (uint8_t)number,
	        .configuration = 1};
	snprintf(command, sizeof(command),
	        "d=bus/usb/devices/1-2/1-2:1.%u; mkdir -p $d && echo 0 >$d/authorized", number);
	assert_int_equal(workspace_run(f->w, command), 0);
	return i;
}

static void reply_add(struct fixture *f, struct reply reply)
{
	f->replies[f->reply_count++] = reply;
}

static void look(struct fixture *f)
{
	assert_int_equal(pthread_create(&f->thread, NULL, main_run, f), 0);
	probation_look(&f->channel, f->w->fd, &f->device);
	close(f->stop);
	close(f->main_end);
	pthread_join(f->thread, NULL);
}

#define REPORT(number, bytes) ((struct reply){USB_LOOK_REPORT, number, 0, bytes, sizeof(bytes)})

static void hid_says_what_it_is(void **state)
{
	struct fixture *f = *state;
	const struct facts_interface *keyboard = interface_add(f, 0, 0x03, 0);
	const struct facts_interface *mouse = interface_add(f, 1, 0x03, 2);
	const struct facts_interface *key = interface_add(f, 2, 0x03, 0);

	reply_add(f, REPORT(0, report_keyboard));
	reply_add(f, REPORT(1, report_mouse));
	reply_add(f, REPORT(2, report_fido));
	look(f);
	assert_int_equal(f->asked, 3);
	assert_int_equal(keyboard->found, FACTS_FOUND_KEYS);
	assert_int_equal(mouse->found, FACTS_FOUND_NO_KEYS);
	assert_int_equal(key->found, FACTS_FOUND_SECURITY_KEY);
}

static void hid_that_does_not_say_is_no_hid(void **state)
{
	static const uint8_t cut[] = {0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1};
	static const uint8_t nothing[] = {0};
	struct fixture *f = *state;
	const struct facts_interface *refuses = interface_add(f, 0, 0x03, 0);
	const struct facts_interface *talks_nonsense = interface_add(f, 1, 0x03, 2);
	const struct facts_interface *says_nothing = interface_add(f, 2, 0x03, 0);

	reply_add(f, (struct reply){.what = USB_LOOK_REPORT, .argument = 0, .error = ERR_IO});
	reply_add(f, REPORT(1, cut));
	reply_add(f, (struct reply){USB_LOOK_REPORT, 2, 0, nothing, 0});
	look(f);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(way_of_interface(&f->device.facts.interfaces[i]), WAY_OTHER);
	assert_int_equal(refuses->found, FACTS_FOUND_STRANGER);
	assert_int_equal(talks_nonsense->found, FACTS_FOUND_STRANGER);
	assert_int_equal(says_nothing->found, FACTS_FOUND_STRANGER);
	assert_false(way_is_uncertain(refuses));
}

/* Where the driver is not there yet, or main has no time, the device is not to blame. */
static void not_asked(struct fixture *f, int error)
{
	(void)interface_add(f, 0, 0x03, 0);
	(void)interface_add(f, 1, 0x03, 2);
	reply_add(f, (struct reply){.what = USB_LOOK_REPORT, .argument = 0, .error = error});
	look(f);
	assert_int_equal(f->asked, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(f->device.facts.interfaces[i].found, 0);
		assert_true(way_is_uncertain(&f->device.facts.interfaces[i]));
	}
}

static void without_a_driver_it_stays_uncertain(void **state)
{
	not_asked(*state, ERR_NOT_FOUND);
}

static void without_mains_time_it_stays_uncertain(void **state)
{
	not_asked(*state, ERR_TIMEOUT);
}

/* A device that takes its time over the first answers has none left for the last. */
static void who_takes_long_is_asked_no_more(void **state)
{
	struct fixture *f = *state;
	const struct facts_interface *last;

	(void)interface_add(f, 0, 0x03, 2);
	(void)interface_add(f, 1, 0x03, 2);
	last = interface_add(f, 2, 0x03, 2);
	reply_add(f, REPORT(0, report_mouse));
	reply_add(f, REPORT(1, report_mouse));
	reply_add(f, REPORT(2, report_keyboard));
	f->slow_ms = 600; /* the first time counts as waiting for a driver */
	look(f);
	assert_int_equal(f->asked, 2);
	assert_int_equal(f->device.facts.interfaces[0].found, FACTS_FOUND_NO_KEYS);
	assert_int_equal(f->device.facts.interfaces[1].found, FACTS_FOUND_NO_KEYS);
	assert_int_equal(last->found, FACTS_FOUND_STRANGER);
}

static void another_setting_may_have_another_report(void **state)
{
	struct fixture *f = *state;
	const struct facts_interface *first = interface_add(f, 0, 0x03, 2);
	const struct facts_interface *second = interface_add(f, 0, 0x03, 2);

	reply_add(f, REPORT(0, report_mouse));
	look(f);
	assert_int_equal(first->found, 0);
	assert_int_equal(second->found, 0);
}

static void keys_in_one_setting_are_keys_in_all(void **state)
{
	struct fixture *f = *state;
	const struct facts_interface *first = interface_add(f, 0, 0x03, 2);
	const struct facts_interface *second = interface_add(f, 0, 0x03, 2);

	reply_add(f, REPORT(0, report_keyboard));
	look(f);
	assert_int_equal(first->found, FACTS_FOUND_KEYS);
	assert_int_equal(second->found, FACTS_FOUND_KEYS);
}

static void what_is_certain_is_not_asked(void **state)
{
	struct fixture *f = *state;

	(void)interface_add(f, 0, 0x03, 1); /* a boot keyboard is taken at its word */
	(void)interface_add(f, 1, 0x08, 0x50);
	interface_add(f, 2, 0x03, 0)->found = FACTS_FOUND_STRANGER; /* a driver has told */
	look(f);
	assert_int_equal(f->asked, 0);
}

static const uint8_t os_string[18] = {
        18, 3, 'M', 0, 'S', 0, 'F', 0, 'T', 0, '1', 0, '0', 0, '0', 0, 0x4d, 0};

static void compatible_make(uint8_t answer[40], uint8_t interface)
{
	static const uint8_t head[] = {
	        40, 0, 0, 0, 0, 1, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'M', 'T', 'P'};

	memset(answer, 0, 40);
	memcpy(answer, head, sizeof(head));
	answer[16] = interface;
}

static void a_phone_says_which_interface_is_mtp(void **state)
{
	struct fixture *f = *state;
	const struct facts_interface *adb = interface_add(f, 0, 0xff, 1);
	const struct facts_interface *mtp = interface_add(f, 1, 0xff, 0);
	uint8_t answer[40];

	compatible_make(answer, 1);
	reply_add(f, (struct reply){USB_LOOK_OS_STRING, 0, 0, os_string, sizeof(os_string)});
	reply_add(f, (struct reply){USB_LOOK_COMPATIBLE, 0x4d, 0, answer, sizeof(answer)});
	look(f);
	assert_int_equal(f->asked, 2);
	assert_int_equal(way_of_interface(adb), WAY_OTHER);
	assert_int_equal(way_of_interface(mtp), WAY_MTP_PTP);
}

/* A BOS with nothing but version 2.0 in it, and a set that says interface 1 is MTP. */
static void a_phone_may_say_it_by_version_2(void **state)
{
	static const uint8_t bos[] = {5, 15, 33, 0, 1, 28, 16, 5, 0, 0xdf, 0x60, 0xdd, 0xd8, 0x89,
	        0x45, 0xc7, 0x4c, 0x9c, 0xd2, 0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f, 0, 0, 3, 6, 38, 0,
	        0x21, 0};
	static const uint8_t set[] = {10, 0, 0, 0, 0, 0, 3, 6, 38, 0, 8, 0, 2, 0, 1, 0, 28, 0, 20,
	        0, 3, 0, 'M', 'T', 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct fixture *f = *state;
	const struct facts_interface *adb = interface_add(f, 0, 0xff, 1);
	const struct facts_interface *mtp = interface_add(f, 1, 0xff, 0);

	f->device.facts.usb_version = 0x0210;
	reply_add(f, (struct reply){USB_LOOK_OS_STRING, 0, ERR_IO, NULL, 0});
	reply_add(f, (struct reply){USB_LOOK_BOS, 0, 0, bos, sizeof(bos)});
	reply_add(f, (struct reply){USB_LOOK_SET, 0x21, 0, set, sizeof(set)});
	look(f);
	assert_int_equal(f->asked, 3);
	assert_int_equal(way_of_interface(adb), WAY_OTHER);
	assert_int_equal(way_of_interface(mtp), WAY_MTP_PTP);
}

/* A device that claims MTP for what is HID is HID. */
static void mtp_is_said_of_vendor_interfaces_only(void **state)
{
	struct fixture *f = *state;
	const struct facts_interface *vendor = interface_add(f, 0, 0xff, 0);
	const struct facts_interface *hid = interface_add(f, 1, 0x03, 2);
	uint8_t answer[40];

	compatible_make(answer, 1);
	reply_add(f, REPORT(1, report_mouse));
	reply_add(f, (struct reply){USB_LOOK_OS_STRING, 0, 0, os_string, sizeof(os_string)});
	reply_add(f, (struct reply){USB_LOOK_COMPATIBLE, 0x4d, 0, answer, sizeof(answer)});
	look(f);
	assert_int_equal(way_of_interface(vendor), WAY_OTHER);
	assert_int_equal(way_of_interface(hid), WAY_HID);
}

static void an_os_descriptor_that_lies_says_nothing(void **state)
{
	struct fixture *f = *state;
	const struct facts_interface *vendor = interface_add(f, 0, 0xff, 0);
	uint8_t answer[40];

	compatible_make(answer, 0);
	answer[0] = 41;
	reply_add(f, (struct reply){USB_LOOK_OS_STRING, 0, 0, os_string, sizeof(os_string)});
	reply_add(f, (struct reply){USB_LOOK_COMPATIBLE, 0x4d, 0, answer, sizeof(answer)});
	look(f);
	assert_int_equal(f->asked, 2);
	assert_int_equal(way_of_interface(vendor), WAY_OTHER);
}

/* What sits in the port now is not what was to be looked at. */
static void another_device_is_not_asked(void **state)
{
	struct fixture *f = *state;

	(void)interface_add(f, 0, 0x03, 0);
	f->device.devnum = DEVNUM + 1;
	look(f);
	assert_int_equal(f->asked, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(hid_says_what_it_is),
	        TEST(hid_that_does_not_say_is_no_hid),
	        TEST(without_a_driver_it_stays_uncertain),
	        TEST(without_mains_time_it_stays_uncertain),
	        TEST(who_takes_long_is_asked_no_more),
	        TEST(another_setting_may_have_another_report),
	        TEST(keys_in_one_setting_are_keys_in_all),
	        TEST(what_is_certain_is_not_asked),
	        TEST(a_phone_says_which_interface_is_mtp),
	        TEST(a_phone_may_say_it_by_version_2),
	        TEST(mtp_is_said_of_vendor_interfaces_only),
	        TEST(an_os_descriptor_that_lies_says_nothing),
	        TEST(another_device_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
