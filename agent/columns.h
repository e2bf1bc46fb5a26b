/* Aligned text for a person's terminal of 80 columns, where a Japanese character takes two. */
#ifndef SEKISHO_AGENT_COLUMNS_H
#define SEKISHO_AGENT_COLUMNS_H

#include <stddef.h>
#include <stdio.h>

enum { COLUMNS_SCREEN = 80 };

/* Columns that text takes. Needs a UTF-8 locale: columns_start(). */
size_t columns_width(const char *text);

/* Chooses a locale in which widths are known, whatever the person's is. Call once, first. */
void columns_start(void);

/* text, then blanks up to width; text that is wider gets one blank. */
void columns_pad(FILE *out, const char *text, size_t width);

/* text with lines no longer than the screen, each after the first indented; starts at column indent
 * and ends with a newline. Breaks at blanks, between wide characters, and within a word only when
 * it is longer than a line. */
void columns_wrap(FILE *out, const char *text, size_t indent);

#endif
