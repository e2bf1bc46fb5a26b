/* What way out a device of agent/port.h opens, by what sysfs says of it. */
#ifndef SEKISHO_AGENT_PORT_RECOGNISE_H
#define SEKISHO_AGENT_PORT_RECOGNISE_H

#include "agent/port_look.h"

enum { PORT_VALUE_MAX = 64 };

/* sys: descriptor of /sys; dir: of the device's directory. p has kind, name and path and is given
 * the rest. false: nothing that could be a way out. */
bool port_recognise(int sys, int dir, struct port_look *p);

/* An attribute without blanks around it; "" where there is none. */
void port_text_read(int dir, const char *name, char *text, size_t size);
bool port_attribute_is(int dir, const char *name, const char *value);

#endif
