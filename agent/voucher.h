/*
 * A voucher: for one person who forgot his card, on one terminal, on one day, a code that works
 * once in a token's place. The office signs it (core/cms.h) as JSON:
 *   {"sekisho":"voucher-1","terminal":"window-01","user":"hanako","day":"2026-11-21",
 *    "id":32 hex digits,"salt":32 hex digits,"hash":64 hex digits}
 * with these members and no others. hash is scrypt(code, salt), N 8192, r 8, p 1, 32 bytes; the
 * code is 16 random digits and stands nowhere.
 */
#ifndef SEKISHO_AGENT_VOUCHER_H
#define SEKISHO_AGENT_VOUCHER_H

#include <stddef.h>
#include <stdint.h>

enum {
	VOUCHER_ID_SIZE = 16,
	VOUCHER_SALT_SIZE = 16,
	VOUCHER_HASH_SIZE = 32,
	VOUCHER_CODE_SIZE = 17, /* with its NUL */
	VOUCHER_TERMINAL_SIZE = 65,
	VOUCHER_USER_SIZE = 33,
	VOUCHER_FILE_MAX = 65536, /* signed */
};

struct voucher {
	char terminal[VOUCHER_TERMINAL_SIZE];
	char user[VOUCHER_USER_SIZE];
	int32_t day; /* since 1970 */
	uint8_t id[VOUCHER_ID_SIZE];
	uint8_t salt[VOUCHER_SALT_SIZE];
	uint8_t hash[VOUCHER_HASH_SIZE];
};

/* Sets id, salt and hash, and makes the code of digits, which the caller wipes. ERR_CRYPTO. */
int voucher_make(struct voucher *voucher, char code[static VOUCHER_CODE_SIZE]);

/* ERR_CRYPTO. */
int voucher_hash(const char *code, const uint8_t salt[static VOUCHER_SALT_SIZE],
        uint8_t hash[static VOUCHER_HASH_SIZE]);

/* What is signed; ERR_FORMAT for anything else than a voucher. *voucher is zeros then. */
int voucher_parse(const uint8_t *text, size_t length, struct voucher *voucher);

/* malloc'd; NULL when memory is short or the voucher is none. */
char *voucher_print(const struct voucher *voucher);

#endif
