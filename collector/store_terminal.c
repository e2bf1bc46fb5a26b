/* Terminals, the tokens they enrol with, and what is refused in their names. */
#include "collector/store_sqlite.h"

#include "core/error.h"

#include <stdio.h>

#define TERMINAL_COLUMNS                                                                           \
	"id, name, ueid, key, key_id, enrolled,"                                                   \
	" COALESCE((SELECT MAX(time) FROM clearances WHERE clearances.terminal = terminals.id), "  \
	"0)"

enum { REFUSAL_ROW_MS = 3600 * 1000 };

int store_add_token(struct store *store, const char *hash, const char *name, int64_t expires)
{
	return store_run(store, "INSERT INTO tokens(hash, name, expires) VALUES(?1, ?2, ?3)", "tti",
	        hash, name, expires);
}

int store_use_token(struct store *store, const char *hash, const char *name, int64_t now)
{
	static const char sql[] =
	        "UPDATE tokens SET used = ?3 WHERE hash = ?1 AND used IS NULL AND expires > ?3"
	        " AND (name IS NULL OR name = ?2) RETURNING 1";
	sqlite3_stmt *statement = store_query(store, sql, "tti", hash, name, now);
	int error = store_step(statement);

	store_done(statement);
	return error == ERR_NOT_FOUND ? ERR_DENIED : error;
}

int store_add_terminal(struct store *store, struct store_terminal *t, const char *certificate)
{
	int error = store_run(store,
	        "INSERT INTO terminals(name, ueid, key, key_id, certificate, enrolled) VALUES(?1, "
	        "?2, ?3, ?4, ?5, ?6)",
	        "ttttti", t->name, t->ueid, t->key, t->key_id, certificate, t->enrolled);

	if (error == 0)
		t->id = sqlite3_last_insert_rowid(store->database);
	return error;
}

static void read_terminal(sqlite3_stmt *row, struct store_terminal *t)
{
	t->id = sqlite3_column_int64(row, 0);
	store_text(row, 1, t->name, sizeof(t->name));
	store_text(row, 2, t->ueid, sizeof(t->ueid));
	store_text(row, 3, t->key, sizeof(t->key));
	store_text(row, 4, t->key_id, sizeof(t->key_id));
	t->enrolled = sqlite3_column_int64(row, 5);
	t->cleared = sqlite3_column_int64(row, 6);
}

static int find_terminal(
        struct store *store, const char *sql, const char *value, struct store_terminal *terminal)
{
	sqlite3_stmt *row = store_query(store, sql, "t", value);
	int error = store_step(row);

	if (error == 0)
		read_terminal(row, terminal);
	store_done(row);
	return error;
}

int store_find_ueid(struct store *store, const char *ueid, struct store_terminal *terminal)
{
	static const char sql[] = "SELECT " TERMINAL_COLUMNS " FROM terminals WHERE ueid = ?1";

	return find_terminal(store, sql, ueid, terminal);
}

int store_find_name(struct store *store, const char *name, struct store_terminal *terminal)
{
	static const char sql[] = "SELECT " TERMINAL_COLUMNS " FROM terminals WHERE name = ?1";

	return find_terminal(store, sql, name, terminal);
}

int store_each_terminal(
        struct store *store, int (*each)(void *, const struct store_terminal *), void *context)
{
	static const char sql[] = "SELECT " TERMINAL_COLUMNS " FROM terminals ORDER BY name";
	sqlite3_stmt *row = store_query(store, sql, "");
	struct store_terminal terminal;
	int error;

	while ((error = store_step(row)) == 0) {
		read_terminal(row, &terminal);
		error = each(context, &terminal);
		if (error != 0)
			break;
	}
	store_done(row);
	return error == ERR_NOT_FOUND ? 0 : error;
}

int store_clear_terminal(struct store *store, int64_t terminal, const char *by, int64_t now)
{
	return store_run(store, "INSERT INTO clearances(terminal, time, who) VALUES(?1, ?2, ?3)",
	        "iit", terminal, now, by);
}

int store_add_refusal(struct store *store, const struct store_refusal *r, int64_t now)
{
	static const char again[] =
	        "UPDATE refusals SET last = ?5, count = count + 1, detail = ?4 WHERE id = (SELECT "
	        "id FROM"
	        " refusals WHERE peer = ?1 AND reason = ?3 AND first > ?6 AND terminal IS ?2"
	        " ORDER BY id DESC LIMIT 1) RETURNING 1";
	const char *detail = r->detail == NULL ? "" : r->detail;
	sqlite3_stmt *row = store_query(store, again, "ttttii", r->peer, r->terminal, r->reason,
	        detail, now, now - REFUSAL_ROW_MS);
	int error = store_step(row);

	store_done(row);
	if (error != ERR_NOT_FOUND)
		return error;
	error = store_run(store,
	        "INSERT INTO refusals(first, last, count, peer, terminal, reason, detail)"
	        " VALUES(?1, ?1, 1, ?2, ?3, ?4, ?5)",
	        "itttt", now, r->peer, r->terminal, r->reason, detail);
	if (error == 0)
		error = store_run(store,
		        "DELETE FROM refusals WHERE id <= (SELECT MAX(id) FROM refusals) - ?1", "i",
		        (int64_t)STORE_REFUSALS_MAX);
	return error;
}
