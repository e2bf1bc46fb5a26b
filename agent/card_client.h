/* Asking the process card (agent/card.h). Nothing that comes back is to be believed. */
#ifndef SEKISHO_AGENT_CARD_CLIENT_H
#define SEKISHO_AGENT_CARD_CLIENT_H

#include "agent/card.h"

struct card_certificate {
	enum card_kind kind;
	enum card_tries tries;
	size_t length;
	uint8_t der[CARD_CERTIFICATE_MAX];
};

struct card_view {
	enum card_reader reader;
	size_t count;
	struct card_certificate certificates[CARD_CERTIFICATES_MAX];
};

struct card_signature {
	enum card_answer answer;
	enum card_tries tries;
	size_t length;
	uint8_t bytes[CARD_SIGNATURE_MAX];
};

/* 0, ERR_TIMEOUT, ERR_CLOSED (it died), ERR_FORMAT, ERR_IO. */
int card_look(int fd, struct card_view *view);

/* pin: 1 to CARD_PIN_MAX - 1 bytes, else ERR_USAGE. Errors as above. */
int card_sign(int fd, size_t which, const char *pin, const uint8_t digest[static CARD_DIGEST_SIZE],
        struct card_signature *signature);

/* From now on the process does nothing but end when the card that signed is taken out. Errors of
 * frame_send(). */
int card_watch(int fd);

#endif
