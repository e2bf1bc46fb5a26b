/*
 * Odd first byte: an event as a sibling sends it; the line made of it is one that the reader takes.
 * Even: a line as it stands in a journal or a report.
 */
#include "core/error.h"
#include "core/journal.h"

#include <stdlib.h>
#include <string.h>

static const struct journal_stamp stamp = {
        1795250831, 1234, "f47ac10b-58cc-4372-a567-0e02b2c3d479"};

static void try_event(const uint8_t *data, size_t size)
{
	static struct event_record e;
	struct journal_head writer = {.hash = JOURNAL_GENESIS};
	struct journal_head reader = {.hash = JOURNAL_GENESIS};
	struct buffer in = buffer_from(data, size);
	const char *cause = NULL;
	char *line = NULL;

	if (event_decode(&in, &e) != 0 || e.kind == 0)
		return;
	if (journal_line(&e, &stamp, &writer, &line) != 0)
		abort();
	if (journal_check_line(line, strlen(line), &reader, &cause) != 0 ||
	        strcmp(writer.hash, reader.hash) != 0)
		abort();
	free(line);
}

static void try_line(const uint8_t *data, size_t size)
{
	struct journal_head head = {.hash = JOURNAL_GENESIS};
	const char *cause = NULL;

	if (journal_check_line((const char *)data, size, &head, &cause) == 0) {
		if (head.count != 1 || cause != NULL)
			abort();
	} else if (cause == NULL || head.count != 0) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 != 0)
		try_event(data + 1, size - 1);
	else
		try_line(data + 1, size - 1);
	return 0;
}
