/*
 * The process seal: keeps the terminal's storage key (agent/storage_key.h), sealed by the TPM where
 * there is one, else in a file that auth's user alone can read. Main starts it when auth starts,
 * and for root's CLI; it answers and ends. The TPM's library is in no process that stays.
 *
 * Frames over a socket pair of its own, CHILD_MAIN_FD; its end ends the process. The TPM, opened by
 * main, is SEAL_DEVICE_FD.
 */
#ifndef SEKISHO_AGENT_SEAL_H
#define SEKISHO_AGENT_SEAL_H

#include "agent/message.h"
#include "agent/storage_key.h"

enum { SEAL_DEVICE_FD = CHILD_LISTEN_FD, SEAL_FRAME_MAX = 128 };

enum seal_message {
	SEAL_ASK = 0x0501, /* nothing: the key; a new one where there is none at all */
	SEAL_ANSWER,       /* u8 enum seal_answer; after SEAL_OPEN: u8 enum seal_way, u8 enum
	                      seal_deed, bytes key, bytes id */
};

enum seal_answer {
	SEAL_OPEN = 1,
	SEAL_AWAY,    /* sealed by a TPM that is not there, or does not answer */
	SEAL_FOREIGN, /* by a TPM that is not this one, or was cleared since */
	SEAL_BROKEN,  /* its file cannot be read, or holds something else */
	SEAL_ANSWER_END,
};

enum seal_way { SEAL_BY_TPM = 1, SEAL_BY_HOST, SEAL_WAY_END };

enum seal_deed {
	SEAL_FOUND = 1,
	SEAL_MADE,  /* just now: there was none */
	SEAL_MOVED, /* from the host's file to a TPM that was not there before */
	SEAL_DEED_END,
};

#endif
