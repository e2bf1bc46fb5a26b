#include "collector/collector.h"

#include "collector/authority.h"
#include "collector/directory.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct names {
	const char *all[AUTHORITY_NAMES_MAX];
	size_t count;
	char host[256];
};

static int usage(void)
{
	collector_say("init", LANGUAGE("使い方: sekisho-collector init [DIR] [--name HOST]...",
	                              "usage: sekisho-collector init [DIR] [--name HOST]..."));
	return EXIT_USAGE;
}

static int read_arguments(int argc, char **argv, const char **dir, struct names *names)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--name") == 0) {
			if (++i >= argc || names->count == AUTHORITY_NAMES_MAX ||
			        !authority_is_host(argv[i]))
				return ERR_USAGE;
			names->all[names->count++] = argv[i];
		} else if (argv[i][0] == '-' || *dir != NULL) {
			return ERR_USAGE;
		} else {
			*dir = argv[i];
		}
	}
	return 0;
}

static void default_names(struct names *names)
{
	if (names->count > 0)
		return;
	if (gethostname(names->host, sizeof(names->host) - 1) == 0 &&
	        authority_is_host(names->host))
		names->all[names->count++] = names->host;
	names->all[names->count++] = "localhost";
	names->all[names->count++] = "127.0.0.1";
}

/* A key and its file. */
static int make_key(const char *file, struct key **key)
{
	char *pem = NULL;
	size_t length = 0;

	int error = key_generate(key);
	if (error == 0)
		error = key_write_private(*key, &pem, &length);
	if (error == 0)
		error = directory_write(file, pem, length, true);
	if (pem != NULL)
		OPENSSL_cleanse(pem, length);
	free(pem);
	if (error != 0)
		key_free(key);
	return error;
}

static int make_authority(int64_t now, struct authority **authority)
{
	struct key *key = NULL;
	char *pem = NULL;

	int error = make_key(DIRECTORY_CA_KEY, &key);
	if (error != 0)
		return error;
	error = authority_make(key, "Sekisho office CA", now, &pem);
	if (error == 0)
		error = directory_write(DIRECTORY_CA, pem, strlen(pem), false);
	if (error == 0)
		error = authority_open(pem, strlen(pem), key, authority);
	else
		key_free(&key);
	free(pem);
	return error;
}

static int make_server(const struct authority *authority, const struct names *names, int64_t now)
{
	struct key *key = NULL;
	char *pem = NULL;

	int error = make_key(DIRECTORY_TLS_KEY, &key);
	if (error == 0)
		error = authority_issue_server(authority, key, names->all, names->count, now, &pem);
	if (error == 0)
		error = directory_write(DIRECTORY_TLS, pem, strlen(pem), false);
	key_free(&key);
	free(pem);
	return error;
}

static int make_receipt_key(void)
{
	struct key *key = NULL;
	char *pem = NULL;
	size_t length = 0;

	int error = make_key(DIRECTORY_RECEIPT_KEY, &key);
	if (error == 0)
		error = key_write_public(key, &pem, &length);
	if (error == 0)
		error = directory_write(DIRECTORY_RECEIPT, pem, length, false);
	key_free(&key);
	free(pem);
	return error;
}

static int make_all(const struct names *names)
{
	struct authority *authority = NULL;
	int64_t now = clock_wall();

	int error = make_authority(now, &authority);
	if (error == 0)
		error = make_server(authority, names, now);
	if (error == 0)
		error = make_receipt_key();
	if (error == 0)
		error = store_create(DIRECTORY_DATABASE);
	authority_free(&authority);
	return error;
}

static void say_done(const char *dir, const struct names *names)
{
	printf(LANGUAGE("%s にコレクターを用意しました。\n", "The collector is ready in %s.\n"),
	        dir);
	printf(LANGUAGE("端末へ配るファイル: %s/%s (端末の /etc/sekisho/trust/collector-ca.pem "
	                "へ)\n",
	               "Terminals need: %s/%s (as /etc/sekisho/trust/collector-ca.pem)\n"),
	        dir, DIRECTORY_CA);
	fputs(LANGUAGE("端末から見えるサーバー名:", "Terminals may call it:"), stdout);
	for (size_t i = 0; i < names->count; i++)
		printf(" %s", names->all[i]);
	putchar('\n');
}

int command_init(const struct collector *collector, int argc, char **argv)
{
	struct names names = {.count = 0};
	const char *dir = NULL;

	if (read_arguments(argc, argv, &dir, &names) != 0)
		return usage();
	if (dir == NULL)
		dir = collector->config.dir;
	default_names(&names);
	int error = directory_create(dir, collector->user);
	if (error == ERR_EXISTS) {
		collector_say(
		        dir, LANGUAGE("空ではありません。既存のコレクターは上書きしません",
		                     "is not empty; an existing collector is not overwritten"));
		return EXIT_NO;
	}
	if (error == 0)
		error = make_all(&names);
	if (error != 0) {
		collector_say(dir, error_text(error));
		return EXIT_UNASKED;
	}
	say_done(dir, &names);
	return EXIT_YES;
}
