/* The bytes of one record of a login state (agent/auth_state.h). */
#ifndef SEKISHO_AGENT_AUTH_RECORD_H
#define SEKISHO_AGENT_AUTH_RECORD_H

#include "agent/auth_state.h"

/* ERR_FORMAT for values that the format does not allow, ERR_CRYPTO. */
int auth_record_encode(const struct auth_state *state, uint8_t out[static AUTH_RECORD_SIZE]);

/* Versions 1 and 2. ERR_NOT_FOUND: zeros; ERR_VERSION: whole, and of another version; ERR_FORMAT,
 * ERR_CRYPTO. */
int auth_record_decode(
        const uint8_t record[static AUTH_RECORD_SIZE], unsigned slot, struct auth_state *state);

#endif
