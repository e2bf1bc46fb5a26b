/* Asking the process fido2 (agent/fido2.h). Nothing that comes back is to be believed. */
#ifndef SEKISHO_AGENT_FIDO2_CLIENT_H
#define SEKISHO_AGENT_FIDO2_CLIENT_H

#include <stdbool.h>

#include "agent/fido2.h"

struct fido2_credential {
	size_t length; /* 1 to TOKEN_CREDENTIAL_MAX */
	uint8_t bytes[TOKEN_CREDENTIAL_MAX];
};

struct fido2_credentials {
	size_t count;
	struct fido2_credential list[FIDO2_CREDENTIALS_MAX];
};

/* What a key is asked to do. */
struct fido2_request {
	const char *rp; /* the relying party's id */
	const char *user;
	const char *pin; /* up to FIDO2_PIN_MAX - 1 bytes; "" for fido2_assert(): by fingerprint */
	const uint8_t *hash;                  /* FIDO2_HASH_SIZE */
	struct fido2_credentials credentials; /* agent/fido2.h says what for */
};

struct fido2_found {
	enum fido2_state state;
	unsigned tries; /* left for the PIN, or FIDO2_TRIES_UNKNOWN */
	bool fingerprint;
};

struct fido2_result {
	enum fido2_answer answer;
	unsigned tries;
	struct fido2_credential credential; /* length 0 after fido2_make() */
	size_t data_length;
	uint8_t data[FIDO2_DATA_MAX];
	size_t signature_length;
	uint8_t signature[FIDO2_SIGNATURE_MAX];
};

/* Why there is no key to use, and what went wrong with one: a sentence for the person. */
const char *fido2_state_text(enum fido2_state state);
const char *fido2_answer_text(enum fido2_answer answer);

/* 0, ERR_TIMEOUT, ERR_CLOSED (it died), ERR_FORMAT, ERR_IO; found->state is FIDO2_UNUSABLE then. */
int fido2_look(int fd, struct fido2_found *found);

/* A new credential on the key. Errors as above, ERR_USAGE for a PIN no key has; result->answer is
 * FIDO2_FAILED then. */
int fido2_make(int fd, const struct fido2_request *request, struct fido2_result *result);

/* A signature by one of the credentials. Errors as above. */
int fido2_assert(int fd, const struct fido2_request *request, struct fido2_result *result);

/* From now on the process does nothing but end when the key that signed is pulled out. Errors of
 * frame_send(). */
int fido2_watch(int fd);

#endif
