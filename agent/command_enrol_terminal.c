/* sekisho enrol terminal: a key of this terminal's own, its public part certified by the collector
 * for a one-time token. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/control_client.h"
#include "agent/enrolment.h"
#include "agent/http_client.h"
#include "agent/paths.h"
#include "agent/sekisho.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"
#include "core/key.h"
#include "core/language.h"
#include "core/log.h"

enum { TOKEN_MAX = 256, CA_MAX = 1 << 18, ANSWER_SECONDS = 30, UEID_BYTES = 17, PATH_SIZE = 4096 };

static const char ENROL_PATH[] = "/v1/enrol";

struct order {
	const char *collector;
	const char *token_file;
	const char *ca_file;
	char name[ENROLMENT_NAME_SIZE];
	bool replace;
};

struct enrolling {
	const struct cli *cli;
	struct order order;
	struct http_url url;
	char token[TOKEN_MAX + 1];
	uint8_t *ca;
	size_t ca_length;
	struct key *key;
	char *request; /* body of POST /v1/enrol; holds the token */
	struct enrolment enrolment;
	char *certificate;
	/* the exchange */
	struct event_base *base;
	struct http_client *client;
	bool answered;
	char problem[512];
};

/* --- what was asked --- */

static int usage(void)
{
	fprintf(stderr,
	        "%s sekisho enrol terminal --collector URL --token-file FILE|- [--name NAME] [--ca "
	        "FILE] [--replace]\n",
	        LANGUAGE("使い方:", "usage:"));
	return EXIT_USAGE;
}

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	return ERR_USAGE;
}

static int take_name(const char *text, struct order *o)
{
	int printed = snprintf(o->name, sizeof(o->name), "%s", text);

	return printed > 0 && (size_t)printed < sizeof(o->name) ? 0 : ERR_USAGE;
}

static int parse_order(int argc, char **argv, struct order *o)
{
	static const struct option all[] = {{"collector", required_argument, NULL, 'c'},
	        {"token-file", required_argument, NULL, 't'},
	        {"name", required_argument, NULL, 'n'}, {"ca", required_argument, NULL, 'a'},
	        {"replace", no_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	char host[ENROLMENT_NAME_SIZE] = "";
	int option, error = 0;

	optind = 1;
	opterr = 0;
	while (error == 0 && (option = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (option == 'c')
			o->collector = optarg;
		else if (option == 't')
			o->token_file = optarg;
		else if (option == 'a')
			o->ca_file = optarg;
		else if (option == 'r')
			o->replace = true;
		else
			error = option == 'n' ? take_name(optarg, o) : ERR_USAGE;
	}
	if (error != 0 || optind != argc || o->collector == NULL || o->token_file == NULL)
		return ERR_USAGE;
	if (o->name[0] != '\0')
		return 0;
	return gethostname(host, sizeof(host) - 1) == 0 ? take_name(host, o) : ERR_USAGE;
}

/* From a file or standard input, never from the command line, which everybody on the machine can
 * read. */
static int read_token(struct enrolling *e)
{
	bool piped = strcmp(e->order.token_file, "-") == 0;
	int fd = piped ? STDIN_FILENO : open(e->order.token_file, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = -1;

	if (fd < 0)
		return complain(e->order.token_file, strerror(errno));
	while (used < TOKEN_MAX) {
		got = read(fd, e->token + used, TOKEN_MAX - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	if (!piped)
		close(fd);
	e->token[used] = '\0';
	e->token[strcspn(e->token, "\r\n")] = '\0';
	if (got != 0 || e->token[0] == '\0')
		return complain(e->order.token_file,
		        LANGUAGE("登録トークンを読めません", "holds no enrolment token"));
	return 0;
}

static int read_ca(struct enrolling *e)
{
	const char *path = e->order.ca_file != NULL ? e->order.ca_file : PATH_COLLECTOR_CA;
	int fd = -1, error;

	if (e->order.ca_file != NULL) {
		error = file_read_path(path, CA_MAX, &e->ca, &e->ca_length);
	} else {
		error = file_open_checked(e->cli->root, path, (uid_t)-1, 0644, CA_MAX, &fd);
		if (error == 0)
			error = file_read(fd, CA_MAX, &e->ca, &e->ca_length);
		if (fd >= 0)
			close(fd);
	}
	if (error == ERR_NOT_FOUND && e->order.ca_file == NULL)
		return complain(path,
		        LANGUAGE("収集サーバのCA証明書がありません。--ca FILE で渡してください",
		                "the collector's CA certificate is missing; give it with --ca "
		                "FILE"));
	return error == 0 ? 0 : complain(path, error_text(error));
}

static int check_not_enrolled(const struct enrolling *e)
{
	struct enrolment present;
	int error = enrolment_read(e->cli->root, &present);

	if (error == ERR_NOT_FOUND || e->order.replace) {
		enrolment_clear(&present);
		return 0;
	}
	fprintf(stderr,
	        LANGUAGE("この端末は登録済みです (%s)。やり直すなら --replace\n",
	                "this terminal is enrolled already (%s); --replace enrols it anew\n"),
	        error == 0 ? present.terminal : error_text(error));
	enrolment_clear(&present);
	return ERR_EXISTS;
}

/* --- where things will lie --- */

static int ensure_directory(
        const struct cli *cli, const char *path, uid_t owner, gid_t group, mode_t mode)
{
	char full[PATH_SIZE];
	int error, printed = snprintf(full, sizeof(full), "%s/%s", cli->root_path, path);

	if (printed < 0 || (size_t)printed >= sizeof(full))
		return ERR_TOO_LONG;
	error = file_ensure_directory(full, owner, group, mode, NULL);
	if (error != 0)
		complain(full, error_text(error));
	return error;
}

/* The signer's, as sekishod would make it when it starts for the first time. */
static int ensure_signer_directory(const struct cli *cli)
{
	const struct passwd *signer;
	struct stat status;

	if (fstatat(cli->root, PATH_SIGNER_DIR, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(status.st_mode) ? 0
		                               : complain(PATH_SIGNER_DIR, error_text(ERR_UNSAFE));
	signer = getpwnam("_sekisho-sign");
	if (signer == NULL)
		return complain("_sekisho-sign",
		        LANGUAGE("この利用者がありません", "there is no such user"));
	return ensure_directory(cli, PATH_SIGNER_DIR, signer->pw_uid, signer->pw_gid, 0700);
}

static int ensure_directories(const struct cli *cli)
{
	static const char *const parents[] = {"etc", "var", "var/lib"};
	static const char *const paths[] = {
	        "etc/sekisho", "etc/sekisho/trust", PATH_STATE, PATH_ENROLMENT_DIR};
	int error = 0;

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		if (mkdirat(cli->root, parents[i], 0755) != 0 && errno != EEXIST)
			return complain(parents[i], strerror(errno));
	}

	for (size_t i = 0; error == 0 && i < sizeof(paths) / sizeof(paths[0]); i++)
		error = ensure_directory(cli, paths[i], geteuid(), getegid(), 0755);
	return error == 0 ? ensure_signer_directory(cli) : error;
}

/* Owner and mode are right before the name is: a process that finds the file can read it. */
static int write_file(
        int dir, const char *name, const char *text, mode_t mode, const struct stat *owner)
{
	char new_name[64];
	int fd, error;

	snprintf(new_name, sizeof(new_name), "%s.new", name);
	if (unlinkat(dir, new_name, 0) != 0 && errno != ENOENT)
		return ERR_IO;
	fd = openat(dir, new_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	error = file_write(fd, text, strlen(text));
	if (error == 0 && (fchown(fd, owner->st_uid, owner->st_gid) != 0 || fchmod(fd, mode) != 0 ||
	                          fsync(fd) != 0))
		error = ERR_IO;
	close(fd);
	if (error == 0 && (renameat(dir, new_name, dir, name) != 0 || fsync(dir) != 0))
		error = ERR_IO;
	if (error != 0)
		(void)unlinkat(dir, new_name, 0);
	return error;
}

/* Into a directory, as its owner. */
static int install_file(
        const struct cli *cli, const char *path, const char *name, const char *text, mode_t mode)
{
	int error = ERR_IO,
	    dir = openat(cli->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat owner;

	if (dir >= 0 && fstat(dir, &owner) == 0)
		error = write_file(dir, name, text, mode, &owner);
	if (dir >= 0)
		close(dir);
	if (error != 0)
		fprintf(stderr, "%s/%s: %s\n", path, name, strerror(errno));
	return error;
}

static int install_key(const struct enrolling *e)
{
	char *pem = NULL;
	size_t length = 0;
	int error = key_write_private(e->key, &pem, &length);

	if (error == 0)
		error = install_file(e->cli, PATH_SIGNER_DIR, SIGNER_KEY, pem, 0600);
	if (pem != NULL)
		OPENSSL_cleanse(pem, length);
	free(pem);
	return error;
}

/* The certificate comes last: while it is not the key's, the terminal counts as not enrolled. */
static int install_all(const struct enrolling *e)
{
	char *text = enrolment_print(&e->enrolment);
	int error = text != NULL ? 0 : ERR_MEMORY;

	if (error == 0 && e->order.ca_file != NULL)
		error = install_file(
		        e->cli, "etc/sekisho/trust", "collector-ca.pem", (const char *)e->ca, 0644);
	if (error == 0)
		error = install_key(e);
	if (error == 0)
		error = install_file(e->cli, PATH_ENROLMENT_DIR, ENROLMENT_FILE, text, 0644);
	if (error == 0)
		error = install_file(
		        e->cli, PATH_ENROLMENT_DIR, ENROLMENT_CERTIFICATE, e->certificate, 0644);
	free(text);
	return error;
}

/* --- the exchange --- */

static int make_identity(struct enrolling *e)
{
	uint8_t bytes[UEID_BYTES] = {1};
	char *ueid = NULL, *csr = NULL;
	size_t length = 0;
	json_t *request = NULL;
	int error = ERR_CRYPTO;

	if (getrandom(bytes + 1, sizeof(bytes) - 1, 0) != (ssize_t)sizeof(bytes) - 1)
		goto out;
	ueid = encode_base64url(bytes, sizeof(bytes));
	error = ueid != NULL ? key_generate(&e->key) : ERR_MEMORY;
	if (error == 0)
		error = key_request(e->key, e->order.name, &csr, &length);
	if (error != 0)
		goto out;
	error = ERR_FORMAT;
	request = json_pack("{s:s,s:s,s:s,s:s}", "token", e->token, "name", e->order.name, "ueid",
	        ueid, "csr", csr);
	e->request = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	if (e->request == NULL)
		goto out;
	snprintf(e->enrolment.ueid, sizeof(e->enrolment.ueid), "%s", ueid);
	snprintf(e->enrolment.terminal, sizeof(e->enrolment.terminal), "%s", e->order.name);
	error = 0;
out:
	if (error != 0)
		complain(e->order.name, error_text(error));
	json_decref(request);
	free(ueid);
	free(csr);
	return error;
}

static void finish(struct enrolling *e, const char *problem)
{
	if (problem != NULL)
		log_printable(problem, e->problem, sizeof(e->problem));
	event_base_loopbreak(e->base);
}

static void on_secured(void *context, const uint8_t exporter[HTTP_EXPORTER_SIZE])
{
	struct enrolling *e = context;
	int error = http_client_post(e->client, ENROL_PATH, "application/json", e->request,
	        strlen(e->request), ANSWER_SECONDS);

	(void)exporter;
	if (error != 0)
		finish(e, error_text(error));
}

static bool certifies(const char *certificate, const struct key *key)
{
	char mine[KEY_ID_SIZE], theirs[KEY_ID_SIZE];
	struct key *certified = NULL;
	bool same = key_read_public(
	                    (const uint8_t *)certificate, strlen(certificate), &certified) == 0 &&
	            key_id(key, mine) == 0 && key_id(certified, theirs) == 0 &&
	            strcmp(mine, theirs) == 0;

	key_free(&certified);
	return same;
}

static bool is_public_key(const char *pem)
{
	struct key *key = NULL;
	bool valid = key_read_public((const uint8_t *)pem, strlen(pem), &key) == 0;

	key_free(&key);
	return valid;
}

static int take_enrolment(struct enrolling *e, const json_t *document)
{
	const char *terminal, *certificate, *receipt_key;

	if (json_unpack((json_t *)(uintptr_t)document, "{s:s,s:s,s:s!}", "terminal", &terminal,
	            "certificate", &certificate, "receipt_key", &receipt_key) != 0)
		return ERR_FORMAT;
	if (strcmp(terminal, e->order.name) != 0 || !certifies(certificate, e->key) ||
	        !is_public_key(receipt_key))
		return ERR_FORMAT;
	e->certificate = strdup(certificate);
	e->enrolment.receipt_key = strdup(receipt_key);
	if (e->certificate == NULL || e->enrolment.receipt_key == NULL)
		return ERR_MEMORY;
	snprintf(e->enrolment.collector, sizeof(e->enrolment.collector), "%s", e->order.collector);
	return 0;
}

static void on_answered(void *context, const struct http_answer *answer)
{
	struct enrolling *e = context;
	json_t *document = json_loadb(
	        (const char *)answer->body, answer->length, JSON_REJECT_DUPLICATES, NULL);
	const char *message = json_string_value(json_object_get(document, "message"));
	char text[64];

	e->answered = true;
	snprintf(text, sizeof(text), "HTTP %d", answer->status);
	if (answer->status != 200)
		finish(e, message != NULL ? message : text);
	else if (take_enrolment(e, document) != 0)
		finish(e, LANGUAGE("収集サーバの答えが正しくありません",
		                  "the collector's answer is not an enrolment"));
	else
		finish(e, NULL);
	json_decref(document);
}

static void on_failed(void *context, int error, const char *cause)
{
	const struct enrolling *e = context;

	(void)error;
	/* An answer may be the last thing on its connection. */
	if (!e->answered)
		finish(context, cause);
}

static int run_exchange(struct enrolling *e)
{
	static const struct http_handlers handlers = {on_secured, on_answered, on_failed};
	struct http_trust *trust = NULL;
	int error = http_trust_new(e->ca, e->ca_length, &trust);

	if (error != 0) {
		snprintf(e->problem, sizeof(e->problem), "%s",
		        LANGUAGE("CA証明書を読めません", "the CA certificate cannot be read"));
		return error;
	}
	e->base = event_base_new();
	error = e->base != NULL ? http_client_open(e->base, NULL, trust, &e->url, ENROL_PATH,
	                                  &handlers, e, &e->client)
	                        : ERR_MEMORY;
	if (error == 0)
		(void)event_base_dispatch(e->base);
	else
		snprintf(e->problem, sizeof(e->problem), "%s", error_text(error));
	http_client_close(&e->client);
	if (e->base != NULL)
		event_base_free(e->base);
	e->base = NULL;
	http_trust_free(&trust);
	return error == 0 && e->certificate == NULL ? ERR_DENIED : error;
}

/* --- afterwards --- */

/* The agent need not run; when it does, the enrolment is in its journal, and the next report is
 * signed with the new key. */
static int tell_agent(const struct enrolling *e)
{
	struct event_record *record = calloc(1, sizeof(*record));
	int error;

	if (record == NULL)
		return ERR_MEMORY;
	event_start(record, EVENT_TERMINAL_ENROLLED);
	event_put(record, FIELD_COLLECTOR, e->enrolment.collector);
	error = control_record(e->cli, record);
	free(record);
	if (error == ERR_NOT_FOUND) {
		puts(LANGUAGE("エージェントは次に起動したときから報告します",
		        "the agent will report once it is started"));
		return 0;
	}
	if (error == 0)
		error = control_reload(e->cli);
	if (error != 0)
		control_complain(error);
	return error;
}

static void free_enrolling(struct enrolling *e)
{
	explicit_bzero(e->token, sizeof(e->token));
	if (e->request != NULL)
		OPENSSL_cleanse(e->request, strlen(e->request));
	free(e->request);
	free(e->ca);
	free(e->certificate);
	key_free(&e->key);
	enrolment_clear(&e->enrolment);
}

static int enrol(struct enrolling *e)
{
	int error;

	if (check_not_enrolled(e) != 0)
		return EXIT_NO;
	if (read_token(e) != 0 || read_ca(e) != 0)
		return EXIT_USAGE;
	/* The token works once: everything that can fail here fails before. */
	if (ensure_directories(e->cli) != 0 || make_identity(e) != 0)
		return EXIT_UNASKED;
	error = run_exchange(e);
	if (error != 0) {
		fprintf(stderr, "%s: %s\n", e->order.collector, e->problem);
		return e->answered ? EXIT_NO : EXIT_UNASKED;
	}
	if (install_all(e) != 0)
		return EXIT_UNASKED;
	printf(LANGUAGE("端末 %s を %s に登録しました\n", "terminal %s is enrolled with %s\n"),
	        e->enrolment.terminal, e->enrolment.collector);
	return tell_agent(e) == 0 ? EXIT_YES : EXIT_UNASKED;
}

int command_enrol_terminal(const struct cli *cli, int argc, char **argv)
{
	struct enrolling *e = calloc(1, sizeof(*e));
	int result;

	if (e == NULL)
		return EXIT_UNASKED;
	e->cli = cli;
	if (parse_order(argc, argv, &e->order) != 0) {
		result = usage();
	} else if (http_url_parse(e->order.collector, &e->url) != 0) {
		complain(e->order.collector, LANGUAGE("https://ホスト[:ポート] ではありません",
		                                     "not https://HOST[:PORT]"));
		result = EXIT_USAGE;
	} else {
		result = enrol(e);
	}
	free_enrolling(e);
	free(e);
	return result;
}
