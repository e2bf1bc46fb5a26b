/* Stands in for guard: asks main for what guard may, then for what is another's.
 * agent_processes.sh. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/message.h"
#include "core/frame.h"

static uint32_t next_id;

static int ask(enum request_type type, uint64_t number, const char *name)
{
	struct request q = {.id = ++next_id, .type = (uint32_t)type, .number = number};
	uint8_t memory[256];
	struct frame frame;

	snprintf(q.name, sizeof(q.name), "%s", name);
	if (frame_send(CHILD_MAIN_FD, MESSAGE_REQUEST, &q, sizeof(q), NULL, 0) != 0)
		return -1;
	do {
		if (frame_receive(CHILD_MAIN_FD, 5000, memory, sizeof(memory), &frame) != 0)
			return -1;
	} while (frame.type != MESSAGE_RESULT || buffer_get_u32(&frame.payload) != q.id);
	return (int)buffer_get_u32(&frame.payload);
}

int main(void)
{
	if (frame_send(CHILD_MAIN_FD, MESSAGE_READY, NULL, 0, NULL, 0) != 0)
		return 1;
	fprintf(stderr, "guard: other devnum %d\n", ask(REQUEST_USB_AUTHORISE, 4, "1-2"));
	fprintf(stderr, "guard: authorise %d\n", ask(REQUEST_USB_AUTHORISE, 5, "1-2"));
	fprintf(stderr, "guard: forbidden %d\n", ask(REQUEST_USER_OPEN, 0, "root"));
	for (;;)
		pause();
}
