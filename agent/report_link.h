/* The reporter's questions to the signer: make a report, never make it again. Bounded in time; main
 * is served meanwhile. */
#ifndef SEKISHO_AGENT_REPORT_LINK_H
#define SEKISHO_AGENT_REPORT_LINK_H

#include "agent/channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPORT_LINK_TIMEOUT_MS = 20000 };

struct report_link {
	struct channel *channel; /* borrowed */
	bool news;               /* the signer said that something is in no report yet */
	bool lost; /* an answer did not come in time: what comes now may be for an older question */
	uint8_t memory[FRAME_MAX];
};

struct report {
	uint64_t seq;
	char *jws; /* malloc'd */
	size_t length;
	bool more;
	unsigned interval_s; /* until the next one is due; 0: no policy says */
};

/* exporter: NULL or 32 bytes. ERR_NOT_FOUND: none can be made (not enrolled); ERR_CLOSED: no
 * signer; ERR_TIMEOUT, ERR_FORMAT: the signer is not to be talked to any more. */
int report_link_make(struct report_link *l, const char *nonce, const uint8_t *exporter,
        bool full_state, struct report *report);

/* The report is in the outbox. 0 once it is sure that its sequence number is never used again. */
int report_link_stored(struct report_link *l, uint64_t seq);

/* A frame of the signer's that nobody asked for. ERR_FORMAT when it is not one the signer may send
 * by itself; ERR_CLOSED. */
int report_link_serve(struct report_link *l);

#endif
