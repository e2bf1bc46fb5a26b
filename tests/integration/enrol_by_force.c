/*
 * Writes a certificate into a user's state in place of the one that was enrolled, for
 * tests/integration/my_number.sh: with the terminal's own storage key, as root could.
 *     enrol_by_force KEY-FILE STATE-FILE USER OLD.der NEW.der
 * The key file is one without a TPM (agent/seal_file.h).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth_state.h"
#include "agent/seal_file.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/file.h"

enum { CERTIFICATE_MAX = 4096, LOCK_MS = 5000 };

static void must(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "enrol_by_force: %s: %s\n", what, error_text(r));
	exit(1);
}

static void fingerprint_read(const char *path, uint8_t out[static SHA256_SIZE])
{
	uint8_t *der = NULL;
	size_t length;

	must(file_read_path(path, CERTIFICATE_MAX, &der, &length), path);
	must(encode_sha256(der, length, out), path);
	free(der);
}

static void key_read(const char *path, struct storage_key *key)
{
	struct seal_file file;
	uint8_t *bytes = NULL;
	size_t length;

	must(file_read_path(path, SEAL_FILE_MAX, &bytes, &length), path);
	must(seal_file_decode(bytes, length, &file), path);
	must(file.way == SEAL_BY_HOST ? 0 : ERR_VERSION, path);
	memcpy(key->bytes, file.key, sizeof(key->bytes));
	must(storage_key_name(key), path);
	free(bytes);
}

static int replace(struct auth_state *state, const uint8_t *old, const uint8_t *new)
{
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		struct auth_token *token = &state->tokens[i];

		if (token->kind != TOKEN_CARD ||
		        memcmp(token->card.fingerprint, old, SHA256_SIZE) != 0)
			continue;
		memcpy(token->card.fingerprint, new, SHA256_SIZE);
		return 0;
	}
	return ERR_NOT_FOUND;
}

int main(int argc, char **argv)
{
	struct auth_file file = {0};
	struct auth_state state;
	struct storage_key key;
	uint8_t old[SHA256_SIZE];
	uint8_t new[SHA256_SIZE];

	if (argc != 6) {
		fputs("usage: enrol_by_force KEY-FILE STATE-FILE USER OLD.der NEW.der\n", stderr);
		return 2;
	}
	key_read(argv[1], &key);
	file.fd = open(argv[2], O_RDWR | O_CLOEXEC);
	must(file.fd >= 0 ? 0 : ERR_IO, argv[2]);
	file.user = argv[3];
	file.key = &key;
	fingerprint_read(argv[4], old);
	fingerprint_read(argv[5], new);
	must(auth_state_lock(&file, LOCK_MS), argv[2]);
	must(auth_state_read(&file, &state), argv[2]);
	must(replace(&state, old, new), argv[4]);
	must(auth_state_write(&file, &state), argv[2]);
	close(file.fd);
	return 0;
}
