/*
 * A user's login state, /var/lib/sekisho/auth/<user>: root's, mode 0600, opened by main (or the
 * CLI), never by the processes that judge. Exactly 8,192 bytes: two slots of 4,096, so that no two
 * share a disk block. A slot is one record; a record with generation g lies in slot g mod 2, so
 * that a torn write leaves the record before it whole. The record with the higher generation
 * counts.
 *
 * A record is sealed with the terminal's storage key (agent/storage_key.h), for one name: neither
 * another's file nor another place of this one can hold it. 4,096 bytes, big-endian:
 *   u32 magic "SKAU"  u16 version: 3  u16 record size  u64 generation, from 1
 *   8 bytes id of the storage key  12 bytes nonce  4,044 bytes sealed  16 bytes tag
 * The tag also covers the bytes before, u64 where the area begins in the file, u32 length of the
 * user's name and the name (none in the decoy).
 *
 * What is sealed begins where a record without key and nonce would have it, at byte 16:
 *   u32 flags: bit 0 locked  u32 uid of the user when
 *   enrolled  u8 enum person_class  i32 first day  i32 last day of the person, days since 1970, 0:
 *   none; zeros up to byte 64; six tokens of 640 bytes; i64 when a session was last opened, 0:
 *   never; the last login shown: i64 when  32 bytes service  32 bytes terminal, both text and
 *   zeros; the last voucher taken, zeros: none: i32 its day, since 1970  i64 when it was used, 0:
 *   not  16 bytes id  16 bytes salt  32 bytes hash of its code (agent/voucher.h).
 *   A place without a token is zeros. A token:
 *   u16 id, from 1  u8 kind (enum token_kind)  u8 0  i64 enrolled at  i64 last accepted at, 0:
 *   never (seconds since 1970)  64 bytes who enrolled it  64 bytes label, both text and zeros; then
 *     TOTP, HOTP: u8 algorithm: 1 HMAC-SHA-1, 2 HMAC-SHA-256, 3 HMAC-SHA-512  u8 digits: 6 or 8
 *       u16 step in seconds, 15 to 120 (HOTP: 0)  u64 TOTP: last accepted time step, HOTP: next
 *       counter; a code of an earlier one is refused  u64 HOTP: counter that would bring a token
 *       back that ran ahead, 0: none (TOTP: 0)  u8 length of the secret, 20 to 64  64 bytes secret
 *     card: 32 bytes SHA-256 of its certificate
 *     key: u16 length of the credential's id, 1 to 320  320 bytes id  64 bytes x and y of its
 *       public key on P-256  u32 the last counter it signed
 *   and zeros.
 *
 * Versions 1 and 2 lay open; they are not read any more.
 *
 * The file .decoy in the same directory gives names that are not enrolled the same work: it is an
 * array of such areas; area 0 holds a random key as its secret, and SHA-256(key, name) says which
 * of the others a name shares.
 */
#ifndef SEKISHO_AGENT_AUTH_STATE_H
#define SEKISHO_AGENT_AUTH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/auth_person.h"
#include "agent/auth_token.h"
#include "agent/storage_key.h"
#include "agent/voucher.h"

enum {
	AUTH_STATE_VERSION = 3,
	AUTH_RECORD_SIZE = 4096,
	AUTH_SLOT_STRIDE = 4096,
	AUTH_AREA_SIZE = 8192,
	AUTH_DECOY_AREAS = 1024,
	AUTH_USER_MAX = 32,
	AUTH_TOKENS_MAX = 6,
};

enum { AUTH_VISIT_TEXT_SIZE = 32 }; /* with its NUL */

/* A login as it is shown at the next one. */
struct auth_visit {
	int64_t at; /* 0: never */
	char service[AUTH_VISIT_TEXT_SIZE];
	char tty[AUTH_VISIT_TEXT_SIZE];
};

/* Instead of a forgotten token, for a day (agent/voucher.h). */
struct auth_voucher {
	int32_t day;     /* 0: there never was one */
	int64_t used_at; /* 0: not yet */
	uint8_t id[VOUCHER_ID_SIZE];
	uint8_t salt[VOUCHER_SALT_SIZE];
	uint8_t hash[VOUCHER_HASH_SIZE];
};

struct auth_state {
	uint64_t generation;
	bool locked;
	uint32_t uid;
	uint32_t failures;
	uint16_t next_id;
	struct auth_person person;
	int64_t session_at; /* when one was last opened; 0: never */
	struct auth_visit visit;
	struct auth_voucher voucher;
	struct auth_token tokens[AUTH_TOKENS_MAX]; /* kind TOKEN_NONE: a free place */
};

/* Where a state lies. */
struct auth_file {
	int fd;     /* borrowed; readable and writable */
	bool decoy; /* of .decoy, not a user's own */
	int64_t base;
	const char *user;              /* whose; borrowed. The decoy: anything */
	const struct storage_key *key; /* borrowed; NULL: it cannot be read */
};

/* Is this name one that may have a state file, [a-z_][a-z0-9_.-]{0,31}? The file is named after it.
 */
bool auth_state_name(const char *user);

/* Waits for the area's lock (an open file description's: it ends with the descriptor). ERR_TIMEOUT,
 * ERR_IO. */
int auth_state_lock(const struct auth_file *file, int timeout_ms);
void auth_state_unlock(const struct auth_file *file);

/*
 * ERR_FORMAT: a file of another size, or no whole record; ERR_VERSION: a record of a version that
 * is not ours; ERR_SEALED: one that this terminal's key does not open; ERR_NOT_FOUND: an area of
 * the decoy that was never written (with this key); ERR_IO. The caller wipes *state.
 */
int auth_state_read(const struct auth_file *file, struct auth_state *state);

/* Writes *state as the next generation, which it counts up, and waits until it is on the disk.
 * ERR_FORMAT for values the format does not allow, ERR_IO. */
int auth_state_write(const struct auth_file *file, struct auth_state *state);

/* Puts the token into a free place, gives it the next id and leaves it in token->id. ERR_EXISTS: a
 * card or key that is there already; ERR_TOO_LONG: no place is free. */
int auth_state_add(struct auth_state *state, struct auth_token *token);

/* The token with this id, or NULL. */
struct auth_token *auth_state_find(struct auth_state *state, unsigned id);

/* How many tokens of a kind there are; TOKEN_NONE: of all kinds. */
size_t auth_state_count(const struct auth_state *state, enum token_kind kind);

/* A decoy's state: everything as in a real one, with a random secret. ERR_CRYPTO. */
int auth_state_decoy(struct auth_state *state);

/* Sets file->base to the area of the decoy that belongs to file->user; makes the decoy's own key
 * where there is none. Locks and unlocks area 0. */
int auth_state_decoy_area(struct auth_file *file);

/* Makes the decoy as long as it may become, of blocks that were written: a name's first try would
 * take longer than a user's where the disk must first find room for it. ERR_IO. */
int auth_state_fill_decoy(int fd);

/* The bytes of a new user's file: slot 1 holds *state as generation 1. Nothing is written; file->fd
 * is not looked at. Errors of auth_record.h. */
int auth_state_new(
        const struct auth_file *file, struct auth_state *state, uint8_t out[static AUTH_AREA_SIZE]);

#endif
