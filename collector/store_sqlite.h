/* Inside the SQLite store: prepared statements with bound values, nothing else. */
#ifndef SEKISHO_COLLECTOR_STORE_SQLITE_H
#define SEKISHO_COLLECTOR_STORE_SQLITE_H

#include "collector/store.h"

#include <sqlite3.h>

enum { STORE_STATEMENTS_MAX = 48 };

struct store {
	sqlite3 *database;
	struct {
		const char *sql; /* static text: its address is the statement's name */
		sqlite3_stmt *statement;
	} statements[STORE_STATEMENTS_MAX];
};

/*
 * Prepares sql (static text; kept for the store's lifetime) and binds its ?1, ?2, … by format: 'i'
 * int64_t, 't' const char * (NULL is SQL's NULL). NULL on error. The caller ends it with
 * store_done().
 */
sqlite3_stmt *store_query(struct store *store, const char *sql, const char *format, ...);
/* 0 with a row, ERR_NOT_FOUND without; ERR_EXISTS, ERR_IO. */
int store_step(sqlite3_stmt *statement);
void store_done(sqlite3_stmt *statement);

/* A statement that answers no row: query, step, done. */
int store_run(struct store *store, const char *sql, const char *format, ...);

/* Copies a text column, cut to size. */
void store_text(sqlite3_stmt *statement, int column, char *out, size_t size);

#endif
