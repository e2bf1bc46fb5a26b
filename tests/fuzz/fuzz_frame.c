/*
 * A packet from a sibling process or a PAM client: the frame, then its payload as each message that
 * may be in it. An event that is taken encodes to the bytes it came from.
 */
#include "core/event.h"
#include "core/frame.h"
#include "core/login.h"

#include <stdlib.h>
#include <string.h>

static void try_event(struct buffer in)
{
	static struct event_record e;
	static uint8_t memory[FRAME_MAX];
	size_t start = in.offset;

	if (event_decode(&in, &e) != 0)
		return;
	struct buffer out = buffer_over(memory, sizeof(memory));
	event_encode(&e, &out);
	if (out.error != 0 || out.length != in.length - start ||
	        memcmp(memory, in.data + start, out.length) != 0)
		abort();
}

static void try_begin(struct buffer in)
{
	char names[4][LOGIN_NAME_MAX];

	(void)buffer_get_u8(&in);
	for (size_t i = 0; i < 4; i++)
		buffer_get_string(&in, names[i], sizeof(names[i]));
	if (buffer_end(&in) != 0)
		return;
	for (size_t i = 0; i < 4; i++) {
		if (strnlen(names[i], LOGIN_NAME_MAX) == LOGIN_NAME_MAX)
			abort();
	}
}

static void try_prompt(struct buffer in)
{
	char text[LOGIN_TEXT_MAX];

	(void)buffer_get_u8(&in);
	buffer_get_string(&in, text, sizeof(text));
	if (buffer_end(&in) == 0 && strlen(text) + 5 != in.length)
		abort();
}

static void try_answer(struct buffer in)
{
	char text[LOGIN_TEXT_MAX];

	buffer_get_string(&in, text, sizeof(text));
	if (buffer_end(&in) == 0 && strlen(text) + 4 != in.length)
		abort();
}

static void try_pieces(struct buffer in)
{
	size_t length = 0;
	size_t total = 0;

	while (in.error == 0 && buffer_end(&in) != 0) {
		const uint8_t *bytes = buffer_get_bytes(&in, &length);
		for (size_t i = 0; bytes != NULL && i < length; i++)
			total += bytes[i] != 0;
	}
	if (total > in.length)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame frame;

	if (frame_parse(data, size, &frame) != 0)
		return 0;
	if (frame.payload.length != size - FRAME_HEADER || frame.fd_count != 0)
		abort();
	try_event(frame.payload);
	struct buffer behind_id = frame.payload;
	(void)buffer_get_u32(&behind_id);
	if (behind_id.error == 0)
		try_event(behind_id);
	try_begin(frame.payload);
	try_prompt(frame.payload);
	try_answer(frame.payload);
	try_pieces(frame.payload);
	return 0;
}
