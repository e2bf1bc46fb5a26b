#include "agent/pam_config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"

/* libpam takes what does not fit into its buffer, comments too, for a line of its own. */
enum { FILE_SIZE_MAX = 65536, LINE_SIZE_MAX = 1000, DEPTH_MAX = 8, NAME_SIZE = 64 };

#define SPACES " \t"
#define SPACES_TO_SOME "\r\v\f" /* versions of libpam */
#define DEFAULT_SOCKET "socket=/run/sekisho/auth.sock"

/* In the order of their numbers (security/_pam_types.h). */
static const char *const VALUES[PAM_CONFIG_VALUES] = {"success", "open_err", "symbol_err",
        "service_err", "system_err", "buf_err", "perm_denied", "auth_err", "cred_insufficient",
        "authinfo_unavail", "user_unknown", "maxtries", "new_authtok_reqd", "acct_expired",
        "session_err", "cred_unavail", "cred_expired", "cred_err", "no_module_data", "conv_err",
        "authtok_err", "authtok_recover_err", "authtok_lock_busy", "authtok_disable_aging",
        "try_again", "ignore", "abort", "authtok_expired", "module_unknown", "bad_item",
        "conv_again", "incomplete"};

static const struct {
	const char *name;
	int action;
} ACTIONS[] = {
        {"bad", PAM_DO_BAD},
        {"ignore", PAM_DO_IGNORE},
        {"ok", PAM_DO_OK},
        {"done", PAM_DO_DONE},
        {"die", PAM_DO_DIE},
        {"reset", PAM_DO_RESET},
};

static const struct {
	const char *name;
	const char *meaning;
} CONTROLS[] = {
        {"required", "[success=ok new_authtok_reqd=ok ignore=ignore default=bad]"},
        {"requisite", "[success=ok new_authtok_reqd=ok ignore=ignore default=die]"},
        {"optional", "[success=ok new_authtok_reqd=ok default=ignore]"},
        {"sufficient", "[success=done new_authtok_reqd=done default=ignore]"},
};

struct reader {
	const struct pam_dirs *dirs;
	struct pam_config *config;
};

static int read_named(const struct reader *r, const char *name, unsigned level, unsigned depth);

static int parse_action(const char *text, int *action)
{
	char *end = NULL;
	long jump = 0;

	for (size_t i = 0; i < sizeof(ACTIONS) / sizeof(ACTIONS[0]); i++) {
		if (strcmp(text, ACTIONS[i].name) == 0) {
			*action = ACTIONS[i].action;
			return 0;
		}
	}
	if (!isdigit((unsigned char)text[0]))
		return ERR_FORMAT;
	jump = strtol(text, &end, 10);
	if (*end != '\0' || jump < 1 || jump > PAM_CONFIG_MODULES_MAX)
		return ERR_FORMAT;
	*action = (int)jump;
	return 0;
}

static int set_action(
        struct pam_module *module, bool set[PAM_CONFIG_VALUES], const char *name, int action)
{
	bool is_default = strcmp(name, "default") == 0;
	bool found = is_default;

	for (size_t i = 0; i < PAM_CONFIG_VALUES; i++) {
		if (is_default ? set[i] : strcmp(name, VALUES[i]) != 0)
			continue;
		module->actions[i] = action;
		set[i] = true;
		found = true;
	}
	return found ? 0 : ERR_FORMAT;
}

/* "[value=action ...]" with its brackets; changes text. */
static int parse_actions(char *text, struct pam_module *module)
{
	bool set[PAM_CONFIG_VALUES] = {false};
	size_t length = strlen(text);
	char *rest = NULL;

	if (length < 2 || text[length - 1] != ']')
		return ERR_FORMAT;
	text[length - 1] = '\0';
	for (char *pair = strtok_r(text + 1, SPACES, &rest); pair != NULL;
	        pair = strtok_r(NULL, SPACES, &rest)) {
		char *equals = strchr(pair, '=');
		int action = PAM_DO_BAD;

		if (equals == NULL)
			return ERR_FORMAT;
		*equals = '\0';
		if (parse_action(equals + 1, &action) != 0 ||
		        set_action(module, set, pair, action) != 0)
			return ERR_FORMAT;
	}
	return 0;
}

static int parse_control(char *text, struct pam_module *module)
{
	char meaning[80];

	if (text[0] == '[')
		return parse_actions(text, module);
	for (size_t i = 0; i < sizeof(CONTROLS) / sizeof(CONTROLS[0]); i++) {
		if (strcasecmp(text, CONTROLS[i].name) != 0)
			continue;
		snprintf(meaning, sizeof(meaning), "%s", CONTROLS[i].meaning);
		return parse_actions(meaning, module);
	}
	return ERR_FORMAT;
}

static const char *without_usr(const char *path)
{
	return strncmp(path, "/usr/", 5) == 0 ? path + 4 : path;
}

/* The file name of a module that lies where libpam's own do; else NULL. */
static const char *module_name(const char *path)
{
	const char *directory = without_usr(SEKISHO_PAMDIR "/");
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return path;
	path = without_usr(path);
	if ((size_t)(slash + 1 - path) != strlen(directory) ||
	        strncmp(path, directory, strlen(directory)) != 0)
		return NULL;
	return slash + 1;
}

static enum pam_module_kind module_kind(const char *path, char *arguments)
{
	const char *name = module_name(path);
	char *rest = NULL;

	if (name == NULL)
		return PAM_MODULE_ANY;
	if (strcmp(name, "pam_deny.so") == 0)
		return PAM_MODULE_DENY;
	if (strcmp(name, "pam_rootok.so") == 0)
		return PAM_MODULE_ROOTOK;
	if (strcmp(name, "pam_sekisho.so") != 0)
		return PAM_MODULE_ANY;
	for (char *a = strtok_r(arguments, SPACES, &rest); a != NULL;
	        a = strtok_r(NULL, SPACES, &rest))
		if (strcmp(a, DEFAULT_SOCKET) != 0 && strncmp(a, "timeout=", 8) != 0)
			return PAM_MODULE_ANY;
	return PAM_MODULE_SEKISHO;
}

static int add_module(const struct reader *r, const struct pam_module *module)
{
	if (r->config->count == PAM_CONFIG_MODULES_MAX)
		return ERR_TOO_LONG;
	r->config->modules[r->config->count++] = *module;
	return 0;
}

/* Cuts the next word, or [..] group, off *line; NULL at the end, or where a group does not end with
 * its bracket. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, SPACES);
	size_t length = word[0] == '[' ? strcspn(word, "]") + 1 : strcspn(word, SPACES);

	if (word[0] == '\0' || length > strlen(word) || strcspn(word + length, SPACES) != 0)
		return NULL;
	*line = word + length;
	if (**line != '\0')
		*(*line)++ = '\0';
	return word;
}

static bool is_auth(const char *type)
{
	return strcasecmp(type, "auth") == 0;
}

static bool is_type(const char *type)
{
	return is_auth(type) || strcasecmp(type, "account") == 0 ||
	       strcasecmp(type, "session") == 0 || strcasecmp(type, "password") == 0;
}

static int read_substack(const struct reader *r, const char *name, unsigned level, unsigned depth)
{
	const struct pam_module head = {.kind = PAM_MODULE_SUBSTACK, .level = level};
	int error = add_module(r, &head);

	return error != 0 ? error : read_named(r, name, level + 1, depth + 1);
}

static int read_auth(const struct reader *r, char *line, bool quiet, unsigned level, unsigned depth)
{
	struct pam_module module = {.level = level};
	char *control = next_word(&line);
	char *path = control != NULL ? next_word(&line) : NULL;

	if (path == NULL)
		return ERR_FORMAT;
	if (strcasecmp(control, "include") == 0)
		return read_named(r, path, level, depth + 1);
	if (strcasecmp(control, "substack") == 0)
		return read_substack(r, path, level, depth);
	if (parse_control(control, &module) != 0)
		return ERR_FORMAT;
	module.kind = module_kind(path, line);
	if (quiet)
		module.kind = PAM_MODULE_ANY;
	return add_module(r, &module);
}

static int read_line(const struct reader *r, char *line, unsigned level, unsigned depth)
{
	char *type = NULL;
	bool quiet = false;
	char *name = NULL;

	if (line[strspn(line, SPACES)] == '\0')
		return 0;
	type = next_word(&line);
	if (type == NULL)
		return ERR_FORMAT;
	if (strcmp(type, "@include") == 0) {
		name = next_word(&line);
		return name != NULL ? read_named(r, name, level, depth + 1) : ERR_FORMAT;
	}
	quiet = type[0] == '-';
	type += quiet;
	if (!is_type(type))
		return ERR_FORMAT;
	return is_auth(type) ? read_auth(r, line, quiet, level, depth) : 0;
}

/* Cuts the comment and the blanks at the end; *more when the line goes on in the next. Versions of
 * libpam do not agree about a comment behind the backslash. */
static int trim_line(char *line, bool *more)
{
	size_t length = strcspn(line, "#");
	bool comment = line[length] != '\0';

	while (length > 0 && strchr(SPACES, line[length - 1]) != NULL)
		length--;
	line[length] = '\0';
	*more = length > 0 && line[length - 1] == '\\';
	if (*more)
		line[length - 1] = '\0';
	return *more && comment ? ERR_FORMAT : 0;
}

/* Lines that a backslash continues are joined in place: what is joined is never longer than what
 * was read. What goes on in an empty line, or in none, is not understood. */
static int read_text(const struct reader *r, char *text, unsigned level, unsigned depth)
{
	char *rest = text;
	char *line = text;
	char *end = text;
	bool more = false;
	int error = 0;

	while (error == 0 && rest != NULL) {
		char *part = strsep(&rest, "\n");
		bool follows = more;

		if ((size_t)(end - line) + strlen(part) > LINE_SIZE_MAX)
			return ERR_TOO_LONG;
		error = trim_line(part, &more);
		if (error != 0 || (follows && part[0] == '\0') || (more && rest == NULL))
			return ERR_FORMAT;
		memmove(end, part, strlen(part) + 1);
		end += strlen(end);
		if (more) {
			*end++ = ' ';
			continue;
		}
		error = read_line(r, line, level, depth);
		line = rest;
		end = rest;
	}
	return error;
}

/* Who may write it decides who gets in. */
static int check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
	        (st.st_uid != 0 && st.st_uid != geteuid()))
		return ERR_UNSAFE;
	return 0;
}

static int open_file(const struct pam_dirs *dirs, const char *name)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = dirs->own >= 0 ? openat(dirs->own, name, flags) : -1;

	if (fd < 0 && (dirs->own < 0 || errno == ENOENT)) {
		errno = ENOENT;
		fd = dirs->vendor >= 0 ? openat(dirs->vendor, name, flags) : -1;
	}
	return fd;
}

static int read_file(const struct pam_dirs *dirs, const char *name, char **text)
{
	uint8_t *data = NULL;
	size_t length = 0;
	int error = 0;
	int fd = open_file(dirs, name);

	*text = NULL;
	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	error = check_file(fd);
	if (error == 0)
		error = file_read(fd, FILE_SIZE_MAX, &data, &length);
	close(fd);
	if (error == 0 && (memchr(data, '\0', length) != NULL ||
	                          strpbrk((const char *)data, SPACES_TO_SOME) != NULL))
		error = ERR_FORMAT;
	if (error == 0)
		*text = (char *)data;
	else
		free(data);
	return error;
}

static int read_named(const struct reader *r, const char *name, unsigned level, unsigned depth)
{
	char *text = NULL;
	int error = 0;

	if (depth > DEPTH_MAX || strchr(name, '/') != NULL || name[0] == '.' ||
	        strlen(name) >= NAME_SIZE)
		return ERR_FORMAT;
	error = read_file(r->dirs, name, &text);
	if (error == ERR_NOT_FOUND && depth > 0)
		error = ERR_FORMAT;
	if (error == 0)
		error = read_text(r, text, level, depth);
	free(text);
	return error;
}

int pam_config_read(const struct pam_dirs *dirs, const char *service, struct pam_config *config)
{
	const struct reader reader = {.dirs = dirs, .config = config};

	config->count = 0;
	return read_named(&reader, service, 0, 0);
}
