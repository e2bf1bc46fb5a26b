/* Reports and what was in them; nonces. */
#include "collector/store_sqlite.h"

#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_COLUMNS "seq, digest, received, answered, chain_count, chain_hash, state_digest"

static int read_report(sqlite3_stmt *row, struct store_report *r)
{
	int error = store_step(row);

	if (error == 0) {
		*r = (struct store_report){.seq = (uint64_t)sqlite3_column_int64(row, 0)};
		store_text(row, 1, r->digest, sizeof(r->digest));
		r->received = sqlite3_column_int64(row, 2);
		r->answered = sqlite3_column_int(row, 3) != 0;
		r->chain.count = (uint64_t)sqlite3_column_int64(row, 4);
		store_text(row, 5, r->chain.hash, sizeof(r->chain.hash));
		store_text(row, 6, r->state_digest, sizeof(r->state_digest));
	}
	store_done(row);
	return error;
}

int store_last_report(struct store *store, int64_t terminal, struct store_report *report)
{
	static const char sql[] = "SELECT " REPORT_COLUMNS
	                          " FROM reports WHERE terminal = ?1 ORDER BY seq DESC LIMIT 1";

	return read_report(store_query(store, sql, "i", terminal), report);
}

int store_get_report(
        struct store *store, int64_t terminal, uint64_t seq, struct store_report *report)
{
	static const char sql[] =
	        "SELECT " REPORT_COLUMNS " FROM reports WHERE terminal = ?1 AND seq = ?2";

	return read_report(store_query(store, sql, "ii", terminal, (int64_t)seq), report);
}

int store_add_report(struct store *store, int64_t terminal, const struct store_report *r)
{
	return store_run(store,
	        "INSERT INTO reports(terminal, seq, digest, received, answered, chain_count, "
	        "chain_hash, state_digest, jws)"
	        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	        "iitiiittt", terminal, (int64_t)r->seq, r->digest, r->received,
	        (int64_t)r->answered, (int64_t)r->chain.count, r->chain.hash, r->state_digest,
	        r->jws);
}

int store_add_event(struct store *store, int64_t terminal, uint64_t report, size_t position,
        uint64_t seq, const char *line)
{
	return store_run(store,
	        "INSERT INTO events(terminal, seq, report, position, line) VALUES(?1, ?2, ?3, ?4, "
	        "?5)",
	        "iiiit", terminal, (int64_t)seq, (int64_t)report, (int64_t)position, line);
}

int store_add_state(struct store *store, int64_t terminal, uint64_t report, const char *digest,
        const char *json)
{
	return store_run(store,
	        "INSERT INTO states(terminal, report, digest, json) VALUES(?1, ?2, ?3, ?4)", "iitt",
	        terminal, (int64_t)report, digest, json);
}

int store_get_state(
        struct store *store, int64_t terminal, char digest[static SHA256_HEX_SIZE], char **json)
{
	static const char sql[] =
	        "SELECT digest, json FROM states WHERE terminal = ?1 ORDER BY report DESC LIMIT 1";
	sqlite3_stmt *row = store_query(store, sql, "i", terminal);
	int error = store_step(row);

	*json = NULL;
	if (error == 0) {
		const unsigned char *text = sqlite3_column_text(row, 1);
		store_text(row, 0, digest, SHA256_HEX_SIZE);
		*json = text == NULL ? NULL : strdup((const char *)text);
		if (*json == NULL)
			error = ERR_MEMORY;
	}
	store_done(row);
	return error;
}

int store_add_break(
        struct store *store, int64_t terminal, const struct store_break *b, const char *line)
{
	return store_run(store,
	        "INSERT INTO breaks(terminal, report, seq, cause, line, received) VALUES(?1, ?2, "
	        "?3, ?4, ?5, ?6)",
	        "iiitti", terminal, (int64_t)b->report, (int64_t)b->seq, b->cause, line,
	        b->received);
}

int store_get_break(struct store *store, int64_t terminal, struct store_break *b)
{
	static const char sql[] =
	        "SELECT report, seq, cause, received FROM breaks WHERE terminal = ?1 AND received >"
	        " COALESCE((SELECT MAX(time) FROM clearances WHERE terminal = ?1), 0)"
	        " ORDER BY report LIMIT 1";
	sqlite3_stmt *row = store_query(store, sql, "i", terminal);
	int error = store_step(row);

	if (error == 0) {
		b->report = (uint64_t)sqlite3_column_int64(row, 0);
		b->seq = (uint64_t)sqlite3_column_int64(row, 1);
		store_text(row, 2, b->cause, sizeof(b->cause));
		b->received = sqlite3_column_int64(row, 3);
	}
	store_done(row);
	return error;
}

int store_add_clone(struct store *store, int64_t terminal, uint64_t seq, const char *digest,
        const char *jws, const char *peer, int64_t now)
{
	int error = store_run(store,
	        "INSERT INTO clones(terminal, seq, digest, jws, peer, first, last)"
	        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6 WHERE (SELECT COUNT(*) FROM clones WHERE "
	        "terminal = ?1) < ?7"
	        " ON CONFLICT(terminal, seq, digest) DO NOTHING",
	        "iitttii", terminal, (int64_t)seq, digest, jws, peer, now,
	        (int64_t)STORE_CLONES_MAX);

	if (error != 0)
		return error;
	return store_run(store,
	        "UPDATE clones SET last = ?2 WHERE terminal = ?1 AND (seq, digest) ="
	        " (SELECT seq, digest FROM clones WHERE terminal = ?1 ORDER BY last DESC LIMIT 1)",
	        "ii", terminal, now);
}

int store_add_nonce(struct store *store, int64_t terminal, enum store_nonce kind, const char *nonce,
        int64_t now)
{
	int error = store_run(store,
	        "INSERT INTO nonces(terminal, kind, nonce, issued) VALUES(?1, ?2, ?3, ?4)", "iiti",
	        terminal, (int64_t)kind, nonce, now);

	if (error != 0)
		return error;
	return store_run(store,
	        "DELETE FROM nonces WHERE terminal = ?1 AND kind = ?2 AND id NOT IN"
	        " (SELECT id FROM nonces WHERE terminal = ?1 AND kind = ?2 ORDER BY id DESC LIMIT "
	        "?3)",
	        "iii", terminal, (int64_t)kind, (int64_t)STORE_NONCES_MAX);
}

int store_use_nonce(struct store *store, int64_t terminal, const char *nonce,
        enum store_nonce *kind, int64_t *issued)
{
	static const char sql[] =
	        "DELETE FROM nonces WHERE terminal = ?1 AND nonce = ?2 RETURNING kind, issued";
	sqlite3_stmt *row = store_query(store, sql, "it", terminal, nonce);
	int error = store_step(row);

	if (error == 0) {
		*kind = sqlite3_column_int(row, 0) == STORE_NONCE_POLL ? STORE_NONCE_POLL
		                                                       : STORE_NONCE_RECEIPT;
		*issued = sqlite3_column_int64(row, 1);
	}
	store_done(row);
	return error;
}

/* One number for one key; a query that finds no row leaves 0. */
static int read_number(sqlite3_stmt *row, int64_t *number)
{
	int error = store_step(row);

	if (error == 0)
		*number = sqlite3_column_int64(row, 0);
	store_done(row);
	return error == ERR_NOT_FOUND ? 0 : error;
}

static int read_verified(struct store *store, int64_t terminal, struct store_standing *s)
{
	static const char verified[] =
	        "SELECT MAX(received) FROM reports WHERE terminal = ?1 AND answered = 1";
	static const char cloned[] = "SELECT MAX(last) FROM clones WHERE terminal = ?1";

	int error = read_number(store_query(store, verified, "i", terminal), &s->verified);
	return error != 0 ? error
	                  : read_number(store_query(store, cloned, "i", terminal), &s->cloned);
}

/* A report out of order is what a terminal with a full outbox sends first: told apart, not counted.
 */
static int read_refusals(struct store *store, const char *name, struct store_standing *s)
{
	static const char counted[] =
	        "SELECT SUM(count) FROM refusals WHERE terminal = ?1 AND last >= ?2"
	        " AND reason <> 'out-of-order'";
	static const char forged[] =
	        "SELECT MAX(last) FROM refusals WHERE terminal = ?1 AND reason IN"
	        " ('bad-signature', 're-bound')";
	static const char latest[] =
	        "SELECT reason FROM refusals WHERE terminal = ?1 AND last >= ?2"
	        " AND reason <> 'out-of-order' ORDER BY last DESC, id DESC LIMIT 1";
	int64_t count = 0;

	int error = read_number(store_query(store, counted, "ti", name, s->verified), &count);
	if (error == 0)
		error = read_number(store_query(store, forged, "t", name), &s->forged);
	if (error != 0)
		return error;
	s->refusals = (uint64_t)count;
	sqlite3_stmt *row = store_query(store, latest, "ti", name, s->verified);
	error = store_step(row);
	if (error == 0)
		store_text(row, 0, s->refusal, sizeof(s->refusal));
	store_done(row);
	return error == ERR_NOT_FOUND ? 0 : error;
}

static int read_waiting(
        struct store *store, const struct store_terminal *terminal, struct store_standing *s)
{
	static const char disordered[] =
	        "SELECT MAX(last) FROM refusals WHERE terminal = ?1 AND reason = 'out-of-order'";
	struct store_report last = {0};
	int64_t heard = 0;

	int error = store_last_report(store, terminal->id, &last);
	if (error != 0 && error != ERR_NOT_FOUND)
		return error;
	error = read_number(store_query(store, disordered, "t", terminal->name), &heard);
	if (error == 0 && heard > last.received)
		s->waiting_for = last.seq + 1;
	return error;
}

int store_get_standing(
        struct store *store, const struct store_terminal *terminal, struct store_standing *standing)
{
	*standing = (struct store_standing){0};
	int error = read_verified(store, terminal->id, standing);
	if (error == 0)
		error = read_refusals(store, terminal->name, standing);
	if (error == 0)
		error = read_waiting(store, terminal, standing);
	return error;
}
