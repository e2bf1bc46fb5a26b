/* The courier's conversation with the collector on one connection (courier_talk.c), and what it
 * asks of the courier (courier.c). */
#ifndef SEKISHO_AGENT_COURIER_TALK_H
#define SEKISHO_AGENT_COURIER_TALK_H

#include "agent/courier.h"

/* Begins anew, on a connection of its own. */
void courier_connect(struct courier *c);

/* From the signer into the outbox, answering the nonce at hand. exporter: NULL without a
 * connection. Errors as of report_link_make(). */
int courier_make_report(struct courier *c, const uint8_t *exporter);

/* Ends the connection and whatever was under way on it. */
void courier_drop_connection(struct courier *c);

/* Both end the connection and plan another: soon, because something is in the way, which is told
 * once; or ever more seldom, because what was sent is refused for good as it stands: that is an
 * event. */
void courier_retry_later(struct courier *c, const char *cause);
void courier_refuse(struct courier *c, const char *cause);

/* A receipt was verified: nothing is in the way. */
void courier_note_receipt(struct courier *c, int64_t received);

#endif
