#include "tests/unit/workspace.h"

#include "core/error.h"
#include "core/journal.h"

#include <jansson.h>

static const struct journal_stamp stamp = {
        1795250831, 1234, "f47ac10b-58cc-4372-a567-0e02b2c3d479"};

#define NAME "%020u.jsonl"

static struct journal_head genesis(void)
{
	return (struct journal_head){.count = 0, .hash = JOURNAL_GENESIS};
}

static struct event_record *event_of(uint16_t kind)
{
	static struct event_record e;

	event_start(&e, kind);
	return &e;
}

static char *line_of(const struct event_record *e, struct journal_head *head)
{
	char *line = NULL;

	assert_int_equal(journal_line(e, &stamp, head, &line), 0);
	assert_non_null(line);
	return line;
}

static void first_and_second_line(void **state)
{
	struct journal_head head = genesis(), reader = genesis();
	char expected[512];
	const char *cause = NULL;

	(void)state;
	struct event_record *e = event_of(EVENT_DEVICE_DENIED);
	event_put(e, FIELD_DEVICE, "1-2");
	event_put(e, FIELD_NAME, "関所 \"x\"\n");
	event_put(e, FIELD_OBSERVED, "false");
	event_put_number(e, FIELD_COUNT, 7);
	char *line = line_of(e, &head);
	assert_string_equal(line,
	        "{\"seq\":1,\"time\":\"2026-11-21T08:47:11Z\",\"boot\":\"f47ac10b-58cc-4372-a567-"
	        "0e02b2c3d479\","
	        "\"uptime_ms\":1234,\"event\":\"device.denied\",\"device\":\"1-2\",\"name\":\"関所 "
	        "\\\"x\\\"\\n\","
	        "\"observed\":false,\"count\":7,\"prev\":\"" JOURNAL_GENESIS "\"}");
	assert_int_equal(head.count, 1);
	assert_int_equal(encode_sha256_hex(line, strlen(line), expected), 0);
	assert_string_equal(head.hash, expected);
	assert_int_equal(journal_check_line(line, strlen(line), &reader, &cause), 0);
	assert_null(cause);
	assert_int_equal(reader.count, 1);
	assert_string_equal(reader.hash, head.hash);
	free(line);
	char before[SHA256_HEX_SIZE];
	memcpy(before, head.hash, sizeof(before));
	line = line_of(event_of(EVENT_AGENT_STOPPING), &head);
	snprintf(expected, sizeof(expected), "\"event\":\"agent.stopping\",\"prev\":\"%s\"}",
	        before);
	assert_string_equal(strstr(line, "\"event\""), expected);
	assert_int_equal(journal_check_line(line, strlen(line), &reader, &cause), 0);
	free(line);
}

/* Every kind and every field passes from writer to reader. */
static void everything_there_is(void **state)
{
	struct journal_head head = genesis(), reader = genesis();
	const char *cause = NULL;

	(void)state;
	for (uint16_t kind = 1; kind < (uint16_t)EVENT_KIND_END; kind++) {
		struct event_record *e = event_of(kind);
		for (uint16_t i = 0; i < (uint16_t)EVENT_FIELDS_MAX; i++) {
			uint16_t field = (uint16_t)(1 + (kind * 7 + i) % (FIELD_END - 1));
			event_put(e, field,
			        event_field_is_flag(field) ? "true" : "9223372036854775807");
		}
		char *line = line_of(e, &head);
		int error = journal_check_line(line, strlen(line), &reader, &cause);
		if (error != 0)
			fail_msg("%s: %s", line, cause);
		free(line);
	}
	assert_string_equal(head.hash, reader.hash);
}

static void foreign_bytes(void **state)
{
	struct journal_head head = genesis();

	(void)state;
	struct event_record *e = event_of(EVENT_DEVICE_DENIED);
	event_put(e, FIELD_NAME,
	        "a\xff\xe9\x96"
	        "b\xed\xa0\x80\x01");
	char *line = line_of(e, &head);
	assert_non_null(strstr(line, "\"name\":\"a���b���\\u0001\""));
	free(line);
}

/* The longest and worst that a device can say fits, cut, and still is a line. */
static void hostile_values_fit(void **state)
{
	struct journal_head head = genesis(), reader = genesis();
	char value[EVENT_VALUE_MAX + 1];
	const char *cause = NULL;

	(void)state;
	static const char fillings[] = "\x01\xff\"a";
	for (size_t f = 0; f < sizeof(fillings) - 1; f++) {
		struct event_record *e = event_of(EVENT_DEVICE_DENIED);
		memset(value, fillings[f], EVENT_VALUE_MAX);
		value[EVENT_VALUE_MAX] = '\0';
		for (uint16_t field = 1; e->count < EVENT_FIELDS_MAX; field++) {
			if (!event_field_is_number(field) && !event_field_is_flag(field))
				event_put(e, field, value);
		}
		char *line = line_of(e, &head);
		assert_true(strlen(line) <= JOURNAL_LINE_MAX);
		assert_true(strlen(line) > 4000);
		int error = journal_check_line(line, strlen(line), &reader, &cause);
		if (error != 0)
			fail_msg("%s", cause);
		if (fillings[f] != 'a')
			assert_non_null(strstr(line, "…\""));
		free(line);
	}
	/* one such value among short ones is kept whole */
	struct event_record *e = event_of(EVENT_DEVICE_DENIED);
	memset(value, 'a', EVENT_VALUE_MAX);
	event_put(e, FIELD_NAME, value);
	char *line = line_of(e, &head);
	assert_non_null(strstr(line, value));
	free(line);
}

static void line_refuses(void **state)
{
	struct journal_head head = genesis();
	char *line = (char *)1;

	(void)state;
	assert_int_equal(journal_line(event_of(0), &stamp, &head, &line), ERR_FORMAT);
	assert_null(line);
	assert_int_equal(journal_line(event_of(EVENT_KIND_END), &stamp, &head, &line), ERR_FORMAT);
	struct event_record *e = event_of(EVENT_LOGIN_LOCKED);
	event_put(e, FIELD_USER, "a");
	event_put(e, FIELD_USER, "b");
	assert_int_equal(journal_line(e, &stamp, &head, &line), ERR_FORMAT);
	e = event_of(EVENT_LOGIN_LOCKED);
	event_put(e, FIELD_COUNT, "many");
	assert_int_equal(journal_line(e, &stamp, &head, &line), ERR_FORMAT);
	e = event_of(EVENT_LOGIN_LOCKED);
	event_put(e, FIELD_END, "x");
	assert_int_equal(journal_line(e, &stamp, &head, &line), ERR_FORMAT);
	assert_int_equal(head.count, 0); /* nothing moved */
	assert_string_equal(head.hash, JOURNAL_GENESIS);
	head.count = INT64_MAX;
	assert_int_equal(
	        journal_line(event_of(EVENT_AGENT_STARTED), &stamp, &head, &line), ERR_FORMAT);
}

#define START                                                                                      \
	"{\"seq\":1,\"time\":\"2026-11-21T08:47:11Z\",\"boot\":\"b\",\"uptime_ms\":1,\"event\":"   \
	"\"agent.started\""
#define PREV ",\"prev\":\"" JOURNAL_GENESIS "\"}"

static void check_refuses(void **state)
{
	static const struct {
		const char *line;
		int error;
		const char *cause;
	} bad[] = {
	        {"", ERR_FORMAT, "line is not a JSON object"},
	        {"[]", ERR_FORMAT, "line is not a JSON object"},
	        {START, ERR_FORMAT, "line is not a JSON object"},
	        {START PREV "x", ERR_FORMAT, "line is not a JSON object"},
	        {START ",\n\"count\":1" PREV, ERR_FORMAT, "line is not a JSON object"},
	        {START ",\"count\":1,\"count\":1" PREV, ERR_FORMAT, "line is not a JSON object"},
	        {START ",\"name\":\"\xff\"" PREV, ERR_FORMAT, "line is not a JSON object"},
	        {"{}", ERR_FORMAT, "a member is missing or out of its order"},
	        {"{\"time\":\"2026-11-21T08:47:11Z\",\"seq\":1,\"boot\":\"b\",\"uptime_ms\":1,"
	         "\"event\":\"agent.started\"" PREV,
	                ERR_FORMAT, "a member is missing or out of its order"},
	        {"{\"seq\":\"1\",\"time\":\"2026-11-21T08:47:11Z\",\"boot\":\"b\",\"uptime_ms\":1,"
	         "\"event\":\"agent.started\"" PREV,
	                ERR_FORMAT, "a member has a value of another type"},
	        {"{\"seq\":-1,\"time\":\"2026-11-21T08:47:11Z\",\"boot\":\"b\",\"uptime_ms\":1,"
	         "\"event\":\"agent.started\"" PREV,
	                ERR_FORMAT, "a member has a value of another type"},
	        {"{\"seq\":1,\"time\":\"2026-11-21\",\"boot\":\"b\",\"uptime_ms\":1,\"event\":"
	         "\"agent.started\"" PREV,
	                ERR_FORMAT, "a member has a value of another type"},
	        {"{\"seq\":1,\"time\":\"2026-11-21T08:47:11Z\",\"boot\":1,\"uptime_ms\":1,"
	         "\"event\":\"agent.started\"" PREV,
	                ERR_FORMAT, "a member has a value of another type"},
	        {"{\"seq\":1,\"time\":\"2026-11-21T08:47:11Z\",\"boot\":\"b\",\"uptime_ms\":1.5,"
	         "\"event\":\"agent.started\"" PREV,
	                ERR_FORMAT, "a member has a value of another type"},
	        {"{\"seq\":1,\"time\":\"2026-11-21T08:47:11Z\",\"boot\":\"b\",\"uptime_ms\":1,"
	         "\"event\":\"agent.made_up\"" PREV,
	                ERR_FORMAT, "event of an unknown kind"},
	        {START ",\"count\":\"1\"" PREV, ERR_FORMAT,
	                "a field is unknown or of another type"},
	        {START ",\"count\":-1" PREV, ERR_FORMAT, "a field is unknown or of another type"},
	        {START ",\"observed\":\"true\"" PREV, ERR_FORMAT,
	                "a field is unknown or of another type"},
	        {START ",\"name\":1" PREV, ERR_FORMAT, "a field is unknown or of another type"},
	        {START ",\"surprise\":1" PREV, ERR_FORMAT, "a field is unknown or of another type"},
	        {START ",\"prev\":\"" JOURNAL_GENESIS "\",\"count\":1}", ERR_FORMAT,
	                "a field is unknown or of another type"},
	        {START ",\"count\":1}", ERR_FORMAT, "no prev at the end"},
	        {START ",\"prev\":0}", ERR_FORMAT, "no prev at the end"},
	        {START ",\"prev\":\"0000\"}", ERR_CHAIN, "hash of the line before does not match"},
	        {"{\"seq\":2,\"time\":\"2026-11-21T08:47:11Z\",\"boot\":\"b\",\"uptime_ms\":1,"
	         "\"event\":\"agent.started\"" PREV,
	                ERR_CHAIN, "sequence number is not the next"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct journal_head head = genesis();
		const char *cause = NULL;
		int error = journal_check_line(bad[i].line, strlen(bad[i].line), &head, &cause);
		if (error != bad[i].error || strcmp(cause, bad[i].cause) != 0)
			fail_msg("%s: %d, %s", bad[i].line, error, cause);
		assert_int_equal(head.count, 0);
		assert_string_equal(head.hash, JOURNAL_GENESIS);
	}
	struct journal_head head = genesis();
	const char *cause = NULL;
	char *longer = calloc(1, JOURNAL_LINE_MAX + 1);
	assert_int_equal(
	        journal_check_line(longer, JOURNAL_LINE_MAX + 1, &head, &cause), ERR_FORMAT);
	assert_string_equal(cause, "line is too long");
	free(longer);
	assert_int_equal(journal_check_line(START PREV, strlen(START PREV), &head, &cause), 0);
}

/* --- directories --- */

static const char *file_name(char out[64], unsigned first)
{
	snprintf(out, 64, NAME, first);
	return out;
}

/* Files of the given numbers of lines; the head after them. */
static struct journal_head write_journal(
        const struct workspace *w, const unsigned *lines, size_t files)
{
	struct journal_head head = genesis();
	char name[64];

	for (size_t f = 0; f < files; f++) {
		file_name(name, (unsigned)head.count + 1);
		FILE *out = fdopen(openat(w->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600), "w");
		assert_non_null(out);
		for (unsigned i = 0; i < lines[f]; i++) {
			struct event_record *e = event_of(EVENT_DEVICE_DENIED);
			event_put(e, FIELD_NAME, "stick");
			event_put_number(e, FIELD_COUNT, head.count);
			char *line = line_of(e, &head);
			fprintf(out, "%s\n", line);
			free(line);
		}
		assert_int_equal(fclose(out), 0);
	}
	return head;
}

static struct journal_head standard(const struct workspace *w)
{
	static const unsigned lines[] = {4, 3, 5};

	return write_journal(w, lines, 3);
}

static void breaks(
        const struct workspace *w, const char *file, uint64_t line, uint64_t seq, const char *cause)
{
	struct journal_head head;
	struct journal_fault fault;

	assert_int_equal(journal_verify(w->fd, &head, NULL, &fault), ERR_CHAIN);
	assert_string_equal(fault.cause, cause);
	assert_string_equal(fault.file, file);
	assert_int_equal(fault.line, line);
	assert_int_equal(fault.seq, seq);
}

static void whole_journal(void **state)
{
	const struct workspace *w = *state;
	struct journal_head head;
	struct journal_fault fault;
	size_t torn = 9;

	assert_int_equal(journal_verify(w->fd, &head, &torn, &fault), 0);
	assert_int_equal(head.count, 0);
	assert_string_equal(head.hash, JOURNAL_GENESIS);
	struct journal_head written = standard(w);
	workspace_write_text(w, "notes.txt", "not the journal's");
	assert_int_equal(journal_verify(w->fd, &head, &torn, &fault), 0);
	assert_int_equal(torn, 0);
	assert_int_equal(head.count, 12);
	assert_string_equal(head.hash, written.hash);
	assert_string_equal(fault.file, "");
	/* the next file, created and not yet written */
	char name[64];
	workspace_write_text(w, file_name(name, 13), "");
	assert_int_equal(journal_verify(w->fd, &head, &torn, &fault), 0);
	int file = open("/dev/null", O_RDONLY);
	assert_int_equal(journal_verify(file, &head, &torn, &fault), ERR_IO);
	close(file);
}

/* The exit status of sed on a file of the journal. */
static void edit(const struct workspace *w, unsigned first, const char *script)
{
	char command[256], name[64];

	snprintf(command, sizeof(command), "cp %s before && sed -i '%s' %s && ! cmp -s before %s",
	        file_name(name, first), script, name, name);
	assert_int_equal(workspace_run(w, command), 0);
}

static void a_byte_changed(void **state)
{
	const struct workspace *w = *state;
	struct journal_head head;
	struct journal_fault fault;
	char name[64];

	struct journal_head written = standard(w);
	/* still a sound line: what shows is that the next does not continue it */
	edit(w, 5, "2s/stick/stock/");
	breaks(w, file_name(name, 5), 3, 7, "hash of the line before does not match");
	/* the head is the last line's all the same */
	assert_int_equal(journal_verify(w->fd, &head, NULL, &fault), ERR_CHAIN);
	assert_int_equal(head.count, 12);
	assert_string_equal(head.hash, written.hash);
	/* at a file's end: the next file's first line shows it */
	standard(w);
	edit(w, 1, "4s/stick/stock/");
	breaks(w, file_name(name, 5), 1, 5, "hash of the line before does not match");
	/* no sound line any more: shown where it is */
	standard(w);
	edit(w, 5, "2s/{/[/");
	breaks(w, file_name(name, 5), 2, 6, "line is not a JSON object");
	standard(w);
	edit(w, 8, "5s/\"event\"/\"evant\"/");
	breaks(w, file_name(name, 8), 5, 12, "a member is missing or out of its order");
	/* two places: the first is told */
	edit(w, 1, "1s/stick/stock/");
	breaks(w, file_name(name, 1), 2, 2, "hash of the line before does not match");
}

/* Each byte of each line, flipped, but for the very last line's values, is found. */
static void every_byte_counts(void **state)
{
	const struct workspace *w = *state;
	static const unsigned lines[] = {3};
	struct journal_head head;
	struct journal_fault fault;
	char name[64];
	size_t length = 0;

	struct journal_head written = write_journal(w, lines, 1);
	file_name(name, 1);
	char *data = workspace_read(w, name, &length);
	for (size_t i = 0; i < length; i++) {
		data[i] ^= 0x04;
		workspace_write(w, name, data, length);
		int error = journal_verify(w->fd, &head, NULL, &fault);
		/* a change in the last line shows against the head that was reported */
		if (error == 0 && head.count == written.count &&
		        strcmp(head.hash, written.hash) == 0)
			fail_msg("byte %zu", i);
		data[i] ^= 0x04;
	}
	free(data);
}

static void a_line_deleted(void **state)
{
	const struct workspace *w = *state;
	char name[64];

	standard(w);
	edit(w, 5, "2d");
	breaks(w, file_name(name, 5), 2, 6, "sequence number is not the next");
	standard(w);
	edit(w, 1, "1d");
	breaks(w, file_name(name, 1), 1, 1, "sequence number is not the next");
	standard(w);
	edit(w, 1, "4d");
	breaks(w, file_name(name, 5), 1, 4, "file name is not the next sequence number");
	standard(w);
	edit(w, 5, "2{h;d};3{G}"); /* two lines change places */
	breaks(w, file_name(name, 5), 2, 6, "sequence number is not the next");
	standard(w);
	edit(w, 5, "2p"); /* one stands there twice */
	breaks(w, file_name(name, 5), 3, 7, "sequence number is not the next");
	standard(w);
	edit(w, 5, "2i\\\n"); /* an empty line */
	breaks(w, file_name(name, 5), 2, 6, "line is not a JSON object");
}

static void a_file_missing(void **state)
{
	const struct workspace *w = *state;
	struct journal_head head;
	struct journal_fault fault;
	char name[64];

	struct journal_head written = standard(w);
	assert_int_equal(unlinkat(w->fd, file_name(name, 5), 0), 0);
	breaks(w, file_name(name, 8), 1, 5, "file name is not the next sequence number");
	assert_int_equal(journal_verify(w->fd, &head, NULL, &fault), ERR_CHAIN);
	assert_int_equal(head.count, 12);
	assert_string_equal(head.hash, written.hash);
	standard(w);
	assert_int_equal(unlinkat(w->fd, file_name(name, 1), 0), 0);
	breaks(w, file_name(name, 5), 1, 1, "file name is not the next sequence number");
	standard(w);
	char other[64];
	assert_int_equal(renameat(w->fd, file_name(name, 5), w->fd, file_name(other, 6)), 0);
	breaks(w, other, 1, 5, "file name is not the next sequence number");
}

static void strange_files(void **state)
{
	const struct workspace *w = *state;
	char name[64];

	standard(w);
	workspace_write_text(w, "extra.jsonl", "");
	breaks(w, "extra.jsonl", 1, 13, "file name is not a journal's");
	assert_int_equal(unlinkat(w->fd, "extra.jsonl", 0), 0);
	file_name(name, 5);
	assert_int_equal(fchmodat(w->fd, name, 0666, 0), 0);
	breaks(w, name, 1, 5, "not a regular file that only its owner writes");
	assert_int_equal(renameat(w->fd, name, w->fd, "aside"), 0);
	assert_int_equal(symlinkat("aside", w->fd, name), 0);
	breaks(w, name, 1, 5, "not a regular file that only its owner writes");
	assert_int_equal(unlinkat(w->fd, name, 0), 0);
	assert_int_equal(mkfifoat(w->fd, name, 0600), 0);
	breaks(w, name, 1, 5, "not a regular file that only its owner writes");
	assert_int_equal(unlinkat(w->fd, name, 0), 0);
	int fd = openat(w->fd, name, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, (64 << 20) + 1), 0);
	close(fd);
	breaks(w, name, 1, 5, "longer than a journal file may be");
}

static void a_torn_line(void **state)
{
	const struct workspace *w = *state;
	struct journal_head head;
	struct journal_fault fault;
	char name[64];
	size_t length = 0, torn = 0;

	struct journal_head written = standard(w);
	file_name(name, 8);
	char *data = workspace_read(w, name, &length);
	/* the last line loses its end, byte by byte */
	size_t last = length - 1;
	while (data[last - 1] != '\n')
		last--;
	for (size_t cut = length - 1; cut > last; cut--) {
		workspace_write(w, name, data, cut);
		assert_int_equal(journal_verify(w->fd, &head, &torn, &fault), 0);
		assert_int_equal(torn, cut - last);
		assert_int_equal(head.count, 11);
	}
	workspace_write(w, name, data, last);
	assert_int_equal(journal_verify(w->fd, &head, &torn, &fault), 0);
	assert_int_equal(torn, 0);
	assert_string_not_equal(head.hash, written.hash);
	free(data);
	/* torn elsewhere than at the journal's end is a fault */
	standard(w);
	file_name(name, 5);
	data = workspace_read(w, name, &length);
	workspace_write(w, name, data, length - 1);
	breaks(w, name, 3, 7, "line does not end");
	free(data);
}

struct seen {
	uint64_t first, last;
	size_t count;
	size_t stop_at;
};

static int note(void *context, const char *line, size_t length)
{
	struct seen *seen = context;
	json_t *object = json_loadb(line, length, 0, NULL);

	assert_non_null(object);
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(object, "seq"));
	json_decref(object);
	if (seen->count == 0)
		seen->first = seq;
	else
		assert_int_equal(seq, seen->last + 1);
	seen->last = seq;
	seen->count++;
	return seen->count == seen->stop_at ? 77 : 0;
}

static void each_line(void **state)
{
	const struct workspace *w = *state;
	struct seen seen = {0};
	char name[64];

	assert_int_equal(journal_each(w->fd, 1, note, &seen), 0);
	assert_int_equal(seen.count, 0);
	standard(w);
	for (uint64_t from = 0; from <= 13; from++) {
		seen = (struct seen){0};
		assert_int_equal(journal_each(w->fd, from, note, &seen), 0);
		uint64_t first = from == 0 ? 1 : from;
		assert_int_equal(seen.count, 13 - first);
		if (seen.count > 0) {
			assert_int_equal(seen.first, first);
			assert_int_equal(seen.last, 12);
		}
	}
	seen = (struct seen){.stop_at = 3};
	assert_int_equal(journal_each(w->fd, 3, note, &seen), 77);
	assert_int_equal(seen.last, 5);
	/* an unfinished line is nobody's yet */
	int fd = openat(w->fd, file_name(name, 8), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "{\"seq\":13", 9), 9);
	close(fd);
	seen = (struct seen){0};
	assert_int_equal(journal_each(w->fd, 1, note, &seen), 0);
	assert_int_equal(seen.last, 12);
	assert_int_equal(fchmodat(w->fd, file_name(name, 5), 0666, 0), 0);
	seen = (struct seen){0};
	assert_int_equal(journal_each(w->fd, 1, note, &seen), ERR_UNSAFE);
	fd = open("/dev/null", O_RDONLY);
	assert_int_equal(journal_each(fd, 1, note, &seen), ERR_IO);
	close(fd);
}

static int hash_of(void *context, const char *line, size_t length)
{
	assert_int_equal(encode_sha256_hex(line, length, context), 0);
	return 1;
}

static void holds_a_line(void **state)
{
	const struct workspace *w = *state;
	struct journal_head head = genesis();
	char name[64];
	size_t length;

	assert_true(journal_holds(w->fd, &head));
	standard(w);
	head.count = 12;
	assert_int_equal(journal_each(w->fd, 12, hash_of, head.hash), 1);
	assert_true(journal_holds(w->fd, &head));
	head.count = 11;
	assert_false(journal_holds(w->fd, &head));
	head.count = 13;
	assert_false(journal_holds(w->fd, &head));
	/* a change of the last line, which breaks no chain */
	head.count = 12;
	char *data = (char *)workspace_read(w, file_name(name, 8), &length);
	char *last = strstr(strstr(data, "\"seq\":12"), "event");
	last[2] = 'X';
	workspace_write(w, name, data, length);
	free(data);
	assert_false(journal_holds(w->fd, &head));
}

#define WITH_WORKSPACE(test)                                                                       \
	cmocka_unit_test_setup_teardown(test, workspace_set_up, workspace_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(first_and_second_line),
	        cmocka_unit_test(everything_there_is),
	        cmocka_unit_test(foreign_bytes),
	        cmocka_unit_test(hostile_values_fit),
	        cmocka_unit_test(line_refuses),
	        cmocka_unit_test(check_refuses),
	        WITH_WORKSPACE(whole_journal),
	        WITH_WORKSPACE(a_byte_changed),
	        WITH_WORKSPACE(every_byte_counts),
	        WITH_WORKSPACE(a_line_deleted),
	        WITH_WORKSPACE(a_file_missing),
	        WITH_WORKSPACE(strange_files),
	        WITH_WORKSPACE(a_torn_line),
	        WITH_WORKSPACE(holds_a_line),
	        WITH_WORKSPACE(each_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
