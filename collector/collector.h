/* The central side's command line: a table of commands, a file each (command_*.c). */
#ifndef SEKISHO_COLLECTOR_COLLECTOR_H
#define SEKISHO_COLLECTOR_COLLECTOR_H

#include "collector/config.h"
#include "collector/store.h"

#include <jansson.h>
#include <stdbool.h>

struct collector {
	struct config config;
	const char *user; /* --user, or NULL */
};

/* argv[0] is the command's own name. Each answers EXIT_YES, EXIT_NO, EXIT_USAGE or EXIT_UNASKED. */
int command_init(const struct collector *collector, int argc, char **argv);
int command_serve(const struct collector *collector, int argc, char **argv);
int command_token(const struct collector *collector, int argc, char **argv);
int command_terminals(const struct collector *collector, int argc, char **argv);
int command_clear(const struct collector *collector, int argc, char **argv);
int command_poll(const struct collector *collector, int argc, char **argv);
int command_report(const struct collector *collector, int argc, char **argv);

/* Enters the data directory and opens its database, or says why not on stderr and answers an error.
 */
int collector_open(const struct collector *collector, struct store **store);

/* One sentence on stderr. */
void collector_say(const char *subject, const char *sentence);

/* On stdout; takes the document. ERR_MEMORY, also when it is NULL. */
int collector_print_json(json_t *document);

/* Digits only, between the two; false else. */
bool collector_read_number(
        const char *text, unsigned long smallest, unsigned long largest, unsigned *number);

#endif
