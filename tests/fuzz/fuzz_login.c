/*
 * A login worker with a client that says anything. Input: records of u16 type, u16 length
 * (big-endian) and that many bytes, each a frame the client has sent before the worker looks.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/auth_login.h"
#include "core/frame.h"
#include "core/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_nanosleep(const struct timespec *asked, struct timespec *left);

/* Refusals are told at a tenth of a second; nobody waits here. */
int __wrap_nanosleep(const struct timespec *asked, struct timespec *left)
{
	(void)asked;
	(void)left;
	return 0;
}

enum { FRAMES_MAX = 4 };

static const struct storage_key key;

static int make_state(void)
{
	const struct auth_file file = {.user = "", .key = &key};
	struct auth_state state = {.uid = 1000};
	struct auth_token token = {.kind = TOKEN_TOTP,
	        .otp = {.algorithm = AUTH_SHA1,
	                .digits = 6,
	                .step = 30,
	                .secret_length = TOKEN_SECRET_MIN}};
	uint8_t bytes[AUTH_AREA_SIZE];
	int fd = memfd_create("state", MFD_CLOEXEC);

	if (fd < 0 || auth_state_add(&state, &token) != 0 ||
	        auth_state_new(&file, &state, bytes) != 0 ||
	        write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		abort();
	return fd;
}

static void pair(int fds[static 2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
}

/* The state, and a signer that is gone. */
static void give(int parent)
{
	const uint8_t gift = GIFT_OWN;
	int signer[2];
	int fds[2];

	pair(signer);
	close(signer[1]);
	fds[0] = signer[0];
	fds[1] = make_state();
	if (frame_send(parent, WORKER_GIVEN, &gift, sizeof(gift), fds, 2) != 0)
		abort();
	close(fds[0]);
	close(fds[1]);
}

static void say(int client, const uint8_t *data, size_t size)
{
	for (int i = 0; i < FRAMES_MAX && size >= 4; i++) {
		uint16_t type = (uint16_t)(data[0] << 8 | data[1]);
		size_t length = (size_t)(data[2] << 8 | data[3]);

		data += 4;
		size -= 4;
		length = length < size ? length : size;
		(void)frame_send(client, type, data, length, NULL, 0);
		data += length;
		size -= length;
	}
	shutdown(client, SHUT_WR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct auth_rules rules = {.max_failures = 3,
	        .digits = 6,
	        .step = 30,
	        .window = 1,
	        .combinations = {.count = 1, .factors = {FACTOR_PASSWORD | FACTOR_TOTP}}};
	int client[2];
	int parent[2];
	int lowest = dup(STDERR_FILENO);

	log_open("fuzz", 0);
	pair(client);
	pair(parent);
	give(parent[0]);
	say(client[0], data, size);
	const struct login login = {.client = client[1],
	        .peer = size % 2 == 0 ? 0 : 1000,
	        .parent = parent[1],
	        .rules = &rules,
	        .key = &key};
	login_serve(&login);
	/* A worker's descriptors end with its process; here everything opened since goes. */
	close_range((unsigned)lowest, ~0U, 0);
	return 0;
}
