#include "agent/probation.h"

#include <fcntl.h>
#include <unistd.h>

#include "agent/interface.h"
#include "agent/os_descriptor.h"
#include "agent/usb_number.h"
#include "core/clock.h"
#include "core/error.h"
#include "policy/treatment.h"

enum { BUDGET_MS = 500, CLASS_HID = 0x03 };

struct probation {
	struct channel *channel;
	struct device *device;
	unsigned configuration;
	uint32_t present;
	int64_t deadline_ms; /* 0: nothing was answered yet */
	int refused;         /* why main asks no more; 0 while it does */
};

/* Waiting for a driver takes none of the device's time. */
static int request(struct probation *p, enum usb_look what, unsigned argument, int *fd)
{
	int r;

	if (p->refused != 0)
		return p->refused;
	if (p->deadline_ms != 0 && clock_boot_ms() > p->deadline_ms)
		return ERR_IO;
	r = channel_request(p->channel, REQUEST_USB_LOOK, p->device->name,
	        usb_number_look(p->device->devnum, what, argument), -1, fd);
	if (r == ERR_NOT_FOUND || r == ERR_TIMEOUT)
		p->refused = r;
	if (p->deadline_ms == 0)
		p->deadline_ms = clock_boot_ms() + BUDGET_MS;
	return r;
}

/* 0 and what the device answered; ERR_IO: it did not, or took too long over it. */
static int ask(struct probation *p, enum usb_look what, unsigned argument,
        uint8_t answer[USB_LOOK_MAX], size_t *length)
{
	ssize_t got;
	int fd;
	int r = request(p, what, argument, &fd);

	if (r != 0)
		return r;
	got = pread(fd, answer, USB_LOOK_MAX, 0);
	close(fd);
	*length = got > 0 ? (size_t)got : 0;
	return got > 0 ? 0 : ERR_IO;
}

static bool is_uncertain(const struct probation *p, const struct facts_interface *f)
{
	return f->configuration == p->configuration &&
	       (p->present & UINT32_C(1) << f->number) != 0 && way_is_uncertain(f);
}

static void report_ask(struct probation *p, size_t index)
{
	const struct facts_interface *f = &p->device->facts.interfaces[index];
	bool alone = interface_is_alone(&p->device->facts, index);
	uint8_t answer[USB_LOOK_MAX];
	size_t length;
	int r = ask(p, USB_LOOK_REPORT, f->number, answer, &length);

	if (r == 0)
		device_found(p->device, f->configuration, f->number,
		        f->found | interface_report_found(answer, length, alone));
	/* usbhid would not take it: whatever takes it knows it by its ids. */
	else if (r == ERR_IO)
		device_found(
		        p->device, f->configuration, f->number, f->found | FACTS_FOUND_STRANGER);
}

/* One answer speaks of all interfaces: those that are MTP. Version 1.0 is what telephones have. */
static uint32_t compatible_ask(struct probation *p)
{
	uint8_t answer[USB_LOOK_MAX];
	uint32_t interfaces = 0;
	size_t length;
	uint8_t code;

	if (ask(p, USB_LOOK_OS_STRING, 0, answer, &length) == 0 &&
	        os_descriptor_code(answer, length, &code) == 0 &&
	        ask(p, USB_LOOK_COMPATIBLE, code, answer, &length) == 0)
		(void)os_descriptor_mtp(answer, length, &interfaces);
	return interfaces;
}

/* A device of USB 2.0 knows no such question. */
static uint32_t compatible_ask_2(struct probation *p)
{
	uint8_t answer[USB_LOOK_MAX];
	uint32_t interfaces = 0;
	size_t length;
	uint8_t code;

	if (p->device->facts.usb_version >= 0x0201 &&
	        ask(p, USB_LOOK_BOS, 0, answer, &length) == 0 &&
	        os_descriptor_2_code(answer, length, &code) == 0 &&
	        ask(p, USB_LOOK_SET, code, answer, &length) == 0)
		(void)os_descriptor_2_mtp(answer, length, &interfaces);
	return interfaces;
}

static void vendor_ask(struct probation *p)
{
	uint32_t interfaces = compatible_ask(p);

	if (interfaces == 0)
		interfaces = compatible_ask_2(p);
	for (size_t i = 0; i < p->device->facts.interface_count; i++) {
		struct facts_interface *f = &p->device->facts.interfaces[i];

		if (is_uncertain(p, f) && f->class != CLASS_HID &&
		        (interfaces & UINT32_C(1) << f->number) != 0)
			f->found |= FACTS_FOUND_MTP;
	}
}

void probation_look(struct channel *channel, int sys, struct device *d)
{
	struct probation p = {.channel = channel, .device = d};
	struct device_state state;
	bool vendor = false;

	(void)device_interfaces_look(sys, d);
	if (device_state_read(sys, d, &state) != 0)
		return;
	p.configuration = state.configuration;
	p.present = state.present;
	for (size_t i = 0; i < d->facts.interface_count; i++) {
		const struct facts_interface *f = &d->facts.interfaces[i];

		if (is_uncertain(&p, f) && f->class == CLASS_HID)
			report_ask(&p, i);
		else
			vendor |= is_uncertain(&p, f);
	}
	if (vendor)
		vendor_ask(&p);
}
