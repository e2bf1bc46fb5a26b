/* A terminal for a person's eyes, and for programs. */
#include "collector/summary.h"

#include "collector/table.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column {
	COLUMN_TERMINAL,
	COLUMN_STATE,
	COLUMN_VERIFIED,
	COLUMN_SEQ,
	COLUMN_MODE,
	COLUMN_POLICY,
	COLUMN_JOURNAL,
	COLUMN_OUTBOX,
	COLUMN_REFUSALS,
	COLUMN_COUNT
};

enum { CELL_SIZE = 256 };

struct row {
	char cells[COLUMN_COUNT][CELL_SIZE];
};

static void write_age(int64_t ms, char out[static CELL_SIZE])
{
	int64_t seconds = ms < 0 ? 0 : ms / 1000;

	if (seconds < 120)
		snprintf(out, CELL_SIZE, "%llds", (long long)seconds);
	else if (seconds < 7200)
		snprintf(out, CELL_SIZE, "%lldm", (long long)(seconds / 60));
	else if (seconds < INT64_C(2) * 86400)
		snprintf(out, CELL_SIZE, "%lldh", (long long)(seconds / 3600));
	else
		snprintf(out, CELL_SIZE, "%lldd", (long long)(seconds / 86400));
}

/* What a terminal says of itself is printed as text, never as it came. */
static void write_text(const char *text, char out[static CELL_SIZE])
{
	log_printable(text == NULL || text[0] == '\0' ? "-" : text, out, CELL_SIZE);
}

static void write_policy(const struct summary *s, char out[static CELL_SIZE])
{
	char id[CELL_SIZE / 2];
	const char *text = summary_text(s, "policy", "policy_id");
	int64_t version = summary_number(s, "policy", "policy_version");

	if (text == NULL || version < 0)
		snprintf(out, CELL_SIZE, "-");
	else
		snprintf(out, CELL_SIZE, "%s %lld", log_printable(text, id, sizeof(id)),
		        (long long)version);
}

static void write_journal(const struct summary *s, char out[static CELL_SIZE])
{
	const char *state = summary_text(s, "journal", "journal_state");
	const char *file = summary_text(s, "journal", "file");
	char clean[CELL_SIZE / 2];
	char word[32];

	if (state != NULL && strcmp(state, "whole") != 0)
		snprintf(out, CELL_SIZE, "%s %s:%lld", log_printable(state, word, sizeof(word)),
		        log_printable(file == NULL ? "?" : file, clean, sizeof(clean)),
		        (long long)summary_number(s, "journal", "line"));
	else if (s->broken)
		snprintf(out, CELL_SIZE, LANGUAGE("断絶 #%llu", "break at #%llu"),
		        (unsigned long long)s->fault.seq);
	else
		snprintf(out, CELL_SIZE, "%s", state == NULL ? "-" : "whole");
}

static void write_number(int64_t number, char out[static CELL_SIZE])
{
	if (number < 0)
		snprintf(out, CELL_SIZE, "-");
	else
		snprintf(out, CELL_SIZE, "%lld", (long long)number);
}

static void write_row(const struct summary *s, struct row *row)
{
	snprintf(row->cells[COLUMN_TERMINAL], CELL_SIZE, "%s", s->terminal.name);
	snprintf(row->cells[COLUMN_STATE], CELL_SIZE, "%s", state_name(s->state));
	if (s->standing.verified > 0)
		write_age(s->now - s->standing.verified, row->cells[COLUMN_VERIFIED]);
	else
		snprintf(row->cells[COLUMN_VERIFIED], CELL_SIZE, "-");
	write_number(s->seq == 0 ? -1 : (int64_t)s->seq, row->cells[COLUMN_SEQ]);
	write_text(summary_text(s, "agent", "mode"), row->cells[COLUMN_MODE]);
	write_policy(s, row->cells[COLUMN_POLICY]);
	write_journal(s, row->cells[COLUMN_JOURNAL]);
	write_number(summary_number(s, "reporter", "outbox"), row->cells[COLUMN_OUTBOX]);
	write_number((int64_t)s->standing.refusals, row->cells[COLUMN_REFUSALS]);
}

static void write_header(struct row *row)
{
	const char *const titles[COLUMN_COUNT] = {LANGUAGE("端末", "TERMINAL"),
	        LANGUAGE("状態", "STATE"), LANGUAGE("確認", "SEEN"), LANGUAGE("報告", "SEQ"),
	        LANGUAGE("動作", "MODE"), LANGUAGE("ポリシー", "POLICY"),
	        LANGUAGE("記録", "JOURNAL"), LANGUAGE("未送", "OUTBOX"),
	        LANGUAGE("拒否", "REFUSED")};

	for (size_t i = 0; i < COLUMN_COUNT; i++)
		snprintf(row->cells[i], CELL_SIZE, "%s", titles[i]);
}

/* Below the table, so that it fits a screen of 80 columns. */
static void print_problems(FILE *out, const struct summary *summaries, size_t count)
{
	char problem[256];

	for (size_t i = 0; i < count; i++) {
		summary_problem(&summaries[i], problem);
		if (problem[0] != '\0')
			fprintf(out, "%s: %s\n", summaries[i].terminal.name, problem);
	}
}

int summary_print(FILE *out, const struct summary *summaries, size_t count)
{
	struct row *rows = calloc(count + 1, sizeof(*rows));
	const char **cells = calloc((count + 1) * COLUMN_COUNT, sizeof(*cells));

	if (rows == NULL || cells == NULL) {
		free(rows);
		free(cells);
		return ERR_MEMORY;
	}
	write_header(&rows[0]);
	for (size_t i = 0; i < count; i++)
		write_row(&summaries[i], &rows[i + 1]);
	for (size_t i = 0; i < (count + 1) * COLUMN_COUNT; i++)
		cells[i] = rows[i / COLUMN_COUNT].cells[i % COLUMN_COUNT];
	table_print(out, cells, count + 1, COLUMN_COUNT);
	print_problems(out, summaries, count);
	free(rows);
	free(cells);
	return 0;
}

static json_t *json_text(const char *text)
{
	return text == NULL ? json_null() : json_string(text);
}

static json_t *json_number(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *json_time(int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];

	if (ms <= 0)
		return json_null();
	clock_format(ms / 1000, text);
	return json_string(text);
}

static json_t *json_journal(const struct summary *s)
{
	json_t *seen = !s->broken
	                       ? json_null()
	                       : json_pack("{s:I, s:I, s:s, s:o}", "seq", (json_int_t)s->fault.seq,
	                                 "report", (json_int_t)s->fault.report, "cause",
	                                 s->fault.cause, "time", json_time(s->fault.received));

	return json_pack("{s:o, s:o, s:o, s:o}", "state",
	        json_text(summary_text(s, "journal", "journal_state")), "file",
	        json_text(summary_text(s, "journal", "file")), "line",
	        json_number(summary_number(s, "journal", "line")), "break", seen);
}

json_t *summary_json(const struct summary *s)
{
	char problem[256];
	int64_t age = s->now - s->standing.verified;

	summary_problem(s, problem);
	return json_pack(
	        "{s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:I, s:s, "
	        "s:o, s:b, s:s}",
	        "terminal", s->terminal.name, "state", state_name(s->state), "verified",
	        json_time(s->standing.verified), "age_seconds",
	        s->standing.verified == 0 ? json_null() : json_integer(age < 0 ? 0 : age / 1000),
	        "fresh_seconds", (json_int_t)(s->fresh / 1000), "seq",
	        json_integer((json_int_t)s->seq), "mode",
	        json_text(summary_text(s, "agent", "mode")), "policy", "id",
	        json_text(summary_text(s, "policy", "policy_id")), "version",
	        json_number(summary_number(s, "policy", "policy_version")), "state",
	        json_text(summary_text(s, "policy", "policy_state")), "journal", json_journal(s),
	        "outbox", json_number(summary_number(s, "reporter", "outbox")), "refusals",
	        (json_int_t)s->standing.refusals, "last_refusal", s->standing.refusal, "facts",
	        s->facts == NULL ? json_null() : json_incref(s->facts), "facts_current",
	        (int)s->current, "problem", problem);
}
