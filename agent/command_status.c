/* sekisho status, devices, clauses: what the running agent says. */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/columns.h"
#include "agent/control_client.h"
#include "agent/paths.h"
#include "agent/sekisho.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"
#include "policy/catalogue.h"
#include "policy/document.h"

enum { LABEL_WIDTH = 16, TEXT_SIZE = 1200, SIGNERS_FILE_MAX = 1 << 18 };

struct options {
	bool json;
	const char *body;
};

static int usage(const char *text)
{
	fprintf(stderr, "%s sekisho %s\n", LANGUAGE("使い方:", "usage:"), text);
	return EXIT_USAGE;
}

static int parse_options(int argc, char **argv, bool with_body, struct options *o)
{
	static const struct option all[] = {{"json", no_argument, NULL, 'j'},
	        {"body", required_argument, NULL, 'b'}, {NULL, 0, NULL, 0}};
	int option;

	memset(o, 0, sizeof(*o));
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (option == 'j')
			o->json = true;
		else if (option == 'b' && with_body)
			o->body = optarg;
		else
			return ERR_USAGE;
	}
	return optind == argc ? 0 : ERR_USAGE;
}

/* *document is a new reference. Complains itself. */
static int ask_agent(const struct cli *cli, enum control verb, json_t **document)
{
	char *text = NULL;
	int error = control_ask(cli, verb, -1, &text);

	*document = NULL;
	if (error == 0) {
		*document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		error = json_is_object(*document) || json_is_array(*document) ? 0 : ERR_FORMAT;
	}
	free(text);
	if (error == 0)
		return 0;
	json_decref(*document);
	*document = NULL;
	control_complain(error);
	return error;
}

static int print_json(const json_t *document)
{
	char *text = json_dumps(document, JSON_INDENT(2));

	if (text == NULL)
		return EXIT_UNASKED;
	log_print_json(stdout, text, strlen(text));
	putchar('\n');
	free(text);
	return EXIT_YES;
}

/* The words of an array, blanks between them. */
static void join_words(const json_t *words, char out[static TEXT_SIZE])
{
	const json_t *word;
	char shown[128];
	size_t i, used = 0;

	json_array_foreach(words, i, word)
	{
		const char *text = json_string_value(word);

		log_printable(text != NULL ? text : "?", shown, sizeof(shown));
		if (used + strlen(shown) + 2 > TEXT_SIZE)
			break;
		used += (size_t)snprintf(
		        out + used, TEXT_SIZE - used, "%s%s", used > 0 ? " " : "", shown);
	}
}

/* A value as a person reads it; "" when it is not there. */
static const char *value_text(const json_t *object, const char *name, char out[static TEXT_SIZE])
{
	const json_t *value = json_object_get(object, name);

	out[0] = '\0';
	if (json_is_string(value))
		log_printable(json_string_value(value), out, TEXT_SIZE);
	else if (json_is_integer(value))
		snprintf(out, TEXT_SIZE, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(out, TEXT_SIZE, "%s",
		        json_is_true(value) ? LANGUAGE("はい", "yes") : LANGUAGE("いいえ", "no"));
	else if (json_is_array(value))
		join_words(value, out);
	return out;
}

static void print_row(const char *label, const char *text)
{
	columns_pad(stdout, label, LABEL_WIDTH);
	columns_wrap(stdout, text[0] != '\0' ? text : "-", LABEL_WIDTH);
}

static void print_value(const char *label, const json_t *object, const char *name)
{
	char text[TEXT_SIZE];

	print_row(label, value_text(object, name, text));
}

/* --- status --- */

static const char *mode_text(const json_t *agent)
{
	const char *mode = json_string_value(json_object_get(agent, "mode"));

	if (mode != NULL && strcmp(mode, "enforce") == 0)
		return LANGUAGE("強制 (enforce)", "enforce");
	if (mode != NULL && strcmp(mode, "observe") == 0)
		return LANGUAGE(
		        "監視のみ (observe): 何も止めません", "observe: nothing is stopped");
	return LANGUAGE("不明", "unknown");
}

static const char *policy_state_text(const json_t *policy)
{
	const char *state = json_string_value(json_object_get(policy, "policy_state"));

	if (state != NULL && strcmp(state, "in-force") == 0)
		return LANGUAGE("施行中", "in force");
	if (state != NULL && strcmp(state, "last-good") == 0)
		return LANGUAGE("直前の有効な版を施行中", "the last good one is in force");
	if (state != NULL && strcmp(state, "none") == 0)
		return LANGUAGE("なし: すべて拒否します", "none: everything is denied");
	return LANGUAGE("不明", "unknown");
}

static void print_policy(const json_t *policy)
{
	char id[TEXT_SIZE], version[TEXT_SIZE], text[3 * TEXT_SIZE];

	value_text(policy, "policy_id", id);
	value_text(policy, "policy_version", version);
	if (id[0] != '\0')
		snprintf(text, sizeof(text), LANGUAGE("%s 第%s版、%s", "%s version %s, %s"), id,
		        version, policy_state_text(policy));
	else
		snprintf(text, sizeof(text), "%s", policy_state_text(policy));
	print_row(LANGUAGE("ポリシー", "policy"), text);
	if (json_object_get(policy, "policy_problem") != NULL &&
	        value_text(policy, "policy_problem", id)[0] != '\0')
		print_value(LANGUAGE("ポリシーの問題", "policy problem"), policy, "policy_problem");
}

static void print_journal(const json_t *status, const json_t *journal)
{
	const json_t *head = json_object_get(status, "journal");
	const char *state = json_string_value(json_object_get(journal, "journal_state"));
	char file[TEXT_SIZE], line[TEXT_SIZE], cause[TEXT_SIZE], text[3 * TEXT_SIZE + 64];

	snprintf(text, sizeof(text), LANGUAGE("%lld 件、%s", "%lld events, %s"),
	        (long long)json_integer_value(json_object_get(head, "count")),
	        state == NULL                 ? LANGUAGE("状態不明", "state unknown")
	        : strcmp(state, "whole") == 0 ? LANGUAGE("連鎖は完全", "chain whole")
	        : strcmp(state, "broken") == 0 ? LANGUAGE("連鎖が壊れています", "CHAIN BROKEN")
	                                       : LANGUAGE("書き込めません", "CANNOT BE WRITTEN"));
	print_row(LANGUAGE("ジャーナル", "journal"), text);
	value_text(journal, "cause", cause);
	if (cause[0] == '\0')
		return;
	snprintf(text, sizeof(text), "%s:%s: %s", value_text(journal, "file", file),
	        value_text(journal, "line", line), cause);
	print_row("", text);
}

static void print_reports(const json_t *status, const json_t *reporter)
{
	char outbox[TEXT_SIZE], receipt[TEXT_SIZE], text[3 * TEXT_SIZE];

	value_text(reporter, "outbox", outbox);
	value_text(reporter, "last_receipt", receipt);
	snprintf(text, sizeof(text),
	        LANGUAGE("%lld 通、未受領 %s 通、最終受領 %s",
	                "%lld made, %s without a receipt, last receipt %s"),
	        (long long)json_integer_value(json_object_get(status, "seq")),
	        outbox[0] != '\0' ? outbox : LANGUAGE("不明", "?"),
	        receipt[0] != '\0' ? receipt : LANGUAGE("なし", "none"));
	print_row(LANGUAGE("報告", "reports"), text);
	print_value(LANGUAGE("収集サーバ", "collector"), reporter, "collector");
}

static void print_guard(const json_t *guard)
{
	char all[TEXT_SIZE], allowed[TEXT_SIZE], denied[TEXT_SIZE], loose[TEXT_SIZE],
	        text[4 * TEXT_SIZE + 128];

	if (guard == NULL) {
		print_row(LANGUAGE("機器", "devices"),
		        LANGUAGE("不明 (監視プロセスが応答していません)",
		                "unknown (guard says nothing)"));
		return;
	}
	snprintf(text, sizeof(text),
	        LANGUAGE("接続 %s、許可 %s、拒否 %s、強制できず %s",
	                "%s present, %s allowed, %s denied, %s not enforced"),
	        value_text(guard, "devices", all), value_text(guard, "devices_allowed", allowed),
	        value_text(guard, "devices_denied", denied),
	        value_text(guard, "devices_unenforced", loose));
	print_row(LANGUAGE("機器", "devices"), text);
	snprintf(text, sizeof(text),
	        LANGUAGE("%s 個中 %s 個が既定で拒否", "%s, of which %s deny by default"),
	        value_text(guard, "hubs", all), value_text(guard, "hubs_denying", denied));
	print_row(LANGUAGE("USBルートハブ", "USB root hubs"), text);
	print_value(LANGUAGE("強制中の経路", "ways enforced"), guard, "ways_watched");
	print_value(LANGUAGE("未強制の経路", "ways open"), guard, "ways_unwatched");
}

static const char *sealed_text(const json_t *auth)
{
	const char *sealed = json_string_value(json_object_get(auth, "sealed"));

	if (sealed != NULL && strcmp(sealed, "tpm") == 0)
		return LANGUAGE("TPMで封印", "sealed by the TPM");
	if (sealed != NULL && strcmp(sealed, "host") == 0)
		return LANGUAGE("この端末の鍵ファイルで封印 (TPMなし)",
		        "sealed by a key file of this terminal's, without a TPM");
	if (sealed != NULL && strcmp(sealed, "unreadable") == 0)
		return LANGUAGE("読み取れません: 誰もログインできません",
		        "CANNOT BE READ: nobody can log in");
	return LANGUAGE("不明", "unknown");
}

static void print_auth(const json_t *auth)
{
	char bypassed[TEXT_SIZE];
	char module[TEXT_SIZE];

	print_value(LANGUAGE("認証の要素", "login factors"), auth, "factors");
	print_value(LANGUAGE("認証の対象", "logins covered"), auth, "pam_stacks");
	print_row(LANGUAGE("登録情報", "secrets"), sealed_text(auth));
	if (value_text(auth, "vouchers", bypassed)[0] != '\0')
		print_value(LANGUAGE("今日の利用票", "vouchers today"), auth, "vouchers");
	if (value_text(auth, "pam_bypassed", bypassed)[0] != '\0')
		print_row(LANGUAGE("迂回可能な認証", "LOGINS OPEN"), bypassed);
	if (strcmp(value_text(auth, "pam_module", module), "changed") == 0)
		print_row(LANGUAGE("認証モジュール", "LOGIN MODULE"),
		        LANGUAGE(
		                "導入時から変更されています", "is not the one that was installed"));
}

static void print_status(const json_t *status)
{
	const json_t *state = json_object_get(status, "state");
	const json_t *agent = json_object_get(state, "agent");
	char name[TEXT_SIZE], text[TEXT_SIZE + 64];
	bool enrolled = json_is_true(json_object_get(status, "enrolled"));

	value_text(status, "terminal", name);
	snprintf(text, sizeof(text), "%s%s%s", name, name[0] != '\0' ? " " : "",
	        enrolled ? LANGUAGE("(登録済み)", "(enrolled)")
	                 : LANGUAGE("(未登録)", "(not enrolled)"));
	print_row(LANGUAGE("端末", "terminal"), text);
	print_row(LANGUAGE("動作", "mode"), mode_text(agent));
	print_value(LANGUAGE("プロセス", "processes"), agent, "running");
	print_value(LANGUAGE("第二の防壁", "second line"), agent, "second_line");
	print_policy(json_object_get(state, "policy"));
	print_guard(json_object_get(state, "guard"));
	print_auth(json_object_get(state, "auth"));
	print_journal(status, json_object_get(state, "journal"));
	print_reports(status, json_object_get(state, "reporter"));
}

int command_status(const struct cli *cli, int argc, char **argv)
{
	struct options o;
	json_t *status;
	int result = EXIT_YES;

	if (parse_options(argc, argv, false, &o) != 0)
		return usage("status [--json]");
	columns_start();
	if (ask_agent(cli, CONTROL_STATUS, &status) != 0)
		return EXIT_UNASKED;
	if (o.json)
		result = print_json(status);
	else
		print_status(status);
	json_decref(status);
	return result;
}

/* --- devices --- */

static const char *verdict_text(const char *verdict)
{
	if (strcmp(verdict, "allow") == 0)
		return LANGUAGE("許可", "allowed");
	if (strcmp(verdict, "deny") == 0)
		return LANGUAGE("拒否", "denied");
	if (strcmp(verdict, "import") == 0)
		return LANGUAGE("取込のみ", "import");
	if (strcmp(verdict, "export") == 0)
		return LANGUAGE("持出可", "export");
	return LANGUAGE("不明", "unknown");
}

enum { DEVICE_INDENT = 9, DEVICE_LABEL = 10 };

static void print_detail(const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	printf("%*s", DEVICE_INDENT, "");
	columns_pad(stdout, label, DEVICE_LABEL);
	columns_wrap(stdout, text, DEVICE_INDENT + DEVICE_LABEL);
}

static void print_device(const json_t *device)
{
	char verdict[TEXT_SIZE], text[TEXT_SIZE], rule[TEXT_SIZE], reason[2 * TEXT_SIZE + 64];

	value_text(device, "verdict", verdict);
	columns_pad(stdout, verdict_text(verdict), DEVICE_INDENT);
	columns_pad(stdout, value_text(device, "device", text), DEVICE_LABEL);
	columns_pad(stdout, value_text(device, "id", text), DEVICE_LABEL);
	columns_wrap(stdout, value_text(device, "name", text), DEVICE_INDENT + 2 * DEVICE_LABEL);
	print_detail(LANGUAGE("シリアル", "serial"), value_text(device, "serial", text));
	print_detail(LANGUAGE("経路", "ways"), value_text(device, "ways", text));
	value_text(device, "text", text);
	value_text(device, "rule", rule);
	snprintf(reason, sizeof(reason), LANGUAGE("%s (ルール %s)", "%s (rule %s)"), text, rule);
	print_detail(LANGUAGE("理由", "reason"), reason);
	print_detail(LANGUAGE("強制できず", "NOT DONE"), value_text(device, "unenforced", text));
	if (json_is_true(json_object_get(device, "observed")))
		print_detail(LANGUAGE("監視のみ", "observed"),
		        LANGUAGE("判定だけで、機器は止めていません",
		                "the verdict was not carried out"));
}

int command_devices(const struct cli *cli, int argc, char **argv)
{
	const json_t *device;
	struct options o;
	json_t *devices;
	size_t i;
	int result = EXIT_YES;

	if (parse_options(argc, argv, false, &o) != 0)
		return usage("devices [--json]");
	columns_start();
	if (ask_agent(cli, CONTROL_DEVICES, &devices) != 0)
		return EXIT_UNASKED;
	if (o.json) {
		result = print_json(devices);
	} else if (json_array_size(devices) == 0) {
		puts(LANGUAGE("接続中の機器はありません", "no device is present"));
	} else {
		json_array_foreach(devices, i, device) print_device(device);
	}
	json_decref(devices);
	return result;
}

/* --- clauses --- */

static int read_within(int root, const char *path, size_t max, uint8_t **data, size_t *length)
{
	int fd, error = file_open_checked(root, path, (uid_t)-1, 0755, max, &fd);

	*data = NULL;
	*length = 0;
	if (error != 0)
		return error;
	error = file_read(fd, max, data, length);
	close(fd);
	return error;
}

/* The body whose policy is in force here; "" when that cannot be seen. */
static void body_in_force(const struct cli *cli, char out[static POLICY_NAME_MAX])
{
	struct policy_error why;
	struct policy *policy = NULL;
	uint8_t *text = NULL, *signers = NULL;
	size_t length = 0, signers_length = 0;

	out[0] = '\0';
	if (read_within(cli->root, PATH_POLICY_DIR "/" POLICY_IN_FORCE, (size_t)2 * POLICY_TEXT_MAX,
	            &text, &length) == 0 &&
	        read_within(cli->root, PATH_POLICY_SIGNERS, SIGNERS_FILE_MAX, &signers,
	                &signers_length) == 0 &&
	        policy_open(text, length, signers, signers_length, &policy, &why) == 0)
		snprintf(out, POLICY_NAME_MAX, "%s", policy->body);
	policy_free(&policy);
	free(text);
	free(signers);
}

static const struct catalogue *choose_catalogue(const struct cli *cli, const char *asked)
{
	const struct catalogue *catalogue;
	char body[POLICY_NAME_MAX];

	if (asked == NULL) {
		body_in_force(cli, body);
		asked = body[0] != '\0' ? body : "mito-2026";
	}
	catalogue = catalogue_find(asked);
	if (catalogue == NULL)
		fprintf(stderr, "%s: %s\n", asked,
		        LANGUAGE("この団体の条文目録はありません", "no catalogue of this body"));
	return catalogue;
}

static json_t *clause_json(const struct clause *clause, const struct finding *finding)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "id", clause->id, "control", clause->control,
	        "class", clause->class, "title", clause->title, "state",
	        clause_state_name(finding->state), "evidence", finding->evidence);
}

static json_t *counts_json(const size_t counts[CLAUSE_STATE_COUNT])
{
	json_t *json = json_object();

	for (int state = 0; json != NULL && state < CLAUSE_STATE_COUNT; state++)
		json_object_set_new(json, clause_state_name((enum clause_state)state),
		        json_integer((json_int_t)counts[state]));
	return json;
}

static int print_clauses_json(const struct catalogue *catalogue, const json_t *state)
{
	size_t counts[CLAUSE_STATE_COUNT] = {0};
	json_t *clauses = json_array(), *document;
	int result;

	for (size_t i = 0; i < catalogue_count(catalogue); i++) {
		const struct clause *clause = catalogue_clause(catalogue, i);
		struct finding finding = catalogue_evaluate(clause, state, 1);

		counts[finding.state]++;
		json_array_append_new(clauses, clause_json(clause, &finding));
	}
	document = json_pack("{s:s,s:o,s:o}", "body", catalogue_body(catalogue), "counts",
	        counts_json(counts), "clauses", clauses);
	result = document != NULL ? print_json(document) : EXIT_UNASKED;
	json_decref(document);
	return result;
}

static void print_clauses(const struct catalogue *catalogue, const json_t *state)
{
	size_t counts[CLAUSE_STATE_COUNT] = {0};

	for (size_t i = 0; i < catalogue_count(catalogue); i++) {
		const struct clause *clause = catalogue_clause(catalogue, i);
		struct finding finding = catalogue_evaluate(clause, state, 1);

		counts[finding.state]++;
		columns_pad(stdout, clause_state_text(finding.state), 15);
		columns_wrap(stdout, clause->id, 15);
		printf("%15s", "");
		columns_wrap(stdout, clause->title, 15);
		if (finding.evidence[0] != '\0') {
			printf("%17s", "");
			columns_wrap(stdout, finding.evidence, 17);
		}
	}
	putchar('\n');
	for (int each = 0; each < CLAUSE_STATE_COUNT; each++) {
		columns_pad(stdout, clause_state_text((enum clause_state)each), 15);
		printf("%4zu\n", counts[each]);
	}
}

int command_clauses(const struct cli *cli, int argc, char **argv)
{
	const struct catalogue *catalogue;
	struct options o;
	json_t *status;
	int result = EXIT_YES;

	if (parse_options(argc, argv, true, &o) != 0)
		return usage("clauses [--body B] [--json]");
	columns_start();
	catalogue = choose_catalogue(cli, o.body);
	if (catalogue == NULL)
		return EXIT_USAGE;
	if (ask_agent(cli, CONTROL_STATUS, &status) != 0)
		return EXIT_UNASKED;
	if (o.json)
		result = print_clauses_json(catalogue, json_object_get(status, "state"));
	else
		print_clauses(catalogue, json_object_get(status, "state"));
	json_decref(status);
	return result;
}
