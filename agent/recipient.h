/* To whom reports go: the collector this terminal is enrolled with, where it is, and how to know
 * it. */
#ifndef SEKISHO_AGENT_RECIPIENT_H
#define SEKISHO_AGENT_RECIPIENT_H

#include "agent/enrolment.h"
#include "agent/http_trust.h"
#include "agent/http_url.h"
#include "core/key.h"

struct event_base;
struct evdns_base;

struct recipient {
	struct enrolment enrolment;
	char collector[ENROLMENT_URL_SIZE]; /* "" when there is none */
	struct http_url url;
	struct key *receipt_key;
	struct http_trust *trust;
	struct evdns_base *dns;
};

/* Into a cleared one. ERR_NOT_FOUND: not enrolled; any other error is logged. */
int recipient_load(struct recipient *r, struct event_base *base, int root);
void recipient_clear(struct recipient *r);

#endif
