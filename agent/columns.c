#include "agent/columns.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#include "core/utf8.h"

void columns_start(void)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
}

/* Bytes and columns of the character at text; a byte that is no UTF-8 is one column. */
static size_t next_character(const char *text, size_t *width)
{
	uint32_t character;
	size_t size = utf8_next(text, strlen(text), &character);
	int columns;

	*width = 1;
	if (size == 0)
		return 1;
	columns = wcwidth((wchar_t)character);
	if (columns >= 0)
		*width = (size_t)columns;
	return size;
}

size_t columns_width(const char *text)
{
	size_t total = 0, width;

	while (*text != '\0') {
		text += next_character(text, &width);
		total += width;
	}
	return total;
}

void columns_pad(FILE *out, const char *text, size_t width)
{
	size_t used = columns_width(text);

	fputs(text, out);
	do
		fputc(' ', out);
	while (++used < width);
}

/* Bytes of text that go on a line of this many columns. *skip: blanks to drop after them. */
static size_t fitting(const char *text, size_t columns, size_t *skip)
{
	size_t used = 0, at = 0, best = 0;

	*skip = 0;
	for (;;) {
		size_t width, size;

		if (text[at] == '\0') {
			*skip = 0;
			return at;
		}
		size = next_character(text + at, &width);
		if (text[at] == ' ') {
			best = at;
			*skip = 1;
		} else if (width == 2 && at > 0) {
			best = at;
			*skip = 0;
		}
		if (used + width > columns)
			break;
		used += width;
		at += size;
	}
	if (best > 0)
		return best;
	*skip = 0;
	return at > 0 ? at : strlen(text);
}

void columns_wrap(FILE *out, const char *text, size_t indent)
{
	size_t columns = indent + 20 < COLUMNS_SCREEN ? COLUMNS_SCREEN - indent : 20;

	for (;;) {
		size_t skip, length = fitting(text, columns, &skip);

		fwrite(text, 1, length, out);
		fputc('\n', out);
		text += length + skip;
		if (*text == '\0')
			return;
		fprintf(out, "%*s", (int)indent, "");
	}
}
