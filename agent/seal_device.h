/* The TPM behind a descriptor, as tpm2-tss wants one (TSS 2.0 TCTI): a command is written, its
 * answer read, and both have an end. */
#ifndef SEKISHO_AGENT_SEAL_DEVICE_H
#define SEKISHO_AGENT_SEAL_DEVICE_H

#include <tss2/tss2_tcti.h>

struct seal_device {
	TSS2_TCTI_CONTEXT_COMMON_V1 common; /* first: the library has a pointer to it */
	int fd;                             /* borrowed, non-blocking */
	int64_t deadline_ms;                /* clock_boot_ms() */
};

/* Everything together takes no longer than this. */
void seal_device_open(struct seal_device *device, int fd, int milliseconds);

#endif
