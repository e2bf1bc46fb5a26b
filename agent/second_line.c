#include "agent/second_line.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/gate.h"
#include "agent/gate_pins.h"
#include "agent/paths.h"
#include "core/file.h"

static int state_read(int root, char text[SECOND_LINE_MAX])
{
	uint8_t *data = NULL;
	size_t length;
	int fd;
	int r = file_open_checked(
	        root, PATH_MEDIA_DIR "/" GATE_STATE, 0, 0644, SECOND_LINE_MAX - 1, &fd);

	if (r != 0)
		return r;
	r = file_read(fd, SECOND_LINE_MAX - 1, &data, &length);
	close(fd);
	if (r == 0)
		snprintf(text, SECOND_LINE_MAX, "%s", (const char *)data);
	free(data);
	return r;
}

void second_line_read(int root, char text[SECOND_LINE_MAX])
{
	char said[SECOND_LINE_MAX] = "";
	int r = state_read(root, said);

	if (gate_pins_are_whole(root))
		snprintf(text, SECOND_LINE_MAX, "active");
	else if (r != 0)
		snprintf(text, SECOND_LINE_MAX, "absent: never loaded");
	else if (strcmp(said, "active") == 0)
		snprintf(text, SECOND_LINE_MAX, "absent: taken out by somebody");
	else
		snprintf(text, SECOND_LINE_MAX, "%s", said);
}
