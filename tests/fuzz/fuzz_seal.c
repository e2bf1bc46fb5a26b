/*
 * What lies on the disk and is parsed by seal and the login workers. Input: u8, then bytes. 0: the
 * storage key's file; else: a state's record, as it lies there (even) or as it was before it was
 * sealed (odd).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth_record.h"
#include "agent/seal_file.h"
#include "core/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPEN = 16, AT_KEY = 16, AT_NONCE = 24, AT_SEALED = 36, SEALED = 4044, AT_TAG = 4080 };

static const struct storage_key key;

/* What is taken must be put as it was. */
static void key_file(const uint8_t *data, size_t size)
{
	uint8_t bytes[SEAL_FILE_MAX];
	uint8_t again[SEAL_FILE_MAX];
	struct seal_file file;
	size_t length = 0;

	if (size + SHA256_SIZE > sizeof(bytes))
		return;
	(void)seal_file_decode(data, size, &file);
	if (size > 0)
		memcpy(bytes, data, size);
	if (encode_sha256(bytes, size, bytes + size) != 0 ||
	        seal_file_decode(bytes, size + SHA256_SIZE, &file) != 0)
		return;
	if (seal_file_encode(&file, again, &length) != 0 || length != size + SHA256_SIZE ||
	        memcmp(again, bytes, length) != 0)
		abort();
}

/* Where it lies: byte 36 on, u64 0 and a name of no letters. */
static void seal(uint8_t record[static AUTH_RECORD_SIZE], const uint8_t *plain)
{
	uint8_t place[AT_SEALED + 12] = {0};

	memcpy(record, plain, OPEN);
	memset(record + OPEN, 0, AT_SEALED - OPEN);
	memcpy(place, record, AT_SEALED);
	if (storage_encrypt(&key, record + AT_NONCE, (struct storage_bytes){place, sizeof(place)},
	            (struct storage_bytes){plain + OPEN, SEALED}, record + AT_SEALED,
	            record + AT_TAG) != 0)
		abort();
}

static void state_record(const uint8_t *data, size_t size, bool plain)
{
	const struct auth_file file = {.fd = -1, .user = "", .key = &key};
	uint8_t given[AUTH_RECORD_SIZE] = {0};
	uint8_t record[AUTH_RECORD_SIZE];
	struct auth_state state = {0};

	memcpy(given, data, size < sizeof(given) ? size : sizeof(given));
	memcpy(record, given, sizeof(record));
	if (plain)
		seal(record, given);
	if (auth_record_decode(&file, record, given[15] % 2, &state) == 0 &&
	        auth_record_encode(&file, &state, record) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		key_file(data + 1, size - 1);
	else
		state_record(data + 1, size - 1, data[0] % 2 == 1);
	return 0;
}
