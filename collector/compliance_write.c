/* The report for programs and for spreadsheets. */
#include "collector/compliance.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"

#include <string.h>

static json_t *clause_json(const struct compliance *c, const struct compliance_clause *row)
{
	json_t *findings = json_array();

	for (size_t i = 0; i < c->terminal_count; i++)
		json_array_append_new(findings,
		        json_pack("{s:s, s:s, s:s}", "terminal", c->terminals[i].terminal.name,
		                "state", clause_state_name(row->findings[i].state), "evidence",
		                row->findings[i].evidence));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "id", row->clause->id, "control",
	        row->clause->control, "class", row->clause->class, "title", row->clause->title,
	        "state", clause_state_name(row->state), "findings", findings);
}

static json_t *totals_json(const struct compliance *c)
{
	json_t *totals = json_object();

	for (size_t i = 0; i < CLAUSE_STATE_COUNT; i++)
		json_object_set_new(totals, clause_state_name((enum clause_state)i),
		        json_integer((json_int_t)c->totals[i]));
	return totals;
}

int compliance_write_json(FILE *out, const struct compliance *c)
{
	char made[CLOCK_RFC3339_SIZE];
	json_t *terminals = json_array();
	json_t *clauses = json_array();

	clock_format(c->made, made);
	for (size_t i = 0; i < c->terminal_count; i++)
		json_array_append_new(terminals, summary_json(&c->terminals[i]));
	for (size_t i = 0; i < c->clause_count; i++)
		json_array_append_new(clauses, clause_json(c, &c->clauses[i]));
	json_t *document = json_pack("{s:s, s:s, s:o, s:o, s:o}", "body",
	        catalogue_body(c->catalogue), "generated", made, "totals", totals_json(c),
	        "terminals", terminals, "clauses", clauses);
	int error =
	        document == NULL || json_dumpf(document, out, JSON_INDENT(1)) != 0 ? ERR_MEMORY : 0;
	fputc('\n', out);
	json_decref(document);
	return error;
}

/* Always quoted. A spreadsheet runs cells that begin with one of these. */
static void write_cell(FILE *out, const char *text, const char *after)
{
	fputc('"', out);
	if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
		fputc('\'', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
	fputs(after, out);
}

static void write_line(FILE *out, const char *const *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
		write_cell(out, cells[i], i + 1 < count ? "," : "\r\n");
}

int compliance_write_csv(FILE *out, const struct compliance *c)
{
	const char *const header[] = {LANGUAGE("条文", "clause"), LANGUAGE("管理策", "control"),
	        LANGUAGE("区分", "class"), LANGUAGE("表題", "title"), LANGUAGE("全体", "overall"),
	        LANGUAGE("端末", "terminal"), LANGUAGE("端末の状態", "terminal state"),
	        LANGUAGE("遵守状況", "state"), LANGUAGE("根拠", "evidence")};
	size_t lines = c->terminal_count == 0 ? 1 : c->terminal_count;

	fputs("\xef\xbb\xbf", out);
	write_line(out, header, sizeof(header) / sizeof(header[0]));
	for (size_t i = 0; i < c->clause_count; i++) {
		const struct compliance_clause *row = &c->clauses[i];
		for (size_t j = 0; j < lines; j++) {
			const struct summary *terminal =
			        c->terminal_count == 0 ? NULL : &c->terminals[j];
			const char *const cells[] = {row->clause->id, row->clause->control,
			        row->clause->class, row->clause->title,
			        clause_state_name(row->state),
			        terminal == NULL ? "" : terminal->terminal.name,
			        terminal == NULL ? "" : state_name(terminal->state),
			        clause_state_name(row->findings[j].state),
			        row->findings[j].evidence};
			write_line(out, cells, sizeof(cells) / sizeof(cells[0]));
		}
	}
	return 0;
}
