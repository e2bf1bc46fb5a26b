/*
 * The file SEAL_KEY: the storage key as one of the ways keeps it. Big-endian:
 *   u32 magic "SKSK"  u16 version: 1  u8 enum seal_way  u8 0
 *   TPM: bytes TPM2B_PUBLIC  bytes TPM2B_PRIVATE of the sealed object (u32 length each)
 *   host: bytes key (32)
 *   and SHA-256 of what stands before.
 */
#ifndef SEKISHO_AGENT_SEAL_FILE_H
#define SEKISHO_AGENT_SEAL_FILE_H

#include "agent/seal.h"

enum { SEAL_PART_MAX = 512, SEAL_FILE_MAX = 2048 };

struct seal_part {
	size_t length;
	uint8_t bytes[SEAL_PART_MAX];
};

struct seal_file {
	enum seal_way way;
	struct seal_part public, private; /* SEAL_BY_TPM */
	uint8_t key[STORAGE_KEY_SIZE];    /* SEAL_BY_HOST */
};

/* The caller wipes out. ERR_TOO_LONG, ERR_CRYPTO. */
int seal_file_encode(
        const struct seal_file *file, uint8_t out[static SEAL_FILE_MAX], size_t *length);

/* ERR_FORMAT, ERR_VERSION, ERR_CRYPTO. The caller wipes *file. */
int seal_file_decode(const uint8_t *bytes, size_t length, struct seal_file *file);

#endif
