/*
 * Messages between our processes, and between the PAM module or the CLI and the agent, over AF_UNIX
 * SOCK_SEQPACKET: one frame is one packet, so a boundary cannot be lost. Format (core/PROTOCOL.md
 * §1): u16 magic 0x5347, u16 type, u32 length, payload[length]     all big-endian and at most
 * FRAME_FDS descriptors beside it (SCM_RIGHTS).
 */
#ifndef SEKISHO_CORE_FRAME_H
#define SEKISHO_CORE_FRAME_H

#include "core/buffer.h"

#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 131072, FRAME_FDS = 4, FRAME_HEADER = 8, FRAME_MAGIC = 0x5347 };

struct frame {
	uint16_t type;
	struct buffer payload; /* to get from; lives in the memory given to frame_receive() */
	int fds[FRAME_FDS]; /* received descriptors, -1 beyond fd_count; the receiver closes them */
	size_t fd_count;
};

/* Sends one frame. fds: borrowed. ERR_TOO_LONG, ERR_CLOSED, ERR_TIMEOUT (SO_SNDTIMEO or a full
 * queue), ERR_IO. */
int frame_send(int socket, uint16_t type, const void *payload, size_t length, const int *fds,
        size_t fd_count);

/*
 * Receives one frame into memory (size >= FRAME_HEADER). Waits timeout_ms at most, -1 for ever.
 * ERR_CLOSED at the end, ERR_TIMEOUT, ERR_FORMAT for bad magic, wrong length, a cut packet or too
 * many descriptors (all received descriptors are closed then), ERR_IO. Received descriptors are
 * close-on-exec.
 */
int frame_receive(int socket, int timeout_ms, void *memory, size_t size, struct frame *frame);

/* The same for an answer that is expected: ERR_FORMAT too for any other type, and for one with
 * descriptors. */
int frame_receive_type(
        int socket, int timeout_ms, void *memory, size_t size, uint16_t type, struct frame *frame);

/* The parser alone, for tests and fuzzing: packet -> type and payload. 0 or ERR_FORMAT. */
int frame_parse(const void *packet, size_t length, struct frame *frame);

void frame_close_fds(struct frame *frame);

#endif
