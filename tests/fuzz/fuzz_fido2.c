/*
 * What a process fido2 that a hostile key has taken over may answer. Input: u16 length (big-endian)
 * and that many bytes: the payload of FIDO2_MADE; the rest: that of FIDO2_ASSERTED, and of
 * FIDO2_FOUND. Whatever comes through is judged.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/fido2_check.h"
#include "core/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char RP[] = "sekisho.mito-2026";
static const uint8_t HASH[FIDO2_HASH_SIZE] = {1};

/* RFC 6979 A.2.5's: its private key is known, but not to who makes the input. */
static const struct token_key KEY = {.credential_length = 1,
        .point = {0x60, 0xfe, 0xd4, 0xba, 0x25, 0x5a, 0x9d, 0x31, 0xc9, 0x61, 0xeb, 0x74, 0xc6,
                0x35, 0x6d, 0x68, 0xc0, 0x49, 0xb8, 0x92, 0x3b, 0x61, 0xfa, 0x6c, 0xe6, 0x69, 0x62,
                0x2e, 0x60, 0xf2, 0x9f, 0xb6, 0x79, 0x03, 0xfe, 0x10, 0x08, 0xb8, 0xbc, 0x99, 0xa4,
                0x1a, 0xe9, 0xe9, 0x56, 0x28, 0xbc, 0x64, 0xf2, 0xf1, 0xb2, 0x0c, 0x2d, 0x7e, 0x9f,
                0x51, 0x77, 0xa3, 0xc2, 0x94, 0xd4, 0x46, 0x22, 0x99}};

static void judge_made(int fd, const struct fido2_request *request)
{
	struct fido2_result result;
	struct token_key key;

	if (fido2_make(fd, request, &result) != 0 ||
	        fido2_check_made(&result, RP, &key) != FIDO2_GOOD)
		return;
	if (key.credential_length == 0 || key.credential_length > TOKEN_CREDENTIAL_MAX)
		abort();
}

static void judge_asserted(int fd, const struct fido2_request *request)
{
	struct fido2_result result;
	uint32_t counter = 0;

	if (fido2_assert(fd, request, &result) == 0 &&
	        fido2_check(&KEY, RP, HASH, &result, &counter) == FIDO2_GOOD)
		abort(); /* nobody can have signed */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fido2_request request = {
	        .rp = RP, .user = "hanako", .pin = "1234", .hash = HASH};
	struct fido2_found found;
	size_t length = 0;
	int pair[2];

	if (size < 2)
		return 0;
	length = (size_t)(data[0] << 8 | data[1]);
	if (length > size - 2)
		length = size - 2;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	(void)frame_send(pair[1], FIDO2_MADE, data + 2, length, NULL, 0);
	(void)frame_send(pair[1], FIDO2_ASSERTED, data + 2 + length, size - 2 - length, NULL, 0);
	(void)frame_send(pair[1], FIDO2_FOUND, data + 2 + length, size - 2 - length, NULL, 0);
	shutdown(pair[1], SHUT_WR);
	judge_made(pair[0], &request);
	judge_asserted(pair[0], &request);
	(void)fido2_look(pair[0], &found);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
