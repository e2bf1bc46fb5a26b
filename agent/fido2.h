/*
 * The process fido2: finds the security key that is plugged in and speaks CTAP2 to it (libfido2),
 * for one login. What it says is believed by nobody: who asks verifies the signature and all that
 * is signed (agent/fido2_check.h).
 *
 * Frames over a socket pair of its own, CHILD_MAIN_FD; its end ends the process.
 */
#ifndef SEKISHO_AGENT_FIDO2_H
#define SEKISHO_AGENT_FIDO2_H

#include "agent/auth_token.h"

enum {
	FIDO2_CREDENTIALS_MAX = 6,
	FIDO2_DATA_MAX = 1024,     /* authenticator data */
	FIDO2_SIGNATURE_MAX = 128, /* DER */
	FIDO2_PIN_MAX = 64,        /* with its NUL */
	FIDO2_HASH_SIZE = 32,
	FIDO2_FRAME_MAX = 4096,
	/* For a touch, as keys themselves wait at most. */
	FIDO2_TOUCH_MS = 30000,
	FIDO2_TRIES_UNKNOWN = 255,
};

enum fido2_message {
	FIDO2_LOOK = 0x0401, /* nothing */
	FIDO2_FOUND,         /* u8 enum fido2_state, u8 tries left for the PIN, u8 1: it knows a
	                        fingerprint */
	FIDO2_MAKE,     /* string rp id, string user, string PIN, bytes hash of the client data, u8
	                   count, count x bytes credential: keys that hold one of them refuse */
	FIDO2_MADE,     /* u8 enum fido2_answer, u8 tries left, bytes authenticator data */
	FIDO2_ASSERT,   /* as FIDO2_MAKE: the key is to hold one of the credentials; PIN "": by
	                   fingerprint */
	FIDO2_ASSERTED, /* u8 enum fido2_answer, u8 tries left, bytes credential, bytes
	                   authenticator data, bytes signature */
	FIDO2_WATCH, /* nothing; the last one: the process ends when the key that signed is pulled
	                out */
};

enum fido2_state {
	FIDO2_PRESENT = 1,
	FIDO2_ABSENT,
	FIDO2_SEVERAL, /* one of them must go: PIN and touch are to be the same key's */
	FIDO2_WITHOUT_PIN,
	FIDO2_UNUSABLE, /* not FIDO2, or it does not answer */
};

enum fido2_answer {
	FIDO2_DONE = 1,
	FIDO2_WRONG_PIN,
	FIDO2_BLOCKED_PIN, /* until it is plugged in again */
	FIDO2_LOCKED_PIN,  /* until it is reset, which loses its credentials */
	FIDO2_NOT_HELD,    /* none of the credentials; FIDO2_MAKE: one of them */
	FIDO2_WRONG_FINGER,
	FIDO2_BLOCKED_FINGER, /* until the PIN is shown */
	FIDO2_UNTOUCHED,
	FIDO2_GONE,
	FIDO2_FAILED,
};

#endif
