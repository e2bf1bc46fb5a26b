#include "agent/enrolment.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"

static bool is_ueid(const char *text)
{
	uint8_t *bytes = NULL;
	size_t length = 0;
	bool valid = decode_base64url(text, strlen(text), &bytes, &length) == 0 && length == 17 &&
	             bytes[0] == 1;

	free(bytes);
	return valid;
}

static int copy(char *out, size_t size, const char *text)
{
	int printed = snprintf(out, size, "%s", text);

	return printed > 0 && (size_t)printed < size ? 0 : ERR_FORMAT;
}

int enrolment_parse(const char *text, size_t length, struct enrolment *e)
{
	const char *collector, *terminal, *ueid, *receipt_key;
	json_t *document;
	int error = ERR_FORMAT;

	memset(e, 0, sizeof(*e));
	document = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	if (json_unpack(document, "{s:s,s:s,s:s,s:s!}", "collector", &collector, "terminal",
	            &terminal, "ueid", &ueid, "receipt_key", &receipt_key) != 0)
		goto out;
	if (copy(e->collector, sizeof(e->collector), collector) != 0 ||
	        copy(e->terminal, sizeof(e->terminal), terminal) != 0 ||
	        copy(e->ueid, sizeof(e->ueid), ueid) != 0 || !is_ueid(ueid))
		goto out;
	e->receipt_key = strdup(receipt_key);
	error = e->receipt_key != NULL ? 0 : ERR_MEMORY;
out:
	json_decref(document);
	if (error != 0)
		enrolment_clear(e);
	return error;
}

int enrolment_read(int root, struct enrolment *e)
{
	uint8_t *text = NULL;
	size_t length = 0;
	int fd, error;

	memset(e, 0, sizeof(*e));
	error = file_open_checked(root, PATH_ENROLMENT_DIR "/" ENROLMENT_FILE, (uid_t)-1, 0644,
	        ENROLMENT_FILE_MAX, &fd);
	if (error != 0)
		return error;
	error = file_read(fd, ENROLMENT_FILE_MAX, &text, &length);
	close(fd);
	if (error == 0)
		error = enrolment_parse((const char *)text, length, e);
	free(text);
	return error;
}

char *enrolment_print(const struct enrolment *e)
{
	json_t *document = json_pack("{s:s,s:s,s:s,s:s}", "collector", e->collector, "terminal",
	        e->terminal, "ueid", e->ueid, "receipt_key", e->receipt_key);
	char *text = document != NULL ? json_dumps(document, JSON_INDENT(2)) : NULL;

	json_decref(document);
	return text;
}

void enrolment_clear(struct enrolment *e)
{
	free(e->receipt_key);
	memset(e, 0, sizeof(*e));
}
