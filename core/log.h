/*
 * Messages for the person who runs the machine, one line each on stderr, with the syslog priority
 * prefix of sd-daemon(3) when stderr is not a terminal. Never a secret, never raw bytes of a device
 * or client: callers pass such text through log_printable().
 */
#ifndef SEKISHO_CORE_LOG_H
#define SEKISHO_CORE_LOG_H

#include <stddef.h>
#include <stdio.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* name: printed before each message; borrowed for ever. Messages above level are dropped. */
void log_open(const char *name, enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Copies text to out with every byte outside printable ASCII and valid UTF-8 letters as \xHH;
 * cut to size - 1. Returns out. */
const char *log_printable(const char *text, char *out, size_t size);

/* Prints JSON for a person's terminal: as it is, but what log_printable() would not let through
 * within a string is written as \uHHHH. Another program reads the same. */
void log_print_json(FILE *out, const char *text, size_t length);

#endif
