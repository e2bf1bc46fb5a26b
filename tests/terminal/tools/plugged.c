/*
 * A USB device made of words, for the terminal tests: the kernel meets it at a port of vhci-hcd
 * (usbip.ko's virtual controller), enumerates it and binds drivers as to any other, and every
 * answer it gets is one of these words.
 *     plugged PORT WORD...      returns when it is plugged in; ends when it is pulled
 *     plugged PORT              pulls it
 * Words, bytes and numbers in hexadecimal but where it says so:
 *     id=VVVV:PPPP  class=CC[:SS:PP]  name=TEXT  serial=TEXT  name16=, serial16=BYTES (any, for
 * UTF-16)
 *     config        what follows is another configuration
 *     if=CC:SS:PP   an interface, numbered from 0; alt=CC:SS:PP another setting of it
 *     number=N      its number is another; text=TEXT its string
 *     report=BYTES  a HID descriptor and this report descriptor; later=BYTES the one from the
 * second question on extra=BYTES   class-specific descriptors; ep=ADDRESS:ATTRIBUTES an endpoint
 *     mtp           says by Microsoft OS descriptors that the interface before is MTP; mtp2 the
 * same by version 2.0 of them; slow:
 * answers no such question interfaces=N configurations=N total=N    what is claimed, whatever is
 * there
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONFIGURATIONS = 4, BYTES_MAX = 16384, STRINGS = 32, REPORTS = 32 };
enum { SUBMIT = 1, UNLINK = 2, HIGH_SPEED = 3, VENDOR_CODE = 0x4d };

struct bytes {
	uint8_t data[BYTES_MAX];
	size_t length;
};

static struct bytes configurations[CONFIGURATIONS], reports[REPORTS], later[REPORTS];
static unsigned asked[REPORTS];
static struct bytes strings[STRINGS];
static size_t configuration_count = 1, string_count = 4;
static unsigned interface_count[CONFIGURATIONS], interface_now, mtp_interface;
static size_t interface_at; /* of the last interface descriptor */
static unsigned claimed_interfaces, claimed_configurations, claimed_total;
static bool mtp, mtp2, slow;
static uint8_t device[18] = {18, 1, 0, 2, 0, 0, 0, 64, 0x09, 0x12, 1, 0, 0, 1, 0, 2, 0, 1};

static void fail(const char *what)
{
	fprintf(stderr, "plugged: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(struct bytes *b, const void *data, size_t length)
{
	if (b->length + length > BYTES_MAX)
		fail("too long");
	memcpy(b->data + b->length, data, length);
	b->length += length;
}

static struct bytes *now(void)
{
	return &configurations[configuration_count - 1];
}

static void put_hex(struct bytes *b, const char *text)
{
	unsigned value;
	int used;

	for (; sscanf(text, "%2x%n", &value, &used) == 1; text += used) {
		uint8_t byte = (uint8_t)value;

		put(b, &byte, 1);
	}
}

static unsigned string_of(const char *text)
{
	struct bytes *s = &strings[string_count];

	for (; *text != '\0'; text++)
		put(s, (uint8_t[]){(uint8_t)*text, 0}, 2);
	return (unsigned)string_count++;
}

static void interface_put(const char *text, bool alternate)
{
	unsigned c = 0, s = 0, p = 0;
	unsigned *count = &interface_count[configuration_count - 1];
	uint8_t setting = 0;

	sscanf(text, "%x:%x:%x", &c, &s, &p);
	if (alternate)
		setting = (uint8_t)(now()->data[interface_at + 3] + 1);
	else
		interface_now = (*count)++;
	interface_at = now()->length;
	put(now(),
	        (uint8_t[]){9, 4, (uint8_t)interface_now, setting, 0, (uint8_t)c, (uint8_t)s,
	                (uint8_t)p, 0},
	        9);
}

static void endpoint_put(const char *text)
{
	unsigned address, attributes;

	if (sscanf(text, "%x:%x", &address, &attributes) != 2)
		fail(text);
	/* high speed: bulk has 512, the others take 8 */
	put(now(),
	        (uint8_t[]){7, 5, (uint8_t)address, (uint8_t)attributes, attributes == 2 ? 0 : 8,
	                attributes == 2 ? 2 : 0, 8},
	        7);
	now()->data[interface_at + 4]++;
}

static void report_put(const char *text)
{
	struct bytes *report = &reports[interface_now % REPORTS];

	report->length = 0;
	put_hex(report, text);
	put(now(),
	        (uint8_t[]){9, 0x21, 0x11, 1, 0, 1, 0x22, (uint8_t)report->length,
	                (uint8_t)(report->length >> 8)},
	        9);
}

static bool word_is(const char *word, const char *name, const char **value)
{
	size_t length = strlen(name);

	*value = word + length + 1;
	return strncmp(word, name, length) == 0 && word[length] == '=';
}

static void device_word(const char *word)
{
	unsigned a = 0, b = 0, c = 0;
	const char *value;

	if (word_is(word, "id", &value) && sscanf(value, "%x:%x", &a, &b) == 2) {
		device[8] = (uint8_t)a, device[9] = (uint8_t)(a >> 8);
		device[10] = (uint8_t)b, device[11] = (uint8_t)(b >> 8);
	} else if (word_is(word, "class", &value)) {
		sscanf(value, "%x:%x:%x", &a, &b, &c);
		device[4] = (uint8_t)a, device[5] = (uint8_t)b, device[6] = (uint8_t)c;
	} else if (word_is(word, "name", &value)) {
		device[15] = (uint8_t)string_of(value);
	} else if (word_is(word, "serial", &value)) {
		device[16] = (uint8_t)string_of(value);
	} else if (word_is(word, "name16", &value)) {
		device[15] = (uint8_t)string_count;
		put_hex(&strings[string_count++], value);
	} else if (word_is(word, "serial16", &value)) {
		device[16] = (uint8_t)string_count;
		put_hex(&strings[string_count++], value);
	} else if (word_is(word, "interfaces", &value)) {
		claimed_interfaces = (unsigned)strtoul(value, NULL, 16);
	} else if (word_is(word, "configurations", &value)) {
		claimed_configurations = (unsigned)strtoul(value, NULL, 16);
	} else if (word_is(word, "total", &value)) {
		claimed_total = (unsigned)strtoul(value, NULL, 16);
	} else {
		errno = EINVAL;
		fail(word);
	}
}

static void word_take(const char *word)
{
	const char *value;

	if (strcmp(word, "config") == 0)
		configuration_count++;
	else if (strcmp(word, "mtp") == 0)
		mtp = true, mtp_interface = interface_now;
	else if (strcmp(word, "mtp2") == 0)
		mtp2 = true, mtp_interface = interface_now, device[2] = 0x10;
	else if (strcmp(word, "slow") == 0)
		slow = true;
	else if (word_is(word, "if", &value))
		interface_put(value, false);
	else if (word_is(word, "alt", &value))
		interface_put(value, true);
	else if (word_is(word, "number", &value))
		now()->data[interface_at + 2] =
		        (uint8_t)(interface_now = (unsigned)strtoul(value, NULL, 16));
	else if (word_is(word, "text", &value))
		now()->data[interface_at + 8] = (uint8_t)string_of(value);
	else if (word_is(word, "report", &value))
		report_put(value);
	else if (word_is(word, "later", &value))
		put_hex(&later[interface_now % REPORTS], value);
	else if (word_is(word, "extra", &value))
		put_hex(now(), value);
	else if (word_is(word, "ep", &value))
		endpoint_put(value);
	else
		device_word(word);
	if (now()->length == 0)
		put(now(), (uint8_t[]){9, 2, 0, 0, 0, (uint8_t)configuration_count, 0, 0x80, 50},
		        9);
}

/* The header needs to be there before the first interface. */
static void words_take(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (configurations[configuration_count - 1].length == 0)
			put(now(),
			        (uint8_t[]){
			                9, 2, 0, 0, 0, (uint8_t)configuration_count, 0, 0x80, 50},
			        9);
		word_take(argv[i]);
	}
	for (size_t i = 0; i < configuration_count; i++) {
		struct bytes *c = &configurations[i];
		size_t total = claimed_total != 0 ? claimed_total : c->length;

		c->data[2] = (uint8_t)total, c->data[3] = (uint8_t)(total >> 8);
		c->data[4] = (uint8_t)(claimed_interfaces != 0 ? claimed_interfaces
		                                               : interface_count[i]);
	}
	device[17] = (uint8_t)(claimed_configurations != 0 ? claimed_configurations
	                                                   : configuration_count);
}

static int string_answer(unsigned index, uint8_t *out)
{
	static const uint8_t os[] = {
	        18, 3, 'M', 0, 'S', 0, 'F', 0, 'T', 0, '1', 0, '0', 0, '0', 0, VENDOR_CODE, 0};

	if (index == 0xee) {
		memcpy(out, os, sizeof(os));
		return mtp ? (int)sizeof(os) : -1;
	}
	if (index == 0) {
		memcpy(out, (uint8_t[]){4, 3, 9, 4}, 4);
		return 4;
	}
	if (index >= string_count || index < 4)
		return -1;
	out[0] = (uint8_t)(strings[index].length + 2);
	out[1] = 3;
	memcpy(out + 2, strings[index].data, strings[index].length);
	return (int)strings[index].length + 2;
}

static int bytes_answer(const struct bytes *b, uint8_t *out)
{
	memcpy(out, b->data, b->length);
	return b->length > 0 ? (int)b->length : -1;
}

static int compatible_answer(uint8_t *out)
{
	static const uint8_t head[] = {
	        40, 0, 0, 0, 0, 1, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'M', 'T', 'P'};

	memset(out, 0, 40);
	memcpy(out, head, sizeof(head));
	out[16] = (uint8_t)mtp_interface;
	return 40;
}

static int bos_answer(uint8_t *out)
{
	static const uint8_t bos[] = {5, 15, 33, 0, 1, 28, 16, 5, 0, 0xdf, 0x60, 0xdd, 0xd8, 0x89,
	        0x45, 0xc7, 0x4c, 0x9c, 0xd2, 0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f, 0, 0, 3, 6, 38, 0,
	        VENDOR_CODE, 0};

	memcpy(out, bos, sizeof(bos));
	return mtp2 ? (int)sizeof(bos) : -1;
}

static int set_answer(uint8_t *out)
{
	static const uint8_t set[] = {10, 0, 0, 0, 0, 0, 3, 6, 38, 0, 8, 0, 2, 0, 0, 0, 28, 0, 20,
	        0, 3, 0, 'M', 'T', 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

	memcpy(out, set, sizeof(set));
	out[14] = (uint8_t)mtp_interface;
	return (int)sizeof(set);
}

static int report_answer(unsigned interface, uint8_t *out)
{
	const struct bytes *r = &reports[interface % REPORTS];

	if (asked[interface % REPORTS]++ > 0 && later[interface % REPORTS].length > 0)
		r = &later[interface % REPORTS];
	return bytes_answer(r, out);
}

/* Bytes of the answer, -1: the device refuses, -2: it says nothing at all. */
static int answer(const uint8_t setup[8], uint8_t *out)
{
	unsigned type = setup[3], index = setup[2];

	if (slow && (setup[0] == 0x81 || (setup[0] == 0x80 && type == 3 && index == 0xee)))
		return -2;
	if (setup[0] == 0xc0 && setup[4] == 7)
		return mtp2 && setup[1] == VENDOR_CODE ? set_answer(out) : -1;
	if (setup[0] == 0xc0)
		return mtp && setup[1] == VENDOR_CODE ? compatible_answer(out) : -1;
	if (setup[0] == 0xa0 && setup[1] == 6) { /* a hub's own descriptor: four ports */
		memcpy(out, (uint8_t[]){9, 0x29, 4, 0, 0, 50, 0, 0, 0xff}, 9);
		return 9;
	}
	if ((setup[0] & 0x7f) != 0 && setup[0] != 0x81) {
		memset(out, 0, 256);
		return setup[0] & 0x80 ? (setup[6] > 4 ? -1 : setup[6]) : 0;
	}
	if (setup[1] != 6) {
		memset(out, 0, 2);
		return setup[0] & 0x80 ? 2 : 0;
	}
	if (setup[0] == 0x81)
		return type == 0x22 ? report_answer(setup[4], out) : -1;
	switch (type) {
	case 1:
		memcpy(out, device, sizeof(device));
		return sizeof(device);
	case 2:
		return index < configuration_count ? bytes_answer(&configurations[index], out) : -1;
	case 3:
		return string_answer(index, out);
	case 15:
		return bos_answer(out);
	default:
		return -1;
	}
}

static void all(int fd, void *data, size_t length, bool out)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = out ? write(fd, (char *)data + done, length - done)
		                : read(fd, (char *)data + done, length - done);

		if (n <= 0)
			exit(0); /* pulled */
		done += (size_t)n;
	}
}

static void reply(
        int fd, uint32_t command, uint32_t number, int status, const void *data, int length)
{
	uint32_t header[12] = {htonl(command + 2), number, 0, 0, 0, htonl((uint32_t)status),
	        htonl((uint32_t)length)};

	all(fd, header, sizeof(header), true);
	if (data != NULL && length > 0)
		all(fd, (void *)(uintptr_t)data, (size_t)length, true);
}

/* Data goes in and is forgotten; none ever comes out, but to questions. */
static void serve(int fd)
{
	static uint8_t data[1 << 20], out[BYTES_MAX + 512];
	uint32_t h[12];

	for (;;) {
		uint32_t length;
		int n;

		all(fd, h, sizeof(h), false);
		if (ntohl(h[0]) == UNLINK) {
			reply(fd, UNLINK, h[1], -ECONNRESET, NULL, 0);
			continue;
		}
		length = ntohl(h[6]);
		if (ntohl(h[3]) == 0 && length > 0)
			all(fd, data, length < sizeof(data) ? length : sizeof(data), false);
		if (ntohl(h[4]) != 0) {
			if (ntohl(h[3]) == 0)
				reply(fd, SUBMIT, h[1], 0, NULL, (int)length);
			continue; /* a question that waits */
		}
		n = answer((const uint8_t *)&h[10], out);
		if (n == -2)
			continue;
		if (n >= 0 && ntohl(h[3]) != 0)
			reply(fd, SUBMIT, h[1], 0, out, n < (int)length ? n : (int)length);
		else
			reply(fd, SUBMIT, h[1], n < 0 ? -EPIPE : 0, NULL, n < 0 ? 0 : (int)length);
	}
}

static void controller_write(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/platform/vhci_hcd.0/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail(path);
	close(fd);
}

int main(int argc, char **argv)
{
	char text[64];
	int fds[2];

	if (argc < 2)
		return 2;
	if (argc == 2) {
		controller_write("detach", argv[1]);
		return 0;
	}
	words_take(argc - 2, argv + 2);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		fail("socketpair");
	snprintf(text, sizeof(text), "%s %d %u %d", argv[1], fds[0],
	        0x10000u + (unsigned)atoi(argv[1]) + 1, HIGH_SPEED);
	controller_write("attach", text);
	if (fork() != 0)
		return 0;
	close(fds[0]);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	serve(fds[1]);
}
