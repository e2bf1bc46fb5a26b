/*
 * The process card: loads the office's PKCS#11 module and speaks to the card, for one login. What
 * the module and the card say is believed by nobody: the login worker that asks verifies the
 * certificate and the signature (agent/card_check.h).
 *
 * Frames over a socket pair of its own, CHILD_MAIN_FD; its end ends the process.
 */
#ifndef SEKISHO_AGENT_CARD_H
#define SEKISHO_AGENT_CARD_H

#include <stddef.h>
#include <stdint.h>

enum {
	CARD_CERTIFICATES_MAX = 8,
	CARD_CERTIFICATE_MAX = 8192,
	CARD_SIGNATURE_MAX = 1024,
	CARD_PIN_MAX = 64, /* with its NUL */
	CARD_DIGEST_SIZE = 32,
	CARD_FRAME_MAX = CARD_CERTIFICATES_MAX * (CARD_CERTIFICATE_MAX + 8) + 64,
	/* However the module behaves, the process is ended after so many seconds. */
	CARD_LIFETIME = 130,
	CARD_LIFETIME_PROCESSES = 32, /* at once */
};

enum card_message {
	CARD_LOOK = 0x0301, /* nothing */
	CARD_FOUND,         /* u8 enum card_reader, u8 count, count x { u8 enum card_kind, u8 enum
	                       card_tries, bytes DER } */
	CARD_SIGN,          /* u8 which certificate, string PIN, bytes SHA-256 digest */
	CARD_SIGNED, /* u8 enum card_answer, u8 enum card_tries, bytes signature: PKCS#1 v1.5, or r
	                and s */
	CARD_WATCH,  /* nothing; the last one, after CARD_SIGNED: the process ends when that card is
	                taken out, with EXIT_UNASKED where the module does not tell of that */
};

enum card_reader {
	CARD_PRESENT = 1, /* with certificates or without */
	CARD_ABSENT,      /* no card in any reader, or no reader */
	CARD_UNUSABLE,    /* the module cannot be loaded or started */
};

enum card_kind {
	CARD_OF_OFFICE = 1, /* or anybody's */
	/* Through OpenSC. Of its two keys only that for user authentication is looked at; the PIN
	 * of that one has four digits, and may be wrong three times. */
	CARD_MY_NUMBER,
};
enum { CARD_MY_NUMBER_DIGITS = 4 };

/* PKCS#11 tells no number. */
enum card_tries { CARD_TRIES_ALL = 1, CARD_TRIES_FEW, CARD_TRIES_LAST, CARD_TRIES_NONE };

enum card_answer {
	CARD_ANSWER_SIGNED = 1,
	CARD_ANSWER_WRONG_PIN,
	CARD_ANSWER_LOCKED_PIN,
	CARD_ANSWER_GONE,   /* taken out */
	CARD_ANSWER_FAILED, /* no key, or the card does not do it */
};

#endif
