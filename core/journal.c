#include "core/journal.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_DIGITS = 20,
	FILE_MAX = 64 << 20, /* four times what a file grows to: more was not written by us */
	VALUE_CUT_LEAST = 32,
};

static const char suffix[] = ".jsonl";
static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
static const char ellipsis[] = "\xe2\x80\xa6";    /* U+2026: the value was longer */

/* --- writing a line --- */

/* Valid UTF-8, from at most limit bytes of value; malloc'd. */
static char *clean_text(const char *value, size_t limit)
{
	size_t length = strlen(value);
	bool cut = length > limit;
	size_t used = 0;

	char *text = malloc(3 * (cut ? limit : length) + sizeof(ellipsis));
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < length;) {
		uint32_t character = 0;
		size_t taken = utf8_next(value + i, length - i, &character);
		if (i + (taken == 0 ? 1 : taken) > limit)
			break;
		memcpy(text + used, taken == 0 ? replacement : value + i, taken == 0 ? 3 : taken);
		used += taken == 0 ? 3 : taken;
		i += taken == 0 ? 1 : taken;
	}
	memcpy(text + used, ellipsis, cut ? 3 : 0);
	used += cut ? 3 : 0;
	text[used] = '\0';
	return text;
}

static json_t *field_value(uint16_t field, const char *value, size_t limit)
{
	if (event_field_is_number(field))
		return json_integer((json_int_t)strtoll(value, NULL, 10));
	if (event_field_is_flag(field))
		return json_boolean(strcmp(value, "true") == 0);
	char *text = clean_text(value, limit);
	json_t *string = text == NULL ? NULL : json_string(text);
	free(text);
	return string;
}

static int add_fields(json_t *line, const struct event_record *e, size_t limit)
{
	for (size_t i = 0; i < e->count; i++) {
		const char *name = event_field_name(e->fields[i].field);
		json_t *value = field_value(e->fields[i].field, e->fields[i].value, limit);
		if (json_object_set_new(line, name, value) != 0)
			return ERR_MEMORY;
	}
	return 0;
}

/* A journal line's text with values cut at limit; malloc'd. */
static int print_line(const struct event_record *e, const struct journal_stamp *stamp,
        const struct journal_head *head, size_t limit, char **line)
{
	char time[CLOCK_RFC3339_SIZE];
	int error = ERR_MEMORY;

	*line = NULL;
	clock_format(stamp->wall, time);
	json_t *object = json_pack("{s:I, s:s, s:s, s:I, s:s}", "seq", (json_int_t)head->count + 1,
	        "time", time, "boot", stamp->boot_id, "uptime_ms", (json_int_t)stamp->boot_ms,
	        "event", event_kind_name(e->kind));
	if (object != NULL && add_fields(object, e, limit) == 0 &&
	        json_object_set_new(object, "prev", json_string(head->hash)) == 0) {
		*line = json_dumps(object, JSON_COMPACT);
		error = *line == NULL ? ERR_MEMORY : 0;
	}
	json_decref(object);
	return error;
}

static bool is_writable(const struct event_record *e)
{
	if (event_kind_name(e->kind) == NULL || e->count > EVENT_FIELDS_MAX)
		return false;
	for (size_t i = 0; i < e->count; i++) {
		if (!event_value_is_valid(e->fields[i].field, e->fields[i].value))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (e->fields[j].field == e->fields[i].field)
				return false;
		}
	}
	return true;
}

static int advance(struct journal_head *head, uint64_t seq, const char *line, size_t length)
{
	char hash[SHA256_HEX_SIZE];

	int error = encode_sha256_hex(line, length, hash);
	if (error != 0)
		return error;
	head->count = seq;
	memcpy(head->hash, hash, sizeof(hash));
	return 0;
}

int journal_line(const struct event_record *e, const struct journal_stamp *stamp,
        struct journal_head *head, char **line)
{
	int error = 0;

	*line = NULL;
	if (!is_writable(e) || head->count >= INT64_MAX)
		return ERR_FORMAT;
	/* Escaping makes six bytes of one. What a device says of itself must not keep its denial
	 * out of the journal, so values are cut until the line fits. */
	for (size_t limit = EVENT_VALUE_MAX; limit >= VALUE_CUT_LEAST; limit /= 2) {
		error = print_line(e, stamp, head, limit, line);
		if (error != 0 || strlen(*line) <= JOURNAL_LINE_MAX)
			break;
		free(*line);
		*line = NULL;
	}
	if (error == 0 && *line == NULL)
		error = ERR_TOO_LONG;
	if (error == 0)
		error = advance(head, head->count + 1, *line, strlen(*line));
	if (error != 0) {
		free(*line);
		*line = NULL;
	}
	return error;
}

/* --- checking a line --- */

static uint16_t field_by_name(const char *name)
{
	for (int field = 1; field < FIELD_END; field++) {
		if (strcmp(event_field_name((uint16_t)field), name) == 0)
			return (uint16_t)field;
	}
	return 0;
}

static bool is_kind_name(const char *name)
{
	for (int kind = 1; kind < EVENT_KIND_END; kind++) {
		if (strcmp(event_kind_name((uint16_t)kind), name) == 0)
			return true;
	}
	return false;
}

static bool is_field(const char *name, const json_t *value)
{
	uint16_t field = field_by_name(name);

	if (field == 0)
		return false;
	if (event_field_is_number(field))
		return json_is_integer(value) && json_integer_value(value) >= 0;
	return event_field_is_flag(field) ? json_is_boolean(value) : json_is_string(value);
}

static bool is_time(const json_t *value)
{
	int64_t seconds = 0;

	return json_is_string(value) && json_string_length(value) == CLOCK_RFC3339_SIZE - 1 &&
	       clock_parse(json_string_value(value), &seconds) == 0;
}

/* The members a line begins with, in their order. */
static const char *check_member(size_t place, const char *name, const json_t *value)
{
	static const char *const names[] = {"seq", "time", "boot", "uptime_ms", "event"};
	bool good = true;

	if (strcmp(name, names[place]) != 0)
		return "a member is missing or out of its order";
	if (place == 0 || place == 3)
		good = json_is_integer(value) && json_integer_value(value) >= 0;
	else if (place == 1)
		good = is_time(value);
	else
		good = json_is_string(value);
	if (good && place == 4 && !is_kind_name(json_string_value(value)))
		return "event of an unknown kind";
	return good ? NULL : "a member has a value of another type";
}

/* NULL, or what is wrong. */
static const char *check_members(json_t *line)
{
	enum { LEADING = 5 };
	size_t place = 0;
	size_t count = json_object_size(line);

	if (count < LEADING + 1)
		return "a member is missing or out of its order";
	for (void *at = json_object_iter(line); at != NULL; at = json_object_iter_next(line, at)) {
		const char *name = json_object_iter_key(at);
		const json_t *value = json_object_iter_value(at);
		const char *cause = NULL;
		if (place < LEADING)
			cause = check_member(place, name, value);
		else if (place == count - 1)
			cause = strcmp(name, "prev") == 0 && json_is_string(value)
			                ? NULL
			                : "no prev at the end";
		else if (!is_field(name, value))
			cause = "a field is unknown or of another type";
		if (cause != NULL)
			return cause;
		place++;
	}
	return NULL;
}

static int check_chain(const json_t *line, const struct journal_head *head, const char **cause)
{
	if ((uint64_t)json_integer_value(json_object_get(line, "seq")) != head->count + 1) {
		*cause = "sequence number is not the next";
		return ERR_CHAIN;
	}
	if (strcmp(json_string_value(json_object_get(line, "prev")), head->hash) != 0) {
		*cause = "hash of the line before does not match";
		return ERR_CHAIN;
	}
	return 0;
}

int journal_check_line(
        const char *line, size_t length, struct journal_head *head, const char **cause)
{
	int error = ERR_FORMAT;

	*cause = NULL;
	if (length > JOURNAL_LINE_MAX) {
		*cause = "line is too long";
		return ERR_FORMAT;
	}
	json_t *object = memchr(line, '\n', length) == NULL
	                         ? json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL)
	                         : NULL;
	if (!json_is_object(object)) {
		*cause = "line is not a JSON object";
		goto out;
	}
	*cause = check_members(object);
	if (*cause != NULL)
		goto out;
	error = check_chain(object, head, cause);
	if (error == 0)
		error = advance(head, head->count + 1, line, length);
	if (error == ERR_CRYPTO)
		*cause = "the hash could not be computed";
out:
	json_decref(object);
	return error;
}

/* --- walking the files --- */

struct listing {
	char (*names)[256]; /* sorted: by their first sequence numbers, since all have as many
	                       digits */
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int add_name(struct listing *list, const char *name)
{
	void *larger = reallocarray(list->names, list->count + 1, sizeof(list->names[0]));

	if (larger == NULL)
		return ERR_MEMORY;
	list->names = larger;
	snprintf(list->names[list->count], sizeof(list->names[0]), "%s", name);
	list->count++;
	return 0;
}

static bool ends_with_suffix(const char *name)
{
	size_t length = strlen(name);

	return length >= sizeof(suffix) - 1 &&
	       strcmp(name + length - (sizeof(suffix) - 1), suffix) == 0;
}

static int read_names(DIR *stream, struct listing *list)
{
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (entry == NULL)
			return errno == 0 ? 0 : ERR_IO;
		if (!ends_with_suffix(entry->d_name))
			continue;
		int error = add_name(list, entry->d_name);
		if (error != 0)
			return error;
	}
}

static int list_files(int dir, struct listing *list)
{
	*list = (struct listing){0};
	/* Opened anew: a duplicate would share, and move, the caller's position in the directory.
	 */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (stream == NULL) {
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	int error = read_names(stream, list);
	closedir(stream);
	if (error != 0) {
		free(list->names);
		*list = (struct listing){0};
	}
	if (list->count > 0)
		qsort(list->names, list->count, sizeof(list->names[0]), compare_names);
	return error;
}

/* The first sequence number a file's name tells; 0 when it is not such a name. */
static uint64_t first_of_name(const char *name)
{
	if (strspn(name, "0123456789") != NAME_DIGITS || strcmp(name + NAME_DIGITS, suffix) != 0)
		return 0;
	errno = 0;
	uint64_t first = strtoull(name, NULL, 10);
	return errno != 0 || first > INT64_MAX ? 0 : first;
}

static int read_journal_file(int dir, const char *name, uint8_t **data, size_t *length)
{
	int fd = -1;

	*data = NULL;
	*length = 0;
	int error = file_open_checked(dir, name, (uid_t)-1, 0755, FILE_MAX, &fd);
	if (error != 0)
		return error;
	error = file_read(fd, FILE_MAX, data, length);
	close(fd);
	return error;
}

/* What a line claims to be, even one that is otherwise not as it should be; 0 when it claims
 * nothing. */
static uint64_t claimed_seq(const char *line, size_t length)
{
	static const char start[] = "{\"seq\":";
	uint64_t seq = 0;

	if (length < sizeof(start) || memcmp(line, start, sizeof(start) - 1) != 0)
		return 0;
	for (size_t i = sizeof(start) - 1; i < length && line[i] >= '0' && line[i] <= '9'; i++) {
		if (seq > (INT64_MAX - 9) / 10)
			return 0;
		seq = seq * 10 + (uint64_t)(line[i] - '0');
	}
	return seq;
}

struct walk {
	struct journal_head *head;
	struct journal_fault *fault;
	const char *name;
	uint64_t line;
	bool broken;
};

/* The first fault is the one that is told. */
static void note_fault(struct walk *w, const char *cause)
{
	if (w->broken)
		return;
	w->broken = true;
	log_printable(w->name, w->fault->file, sizeof(w->fault->file));
	w->fault->line = w->line;
	w->fault->seq = w->head->count + 1;
	snprintf(w->fault->cause, sizeof(w->fault->cause), "%s", cause);
}

static int verify_line(struct walk *w, const char *line, size_t length)
{
	const char *cause = NULL;

	w->line++;
	int error = journal_check_line(line, length, w->head, &cause);
	if (error == 0 || error == ERR_CRYPTO)
		return error;
	note_fault(w, cause);
	/* Go on from what is there, so that the head is the last line's and what follows can
	 * continue it. */
	uint64_t seq = claimed_seq(line, length);
	return advance(w->head, seq != 0 ? seq : w->head->count + 1, line, length);
}

/* tail: bytes after the last newline. */
static int verify_bytes(struct walk *w, const char *text, size_t length, size_t *tail)
{
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		if (newline == NULL)
			break;
		size_t line_length = (size_t)(newline - text);
		int error = verify_line(w, text, line_length);
		if (error != 0)
			return error;
		text += line_length + 1;
		length -= line_length + 1;
	}
	*tail = length;
	return 0;
}

static int verify_file(struct walk *w, int dir, size_t *tail)
{
	uint8_t *data = NULL;
	size_t length = 0;

	*tail = 0;
	w->line = 1;
	if (first_of_name(w->name) == 0)
		note_fault(w, "file name is not a journal's");
	else if (first_of_name(w->name) != w->head->count + 1)
		note_fault(w, "file name is not the next sequence number");
	int error = read_journal_file(dir, w->name, &data, &length);
	if (error == ERR_UNSAFE || error == ERR_TOO_LONG) {
		note_fault(w, error == ERR_UNSAFE ? "not a regular file that only its owner writes"
		                                  : "longer than a journal file may be");
		return 0;
	}
	w->line = 0;
	if (error == 0)
		error = verify_bytes(w, (const char *)data, length, tail);
	free(data);
	return error;
}

int journal_verify(int dir, struct journal_head *head, size_t *torn, struct journal_fault *fault)
{
	struct walk w = {.head = head, .fault = fault};
	struct listing list;
	size_t tail = 0;

	*head = (struct journal_head){.count = 0, .hash = JOURNAL_GENESIS};
	*fault = (struct journal_fault){0};
	if (torn != NULL)
		*torn = 0;
	int error = list_files(dir, &list);
	for (size_t i = 0; error == 0 && i < list.count; i++) {
		w.name = list.names[i];
		error = verify_file(&w, dir, &tail);
		if (error == 0 && tail > 0 && i + 1 < list.count) {
			w.line++;
			note_fault(&w, "line does not end");
		}
	}
	free(list.names);
	if (error != 0)
		return error;
	if (torn != NULL)
		*torn = tail;
	return w.broken ? ERR_CHAIN : 0;
}

struct visit {
	uint64_t from;
	uint64_t seq;
	int (*each)(void *, const char *, size_t);
	void *context;
};

static int visit_file(struct visit *v, int dir, const char *name)
{
	uint8_t *data = NULL;
	size_t left = 0;

	int error = read_journal_file(dir, name, &data, &left);
	const char *text = (const char *)data;
	while (error == 0 && left > 0) {
		const char *newline = memchr(text, '\n', left);
		if (newline == NULL)
			break;
		size_t length = (size_t)(newline - text);
		uint64_t claimed = claimed_seq(text, length);
		v->seq = claimed != 0 ? claimed : v->seq + 1;
		if (v->seq >= v->from)
			error = v->each(v->context, text, length);
		text = newline + 1;
		left -= length + 1;
	}
	free(data);
	return error;
}

int journal_each(int dir, uint64_t from, int (*each)(void *, const char *, size_t), void *context)
{
	struct visit v = {.from = from, .each = each, .context = context};
	struct listing list;

	int error = list_files(dir, &list);
	for (size_t i = 0; error == 0 && i < list.count; i++) {
		uint64_t next = i + 1 < list.count ? first_of_name(list.names[i + 1]) : 0;
		if (first_of_name(list.names[i]) == 0 || (next != 0 && next <= from))
			continue;
		v.seq = first_of_name(list.names[i]) - 1;
		error = visit_file(&v, dir, list.names[i]);
	}
	free(list.names);
	return error;
}

static int hash_line(void *context, const char *line, size_t length)
{
	return encode_sha256_hex(line, length, context) != 0 ? ERR_CRYPTO : 1;
}

bool journal_holds(int dir, const struct journal_head *head)
{
	char hash[SHA256_HEX_SIZE] = "";

	if (head->count == 0)
		return true;
	return journal_each(dir, head->count, hash_line, hash) == 1 &&
	       strcmp(hash, head->hash) == 0;
}
