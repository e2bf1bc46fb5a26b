#include "agent/autologin.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"

#define UNITS "etc/systemd/system"
#define DEBUG_SHELL UNITS "/sysinit.target.wants/debug-shell.service"
#define SPACES " \t\"'"

enum { FILE_SIZE_MAX = 65536, NAME_MAX_SIZE = 256 };

struct found {
	char *list;
	size_t size;
};

static void add(struct found *found, const char *name)
{
	size_t length = strlen(found->list);

	snprintf(found->list + length, found->size - length, "%s%s", length > 0 ? " " : "", name);
}

static char *skip_spaces(char *text)
{
	return text + strspn(text, SPACES);
}

/* Does a line of the file start so? As many lines as there are; changes text. */
static bool any_line(char *text, bool (*wanted)(char *line))
{
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n"))
		if (wanted(skip_spaces(line)))
			return true;
	return false;
}

static char *read_text(int dir, const char *path)
{
	uint8_t *data = NULL;
	size_t length = 0;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return NULL;
	if (file_read(fd, FILE_SIZE_MAX, &data, &length) != 0)
		data = NULL;
	close(fd);
	return (char *)data;
}

static bool file_has(int dir, const char *path, bool (*wanted)(char *line))
{
	char *text = read_text(dir, path);
	bool has = text != NULL && any_line(text, wanted);

	free(text);
	return has;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* agetty(8): who is logged in, without being asked or by another program than login(1). */
static bool is_opening(const char *option)
{
	return starts(option, "-a") || starts(option, "--a") || starts(option, "-n") ||
	       starts(option, "--s") || starts(option, "-l") || starts(option, "--login-pr");
}

/* "ExecStart=-/sbin/agetty -o '-p -- \\u' --noclear %I $TERM"; one without a program takes back
 * the ones before. */
static bool starts_open_getty(char *line)
{
	char *rest = NULL;
	const char *program = NULL;

	if (!starts(line, "ExecStart="))
		return false;
	program = strtok_r(line + strlen("ExecStart="), SPACES, &rest);
	if (program == NULL)
		return false;
	for (const char *option = strtok_r(NULL, SPACES, &rest); option != NULL;
	        option = strtok_r(NULL, SPACES, &rest))
		if (is_opening(option))
			return true;
	return strstr(program, "getty") == NULL;
}

static int is_getty(const struct dirent *entry)
{
	return strstr(entry->d_name, "getty") != NULL || starts(entry->d_name, "autovt@");
}

static int is_drop_in(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static bool drop_ins_open(int units, const char *directory)
{
	struct dirent **names = NULL;
	char path[2 * NAME_MAX_SIZE];
	int count = scandirat(units, directory, &names, is_drop_in, alphasort);
	bool open = false;

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
		open = open || file_has(units, path, starts_open_getty);
		free(names[i]);
	}
	free(names);
	return open;
}

static void survey_gettys(int root, struct found *found)
{
	struct dirent **names = NULL;
	int units = openat(root, UNITS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = units >= 0 ? scandirat(units, ".", &names, is_getty, alphasort) : 0;

	for (int i = 0; i < count; i++) {
		char *name = names[i]->d_name;

		if (drop_ins_open(units, name) || file_has(units, name, starts_open_getty)) {
			name[strcspn(name, ".")] = '\0';
			add(found, name);
		}
		free(names[i]);
	}
	free(names);
	if (units >= 0)
		close(units);
}

/* The value behind "key", '=' or blanks; NULL: another line. */
static char *value_of(char *line, const char *key)
{
	char *value = NULL;

	if (!starts(line, key))
		return NULL;
	value = line + strlen(key);
	if (value[0] != '\0' && strchr(SPACES "=", value[0]) == NULL)
		return NULL;
	return value + strspn(value, SPACES "=");
}

static bool lxdm_opens(char *line)
{
	const char *value = value_of(line, "autologin");

	return value != NULL && value[0] != '\0';
}

static bool greetd_opens(char *line)
{
	return starts(line, "[initial_session]");
}

static bool slim_opens(char *line)
{
	const char *value = value_of(line, "auto_login");

	return value != NULL && starts(value, "yes");
}

static bool nodm_opens(char *line)
{
	const char *value = value_of(line, "NODM_ENABLED");

	return value != NULL && (starts(value, "true") || starts(value, "yes") || value[0] == '1');
}

static const struct {
	const char *name;
	const char *path;
	bool (*opens)(char *line);
} MANAGERS[] = {
        {"lxdm-autologin", "etc/lxdm/lxdm.conf", lxdm_opens},
        {"lxdm-autologin", "etc/lxdm/default.conf", lxdm_opens},
        {"greetd-autologin", "etc/greetd/config.toml", greetd_opens},
        {"slim-autologin", "etc/slim.conf", slim_opens},
        {"nodm-autologin", "etc/default/nodm", nodm_opens},
};

void autologin_survey(int root, char *list, size_t size)
{
	struct found found = {list, size};

	survey_gettys(root, &found);
	if (faccessat(root, DEBUG_SHELL, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		add(&found, "debug-shell");
	for (size_t i = 0; i < sizeof(MANAGERS) / sizeof(MANAGERS[0]); i++)
		if (file_has(root, MANAGERS[i].path, MANAGERS[i].opens))
			add(&found, MANAGERS[i].name);
}
