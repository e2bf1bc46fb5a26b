#include "collector/table.h"

#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

static size_t character_width(uint32_t c)
{
	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x3099 && c <= 0x309a) ||
	        (c >= 0x200b && c <= 0x200f) || (c >= 0xfe00 && c <= 0xfe0f))
		return 0;
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0x303e) ||
	        (c >= 0x3041 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
	        (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) ||
	        (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) ||
	        (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

size_t table_width(const char *text)
{
	size_t width = 0;

	while (*text != '\0') {
		uint32_t c = 0;
		size_t bytes = utf8_next(text, strlen(text), &c);
		width += bytes == 0 ? 1 : character_width(c);
		text += bytes == 0 ? 1 : bytes;
	}
	return width;
}

static size_t column_width(const char *const *cells, size_t rows, size_t columns, size_t column)
{
	size_t widest = 0;

	for (size_t row = 0; row < rows; row++) {
		size_t width = table_width(cells[row * columns + column]);
		if (width > widest)
			widest = width;
	}
	return widest;
}

void table_print(FILE *out, const char *const *cells, size_t rows, size_t columns)
{
	size_t *widths = calloc(columns + 1, sizeof(*widths));

	for (size_t column = 0; widths != NULL && column < columns; column++)
		widths[column] = column_width(cells, rows, columns, column);
	for (size_t cell = 0; cell < rows * columns; cell++) {
		size_t column = cell % columns;

		fputs(cells[cell], out);
		if (column + 1 == columns)
			fputc('\n', out);
		else if (widths != NULL)
			fprintf(out, "%*s", (int)(widths[column] - table_width(cells[cell]) + 2),
			        "");
		else
			fputs("  ", out);
	}
	free(widths);
}
