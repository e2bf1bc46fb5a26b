/* boot-keyboard DEVPATH: in the initramfs, called by udev for a USB device that came and is not
 * authorised; authorises a keyboard or a hub and nothing else. packaging/boot/. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/keyboard_only.h"
#include "core/error.h"

enum { DESCRIPTORS_MAX = 65536 };

static int device_open(const char *path)
{
	char full[4096];
	int n = snprintf(full, sizeof(full), "/sys%s", path);

	if (n < 0 || (size_t)n >= sizeof(full) || strncmp(path, "/devices/", 9) != 0 ||
	        strstr(path, "..") != NULL)
		return -1;
	return open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* A file of sysfs may come in pieces. */
static size_t descriptors_read(int dir, uint8_t bytes[DESCRIPTORS_MAX])
{
	int fd = openat(dir, "descriptors", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t length = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while (length < DESCRIPTORS_MAX &&
	        (n = read(fd, bytes + length, DESCRIPTORS_MAX - length)) > 0)
		length += (size_t)n;
	close(fd);
	return length < DESCRIPTORS_MAX ? length : 0;
}

static int authorise(int dir)
{
	int fd = openat(dir, "authorized", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	int code = fd >= 0 && write(fd, "1", 1) == 1 ? EXIT_YES : EXIT_UNASKED;

	if (fd >= 0)
		close(fd);
	return code;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[DESCRIPTORS_MAX];
	int code = EXIT_NO;
	int dir;

	if (argc != 2)
		return EXIT_USAGE;
	dir = device_open(argv[1]);
	if (dir < 0)
		return EXIT_UNASKED;
	if (keyboard_only(bytes, descriptors_read(dir, bytes)))
		code = authorise(dir);
	close(dir);
	return code;
}
