/* What an officer signed as a voucher, and the name of one in force. Whatever is taken says the
 * same when it is written and read again. */
#include "agent/auth_voucher.h"
#include "agent/voucher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_document(const uint8_t *text, size_t length)
{
	struct voucher v;
	struct voucher again;
	char *printed = NULL;

	if (voucher_parse(text, length, &v) != 0) {
		static const struct voucher none;

		if (memcmp(&v, &none, sizeof(v)) != 0)
			abort();
		return;
	}
	printed = voucher_print(&v);
	if (printed == NULL ||
	        voucher_parse((const uint8_t *)printed, strlen(printed), &again) != 0)
		abort();
	if (strcmp(v.terminal, again.terminal) != 0 || strcmp(v.user, again.user) != 0 ||
	        v.day != again.day || memcmp(v.id, again.id, sizeof(v.id)) != 0 ||
	        memcmp(v.salt, again.salt, sizeof(v.salt)) != 0 ||
	        memcmp(v.hash, again.hash, sizeof(v.hash)) != 0)
		abort();
	free(printed);
}

static void check_mark(const uint8_t *text, size_t length)
{
	char name[256];
	char again[VOUCHER_MARK_SIZE];
	const char *user = NULL;
	int32_t day = 0;

	if (length >= sizeof(name))
		return;
	memcpy(name, text, length);
	name[length] = '\0';
	user = voucher_mark_parse(name, &day);
	if (user == NULL)
		return;
	voucher_mark_print(day, user, again);
	if (strcmp(name, again) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 65536)
		return 0;
	check_document(data, size);
	check_mark(data, size);
	return 0;
}
