#include "agent/config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"

enum { CONFIG_MAX = 16384, MESSAGE_SIZE = 160 };

struct reading {
	struct agent_config *config;
	bool have_mode;
	bool have_collector;
	bool have_card_module;
	char *message; /* MESSAGE_SIZE */
};

static int refuse(struct reading *r, const char *why)
{
	snprintf(r->message, MESSAGE_SIZE, "%s", why);
	return ERR_FORMAT;
}

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " ");
	length = strlen(text);
	while (length > 0 && text[length - 1] == ' ')
		text[--length] = '\0';
	return text;
}

/* A plain scalar up to " #", or one between quotes without escapes. */
static int value_cut(struct reading *r, char *text, char **value)
{
	char quote = text[0];
	char *end;

	if (quote != '"' && quote != '\'') {
		end = strstr(text, " #");
		if (end != NULL)
			*end = '\0';
		*value = trim(text);
		return 0;
	}
	end = strchr(text + 1, quote);
	*value = text + 1;
	if (end == NULL)
		return refuse(r, LANGUAGE("引用符が閉じていません", "the quote is not closed"));
	*end = '\0';
	if (strchr(*value, '\\') != NULL)
		return refuse(r, LANGUAGE("引用符の中の \\ は使えません",
		                         "\\ within quotes is not understood"));
	end = trim(end + 1);
	if (*end != '\0' && *end != '#')
		return refuse(
		        r, LANGUAGE("値の後に余分な文字があります", "something follows the value"));
	return 0;
}

static int mode_take(struct reading *r, const char *value)
{
	if (r->have_mode)
		return refuse(r, LANGUAGE("modeが二度あります", "mode is given twice"));
	r->have_mode = true;
	if (strcmp(value, "enforce") != 0 && strcmp(value, "observe") != 0)
		return refuse(
		        r, LANGUAGE("modeはenforceかobserveです", "mode is enforce or observe"));
	r->config->enforce = strcmp(value, "enforce") == 0;
	return 0;
}

/* Host names and addresses; the TLS library has the last word. */
static bool collector_is_good(const char *url)
{
	static const char scheme[] = "https://";
	const char *host = url + strlen(scheme);
	const char *port;
	size_t digits;

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return false;
	port = strrchr(host, ':');
	if (port == NULL || port == host)
		return false;
	if (strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]") !=
	        strlen(host))
		return false;
	digits = strspn(port + 1, "0123456789");
	return digits > 0 && digits <= 5 && port[1 + digits] == '\0' &&
	       strtoul(port + 1, NULL, 10) - 1 < 65535;
}

static int collector_take(struct reading *r, const char *value)
{
	if (r->have_collector)
		return refuse(r, LANGUAGE("collectorが二度あります", "collector is given twice"));
	r->have_collector = true;
	if (strlen(value) >= sizeof(r->config->collector) ||
	        (*value != '\0' && !collector_is_good(value)))
		return refuse(r, LANGUAGE("collectorは https://ホスト:ポート です",
		                         "collector is https://HOST:PORT"));
	snprintf(r->config->collector, sizeof(r->config->collector), "%s", value);
	return 0;
}

/* Root's file names it, so whose it is is root's business; no path leads out of a directory by
 * accident. */
static int card_module_take(struct reading *r, const char *value)
{
	if (r->have_card_module)
		return refuse(
		        r, LANGUAGE("card_moduleが二度あります", "card_module is given twice"));
	r->have_card_module = true;
	if (*value == '\0' || strlen(value) >= sizeof(r->config->card_module) ||
	        (*value != '/' && strchr(value, '/') != NULL) || strstr(value, "..") != NULL)
		return refuse(
		        r, LANGUAGE("card_moduleは絶対パスか、/ を含まないファイル名です",
		                   "card_module is an absolute path, or a file name without a "
		                   "slash"));
	snprintf(r->config->card_module, sizeof(r->config->card_module), "%s", value);
	return 0;
}

static int line_take(struct reading *r, char *line)
{
	char *value;
	char *colon;
	int error;

	for (const char *c = line; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || (unsigned char)*c == 0x7f)
			return refuse(
			        r, LANGUAGE("制御文字があります", "there is a control character"));
	}
	if (*trim(line) == '\0' || *trim(line) == '#' || strcmp(line, "---") == 0)
		return 0;
	colon = strchr(line, ':');
	if (colon == NULL || (colon[1] != ' ' && colon[1] != '\0'))
		return refuse(r, LANGUAGE("「キー: 値」の形ではありません",
		                         "not of the form \"key: value\""));
	*colon = '\0';
	error = value_cut(r, trim(colon + 1), &value);
	if (error != 0)
		return error;
	if (strcmp(line, "mode") == 0)
		return mode_take(r, value);
	if (strcmp(line, "collector") == 0)
		return collector_take(r, value);
	if (strcmp(line, "card_module") == 0)
		return card_module_take(r, value);
	return refuse(r, LANGUAGE("知らないキーです（mode、collector、card_moduleがあります）",
	                         "unknown key (there are mode, collector and card_module)"));
}

static int text_take(struct reading *r, char *text, size_t length, unsigned *line)
{
	char *next = text;

	*line = 1;
	if (memchr(text, '\0', length) != NULL)
		return refuse(r, LANGUAGE("NULバイトがあります", "there is a NUL byte"));
	for (char *at; (at = strsep(&next, "\n")) != NULL; (*line)++) {
		int error = line_take(r, at);

		if (error != 0)
			return error;
	}
	return 0;
}

int config_read(int root, struct agent_config *config, unsigned *line, char message[MESSAGE_SIZE])
{
	struct reading reading = {.config = config, .message = message};
	uint8_t *text = NULL;
	size_t length;
	int fd;
	int r;

	*config = (struct agent_config){.enforce = true, .card_module = CONFIG_CARD_MODULE};
	*line = 0;
	message[0] = '\0';
	r = file_open_checked(root, PATH_AGENT_YAML, 0, 0644, CONFIG_MAX, &fd);
	if (r != 0)
		return r;
	r = file_read(fd, CONFIG_MAX, &text, &length);
	close(fd);
	if (r == 0)
		r = text_take(&reading, (char *)text, length, line);
	free(text);
	if (r != 0) /* nothing half read: the defaults are the strict ones */
		*config = (struct agent_config){.enforce = true, .card_module = CONFIG_CARD_MODULE};
	return r;
}
