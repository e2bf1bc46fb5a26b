/* Columns for people's terminals: a Japanese character is two columns wide. */
#ifndef SEKISHO_COLLECTOR_TABLE_H
#define SEKISHO_COLLECTOR_TABLE_H

#include <stddef.h>
#include <stdio.h>

/* Columns that valid UTF-8 text takes on a terminal (UAX #11: wide and fullwidth are two, combining
 * marks none). */
size_t table_width(const char *text);

/* Prints rows × columns cells (row-major, all non-NULL), each column as wide as its widest cell,
 * two spaces between. */
void table_print(FILE *out, const char *const *cells, size_t rows, size_t columns);

#endif
