/* The report to print and to hand in: one page, no script, nothing fetched. */
#include "collector/compliance.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char STYLE[] =
        "@page{size:A4;margin:14mm}"
        "*{box-sizing:border-box}"
        "body{font:14px/1.6 'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans','Yu "
        "Gothic',Meiryo,'IPAexGothic',sans-serif;"
        "color:#1a1c1e;background:#fff;max-width:1120px;margin:0 auto;padding:24px}"
        "h1{font-size:22px;margin:0 0 4px}h2{font-size:16px;margin:28px 0 8px;border-bottom:2px "
        "solid #1a1c1e;"
        "padding-bottom:2px}"
        "p{margin:4px 0}.quiet{color:#54595e}"
        "table{border-collapse:collapse;width:100%}"
        "th,td{border:1px solid #b9bec3;padding:4px 8px;text-align:left;vertical-align:top}"
        "th{background:#eef0f2;font-weight:600}thead{display:table-header-group}tr{break-inside:"
        "avoid}"
        "td.number{text-align:right;font-variant-numeric:tabular-nums}"
        "td.name{overflow-wrap:anywhere}th,td.id{white-space:nowrap}td.id{font-family:'DejaVu Sans "
        "Mono',monospace;font-size:12px}"
        "td.evidence{overflow-wrap:anywhere}"
        ".totals{display:flex;flex-wrap:wrap;gap:8px;list-style:none;padding:0;margin:12px 0}"
        ".totals li{border:1px solid #b9bec3;border-left-width:8px;padding:4px "
        "12px;min-width:116px}"
        ".totals b{font-size:20px;display:block;line-height:1.2}"
        ".state{display:inline-block;white-space:nowrap;padding:0 8px;border:1px "
        "solid;border-radius:3px;font-weight:600;"
        "-webkit-print-color-adjust:exact;print-color-adjust:exact}"
        ".met{color:#0b5c2b;background:#e2f4e8;border-color:#0b5c2b}"
        ".unmet{color:#9b1c1c;background:#fde8e8;border-color:#9b1c1c}"
        ".unknown{color:#7a4b00;background:#fff3d6;border-color:#7a4b00}"
        ".attested{color:#1d4a8f;background:#e4edfb;border-color:#1d4a8f}"
        ".not_in_policy,.not_applicable{color:#4a4f54;background:#f3f4f5;border-color:#8a9096}"
        ".totals .met,.totals .unmet,.totals .unknown,.totals .attested,.totals "
        ".not_in_policy,.totals .not_applicable"
        "{background:#fff;border-left-color:currentColor}"
        "@media print{body{padding:0;max-width:none;font-size:10pt}}";

static void write_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void write_element(FILE *out, const char *tag, const char *class, const char *text)
{
	if (class == NULL)
		fprintf(out, "<%s>", tag);
	else
		fprintf(out, "<%s class=\"%s\">", tag, class);
	write_text(out, text);
	fprintf(out, "</%s>", tag);
}

static void write_state(FILE *out, enum clause_state state)
{
	fprintf(out, "<td><span class=\"state %s\">", clause_state_name(state));
	write_text(out, clause_state_text(state));
	fputs("</span></td>", out);
}

static void write_header_row(FILE *out, const char *const *titles, size_t count)
{
	fputs("<thead><tr>", out);
	for (size_t i = 0; i < count; i++)
		write_element(out, "th", NULL, titles[i]);
	fputs("</tr></thead>\n<tbody>\n", out);
}

static void write_local_time(FILE *out, int64_t seconds)
{
	char text[64] = "";
	time_t moment = (time_t)seconds;
	struct tm parts;

	if (localtime_r(&moment, &parts) != NULL)
		strftime(text, sizeof(text),
		        LANGUAGE("%Y年%-m月%-d日 %H:%M (%Z)", "%Y-%m-%d %H:%M %Z"), &parts);
	write_text(out, text);
}

static void write_head(FILE *out, const struct compliance *c)
{
	const char *title =
	        LANGUAGE("情報セキュリティポリシー遵守状況", "Compliance with the security policy");

	fprintf(out,
	        "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
	        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	        "style-src 'unsafe-inline'\">\n"
	        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n",
	        LANGUAGE("ja", "en"));
	write_element(out, "title", NULL, title);
	fprintf(out, "\n<style>%s</style>\n</head>\n<body>\n", STYLE);
	write_element(out, "h1", NULL, title);
	fputs("\n<p>", out);
	write_text(out, LANGUAGE("ポリシー: ", "Policy: "));
	write_text(out, catalogue_body(c->catalogue));
	write_text(out, LANGUAGE("　作成: ", "; made: "));
	write_local_time(out, c->made);
	fprintf(out, LANGUAGE("　対象端末: %zu 台", "; terminals: %zu"), c->terminal_count);
	fputs("</p>\n", out);
	write_element(out, "p", "quiet",
	        LANGUAGE("全端末が適合した条文だけを「適合」と数えます。確認できていないものを適合"
	                 "に繰り上げることはありません。",
	                "A clause counts as met only where every terminal meets it. Nothing "
	                "unproven is rounded up."));
	fputc('\n', out);
}

static void write_totals(FILE *out, const struct compliance *c)
{
	fputs("<ul class=\"totals\">", out);
	for (size_t i = 0; i < CLAUSE_STATE_COUNT; i++) {
		enum clause_state state = (enum clause_state)i;
		fprintf(out, "<li class=\"%s\"><b>%zu</b>", clause_state_name(state), c->totals[i]);
		write_text(out, clause_state_text(state));
		fputs("</li>", out);
	}
	fputs("</ul>\n", out);
}

static void write_terminal(FILE *out, const struct summary *s)
{
	char problem[256];
	char policy[160];
	char id[96];
	const char *text = summary_text(s, "policy", "policy_id");

	summary_problem(s, problem);
	snprintf(policy, sizeof(policy), text == NULL ? "%s" : "%s %lld",
	        text == NULL ? "-" : log_printable(text, id, sizeof(id)),
	        (long long)summary_number(s, "policy", "policy_version"));
	fputs("<tr>", out);
	write_element(out, "td", "name", s->terminal.name);
	write_element(out, "td", NULL, state_name(s->state));
	fputs("<td>", out);
	if (s->standing.verified > 0)
		write_local_time(out, s->standing.verified / 1000);
	else
		fputc('-', out);
	fprintf(out, "</td><td class=\"number\">%llu</td>", (unsigned long long)s->seq);
	write_element(out, "td", NULL, policy);
	write_element(out, "td", NULL, problem[0] == '\0' ? "-" : problem);
	fputs("</tr>\n", out);
}

static void write_terminals(FILE *out, const struct compliance *c)
{
	const char *const titles[] = {LANGUAGE("端末", "Terminal"), LANGUAGE("状態", "State"),
	        LANGUAGE("最終確認", "Last verified"), LANGUAGE("報告番号", "Report"),
	        LANGUAGE("ポリシー", "Policy"), LANGUAGE("要確認", "To look at")};

	write_element(out, "h2", NULL, LANGUAGE("端末", "Terminals"));
	if (c->terminal_count == 0) {
		write_element(out, "p", NULL,
		        LANGUAGE("登録された端末がありません。", "No terminal is enrolled."));
		return;
	}
	fputs("\n<table>", out);
	write_header_row(out, titles, sizeof(titles) / sizeof(titles[0]));
	for (size_t i = 0; i < c->terminal_count; i++)
		write_terminal(out, &c->terminals[i]);
	fputs("</tbody></table>\n", out);
}

/* "3 / 5": how many terminals meet the clause; nothing where that is not the question. */
static void write_met_count(
        FILE *out, const struct compliance *c, const struct compliance_clause *row)
{
	size_t met = 0;

	for (size_t i = 0; i < c->terminal_count; i++)
		met += row->findings[i].state == CLAUSE_MET;
	fputs("<td class=\"number\">", out);
	if (row->state != CLAUSE_NOT_APPLICABLE && row->state != CLAUSE_NOT_IN_POLICY &&
	        c->terminal_count > 0)
		fprintf(out, "%zu&thinsp;/&thinsp;%zu", met, c->terminal_count);
	fputs("</td>", out);
}

/* Whose evidence it is: "all 3", "counter-1 and 2 more". */
static void write_owner(FILE *out, const struct compliance *c, const struct compliance_clause *row)
{
	const char *evidence = row->findings[row->worst].evidence;
	size_t same = 0;

	for (size_t i = 0; i < c->terminal_count; i++)
		same += row->findings[i].state == row->state &&
		        strcmp(row->findings[i].evidence, evidence) == 0;
	if (same == c->terminal_count) {
		fprintf(out, LANGUAGE("全 %zu 台：", "all %zu: "), same);
		return;
	}
	write_text(out, c->terminals[row->worst].terminal.name);
	if (same > 1)
		fprintf(out, LANGUAGE(" ほか %zu 台", " and %zu more"), same - 1);
	write_text(out, LANGUAGE("：", ": "));
}

static void write_clause(FILE *out, const struct compliance *c, const struct compliance_clause *row)
{
	fputs("<tr>", out);
	write_element(out, "td", "id", row->clause->id);
	write_element(out, "td", "id", row->clause->control);
	write_element(out, "td", NULL, row->clause->title);
	write_state(out, row->state);
	write_met_count(out, c, row);
	fputs("<td class=\"evidence\">", out);
	if (c->terminal_count > 1 && row->state != CLAUSE_NOT_APPLICABLE &&
	        row->state != CLAUSE_NOT_IN_POLICY)
		write_owner(out, c, row);
	write_text(out, row->findings[row->worst].evidence);
	fputs("</td></tr>\n", out);
}

int compliance_write_html(FILE *out, const struct compliance *c)
{
	const char *const titles[] = {LANGUAGE("条文", "Clause"), LANGUAGE("管理策", "Control"),
	        LANGUAGE("表題", "Title"), LANGUAGE("遵守状況", "State"),
	        LANGUAGE("適合台数", "Met by"), LANGUAGE("根拠", "Evidence")};

	write_head(out, c);
	write_totals(out, c);
	write_terminals(out, c);
	write_element(out, "h2", NULL, LANGUAGE("条文ごとの遵守状況", "Clause by clause"));
	fputs("\n<table>", out);
	write_header_row(out, titles, sizeof(titles) / sizeof(titles[0]));
	for (size_t i = 0; i < c->clause_count; i++)
		write_clause(out, c, &c->clauses[i]);
	fputs("</tbody></table>\n</body>\n</html>\n", out);
	return 0;
}
