#include "agent/seal_device.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "core/clock.h"

enum { HEADER_SIZE = 10, AT_SIZE = 2 };

#define MAGIC UINT64_C(0x73656b6973686f31)

static bool wait_for(const struct seal_device *d, short events)
{
	struct pollfd ready = {.fd = d->fd, .events = events};

	for (;;) {
		int64_t left = d->deadline_ms - clock_boot_ms();
		int count = left > 0 ? poll(&ready, 1, (int)left) : 0;

		if (count >= 0 || errno != EINTR)
			return count == 1;
	}
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	const struct seal_device *d = (const struct seal_device *)context;
	ssize_t done = 0;

	if (!wait_for(d, POLLOUT))
		return TSS2_TCTI_RC_IO_ERROR;
	do
		done = write(d->fd, command, size);
	while (done < 0 && errno == EINTR);
	/* A TPM takes a command whole, or not at all. */
	return done == (ssize_t)size ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
}

static size_t answer_size(const uint8_t *answer)
{
	const uint8_t *at = answer + AT_SIZE;

	return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

/* As much as the answer says that it has; the kernel's device gives it whole. */
static TSS2_RC read_answer(const struct seal_device *d, uint8_t *answer, size_t *size)
{
	size_t got = 0;
	size_t wanted = HEADER_SIZE;

	while (got < wanted) {
		ssize_t done = 0;

		if (!wait_for(d, POLLIN))
			return TSS2_TCTI_RC_IO_ERROR;
		done = read(d->fd, answer + got, *size - got);
		if (done < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (done <= 0)
			return TSS2_TCTI_RC_IO_ERROR;
		got += (size_t)done;
		if (got >= HEADER_SIZE)
			wanted = answer_size(answer);
		if (wanted < HEADER_SIZE || wanted > *size)
			return TSS2_TCTI_RC_MALFORMED_RESPONSE;
	}
	*size = got;
	return got == wanted ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_MALFORMED_RESPONSE;
}

/* Never TRY_AGAIN: the library would ask again without a pause, and its own end does not matter. */
static TSS2_RC receive(
        TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *answer, int32_t milliseconds)
{
	const struct seal_device *d = (const struct seal_device *)context;

	(void)milliseconds;
	if (answer != NULL)
		return *size >= HEADER_SIZE ? read_answer(d, answer, size)
		                            : TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	*size = 4096;
	return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
}

void seal_device_open(struct seal_device *device, int fd, int milliseconds)
{
	*device = (struct seal_device){
	        .common = {.magic = MAGIC,
	                .version = 1,
	                .transmit = transmit,
	                .receive = receive,
	                .finalize = finalize},
	        .fd = fd,
	        .deadline_ms = clock_boot_ms() + milliseconds,
	};
}
