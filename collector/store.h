/*
 * What the collector knows, durable. This header is the whole of what the rest asks of a database,
 * so that another engine can stand beside SQLite. Times are milliseconds since 1970. Writing
 * functions belong between store_begin() and store_commit(), which answers 0 only once the
 * transaction is durable.
 */
#ifndef SEKISHO_COLLECTOR_STORE_H
#define SEKISHO_COLLECTOR_STORE_H

#include "core/encode.h"
#include "core/journal.h"
#include "core/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STORE_NAME_SIZE = 65,
	STORE_UEID_SIZE = 24,
	STORE_NONCE_SIZE = 44,
	STORE_KEY_SIZE = 512,
	STORE_PEER_SIZE = 64
};

struct store;

struct store_terminal {
	int64_t id;
	char name[STORE_NAME_SIZE];
	char ueid[STORE_UEID_SIZE];
	char key[STORE_KEY_SIZE]; /* SubjectPublicKeyInfo, PEM */
	char key_id[KEY_ID_SIZE];
	int64_t enrolled;
	int64_t cleared; /* last officer's clearance of clones and breaks; 0: never */
};

struct store_report {
	uint64_t seq;
	char digest[SHA256_HEX_SIZE]; /* of the JWS */
	int64_t received;
	bool answered; /* answered a live nonce on its own connection, for the first time */
	struct journal_head chain; /* from where the next report's events must continue */
	char state_digest[SHA256_HEX_SIZE];
	const char *jws; /* borrowed; not read back */
};

struct store_break {
	uint64_t report; /* sequence number of the report it was seen in */
	uint64_t seq;    /* journal's sequence number expected there */
	char cause[128];
	int64_t received;
};

struct store_refusal {
	const char *peer;
	const char *terminal; /* claimed name, NULL when no enrolled terminal was claimed */
	const char *reason;   /* error code of core/PROTOCOL.md §6 */
	const char *detail;   /* one phrase, may be NULL */
};

/* What states are derived from; zero where there is nothing. */
struct store_standing {
	int64_t verified; /* last report with `answered` */
	int64_t forged;   /* last refusal for a bad signature or a re-bound report */
	int64_t cloned;
	uint64_t refusals; /* counted since `verified` */
	char refusal[32];  /* reason of the last of them */
	uint64_t
	        waiting_for; /* expected seq, when the last thing heard was a report out of order */
};

enum store_nonce { STORE_NONCE_RECEIPT = 1, STORE_NONCE_POLL = 2 };

/* Makes an empty database; ERR_EXISTS. */
int store_create(const char *path);
/* ":memory:" is an empty database of its own. ERR_NOT_FOUND, ERR_VERSION (unknown schema), ERR_IO.
 */
int store_open(const char *path, struct store **store);
void store_close(struct store **store);
/* The engine's last sentence, for the log. */
const char *store_problem(const struct store *store);

int store_begin(struct store *store);
/* Only reads, all of one moment; ended by store_rollback(). */
int store_begin_reading(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

/* Enrolment. A token is kept as its SHA-256. */
int store_add_token(struct store *store, const char *hash, const char *name, int64_t expires);
/* Spends it. ERR_DENIED: unknown, used, past its time, or for another name. */
int store_use_token(struct store *store, const char *hash, const char *name, int64_t now);
/* terminal->id is set. ERR_EXISTS when name, ueid or key is taken. */
int store_add_terminal(
        struct store *store, struct store_terminal *terminal, const char *certificate);

/* ERR_NOT_FOUND. */
int store_find_ueid(struct store *store, const char *ueid, struct store_terminal *terminal);
int store_find_name(struct store *store, const char *name, struct store_terminal *terminal);
/* Calls each() in the order of names; stops when it answers non-zero and returns that. */
int store_each_terminal(
        struct store *store, int (*each)(void *, const struct store_terminal *), void *context);
int store_clear_terminal(struct store *store, int64_t terminal, const char *by, int64_t now);

/* Reports. ERR_NOT_FOUND when there is none. */
int store_last_report(struct store *store, int64_t terminal, struct store_report *report);
int store_get_report(
        struct store *store, int64_t terminal, uint64_t seq, struct store_report *report);
int store_add_report(struct store *store, int64_t terminal, const struct store_report *report);
int store_add_event(struct store *store, int64_t terminal, uint64_t report, size_t position,
        uint64_t seq, const char *line);
int store_add_state(struct store *store, int64_t terminal, uint64_t report, const char *digest,
        const char *json);
/* The last full state; *json malloc'd. ERR_NOT_FOUND. */
int store_get_state(
        struct store *store, int64_t terminal, char digest[static SHA256_HEX_SIZE], char **json);
int store_add_break(
        struct store *store, int64_t terminal, const struct store_break *fault, const char *line);
/* The first break since the last clearance: what follows it may be its consequence. ERR_NOT_FOUND.
 */
int store_get_break(struct store *store, int64_t terminal, struct store_break *fault);
/* Keeps at most STORE_CLONES_MAX different documents a terminal; the time of the last is kept in
 * any case. */
enum { STORE_CLONES_MAX = 100 };
int store_add_clone(struct store *store, int64_t terminal, uint64_t seq, const char *digest,
        const char *jws, const char *peer, int64_t now);

/* Nonces: the newest STORE_NONCES_MAX of each kind are alive. store_use_nonce spends one;
 * ERR_NOT_FOUND. */
enum { STORE_NONCES_MAX = 4 };
int store_add_nonce(struct store *store, int64_t terminal, enum store_nonce kind, const char *nonce,
        int64_t now);
int store_use_nonce(struct store *store, int64_t terminal, const char *nonce,
        enum store_nonce *kind, int64_t *issued);

/* Equal refusals of one hour are one row with a count; the oldest rows go beyond
 * STORE_REFUSALS_MAX. */
enum { STORE_REFUSALS_MAX = 20000 };
int store_add_refusal(struct store *store, const struct store_refusal *refusal, int64_t now);

int store_get_standing(struct store *store, const struct store_terminal *terminal,
        struct store_standing *standing);

#endif
