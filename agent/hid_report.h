/* What a HID report descriptor (HID 1.11, 6.2.2) makes of an interface. */
#ifndef SEKISHO_AGENT_HID_REPORT_H
#define SEKISHO_AGENT_HID_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hid_report {
	bool fido; /* top-level collections of FIDO's usage page (0xF1D0), and nothing else */
	bool keys; /* a keyboard or keypad, or reports with a keyboard's keys */
};

/*
 * ERR_FORMAT: cut, empty, nested too deep, or to be read in two ways (a usage whose page changes
 * before its main item, a long item, an unknown item); the kernel might read it in the other.
 */
int hid_report_read(const uint8_t *bytes, size_t length, struct hid_report *report);

#endif
