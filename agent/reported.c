#include "agent/reported.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"

/* A decimal number and a blank; moves *text past them. */
static int take_number(const char **text, uint64_t *number)
{
	size_t digits = strspn(*text, "0123456789");

	if (digits == 0 || digits > 18 || (*text)[digits] != ' ' || (digits > 1 && **text == '0'))
		return ERR_FORMAT;
	*number = strtoull(*text, NULL, 10);
	*text += digits + 1;
	return 0;
}

int reported_parse(const char *text, struct reported *out)
{
	uint8_t bytes[SHA256_SIZE];

	memset(out, 0, sizeof(*out));
	if (take_number(&text, &out->seq) != 0 || take_number(&text, &out->head.count) != 0)
		return ERR_FORMAT;
	if (strcspn(text, " ") != SHA256_HEX_SIZE - 1)
		return ERR_FORMAT;
	memcpy(out->head.hash, text, SHA256_HEX_SIZE - 1);
	text += SHA256_HEX_SIZE;
	if (decode_hex(out->head.hash, bytes, sizeof(bytes)) != 0 ||
	        strlen(text) != ENROLMENT_UEID_SIZE || text[ENROLMENT_UEID_SIZE - 1] != '\n')
		return ERR_FORMAT;
	memcpy(out->ueid, text, ENROLMENT_UEID_SIZE - 1);
	return 0;
}

int reported_read(int dir, uid_t owner, struct reported *out)
{
	uint8_t *text = NULL;
	size_t length = 0;
	int fd = -1;
	int error = file_open_checked(dir, SIGNER_STATE, owner, 0600, REPORTED_FILE_MAX, &fd);

	memset(out, 0, sizeof(*out));
	if (error != 0)
		return error;
	error = file_read(fd, REPORTED_FILE_MAX, &text, &length);
	if (error == 0)
		error = reported_parse((const char *)text, out);
	free(text);
	close(fd);
	return error;
}

int reported_write(int dir, const struct reported *reported)
{
	char text[REPORTED_FILE_MAX];
	int length = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %s %s\n", reported->seq,
	        reported->head.count, reported->head.hash, reported->ueid);

	return file_replace(dir, SIGNER_STATE, text, (size_t)length, 0600);
}
