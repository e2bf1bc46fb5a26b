/* The side that asks the process seal: auth, and root's CLI. */
#ifndef SEKISHO_AGENT_SEAL_CLIENT_H
#define SEKISHO_AGENT_SEAL_CLIENT_H

#include "agent/seal.h"

struct seal_result {
	enum seal_answer answer;
	enum seal_way way; /* after SEAL_OPEN, like the next */
	enum seal_deed deed;
};

/* Asks for the key over fd, the process' channel (borrowed), and waits so long. *key is set only
 * when the answer is SEAL_OPEN; guard it before, wipe it after. Errors of frame_receive(). */
int seal_ask(int fd, int timeout_ms, struct storage_key *key, struct seal_result *result);

/* "tpm", "host"; "away", "foreign", "broken". */
const char *seal_way_name(enum seal_way way);
const char *seal_answer_name(enum seal_answer answer);

/* One sentence for whoever must mend it. */
const char *seal_answer_text(enum seal_answer answer);

#endif
