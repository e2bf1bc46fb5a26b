/*
 * What a program makes of a USB device that has no driver: takes an interface by usbfs, and reads
 * what is on a phone.
 *     claim NODE INTERFACE          takes it
 *     claim NODE INTERFACE mtp      prints the first file (PIMA 15740, as QEMU's usb-mtp has it)
 *     claim NODE send               hands it a text, for which it takes no interface
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { IN = 0x81, OUT = 0x02, HEADER = 12, ANSWER_MS = 5000 };
enum { COMMAND = 1, DATA = 2, OPEN_SESSION = 0x1002, GET_HANDLES = 0x1007, GET_OBJECT = 0x1009 };

static int node;

static void fail(const char *what)
{
	fprintf(stderr, "claim: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int transfer(unsigned endpoint, void *data, unsigned length)
{
	struct usbdevfs_bulktransfer b = {endpoint, length, ANSWER_MS, data};
	int done = ioctl(node, USBDEVFS_BULK, &b);

	if (done < 0)
		fail("transfer");
	return done;
}

/* The data of the answer, if it has any; then its response. */
static int ask(uint16_t what, const uint32_t *parameters, size_t count, uint8_t answer[4096])
{
	static uint32_t number;
	uint32_t command[3 + 3] = {
	        (uint32_t)(HEADER + 4 * count), (uint32_t)what << 16 | COMMAND, number++};
	uint8_t response[512];
	int length;

	memcpy(command + 3, parameters, 4 * count);
	transfer(OUT, command, command[0]);
	length = transfer(IN, answer, 4096);
	if (length >= HEADER && answer[4] == DATA)
		transfer(IN, response, sizeof(response));
	return length;
}

static void file_print(void)
{
	uint8_t answer[4096];
	uint32_t handles[2] = {0}; /* how many, the first */
	int length;

	(void)ask(OPEN_SESSION, (uint32_t[]){1}, 1, answer);
	length = ask(GET_HANDLES, (uint32_t[]){0xffffffff, 0, 0xffffffff}, 3, answer);
	if (length >= HEADER + (int)sizeof(handles))
		memcpy(handles, answer + HEADER, sizeof(handles));
	length = ask(GET_OBJECT, &handles[1], 1, answer);
	if (length > HEADER)
		fwrite(answer + HEADER, 1, (size_t)(length - HEADER), stdout);
}

static void text_send(void)
{
	char text[] = "carried out";
	struct usbdevfs_ctrltransfer c = {0x40, 1, 0, 0, sizeof(text), ANSWER_MS, text};

	if (ioctl(node, USBDEVFS_CONTROL, &c) < 0)
		fail("send");
}

int main(int argc, char **argv)
{
	unsigned interface;

	if (argc < 3)
		return 2;
	interface = (unsigned)atoi(argv[2]);
	node = open(argv[1], O_RDWR | O_CLOEXEC);
	if (node < 0)
		fail(argv[1]);
	if (strcmp(argv[2], "send") == 0) {
		text_send();
		return 0;
	}
	if (ioctl(node, USBDEVFS_CLAIMINTERFACE, &interface) != 0)
		fail("interface");
	if (argc > 3)
		file_print();
	return 0;
}
