#include "collector/config.h"

#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "policy/yaml_shape.h"

#include <arpa/inet.h>
#include <cyaml/cyaml.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_SIZE_MAX = 65536, CONNECTIONS_LIMIT = 100000 };

/* As it lies in the file: what is absent is NULL. */
struct document {
	char *dir;
	char *listen;
	uint32_t *fresh_seconds;
	uint32_t *stale_seconds;
	uint32_t *connections_max;
	char *tls_certificate;
	char *tls_key;
};

#define TEXT_KEY(name)                                                                             \
	CYAML_FIELD_STRING_PTR(                                                                    \
	        #name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct document, name, 1, 255)
#define NUMBER_KEY(name)                                                                           \
	CYAML_FIELD_UINT_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct document, name)

static const cyaml_schema_field_t FIELDS[] = {
        TEXT_KEY(dir),
        TEXT_KEY(listen),
        NUMBER_KEY(fresh_seconds),
        NUMBER_KEY(stale_seconds),
        NUMBER_KEY(connections_max),
        TEXT_KEY(tls_certificate),
        TEXT_KEY(tls_key),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t SCHEMA = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, FIELDS),
};

struct complaint {
	char *message;
	size_t size;
};

/* libcyaml says what is wrong first and where it was after that; both make the sentence. */
__attribute__((format(printf, 3, 0))) static void keep_complaint(
        cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	struct complaint *complaint = context;
	size_t used = strlen(complaint->message);

	if (level < CYAML_LOG_ERROR || used + 2 >= complaint->size)
		return;
	if (used > 0)
		used += (size_t)snprintf(complaint->message + used, complaint->size - used, "; ");
	vsnprintf(complaint->message + used, complaint->size - used, format, arguments);
	for (char *c = complaint->message; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	for (size_t end = strlen(complaint->message); end > 0 && complaint->message[end - 1] == ' ';
	        end--)
		complaint->message[end - 1] = '\0';
}

void config_defaults(struct config *config)
{
	*config = (struct config){
	        .dir = CONFIG_DIRECTORY,
	        .listen_host = "0.0.0.0",
	        .listen_port = 8443,
	        .fresh_seconds = 180,
	        .stale_seconds = 86400,
	        .connections_max = 4096,
	};
}

static int split_listen(const char *text, char host[64], const char **port)
{
	const char *start = text[0] == '[' ? text + 1 : text;
	const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');

	if (end == NULL || end == start || (size_t)(end - start) >= 64)
		return ERR_FORMAT;
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	if (text[0] == '[')
		end++;
	if (*end != ':')
		return ERR_FORMAT;
	*port = end + 1;
	return 0;
}

int config_parse_listen(const char *text, struct config *config)
{
	char host[64] = "";
	const char *port = NULL;
	struct in6_addr address;

	int error = split_listen(text, host, &port);
	if (error != 0)
		return error;
	size_t digits = strspn(port, "0123456789");
	if (inet_pton(text[0] == '[' ? AF_INET6 : AF_INET, host, &address) != 1 || digits == 0 ||
	        digits > 5 || port[digits] != '\0')
		return ERR_FORMAT;
	unsigned long number = strtoul(port, NULL, 10);
	if (number < 1 || number > 65535)
		return ERR_FORMAT;
	memcpy(config->listen_host, host, sizeof(host));
	config->listen_port = (uint16_t)number;
	return 0;
}

static void take_text(char out[static 256], const char *text)
{
	if (text != NULL)
		snprintf(out, 256, "%s", text);
}

static void take_number(uint32_t *out, const uint32_t *number)
{
	if (number != NULL)
		*out = *number;
}

static int refuse(char message[200], const char *sentence)
{
	snprintf(message, 200, "%s", sentence);
	return ERR_FORMAT;
}

static int check_values(const struct config *c, char message[200])
{
	if (c->fresh_seconds < 10 || c->fresh_seconds > 86400)
		return refuse(message, LANGUAGE("fresh_seconds は 10〜86400 です",
		                               "fresh_seconds must be 10 to 86400"));
	if (c->stale_seconds < c->fresh_seconds || c->stale_seconds > 31 * 86400)
		return refuse(
		        message, LANGUAGE("stale_seconds は fresh_seconds 以上、31 日以下です",
		                         "stale_seconds must be at least fresh_seconds and at most "
		                         "31 days"));
	if (c->connections_max < 1 || c->connections_max > CONNECTIONS_LIMIT)
		return refuse(message, LANGUAGE("connections_max は 1〜100000 です",
		                               "connections_max must be 1 to 100000"));
	if ((c->tls_certificate[0] == '\0') != (c->tls_key[0] == '\0'))
		return refuse(message, LANGUAGE("tls_certificate と tls_key は両方指定してください",
		                               "tls_certificate and tls_key go together"));
	return 0;
}

static int take_document(const struct document *document, struct config *config, char message[200])
{
	take_text(config->dir, document->dir);
	take_number(&config->fresh_seconds, document->fresh_seconds);
	take_number(&config->stale_seconds, document->stale_seconds);
	take_number(&config->connections_max, document->connections_max);
	take_text(config->tls_certificate, document->tls_certificate);
	take_text(config->tls_key, document->tls_key);
	if (document->listen != NULL && config_parse_listen(document->listen, config) != 0)
		return refuse(message, LANGUAGE("listen は「アドレス:ポート」です",
		                               "listen must be ADDRESS:PORT"));
	return check_values(config, message);
}

int config_parse(const uint8_t *text, size_t length, struct config *config, char message[200])
{
	struct complaint complaint = {message, 200};
	struct document *document = NULL;
	const cyaml_config_t cyaml = {
	        .log_fn = keep_complaint,
	        .log_ctx = &complaint,
	        .log_level = CYAML_LOG_ERROR,
	        .mem_fn = cyaml_mem,
	        .flags = CYAML_CFG_NO_ALIAS,
	};

	struct shape shape;
	struct policy_error fault;

	config_defaults(config);
	message[0] = '\0';
	if (shape_read(text, length, &shape, &fault) != 0) {
		snprintf(message, 200, "line %zu: %.160s", fault.line, fault.message);
		return ERR_FORMAT;
	}
	cyaml_err_t result =
	        cyaml_load_data(text, length, &cyaml, &SCHEMA, (cyaml_data_t **)&document, NULL);
	if (result != CYAML_OK) {
		if (message[0] == '\0')
			snprintf(message, 200, "%s", cyaml_strerror(result));
		return ERR_FORMAT;
	}
	int error = document == NULL ? ERR_FORMAT : take_document(document, config, message);
	cyaml_free(&cyaml, &SCHEMA, document, 0);
	return error;
}

int config_read(const char *path, struct config *config, char message[200])
{
	uint8_t *text = NULL;
	size_t length = 0;
	int fd = -1;

	config_defaults(config);
	message[0] = '\0';
	int error = file_open_checked(
	        AT_FDCWD, path == NULL ? CONFIG_PATH : path, (uid_t)-1, 0755, CONFIG_SIZE_MAX, &fd);
	if (error == ERR_NOT_FOUND && path == NULL)
		return 0;
	if (error == 0)
		error = file_read(fd, CONFIG_SIZE_MAX, &text, &length);
	if (fd >= 0)
		close(fd);
	if (error == 0)
		error = config_parse(text, length, config, message);
	else
		snprintf(message, 200, "%s", error_text(error));
	free(text);
	return error;
}
