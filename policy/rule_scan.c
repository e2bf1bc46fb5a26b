#include "policy/rule_scan.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/error.h"
#include "core/language.h"

enum { NUMBER_DIGITS = 9 };

int scan_refuse(struct scanner *s, size_t at, const char *format, ...)
{
	va_list arguments;

	s->error->column = at + 1;
	va_start(arguments, format);
	(void)vsnprintf(s->error->message, sizeof(s->error->message), format, arguments);
	va_end(arguments);
	return ERR_FORMAT;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
	       c == '_';
}

int scan_peek(const struct scanner *s)
{
	return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

size_t scan_blanks(struct scanner *s)
{
	size_t start = s->at;

	while (is_blank(scan_peek(s)))
		s->at++;
	return s->at - start;
}

bool scan_char(struct scanner *s, char c)
{
	if (scan_peek(s) != (unsigned char)c)
		return false;
	s->at++;
	return true;
}

static bool is_name(const char *name, const char *word, size_t length)
{
	return name[0] == word[0] && strncmp(name, word, length) == 0 && name[length] == '\0';
}

size_t scan_name(struct scanner *s, const char *const *names, size_t count)
{
	const char *word = s->text + s->at;
	size_t length = 0;
	size_t found = 0;

	while (s->at + length < s->length && is_word((unsigned char)word[length]))
		length++;
	if (length == 0)
		return count;
	while (found < count && !is_name(names[found], word, length))
		found++;
	if (found < count)
		s->at += length;
	return found;
}

/* digits hexadecimal digits; upper gets a bit for each upper-case letter. */
static bool scan_hex(struct scanner *s, unsigned digits, uint16_t *value, uint8_t *upper)
{
	unsigned number = 0;

	for (unsigned i = 0; i < digits; i++, s->at++) {
		int c = scan_peek(s);
		int digit = c < 0 ? -1 : decode_hex_digit((char)c);

		if (digit < 0)
			return false;
		number = number << 4 | (unsigned)digit;
		*upper = (uint8_t)(*upper << 1 | (c >= 'A' && c <= 'F'));
	}
	*value = (uint16_t)number;
	return true;
}

int scan_id(struct scanner *s, struct item_id *id)
{
	size_t start = s->at;

	*id = (struct item_id){0};
	if (scan_char(s, '*')) {
		id->any_vendor = id->any_product = true;
		if (scan_char(s, ':') && scan_char(s, '*'))
			return 0;
		return scan_refuse(s, start,
		        LANGUAGE("製造者が * のとき機器も * でなければなりません (*:*)",
		                "with any vendor the product must be any too (*:*)"));
	}
	if (!scan_hex(s, 4, &id->vendor, &id->upper) || !scan_char(s, ':'))
		goto malformed;
	if (scan_char(s, '*')) {
		id->any_product = true;
		id->upper = (uint8_t)(id->upper << 4);
		return 0;
	}
	if (scan_hex(s, 4, &id->product, &id->upper))
		return 0;
malformed:
	return scan_refuse(s, start,
	        LANGUAGE("機器 ID は 16 進 4 桁:4 桁です (例 0781:5567)",
	                "a device id is four hex digits, a colon and four more (0781:5567)"));
}

static bool scan_octet(struct scanner *s, uint8_t *value)
{
	uint16_t number = 0;
	uint8_t upper = 0;
	bool scanned = scan_hex(s, 2, &number, &upper);

	*value = (uint8_t)number;
	return scanned;
}

int scan_interface(struct scanner *s, struct item_interface *i)
{
	size_t start = s->at;

	*i = (struct item_interface){0};
	if (!scan_octet(s, &i->class) || !scan_char(s, ':'))
		goto malformed;
	if (scan_char(s, '*'))
		i->any_subclass = true;
	else if (!scan_octet(s, &i->subclass))
		goto malformed;
	if (!scan_char(s, ':'))
		goto malformed;
	if (scan_char(s, '*')) {
		i->any_protocol = true;
		return 0;
	}
	if (!scan_octet(s, &i->protocol))
		goto malformed;
	if (i->any_subclass)
		return scan_refuse(s, start,
		        LANGUAGE("サブクラスが * のときプロトコルも * でなければなりません",
		                "with any subclass the protocol must be any too"));
	return 0;
malformed:
	return scan_refuse(s, start,
	        LANGUAGE("インターフェースは 16 進 2 桁ずつの cc:ss:pp です (例 08:06:50, 08:*:*)",
	                "an interface is cc:ss:pp, two hex digits each (08:06:50, 08:*:*)"));
}

/* One character of a string after a backslash; -1 when it is none. */
static int scan_escape(struct scanner *s)
{
	uint8_t value;

	if (scan_char(s, '"'))
		return '"';
	if (scan_char(s, '\\'))
		return '\\';
	if (scan_char(s, 'x') && scan_octet(s, &value))
		return value;
	return -1;
}

/* Bytes up to the closing quote, escapes as they are written: never fewer than the string's own. */
static size_t string_room(const struct scanner *s)
{
	size_t end = s->at;

	while (end < s->length && s->text[end] != '"')
		end += s->text[end] == '\\' ? 2 : 1;
	return (end < s->length ? end : s->length) - s->at;
}

/* To the closing quote, with the escapes that stand before it resolved. */
static int scan_escaped(struct scanner *s, struct item_text *text)
{
	char *out = arena_take(s->arena, string_room(s) + 1);
	size_t length = 0;

	if (!out)
		return ERR_MEMORY;
	while (s->at < s->length && s->text[s->at] != '"') {
		int c = (unsigned char)s->text[s->at++];

		if (c == '\\') {
			size_t escape = s->at - 1;

			c = scan_escape(s);
			if (c < 0)
				return scan_refuse(s, escape,
				        LANGUAGE("エスケープは \\\" \\\\ \\xHH だけです",
				                "escapes are \\\" \\\\ and \\xHH only"));
		}
		out[length++] = (char)c;
	}
	*text = (struct item_text){.bytes = out, .length = length};
	return 0;
}

int scan_one_line(struct scanner *s, size_t start)
{
	const char *from = s->text + start;
	const char *found = memchr(from, '\r', s->at - start);

	if (!found)
		return 0;
	return scan_refuse(s, start + (size_t)(found - from),
	        LANGUAGE("改行 (CR) は \\x0d と書きます", "a carriage return is written \\x0d"));
}

int scan_string(struct scanner *s, struct item_text *text)
{
	size_t start = s->at;
	const char *bytes, *quote;
	int error = 0;

	if (!scan_char(s, '"'))
		return scan_refuse(s, start,
		        LANGUAGE("値は二重引用符で囲んだ文字列です",
		                "the value is a string in double quotes"));
	bytes = s->text + s->at;
	quote = memchr(bytes, '"', s->length - s->at);
	if (quote && !memchr(bytes, '\\', (size_t)(quote - bytes))) {
		*text = (struct item_text){.bytes = bytes, .length = (size_t)(quote - bytes)};
		s->at += text->length;
	} else {
		error = scan_escaped(s, text);
	}
	if (!error && !scan_char(s, '"'))
		return scan_refuse(
		        s, start, LANGUAGE("文字列が閉じていません", "the string is not closed"));
	return error ? error : scan_one_line(s, start);
}

static bool scan_number(struct scanner *s, size_t digits_max, unsigned *value)
{
	size_t digits = 0;

	*value = 0;
	for (; digits < digits_max && is_digit(scan_peek(s)); digits++, s->at++)
		*value = *value * 10 + (unsigned)(s->text[s->at] - '0');
	return digits > 0;
}

/* A minute may have a second 60. */
static bool scan_time(struct scanner *s, uint32_t *second)
{
	unsigned hours, minutes, seconds = 0;

	scan_blanks(s);
	if (!scan_number(s, 2, &hours) || !scan_char(s, ':') || !scan_number(s, 2, &minutes))
		return false;
	if (scan_char(s, ':') && !scan_number(s, 2, &seconds))
		return false;
	scan_blanks(s);
	*second = hours * 3600 + minutes * 60 + seconds;
	return hours < 24 && minutes < 60 && seconds <= 60;
}

bool scan_window(struct scanner *s, uint32_t *begin, uint32_t *end)
{
	if (!scan_time(s, begin))
		return false;
	*end = *begin;
	return !scan_char(s, '-') || scan_time(s, end);
}

bool scan_duration(struct scanner *s, int64_t *seconds)
{
	unsigned parts[3] = {0};
	size_t count = 0;

	do {
		if (!scan_number(s, NUMBER_DIGITS, &parts[count++]))
			return false;
	} while (count < 3 && scan_char(s, ':'));
	scan_blanks(s);
	if (count == 1)
		*seconds = parts[0];
	else
		*seconds = (int64_t)parts[0] * 3600 + (int64_t)parts[1] * 60 + parts[2];
	return true;
}

/* The C library's numbers, but a point is a point in every country. */
static bool number_parse(const char *text, double *number)
{
	locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	char *end;

	if (!plain)
		return false;
	errno = 0;
	*number = strtod_l(text, &end, plain);
	freelocale(plain);
	return errno == 0 && end != text && *end == '\0';
}

/* Of any length, so that it needs a copy that ends. */
static char *scan_number_text(struct scanner *s)
{
	const char *from = s->text + s->at;
	size_t length;
	char *text;

	while (s->at < s->length && scan_peek(s) != ')' && !is_blank(scan_peek(s)))
		s->at++;
	length = s->at - (size_t)(from - s->text);
	text = arena_take(s->arena, length + 1);
	if (!text)
		return NULL;
	memcpy(text, from, length);
	text[length] = '\0';
	return text;
}

bool scan_probability(struct scanner *s, double *probability)
{
	const char *text;

	scan_blanks(s);
	text = scan_number_text(s);
	scan_blanks(s);
	return text && number_parse(text, probability) && *probability >= 0 && *probability <= 1;
}
