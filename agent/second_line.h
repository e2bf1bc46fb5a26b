/* What main says of the second line (agent/gate.h). */
#ifndef SEKISHO_AGENT_SECOND_LINE_H
#define SEKISHO_AGENT_SECOND_LINE_H

enum { SECOND_LINE_MAX = 160 };

/* root: descriptor of "/". "active" while the pins are there, "off" where gate found no reason for
 * them, else "absent: CAUSE". */
void second_line_read(int root, char text[SECOND_LINE_MAX]);

#endif
