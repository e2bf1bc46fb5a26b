/* The bytes of one record of a login state (agent/auth_state.h). */
#ifndef SEKISHO_AGENT_AUTH_RECORD_H
#define SEKISHO_AGENT_AUTH_RECORD_H

#include "agent/auth_state.h"

/* The record of a state, sealed for where it lies. ERR_FORMAT for values that the format does not
 * allow, ERR_SEALED: there is no key; ERR_CRYPTO. */
int auth_record_encode(const struct auth_file *file, const struct auth_state *state,
        uint8_t out[static AUTH_RECORD_SIZE]);

/* ERR_NOT_FOUND: zeros; ERR_VERSION: of another version; ERR_SEALED: there is no key, or it is not
 * the one it was sealed with; ERR_FORMAT: no record, changed, or from another place; ERR_CRYPTO. */
int auth_record_decode(const struct auth_file *file, const uint8_t record[static AUTH_RECORD_SIZE],
        unsigned slot, struct auth_state *state);

#endif
