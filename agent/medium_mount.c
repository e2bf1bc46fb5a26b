#include "agent/medium_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"

enum { PATH_SIZE = 4096, MOUNTINFO_MAX = 4 << 20, STEP_MS = 200 };

/*
 * Told by their own marks, so that no driver but its own is given the bytes of a stranger's medium.
 * NULL: never written. A disc may be both UDF and ISO 9660.
 */
static const struct {
	const char *type;
	const char *import;
	const char *export;
	size_t offset;
	const char *mark;
} filesystems[] = {
        {"ext4", "noload", "", 1080, "\x53\xef"}, /* a journal that is not empty stays as it is */
        {"exfat", "iocharset=utf8,umask=022", "iocharset=utf8,umask=0", 3, "EXFAT   "},
        {"ntfs3", "iocharset=utf8,umask=022", "iocharset=utf8,umask=0", 3, "NTFS    "},
        {"udf", "", NULL, 32769, "BEA01"},
        {"udf", "", NULL, 34817, "BEA01"}, /* behind ISO 9660's first descriptor */
        {"udf", "", NULL, 36865, "BEA01"},
        {"iso9660", "utf8", NULL, 32769, "CD001"},
        {"vfat", "utf8,umask=022", "utf8,umask=0", 510, "\x55\xaa"},
};

static void beginning_read(const char *source, uint8_t bytes[MEDIUM_BEGINNING])
{
	int fd = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t length = 0;
	ssize_t n;

	memset(bytes, 0, MEDIUM_BEGINNING);
	while (fd >= 0 && length < MEDIUM_BEGINNING &&
	        (n = pread(fd, bytes + length, MEDIUM_BEGINNING - length, (off_t)length)) > 0)
		length += (size_t)n;
	if (fd >= 0)
		close(fd);
}

static const char *options_of(size_t i, enum treatment treatment)
{
	return treatment == TREATMENT_IMPORT ? filesystems[i].import : filesystems[i].export;
}

const char *medium_filesystem(const uint8_t bytes[MEDIUM_BEGINNING], enum treatment treatment,
        size_t *next, const char **options)
{
	for (size_t i = *next; i < sizeof(filesystems) / sizeof(filesystems[0]); i++) {
		*options = options_of(i, treatment);
		if (*options == NULL || memcmp(bytes + filesystems[i].offset, filesystems[i].mark,
		                                strlen(filesystems[i].mark)) != 0)
			continue;
		*next = i + 1;
		return filesystems[i].type;
	}
	return NULL;
}

static int directory_make(const char *path)
{
	struct stat status;

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return ERR_IO;
	if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != 0)
		return ERR_UNSAFE;
	return 0;
}

int medium_mount(const char *name, enum treatment treatment)
{
	bool import = treatment == TREATMENT_IMPORT;
	unsigned long flags =
	        MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SILENT | (import ? MS_RDONLY : 0);
	char source[64];
	char target[64];
	uint8_t bytes[MEDIUM_BEGINNING];
	const char *options;
	const char *type;
	size_t next = 0;
	int r = directory_make("/media");

	snprintf(source, sizeof(source), "/dev/%s", name);
	snprintf(target, sizeof(target), MEDIUM_MOUNTS "/%s", name);
	if (r == 0)
		r = directory_make(MEDIUM_MOUNTS);
	if (r == 0)
		r = directory_make(target);
	if (r != 0)
		return r;
	beginning_read(source, bytes);
	while ((type = medium_filesystem(bytes, treatment, &next, &options)) != NULL) {
		if (mount(source, target, type, flags, options) == 0)
			return 0;
		log_warning("%s: %s: %s", name, type, strerror(errno));
	}
	(void)rmdir(target);
	return ERR_NOT_FOUND;
}

/* "\040" is a space there. */
static void unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in != '\0'; in++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
		        in[3] >= '0' && in[3] <= '7') {
			*out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /mount/point ...": the fifth word of lines whose third is this number. */
static bool line_matches(const char *line, const char *number, char *out, size_t size)
{
	const char *word = line;
	size_t length;

	for (unsigned i = 0; i < 4; i++) {
		length = strcspn(word, " \n");
		if (word[length] != ' ' || (i == 2 && (length != strlen(number) ||
		                                              strncmp(word, number, length) != 0)))
			return false;
		word += length + 1;
	}
	length = strcspn(word, " \n");
	if (length >= size)
		return false;
	memcpy(out, word, length);
	out[length] = '\0';
	unescape(out);
	return true;
}

bool medium_mount_point(
        const char *mountinfo, uint32_t major, uint32_t minor, size_t index, char *out, size_t size)
{
	char number[24];
	size_t matching = 0;

	snprintf(number, sizeof(number), "%u:%u", major, minor);
	for (const char *line = mountinfo; *line != '\0'; line += strcspn(line, "\n") + 1) {
		matching += line_matches(line, number, out, size);
		if (line[strcspn(line, "\n")] == '\0')
			break;
	}
	if (index >= matching)
		return false;
	matching -= index;
	for (const char *line = mountinfo; matching > 0; line += strcspn(line, "\n") + 1)
		matching -= line_matches(line, number, out, size);
	return true;
}

/* A file of /proc, which has no length. */
static char *mountinfo_read(void)
{
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char *text = fd >= 0 ? malloc(MOUNTINFO_MAX) : NULL;
	size_t length = 0;
	ssize_t n = 0;

	while (text != NULL && length < MOUNTINFO_MAX - 1 &&
	        (n = read(fd, text + length, MOUNTINFO_MAX - 1 - length)) > 0)
		length += (size_t)n;
	if (fd >= 0)
		close(fd);
	if (text != NULL)
		text[length] = '\0';
	return text;
}

static void file_system_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (syncfs(fd) != 0)
		log_error("syncfs: %s", strerror(errno));
	close(fd);
}

/* One that is below another goes first. True when all that were there have gone. */
static bool unmount_all(uint32_t major, uint32_t minor, int flags)
{
	char path[PATH_SIZE];
	char *text = mountinfo_read();
	bool all = text != NULL;

	for (size_t i = 0;
	        text != NULL && medium_mount_point(text, major, minor, i, path, sizeof(path));
	        i++) {
		file_system_sync(path);
		if (umount2(path, flags | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL)
			all = false;
	}
	free(text);
	return all;
}

bool medium_unmount(uint32_t major, uint32_t minor)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	int64_t until = clock_boot_ms() + MEDIUM_UNMOUNT_MS;

	while (!unmount_all(major, minor, 0)) {
		if (clock_boot_ms() >= until) {
			(void)unmount_all(major, minor, MNT_DETACH);
			return true;
		}
		(void)nanosleep(&step, NULL);
	}
	return false;
}
