#include "agent/sekisho.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/control_client.h"
#include "agent/paths.h"
#include "core/clock.h"
#include "core/cms.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"
#include "policy/document.h"

enum { PEM_MAX = 65536 };

static const char SIGNED_START[] = "-----BEGIN ";

struct options {
	const char *file;
	const char *certificate, *key, *out, *signers;
	bool json;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho policy check ファイル\n"
	                 "        sekisho policy sign ファイル --certificate 証明書 --key 鍵 "
	                 "[--out 出力]\n"
	                 "        sekisho policy verify ファイル --signers 証明書\n"
	                 "        sekisho policy show [--json]\n"
	                 "        sekisho policy install ファイル",
	                "usage: sekisho policy check FILE\n"
	                "       sekisho policy sign FILE --certificate PEM --key PEM [--out OUT]\n"
	                "       sekisho policy verify FILE --signers PEM\n"
	                "       sekisho policy show [--json]\n"
	                "       sekisho policy install FILE"));
	return EXIT_USAGE;
}

/* Takes the options that `allowed` names by their letters, each once, and at most one FILE. */
static bool read_options(int argc, char **argv, const char *allowed, struct options *o)
{
	static const struct option OPTIONS[] = {{"certificate", required_argument, NULL, 'c'},
	        {"key", required_argument, NULL, 'k'}, {"out", required_argument, NULL, 'o'},
	        {"signers", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'}, {0}};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		const char **value = option == 'c'   ? &o->certificate
		                     : option == 'k' ? &o->key
		                     : option == 'o' ? &o->out
		                     : option == 's' ? &o->signers
		                                     : NULL;

		if (option == '?' || !strchr(allowed, option) || (value && *value))
			return false;
		if (value)
			*value = optarg;
		else
			o->json = true;
	}
	if (argc - optind > 1)
		return false;
	o->file = argv[optind];
	return true;
}

static int complain(const char *path, int error)
{
	fprintf(stderr, "%s: %s\n", path, error_text(error));
	return EXIT_UNASKED;
}

/* A policy that was refused: FILE:LINE:COL when there is a place. Returns EXIT_NO, or EXIT_UNASKED
 * when memory was short. */
static int complain_policy(const char *path, int error, const struct policy_error *problem)
{
	if (problem->line)
		fprintf(stderr, "%s:%zu:%zu: %s\n", path, problem->line, problem->column,
		        problem->message);
	else if (problem->message[0])
		fprintf(stderr, "%s: %s\n", path, problem->message);
	else
		complain(path, error);
	return error == ERR_MEMORY || error == ERR_CRYPTO ? EXIT_UNASKED : EXIT_NO;
}

static void print_summary(const struct policy *p)
{
	printf("%s %s %" PRIu64 " %s\n", p->body, p->id, p->version, p->digest);
}

static int check(const struct options *o)
{
	uint8_t *text = NULL;
	size_t length = 0;
	struct policy *policy = NULL;
	struct policy_error problem;
	int error;

	if (!o->file)
		return usage();
	error = file_read_path(o->file, POLICY_TEXT_MAX, &text, &length);
	if (error)
		return complain(o->file, error);
	error = policy_parse(text, length, &policy, &problem);
	free(text);
	if (error)
		return complain_policy(o->file, error, &problem);
	print_summary(policy);
	policy_free(&policy);
	return EXIT_YES;
}

static bool is_signed(const uint8_t *text, size_t length)
{
	return length >= sizeof(SIGNED_START) - 1 &&
	       memcmp(text, SIGNED_START, sizeof(SIGNED_START) - 1) == 0;
}

static int write_out(const char *path, const char *data, size_t length)
{
	char *copy;
	char *slash;
	const char *name;
	int dir, error;

	if (!path)
		return file_write(STDOUT_FILENO, data, length);
	copy = strdup(path);
	if (!copy)
		return ERR_MEMORY;
	slash = strrchr(copy, '/');
	name = slash ? path + (slash - copy) + 1 : path;
	if (slash)
		slash[slash == copy] = '\0';
	dir = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = dir < 0 ? ERR_IO : file_replace(dir, name, data, length, 0644);
	if (dir >= 0)
		close(dir);
	free(copy);
	return error;
}

/* Nothing is signed that the terminals would refuse. */
static int sign_text(const struct options *o, const uint8_t *text, size_t length,
        const char *certificate, const char *key, char **signed_pem, size_t *signed_length)
{
	struct policy *policy = NULL;
	struct policy_error problem;
	int error;

	if (is_signed(text, length)) {
		error = cms_sign(
		        NULL, 0, (const char *)text, certificate, key, signed_pem, signed_length);
	} else {
		error = policy_parse(text, length, &policy, &problem);
		policy_free(&policy);
		if (error)
			return complain_policy(o->file, error, &problem);
		error = cms_sign(text, length, NULL, certificate, key, signed_pem, signed_length);
	}
	if (!error)
		return EXIT_YES;
	fprintf(stderr, "%s: %s: %s\n", o->file, LANGUAGE("署名できません", "cannot be signed"),
	        error_text(error));
	return EXIT_NO;
}

static int sign(const struct options *o)
{
	uint8_t *text = NULL, *certificate = NULL, *key = NULL;
	size_t length = 0, certificate_length = 0, key_length = 0, signed_length = 0;
	char *signed_pem = NULL;
	int answer = EXIT_UNASKED;
	int error;

	if (!o->file || !o->certificate || !o->key)
		return usage();
	error = file_read_path(o->file, CMS_SIGNED_MAX, &text, &length);
	if (error) {
		complain(o->file, error);
		goto out;
	}
	error = file_read_path(o->certificate, PEM_MAX, &certificate, &certificate_length);
	if (error) {
		complain(o->certificate, error);
		goto out;
	}
	error = file_read_path(o->key, PEM_MAX, &key, &key_length);
	if (error) {
		complain(o->key, error);
		goto out;
	}
	answer = sign_text(
	        o, text, length, (char *)certificate, (char *)key, &signed_pem, &signed_length);
	if (answer == EXIT_YES) {
		error = write_out(o->out, signed_pem, signed_length);
		if (error)
			answer = complain(o->out ? o->out : "-", error);
	}
out:
	if (key)
		explicit_bzero(key, key_length);
	free(key);
	free(certificate);
	free(text);
	free(signed_pem);
	return answer;
}

static void print_signers(
        const uint8_t *pem, size_t length, const uint8_t *trusted, size_t trusted_length)
{
	struct cms_signer signers[CMS_SIGNERS_MAX];
	uint8_t *content = NULL;
	size_t content_length, count = 0;

	if (cms_verify(pem, length, trusted, trusted_length, 1, &content, &content_length, signers,
	            &count) == 0)
		for (size_t i = 0; i < count; i++) {
			char subject[256];

			printf("%s %s\n", signers[i].fingerprint,
			        log_printable(signers[i].subject, subject, sizeof(subject)));
		}
	free(content);
}

static int verify(const struct options *o)
{
	uint8_t *text = NULL, *trusted = NULL;
	size_t length = 0, trusted_length = 0;
	struct policy *policy = NULL;
	struct policy_error problem;
	int answer;
	int error;

	if (!o->file || !o->signers)
		return usage();
	error = file_read_path(o->file, CMS_SIGNED_MAX, &text, &length);
	if (error)
		return complain(o->file, error);
	error = file_read_path(o->signers, PEM_MAX, &trusted, &trusted_length);
	if (error) {
		free(text);
		return complain(o->signers, error);
	}
	error = policy_open(text, length, trusted, trusted_length, &policy, &problem);
	if (error) {
		answer = complain_policy(o->file, error, &problem);
	} else {
		print_summary(policy);
		print_signers(text, length, trusted, trusted_length);
		answer = EXIT_YES;
	}
	policy_free(&policy);
	free(trusted);
	free(text);
	return answer;
}

static const char *const TIERS[] = {"my_number", "lgwan", "internet"};

static json_t *combination_json(unsigned factors)
{
	json_t *array = json_array();

	for (unsigned bit = 1; bit != 0 && bit <= factors; bit <<= 1)
		if ((factors & bit) != 0)
			json_array_append_new(
			        array, json_string(login_factor_name((enum factor)bit)));
	return array;
}

/* As the document has it: one combination, or a list of them. */
static json_t *factors_json(const struct login_combinations *login)
{
	json_t *array = NULL;

	if (login->count == 1)
		return combination_json(login->factors[0]);
	array = json_array();
	for (size_t i = 0; i < login->count; i++)
		json_array_append_new(array, combination_json(login->factors[i]));
	return array;
}

static json_t *policy_json(const struct policy *p)
{
	json_t *ways = json_object();
	json_t *rules = json_array();
	json_t *factors = factors_json(&p->login);
	json_t *unattended = json_array();
	char not_after[CLOCK_RFC3339_SIZE] = "";

	for (size_t i = 0; i < p->unattended.count; i++)
		json_array_append_new(unattended, json_string(p->unattended.names[i]));
	for (unsigned way = 0; way < WAY_COUNT; way++)
		json_object_set_new(ways, way_name((enum way)way),
		        json_string(treatment_name(p->treatments[way])));
	for (size_t number = 1; number <= rule_set_count(p->rules); number++) {
		char *text = NULL;

		if (rule_set_print(p->rules, number, &text) == 0)
			json_array_append_new(rules, json_string(text));
		free(text);
	}
	if (p->not_after)
		clock_format(p->not_after, not_after);
	return json_pack(
	        "{s:s,s:s,s:I,s:s,s:s,s:i,s:s,s:o,s:{s:o,s:o,s:s,s:i,s:i,s:i,s:{s:i,s:i,s:i}},"
	        "s:{s:i},s:o}",
	        "id", p->id, "body", p->body, "version", (json_int_t)p->version, "digest",
	        p->digest, "tier", TIERS[p->tier], "signers", (int)p->signers, "not_after",
	        not_after, "ways", ways, "login", "factors", factors, "unattended", unattended,
	        "voucher", p->voucher ? "allow" : "deny", "idle_days", (int)p->idle_days,
	        "idle_lock", (int)p->idle_lock, "max_failures", (int)p->max_failures, "totp",
	        "digits", (int)p->totp_digits, "step", (int)p->totp_step, "window",
	        (int)p->totp_window, "report", "interval", (int)p->report_interval, "rules", rules);
}

static int show_json(const struct policy *p)
{
	json_t *json = policy_json(p);
	int failed = !json || json_dumpf(json, stdout, JSON_INDENT(2)) != 0 || puts("") < 0;

	json_decref(json);
	return failed ? EXIT_UNASKED : EXIT_YES;
}

static void show_text(const struct policy *p)
{
	print_summary(p);
	for (unsigned way = 0; way < WAY_COUNT; way++)
		printf("%-12s %s\n", way_name((enum way)way), treatment_name(p->treatments[way]));
	for (size_t number = 1; number <= rule_set_count(p->rules); number++) {
		char *text = NULL;

		if (rule_set_print(p->rules, number, &text) == 0)
			printf("%zu\t%s\n", number, text);
		free(text);
	}
}

static int read_below(
        const struct cli *cli, const char *path, size_t max, uint8_t **data, size_t *length)
{
	int fd = -1;
	int error = file_open_checked(cli->root, path, (uid_t)-1, 0755, max, &fd);

	if (!error)
		error = file_read(fd, max, data, length);
	if (fd >= 0)
		close(fd);
	return error;
}

/* The policy in force, verified here once more: what the file says is only shown when the office's
 * keys say it too. */
static int show(const struct cli *cli, const struct options *o)
{
	static const char IN_FORCE[] = PATH_POLICY_DIR "/" POLICY_IN_FORCE;
	uint8_t *text = NULL, *trusted = NULL;
	size_t length = 0, trusted_length = 0;
	struct policy *policy = NULL;
	struct policy_error problem;
	int answer;
	int error;

	if (o->file)
		return usage();
	error = read_below(cli, IN_FORCE, CMS_SIGNED_MAX, &text, &length);
	if (error)
		return complain(IN_FORCE, error);
	error = read_below(cli, PATH_POLICY_SIGNERS, PEM_MAX, &trusted, &trusted_length);
	if (error) {
		free(text);
		return complain(PATH_POLICY_SIGNERS, error);
	}
	error = policy_open(text, length, trusted, trusted_length, &policy, &problem);
	if (error) {
		answer = complain_policy(IN_FORCE, error, &problem);
	} else {
		answer = EXIT_YES;
		if (o->json)
			answer = show_json(policy);
		else
			show_text(policy);
	}
	policy_free(&policy);
	free(trusted);
	free(text);
	return answer;
}

/* The agent's answer to an offer: {"accepted":bool,...}; the reason is whichever text comes with a
 * refusal. */
static int report_offer(const char *path, const char *json)
{
	json_t *answer = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	const json_t *accepted = json_object_get(answer, "accepted");
	const char *reason = json_string_value(json_object_get(answer, "reason"));
	char printable[512];
	int code = EXIT_UNASKED;

	if (!json_is_boolean(accepted)) {
		fprintf(stderr, "%s\n",
		        LANGUAGE("エージェントの答えを読めません",
		                "the agent's answer cannot be read"));
	} else if (json_is_true(accepted)) {
		printf("%s: %s\n", path, LANGUAGE("適用されました", "in force"));
		code = EXIT_YES;
	} else {
		fprintf(stderr, "%s: %s: %s\n", path, LANGUAGE("拒否されました", "refused"),
		        log_printable(reason ? reason : "?", printable, sizeof(printable)));
		code = EXIT_NO;
	}
	json_decref(answer);
	return code;
}

static int install(const struct cli *cli, const struct options *o)
{
	char *json = NULL;
	int fd, error, answer;

	if (!o->file)
		return usage();
	fd = open(o->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", o->file, LANGUAGE("開けません", "cannot be opened"));
		return EXIT_UNASKED;
	}
	error = control_ask(cli, CONTROL_POLICY_OFFER, fd, &json);
	close(fd);
	answer = error ? control_complain(error) : report_offer(o->file, json);
	free(json);
	return answer;
}

int command_policy(const struct cli *cli, int argc, char **argv)
{
	static const struct {
		const char *name, *options;
	} VERBS[] = {
	        {"check", ""}, {"sign", "cko"}, {"verify", "s"}, {"show", "j"}, {"install", ""}};
	struct options o = {0};
	size_t verb = 0;

	if (argc < 2)
		return usage();
	while (verb < sizeof(VERBS) / sizeof(VERBS[0]) && strcmp(VERBS[verb].name, argv[1]) != 0)
		verb++;
	if (verb == sizeof(VERBS) / sizeof(VERBS[0]) ||
	        !read_options(argc - 1, argv + 1, VERBS[verb].options, &o))
		return usage();
	switch (verb) {
	case 0:
		return check(&o);
	case 1:
		return sign(&o);
	case 2:
		return verify(&o);
	case 3:
		return show(cli, &o);
	default:
		return install(cli, &o);
	}
}
