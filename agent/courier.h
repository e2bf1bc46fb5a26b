/*
 * Brings reports to the collector: from the signer into the outbox, from the outbox over one
 * connection, and out of the outbox once the receipt is verified. Everything happens in the event
 * loop of its process.
 */
#ifndef SEKISHO_AGENT_COURIER_H
#define SEKISHO_AGENT_COURIER_H

#include "agent/http_client.h"
#include "agent/outbox.h"
#include "agent/receipt.h"
#include "agent/recipient.h"
#include "agent/report_link.h"
#include "core/clock.h"

enum {
	COURIER_INTERVAL_S = 60, /* while no policy says report.interval */
	COURIER_OFFLINE_HEARTBEAT_S = 3600,
	COURIER_DEBOUNCE_MS = 200,
	COURIER_BACKOFF_MAX_S = 60,
	COURIER_REFUSED_MAX_S = 3600
};

enum courier_phase {
	COURIER_OFF,     /* not enrolled, or no collector to trust */
	COURIER_WAITING, /* for the next attempt */
	COURIER_CONNECTING,
	COURIER_SENDING,
	COURIER_POLLING,
};

struct courier {
	struct event_base *base;
	struct channel *channel; /* borrowed */
	int root;                /* borrowed */
	struct report_link link;
	struct outbox outbox;
	struct recipient to;
	/* the conversation */
	enum courier_phase phase;
	struct http_client *client;
	uint8_t exporter[HTTP_EXPORTER_SIZE];
	uint64_t sending;
	char *jws; /* what is being sent */
	size_t length;
	char nonce[RECEIPT_NONCE_SIZE]; /* for the next report; "" when there is none */
	uint64_t nonce_seq; /* the last report made on this connection that answers a nonce; 0: none
	                     */
	bool fresh;         /* such a report was receipted on this connection */
	bool full_state;
	bool more;
	int64_t made_ms;     /* when the last report was made, clock_boot_ms() */
	unsigned interval_s; /* the next one is due so long after it */
	/* time */
	struct event *retry;
	struct event *debounce;
	struct event *offline;
	unsigned attempts;
	unsigned refusals;
	unsigned offline_made;
	/* what was said already */
	char problem[200];
	char refused[200];
	char last_receipt[CLOCK_RFC3339_SIZE];
	int fatal; /* the process must start anew */
};

/* Opens the outbox and reads who the collector is. ERR_IO, ERR_MEMORY. */
int courier_open(struct courier *c, struct event_base *base, struct channel *channel, int root);
void courier_close(struct courier *c);

/* Reads enrolment, configuration and trust again and begins anew. */
void courier_reload(struct courier *c);

/* Looks at what the signer said, after anything of its was read. */
void courier_notice_news(struct courier *c);

/* A new signer is there. */
void courier_greet_signer(struct courier *c);

#endif
