#include "agent/voucher.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/auth_person.h"
#include "agent/auth_state.h"
#include "core/encode.h"
#include "core/error.h"

/* 8 MiB and some 20 ms: 64 logins at once still fit, and 10^16 codes are not tried in a day. */
enum { SCRYPT_N = 8192, SCRYPT_R = 8, SCRYPT_P = 1, SCRYPT_MEMORY = 16 << 20 };

static const char FORMAT[] = "voucher-1";

int voucher_hash(const char *code, const uint8_t salt[static VOUCHER_SALT_SIZE],
        uint8_t hash[static VOUCHER_HASH_SIZE])
{
	return EVP_PBE_scrypt(code, strlen(code), salt, VOUCHER_SALT_SIZE, SCRYPT_N, SCRYPT_R,
	               SCRYPT_P, SCRYPT_MEMORY, hash, VOUCHER_HASH_SIZE) == 1
	               ? 0
	               : ERR_CRYPTO;
}

/* Each digit is as likely as the others: 250 is the last multiple of ten. */
static int make_code(char code[static VOUCHER_CODE_SIZE])
{
	size_t length = 0;
	uint8_t byte = 0;

	while (length < VOUCHER_CODE_SIZE - 1) {
		if (getrandom(&byte, sizeof(byte), 0) != sizeof(byte))
			return ERR_CRYPTO;
		if (byte < 250)
			code[length++] = (char)('0' + byte % 10);
	}
	code[length] = '\0';
	explicit_bzero(&byte, sizeof(byte));
	return 0;
}

int voucher_make(struct voucher *v, char code[static VOUCHER_CODE_SIZE])
{
	int error = make_code(code);

	if (error == 0 &&
	        (getrandom(v->id, sizeof(v->id), 0) != (ssize_t)sizeof(v->id) ||
	                getrandom(v->salt, sizeof(v->salt), 0) != (ssize_t)sizeof(v->salt)))
		error = ERR_CRYPTO;
	if (error == 0)
		error = voucher_hash(code, v->salt, v->hash);
	return error;
}

static bool copy(char *out, size_t size, const char *text)
{
	int printed = snprintf(out, size, "%s", text);

	return printed > 0 && (size_t)printed < size;
}

static int read_members(json_t *document, struct voucher *v)
{
	const char *format, *terminal, *user, *day, *id, *salt, *hash;

	if (json_unpack(document, "{s:s,s:s,s:s,s:s,s:s,s:s,s:s!}", "sekisho", &format, "terminal",
	            &terminal, "user", &user, "day", &day, "id", &id, "salt", &salt, "hash",
	            &hash) != 0)
		return ERR_FORMAT;
	if (strcmp(format, FORMAT) != 0 || !copy(v->terminal, sizeof(v->terminal), terminal) ||
	        !auth_state_name(user) || !copy(v->user, sizeof(v->user), user) ||
	        person_day_parse(day, &v->day) != 0 || v->day <= 0 ||
	        decode_hex(id, v->id, sizeof(v->id)) != 0 ||
	        decode_hex(salt, v->salt, sizeof(v->salt)) != 0 ||
	        decode_hex(hash, v->hash, sizeof(v->hash)) != 0)
		return ERR_FORMAT;
	return 0;
}

int voucher_parse(const uint8_t *text, size_t length, struct voucher *v)
{
	json_t *document = NULL;
	int error = 0;

	*v = (struct voucher){0};
	document = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, NULL);
	error = read_members(document, v);
	json_decref(document);
	if (error != 0)
		*v = (struct voucher){0};
	return error;
}

char *voucher_print(const struct voucher *v)
{
	char day[PERSON_DAY_SIZE];
	char id[2 * VOUCHER_ID_SIZE + 1];
	char salt[2 * VOUCHER_SALT_SIZE + 1];
	char hash[2 * VOUCHER_HASH_SIZE + 1];
	json_t *document = NULL;
	char *text = NULL;

	person_day_print(v->day, day);
	encode_hex(v->id, sizeof(v->id), id);
	encode_hex(v->salt, sizeof(v->salt), salt);
	encode_hex(v->hash, sizeof(v->hash), hash);
	document = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "sekisho", FORMAT, "terminal",
	        v->terminal, "user", v->user, "day", day, "id", id, "salt", salt, "hash", hash);
	if (document != NULL)
		text = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	return text;
}
