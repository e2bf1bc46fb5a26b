/* One login: a worker process of auth talks to one client and ends. */
#ifndef SEKISHO_AGENT_AUTH_LOGIN_H
#define SEKISHO_AGENT_AUTH_LOGIN_H

#include <sys/types.h>

#include "agent/auth_verify.h"

/* Between a worker and auth, frames over their own socket pair: a question, an answer. */
enum worker_message {
	WORKER_ASK = 1, /* string user; once */
	WORKER_GIVEN,   /* u8 enum worker_gift; fds: a channel to the signer, the state file */
	WORKER_CARD,    /* nothing; once */
	WORKER_FIDO2,   /* nothing; once */
	WORKER_SESSION, /* u32 uid; fd: the client; once: a session is opened */
	WORKER_PRESENT, /* fd: what WORKER_READER brought, or none; once: the user has shown who it
	                   is. Answered by WORKER_NOTED */
	WORKER_NOTED,   /* nothing */
	WORKER_READER,  /* fd: a process card (agent/card.h) or fido2 (agent/fido2.h), or none */
};

enum worker_gift { GIFT_NOTHING = 1, GIFT_OWN, GIFT_DECOY };

struct login {
	int client;
	uid_t peer; /* the client's, from SO_PEERCRED */
	int parent; /* auth */
	const struct auth_rules *rules;
	int root;                      /* directory that agent/paths.h is relative to */
	const struct storage_key *key; /* NULL: it cannot be read, and nobody is let in */
};

/* A worker lives no longer than this many seconds, the person's time included. */
enum { LOGIN_LIFETIME = 120 };

/*
 * Serves one connection (core/PROTOCOL.md §3) from LOGIN_BEGIN to LOGIN_RESULT. Whatever goes wrong
 * is told to the client as LOGIN_UNAVAILABLE or, when it broke the protocol, not at all.
 * Descriptors stay open: the caller exits.
 */
void login_serve(const struct login *login);

#endif
