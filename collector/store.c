#include "collector/store.h"

#include "collector/store_schema.h"
#include "collector/store_sqlite.h"
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_TIMEOUT_MS = 5000 };

static int error_of(int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_CONSTRAINT:
		return ERR_EXISTS;
	case SQLITE_NOMEM:
		return ERR_MEMORY;
	case SQLITE_CANTOPEN:
		return ERR_NOT_FOUND;
	case SQLITE_BUSY:
		return ERR_TIMEOUT;
	default:
		return ERR_IO;
	}
}

static int execute(sqlite3 *database, const char *sql)
{
	return error_of(sqlite3_exec(database, sql, NULL, NULL, NULL));
}

static sqlite3_stmt *prepare(struct store *store, const char *sql)
{
	for (size_t i = 0; i < STORE_STATEMENTS_MAX; i++) {
		if (store->statements[i].sql == sql)
			return store->statements[i].statement;
		if (store->statements[i].sql != NULL)
			continue;
		if (sqlite3_prepare_v3(store->database, sql, -1, SQLITE_PREPARE_PERSISTENT,
		            &store->statements[i].statement, NULL) != SQLITE_OK)
			return NULL;
		store->statements[i].sql = sql;
		return store->statements[i].statement;
	}
	return NULL;
}

/* The list is begun by store_query() and store_run(), which the analyser loses sight of. */
/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized) */
static int bind_all(sqlite3_stmt *statement, const char *format, va_list values)
{
	int result = SQLITE_OK;

	for (int at = 1; *format != '\0' && result == SQLITE_OK; at++, format++) {
		if (*format == 'i')
			result = sqlite3_bind_int64(statement, at, va_arg(values, int64_t));
		else
			result = sqlite3_bind_text(
			        statement, at, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
	}
	return result == SQLITE_OK ? 0 : ERR_IO;
}
/* NOLINTEND(clang-analyzer-valist.Uninitialized) */

static sqlite3_stmt *query(struct store *store, const char *sql, const char *format, va_list values)
{
	sqlite3_stmt *statement = prepare(store, sql);

	if (statement == NULL)
		return NULL;
	if (bind_all(statement, format, values) == 0)
		return statement;
	store_done(statement);
	return NULL;
}

sqlite3_stmt *store_query(struct store *store, const char *sql, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	sqlite3_stmt *statement = query(store, sql, format, values);
	va_end(values);
	return statement;
}

int store_step(sqlite3_stmt *statement)
{
	if (statement == NULL)
		return ERR_IO;
	int result = sqlite3_step(statement);
	return result == SQLITE_ROW ? 0 : result == SQLITE_DONE ? ERR_NOT_FOUND : error_of(result);
}

void store_done(sqlite3_stmt *statement)
{
	if (statement == NULL)
		return;
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

int store_run(struct store *store, const char *sql, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	sqlite3_stmt *statement = query(store, sql, format, values);
	va_end(values);
	int error = store_step(statement);
	store_done(statement);
	return error == ERR_NOT_FOUND ? 0 : error;
}

void store_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
}

static int read_version(sqlite3 *database, int *version)
{
	sqlite3_stmt *statement = NULL;
	int error =
	        error_of(sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, NULL));

	if (error == 0 && sqlite3_step(statement) == SQLITE_ROW)
		*version = sqlite3_column_int(statement, 0);
	else if (error == 0)
		error = ERR_IO;
	sqlite3_finalize(statement);
	return error;
}

static int configure(sqlite3 *database)
{
	sqlite3_busy_timeout(database, BUSY_TIMEOUT_MS);
	sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Temporary files would be the only ones opened after the sandbox is shut. */
	return execute(database,
	        "PRAGMA temp_store=MEMORY; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	        "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON");
}

static int write_schema(sqlite3 *database)
{
	char version[48];

	snprintf(version, sizeof(version), "PRAGMA user_version=%d", STORE_SCHEMA_VERSION);
	int error = execute(database, "BEGIN IMMEDIATE");
	if (error == 0)
		error = execute(database, STORE_SCHEMA);
	if (error == 0)
		error = execute(database, version);
	if (error == 0)
		error = execute(database, "COMMIT");
	return error;
}

static int open_database(const char *path, int flags, sqlite3 **database)
{
	int error = error_of(sqlite3_open_v2(
	        path, database, flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX, NULL));

	if (error == 0)
		error = configure(*database);
	if (error != 0) {
		sqlite3_close(*database);
		*database = NULL;
	}
	return error;
}

int store_create(const char *path)
{
	sqlite3 *database = NULL;
	int version = 0;

	int error = open_database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &database);
	if (error == 0)
		error = read_version(database, &version);
	if (error == 0)
		error = version != 0 ? ERR_EXISTS : write_schema(database);
	sqlite3_close(database);
	return error;
}

int store_open(const char *path, struct store **store)
{
	bool memory = strcmp(path, ":memory:") == 0;
	struct store *made = calloc(1, sizeof(*made));
	int version = 0;

	*store = NULL;
	if (made == NULL)
		return ERR_MEMORY;
	int error = open_database(path, SQLITE_OPEN_READWRITE, &made->database);
	if (error == 0 && memory)
		error = write_schema(made->database);
	if (error == 0)
		error = read_version(made->database, &version);
	if (error == 0 && version != STORE_SCHEMA_VERSION)
		error = ERR_VERSION;
	if (error != 0)
		store_close(&made);
	*store = made;
	return error;
}

void store_close(struct store **store)
{
	if (*store == NULL)
		return;
	for (size_t i = 0; i < STORE_STATEMENTS_MAX; i++)
		sqlite3_finalize((*store)->statements[i].statement);
	sqlite3_close((*store)->database);
	free(*store);
	*store = NULL;
}

const char *store_problem(const struct store *store)
{
	return sqlite3_errmsg(store->database);
}

int store_begin(struct store *store)
{
	return store_run(store, "BEGIN IMMEDIATE", "");
}

int store_begin_reading(struct store *store)
{
	return store_run(store, "BEGIN", "");
}

int store_commit(struct store *store)
{
	int error = store_run(store, "COMMIT", "");

	if (error != 0)
		store_rollback(store);
	return error;
}

void store_rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->database))
		store_run(store, "ROLLBACK", "");
}
