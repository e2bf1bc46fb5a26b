#include "agent/hid_report.h"
#include "tests/unit/cmocka_all.h"

#include "core/error.h"

#define FIDO                                                                                       \
	"\x06\xd0\xf1\x09\x01\xa1\x01\x09\x20\x15\x00\x26\xff\x00\x75\x08\x95\x40\x81\x02\x09\x21" \
	"\x15\x00\x26\xff\x00\x75\x08\x95\x40\x91\x02\xc0"
#define KEYBOARD                                                                                   \
	"\x05\x01\x09\x06\xa1\x01\x05\x07\x19\xe0\x29\xe7\x15\x00\x25\x01\x75\x01\x95\x08\x81\x02" \
	"\x95\x06\x75\x08\x15\x00\x25\x65\x05\x07\x19\x00\x29\x65\x81\x00\xc0"
#define MOUSE                                                                                      \
	"\x05\x01\x09\x02\xa1\x01\x09\x01\xa1\x00\x05\x09\x19\x01\x29\x03\x15\x00\x25\x01\x95\x03" \
	"\x75\x01\x81\x02\x95\x01\x75\x05\x81\x03\x05\x01\x09\x30\x09\x31\x15\x81\x25\x7f\x75\x08" \
	"\x95\x02\x81\x06\xc0\xc0"
#define VOLUME                                                                                     \
	"\x05\x0c\x09\x01\xa1\x01\x09\xe9\x09\xea\x15\x00\x25\x01\x75\x01\x95\x02\x81\x02\xc0"

#define ROW(text) (const uint8_t *)(text), sizeof(text) - 1

static const struct {
	const char *what;
	const uint8_t *bytes;
	size_t length;
	int result;
	bool fido, keys;
} ROWS[] = {
        {"a security key", ROW(FIDO), 0, true, false},
        {"a keyboard", ROW(KEYBOARD), 0, false, true},
        {"a mouse", ROW(MOUSE), 0, false, false},
        {"volume buttons", ROW(VOLUME), 0, false, false},
        {"a key and a keyboard", ROW(FIDO KEYBOARD), 0, false, true},
        {"a keyboard and a key", ROW(KEYBOARD FIDO), 0, false, true},
        {"a key and a mouse", ROW(FIDO MOUSE), 0, false, false},
        {"a mouse with keys in it",
                ROW("\x05\x01\x09\x02\xa1\x01\x05\x07\x19\x04\x29\x27\x15\x00\x25\x01\x75\x01\x95"
                    "\x24\x81\x02\xc0"),
                0, false, true},
        {"a key with keys inside",
                ROW("\x06\xd0\xf1\x09\x01\xa1\x01\x05\x07\x19\x04\x29\x27\x15\x00\x25\x01\x75\x01"
                    "\x95\x24\x81\x02\xc0"),
                0, false, true},
        {"keys by usages of four bytes",
                ROW("\x06\xd0\xf1\x09\x01\xa1\x01\x1b\x04\x00\x07\x00\x2b\x27\x00\x07\x00\x75\x01"
                    "\x95\x24\x81\x02\xc0"),
                0, false, true},
        {"a keyboard by a usage of four bytes",
                ROW("\x06\xd0\xf1\x0b\x06\x00\x01\x00\xa1\x01\x75\x08\x95\x08\x81\x02\xc0"), 0,
                false, true},
        {"keys by the page of a pop",
                ROW("\x05\x07\xa4\x06\xd0\xf1\x09\x01\xa1\x01\xb4\x19\x04\x29\x27\x75\x01\x95\x24"
                    "\x81\x02\xc0"),
                0, false, true},
        {"FIDO's page in a physical collection",
                ROW("\x06\xd0\xf1\x09\x01\xa1\x00\x09\x20\x75\x08\x95\x40\x81\x02\xc0"), 0, false,
                false},
        {"a collection without usage",
                ROW("\x06\xd0\xf1\xa1\x01\x09\x20\x75\x08\x95\x40\x81\x02\xc0"), 0, false, false},
        {"a page that changes before the main item",
                ROW("\x06\xd0\xf1\x09\x06\x05\x01\xa1\x01\x75\x08\x95\x40\x81\x02\xc0"), ERR_FORMAT,
                false, false},
        {"nothing", ROW(""), ERR_FORMAT, false, false},
        {"cut in an item", ROW("\x06\xd0"), ERR_FORMAT, false, false},
        {"cut before its end", (const uint8_t *)FIDO, sizeof(FIDO) - 2, ERR_FORMAT, false, false},
        {"an end too many", ROW(FIDO "\xc0"), ERR_FORMAT, false, false},
        {"a pop too many", ROW("\xb4" FIDO), ERR_FORMAT, false, false},
        {"pushes without end", ROW("\x05\x01\xa4\xa4\xa4\xa4\xa4" FIDO), ERR_FORMAT, false, false},
        {"a report outside collections", ROW("\x05\x07\x19\x04\x29\x27\x81\x02" FIDO), ERR_FORMAT,
                false, false},
        {"a usage behind the last collection", ROW(FIDO "\x09\x06"), ERR_FORMAT, false, false},
        {"a long item", ROW("\xfe\x01\x00\x00" FIDO), ERR_FORMAT, false, false},
        {"a reserved item", ROW("\x0d\x01" FIDO), ERR_FORMAT, false, false},
        {"page 0", ROW("\x04" FIDO), ERR_FORMAT, false, false},
};

static void tells_keys_from_keyboards(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct hid_report report;
		int r = hid_report_read(ROWS[i].bytes, ROWS[i].length, &report);

		if (r != ROWS[i].result || report.fido != ROWS[i].fido ||
		        report.keys != ROWS[i].keys)
			fail_msg("%s: %d, fido %d, keys %d", ROWS[i].what, r, report.fido,
			        report.keys);
	}
}

static void depth_and_usages_are_bounded(void **state)
{
	uint8_t bytes[4096];
	struct hid_report report;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i += 2) {
		bytes[i] = 0xa1; /* collection */
		bytes[i + 1] = 1;
	}
	assert_int_equal(hid_report_read(bytes, sizeof(bytes), &report), ERR_FORMAT);
	for (size_t i = 0; i < sizeof(bytes); i += 2)
		bytes[i] = 0x09; /* usage */
	assert_int_equal(hid_report_read(bytes, sizeof(bytes), &report), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tells_keys_from_keyboards),
	        cmocka_unit_test(depth_and_usages_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
