#include "agent/pam_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"

#define RECORD "var/lib/dpkg/info/libpam-sekisho.md5sums"
#define MODULE "/pam_sekisho.so"

/* Hexadecimal MD5 and its NUL: dpkg's choice. */
enum { RECORD_SIZE_MAX = 65536, MODULE_SIZE_MAX = 8 << 20, MD5_SIZE = 16, MD5_HEX = 33 };

struct installed {
	char md5[MD5_HEX];
	char path[256]; /* relative to the root */
};

/* "d41d8cd98f00b204e9800998ecf8427e  lib/security/pam_sekisho.so" */
static bool take_line(const char *line, struct installed *installed)
{
	size_t length = strlen(line);
	size_t name = strlen(MODULE);

	if (length < MD5_HEX + 1 + name || length - MD5_HEX - 1 >= sizeof(installed->path) ||
	        strspn(line, "0123456789abcdef") != MD5_HEX - 1 ||
	        strncmp(line + MD5_HEX - 1, "  ", 2) != 0 ||
	        strcmp(line + length - name, MODULE) != 0)
		return false;
	memcpy(installed->md5, line, MD5_HEX - 1);
	memcpy(installed->path, line + MD5_HEX + 1, length - MD5_HEX);
	return true;
}

static int find_installed(int root, struct installed *installed)
{
	uint8_t *data = NULL;
	size_t length = 0;
	int error = file_read_checked(root, RECORD, 0, 0755, RECORD_SIZE_MAX, &data, &length);
	char *rest = (char *)data;
	bool found = false;

	while (error == 0 && !found && rest != NULL)
		found = take_line(strsep(&rest, "\n"), installed);
	free(data);
	return error == 0 && !found ? ERR_NOT_FOUND : error;
}

static int digest(const uint8_t *data, size_t length, char hex[static MD5_HEX])
{
	uint8_t bytes[MD5_SIZE];
	unsigned size = sizeof(bytes);

	if (EVP_Digest(data, length, bytes, &size, EVP_md5(), NULL) != 1 || size != sizeof(bytes))
		return ERR_CRYPTO;
	encode_hex(bytes, sizeof(bytes), hex);
	return 0;
}

enum pam_file pam_file_check(int root)
{
	struct installed installed = {0};
	char hex[MD5_HEX] = "";
	uint8_t *data = NULL;
	size_t length = 0;
	int error = find_installed(root, &installed);

	if (error != 0)
		return PAM_FILE_UNKNOWN;
	error = file_read_checked(root, installed.path, 0, 0755, MODULE_SIZE_MAX, &data, &length);
	if (error == ERR_NOT_FOUND)
		return PAM_FILE_ABSENT;
	if (error == 0)
		error = digest(data, length, hex);
	free(data);
	return error == 0 && strcmp(hex, installed.md5) == 0 ? PAM_FILE_WHOLE : PAM_FILE_CHANGED;
}

const char *pam_file_name(enum pam_file answer)
{
	switch (answer) {
	case PAM_FILE_WHOLE:
		return "whole";
	case PAM_FILE_CHANGED:
		return "changed";
	case PAM_FILE_ABSENT:
		return "absent";
	case PAM_FILE_UNKNOWN:
		break;
	}
	return "unknown";
}
