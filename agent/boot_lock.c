#include "agent/boot_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"

#define NAME "usbcore.authorized_default="
#define BLANKS " \t\r\n"

/* After /etc/default/grub and what sorts before; recovery entries get it too. The kernel takes the
 * last, and GRUB puts what is in the other variable after this one. */
static const char grub_text[] =
        "# Made by `sekisho boot-lock enable`; `sekisho boot-lock disable` takes it away.\n"
        "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX " BOOT_LOCK_PARAMETER "\"\n"
        "case \" $GRUB_CMDLINE_LINUX_DEFAULT\" in *\" " NAME "\"*)\n"
        "\tGRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT " BOOT_LOCK_PARAMETER "\" ;;\n"
        "esac\n";

enum boot_loader boot_lock_loader(int root)
{
	if (faccessat(root, "etc/default/grub", F_OK, 0) == 0)
		return BOOT_LOADER_GRUB;
	if (faccessat(root, BOOT_LOCK_CMDLINE, F_OK, 0) == 0)
		return BOOT_LOADER_SYSTEMD;
	return BOOT_LOADER_NONE;
}

const char *boot_loader_name(enum boot_loader loader)
{
	static const char *const names[] = {"none", "grub", "systemd-boot"};

	return names[loader];
}

/* The next word at *at, and where the one after it may begin. Its length; 0 at the end. */
static size_t word_next(const char **at)
{
	*at += strspn(*at, BLANKS);
	return strcspn(*at, BLANKS);
}

static bool word_is_ours(const char *word, size_t length)
{
	return length >= sizeof(NAME) - 1 && memcmp(word, NAME, sizeof(NAME) - 1) == 0;
}

static int word_add(char out[BOOT_LOCK_LINE_MAX], const char *word, size_t length)
{
	size_t used = strlen(out);

	if (used + length + 3 > BOOT_LOCK_LINE_MAX)
		return ERR_TOO_LONG;
	snprintf(out + used, BOOT_LOCK_LINE_MAX - used, "%s%.*s", used > 0 ? " " : "", (int)length,
	        word);
	return 0;
}

int boot_lock_line(const char *line, bool on, char out[BOOT_LOCK_LINE_MAX])
{
	size_t length;
	int r = 0;

	out[0] = '\0';
	for (const char *at = line; r == 0 && (length = word_next(&at)) > 0; at += length) {
		if (!word_is_ours(at, length))
			r = word_add(out, at, length);
	}
	if (r == 0 && on)
		r = word_add(out, BOOT_LOCK_PARAMETER, strlen(BOOT_LOCK_PARAMETER));
	return r;
}

bool boot_lock_line_closes(const char *line)
{
	bool closes = false;
	size_t length;

	for (const char *at = line; (length = word_next(&at)) > 0; at += length) {
		if (word_is_ours(at, length))
			closes = length == strlen(BOOT_LOCK_PARAMETER) && at[length - 1] == '0';
	}
	return closes;
}

static int text_read(int root, const char *path, char **text)
{
	uint8_t *data = NULL;
	size_t length;
	int fd;
	int r = file_open_checked(root, path, (uid_t)-1, 0755, BOOT_LOCK_LINE_MAX - 1, &fd);

	*text = NULL;
	if (r != 0)
		return r;
	r = file_read(fd, BOOT_LOCK_LINE_MAX - 1, &data, &length);
	close(fd);
	if (r == 0 && strlen((char *)data) != length)
		r = ERR_FORMAT;
	if (r == 0) {
		*text = (char *)data; /* transferred */
		data = NULL;
	}
	free(data);
	return r;
}

bool boot_lock_is_set(int root, enum boot_loader loader)
{
	char *text = NULL;
	bool set = false;

	if (loader == BOOT_LOADER_NONE)
		return false;
	if (text_read(root, loader == BOOT_LOADER_GRUB ? BOOT_LOCK_GRUB : BOOT_LOCK_CMDLINE,
	            &text) == 0)
		set = loader == BOOT_LOADER_GRUB ? strcmp(text, grub_text) == 0
		                                 : boot_lock_line_closes(text);
	free(text);
	return set;
}

static int directory_open(int root, const char *path, int *dir)
{
	*dir = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir >= 0 ? 0 : errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

static int grub_set(int root, bool on)
{
	int dir;
	int r;

	if (mkdirat(root, "etc/default/grub.d", 0755) != 0 && errno != EEXIST)
		return ERR_IO;
	r = directory_open(root, "etc/default/grub.d", &dir);
	if (r != 0)
		return r;
	if (on)
		r = file_replace(dir, "sekisho.cfg", grub_text, sizeof(grub_text) - 1, 0644);
	else if (unlinkat(dir, "sekisho.cfg", 0) != 0 && errno != ENOENT)
		r = ERR_IO;
	close(dir);
	return r;
}

static int cmdline_set(int root, bool on)
{
	char line[BOOT_LOCK_LINE_MAX];
	char *text = NULL;
	size_t length;
	int dir = -1;
	int r = text_read(root, BOOT_LOCK_CMDLINE, &text);

	if (r == 0)
		r = boot_lock_line(text, on, line);
	if (r == 0)
		r = directory_open(root, "etc/kernel", &dir);
	if (r != 0)
		goto out;
	length = strlen(line); /* word_add() left room for the newline */
	line[length] = '\n';
	r = file_replace(dir, "cmdline", line, length + 1, 0644);
out:
	if (dir >= 0)
		close(dir);
	free(text);
	return r;
}

int boot_lock_set(int root, enum boot_loader loader, bool on)
{
	if (loader == BOOT_LOADER_NONE)
		return ERR_NOT_FOUND;
	if (boot_lock_is_set(root, loader) == on && (on || loader != BOOT_LOADER_GRUB))
		return 0;
	return loader == BOOT_LOADER_GRUB ? grub_set(root, on) : cmdline_set(root, on);
}
