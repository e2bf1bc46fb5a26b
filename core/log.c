#include "core/log.h"

#include "core/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

/* The only state: set once by a program's main(), read afterwards. */
static struct {
	const char *name;
	enum log_level level;
} log_to = {"sekisho", LOG_LEVEL_INFO};

void log_open(const char *name, enum log_level level)
{
	log_to.name = name;
	log_to.level = level;
}

/* A message is one line: a newline inside would let its text pose as a message of its own. */
static void flatten(char *line, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	}
}

static size_t clamp(int printed, size_t room)
{
	if (printed < 0)
		return 0;
	return (size_t)printed < room ? (size_t)printed : room - 1;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_SIZE];
	const size_t room = sizeof(line) - 1; /* the newline */
	int saved = errno;
	va_list arguments;

	if (level > log_to.level)
		return;
	bool person = isatty(STDERR_FILENO) == 1;
	size_t length = clamp(person ? snprintf(line, room, "%s: ", log_to.name)
	                             : snprintf(line, room, "<%d>%s: ", (int)level, log_to.name),
	        room);
	va_start(arguments, format);
	length += clamp(vsnprintf(line + length, room - length, format, arguments), room - length);
	va_end(arguments);
	flatten(line, length);
	line[length++] = '\n';
	/* Where stderr is gone there is nobody left to tell. */
	ssize_t ignored = write(STDERR_FILENO, line, length);
	(void)ignored;
	errno = saved;
}

/* Characters that show nothing, or change how their neighbours are shown. */
static bool is_invisible(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	        {0x00, 0x1f},
	        {0x7f, 0x9f},
	        {0xad, 0xad},
	        {0x061c, 0x061c},
	        {0x200b, 0x200f},
	        {0x2028, 0x202e},
	        {0x2060, 0x206f},
	        {0xe000, 0xf8ff},
	        {0xfdd0, 0xfdef},
	        {0xfe00, 0xfe0f},
	        {0xfeff, 0xfeff},
	        {0xfff0, 0xfffb},
	        {0xe0000, 0x10ffff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return (c & 0xfffe) == 0xfffe;
}

const char *log_printable(const char *text, char *out, size_t size)
{
	size_t length = text == NULL ? 0 : strlen(text);
	size_t used = 0;

	if (size == 0)
		return out;
	for (size_t i = 0; i < length;) {
		char piece[5];
		uint32_t character = 0;
		size_t taken = utf8_next(text + i, length - i, &character);
		size_t made = taken;
		if (taken == 0 || is_invisible(character)) {
			/* One byte at a time: what follows in a sequence is escaped in its turn. */
			taken = 1;
			made = (size_t)snprintf(
			        piece, sizeof(piece), "\\x%02x", (unsigned char)text[i]);
		} else {
			memcpy(piece, text + i, taken);
		}
		if (made > size - 1 - used)
			break;
		memcpy(out + used, piece, made);
		used += made;
		i += taken;
	}
	out[used] = '\0';
	return out;
}

static void print_escaped(FILE *out, uint32_t c)
{
	if (c > 0xffff) {
		fprintf(out, "\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)));
		c = 0xdc00 + ((c - 0x10000) & 0x3ff);
	}
	fprintf(out, "\\u%04x", (unsigned)c);
}

/* Below a blank there is only what stands between values: whoever made the JSON has escaped the
 * rest. */
void log_print_json(FILE *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		uint32_t c = 0;
		size_t taken = utf8_next(text + i, length - i, &c);

		if (taken > 0 && c > ' ' && is_invisible(c))
			print_escaped(out, c);
		else
			fwrite(text + i, 1, taken > 0 ? taken : 1, out);
		i += taken > 0 ? taken : 1;
	}
}
