/*
 * A user's login state, /var/lib/sekisho/auth/<user>: root's, mode 0600, opened by main (or the
 * CLI), never by the processes that judge. Exactly 8,192 bytes: two slots, 4,096 bytes apart so
 * that no two share a disk block. A slot is one record of 256 bytes and zeros; a record with
 * generation g lies in slot g mod 2, so that a torn write leaves the record before it whole.
 * Big-endian: u32 magic "SKAU"  u16 version 1  u16 record size 256 u64 generation, from 1 u32
 * flags: bit 0 locked u32 uid of the user when enrolled u8 algorithm: 1 HMAC-SHA-1, 2 HMAC-SHA-256,
 * 3 HMAC-SHA-512   u8 digits: 6 or 8   u16 step in seconds, 15 to 120 u64 last accepted time step;
 * a code of it or an earlier one is refused. 0: none yet u32 failures in a row i64 enrolled at i64
 * last accepted at, 0: never      (seconds since 1970) u8 length of the secret, 20 to 64   64 bytes
 * secret, zero-filled zeros up to byte 224, then SHA-256 of bytes 0..223 The record with the higher
 * generation counts.
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

enum {
	AUTH_STATE_VERSION = 1,
	AUTH_RECORD_SIZE = 256,
	AUTH_SLOT_STRIDE = 4096,
	AUTH_AREA_SIZE = 8192,
	AUTH_SECRET_MIN = 20,
	AUTH_SECRET_MAX = 64,
	AUTH_DECOY_AREAS = 4096,
	AUTH_USER_MAX = 32,
};

enum auth_algorithm { AUTH_SHA1 = 1, AUTH_SHA256, AUTH_SHA512 };

struct auth_state {
	uint64_t generation;
	bool locked;
	uint32_t uid;
	uint8_t algorithm; /* enum auth_algorithm */
	uint8_t digits;
	uint16_t step; /* seconds */
	uint64_t last_step;
	uint32_t failures;
	int64_t enrolled_at;
	int64_t last_used;
	size_t secret_length;
	uint8_t secret[AUTH_SECRET_MAX];
};

/* Where a state lies. */
struct auth_file {
	int fd;     /* borrowed; readable and writable */
	bool decoy; /* of .decoy, not a user's own */
	int64_t base;
};

/* Is this name one that may have a state file, [a-z_][a-z0-9_.-]{0,31}? The file is named after it.
 */
bool auth_state_name(const char *user);

/* Waits for the area's lock (an open file description's: it ends with the descriptor). ERR_TIMEOUT,
 * ERR_IO. */
int auth_state_lock(const struct auth_file *file, int timeout_ms);
void auth_state_unlock(const struct auth_file *file);

/*
 * ERR_FORMAT: a file of another size, or no whole record; ERR_VERSION: a whole record of a version
 * that is not ours; ERR_NOT_FOUND: an area of the decoy that was never written; ERR_IO. The caller
 * wipes *state.
 */
int auth_state_read(const struct auth_file *file, struct auth_state *state);

/* Writes *state as the next generation, which it counts up, and waits until it is on the disk.
 * ERR_FORMAT for values the format does not allow, ERR_IO. */
int auth_state_write(const struct auth_file *file, struct auth_state *state);

/* A decoy's state: everything as in a real one, with a random secret. ERR_CRYPTO. */
int auth_state_decoy(struct auth_state *state);

/* Finds the area of the decoy file that belongs to a name; makes the key where there is none. Locks
 * and unlocks area 0. */
int auth_state_decoy_area(int fd, const char *user, int64_t *base);

/* The bytes of a new user's file: slot 1 holds *state as generation 1. ERR_FORMAT. */
int auth_state_new(struct auth_state *state, uint8_t out[static AUTH_AREA_SIZE]);

#endif
