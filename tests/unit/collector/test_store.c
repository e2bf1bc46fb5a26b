#include "collector/store.h"

#include "collector/store_schema.h"
#include "core/error.h"
#include "tests/unit/collector/fixture.h"
#include "tests/unit/workspace.h"

#include <sqlite3.h>

static void begin(struct fixture *f)
{
	assert_int_equal(store_begin(f->store), 0);
}

static void commit(struct fixture *f)
{
	assert_int_equal(store_commit(f->store), 0);
}

static void test_tokens(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(store_add_token(f->store, "hash-1", NULL, f->now + 10), 0);
	assert_int_equal(store_add_token(f->store, "hash-2", "T9", f->now + 10), 0);
	assert_int_equal(store_use_token(f->store, "hash-0", "x", f->now), ERR_DENIED);
	assert_int_equal(store_use_token(f->store, "hash-1", "x", f->now + 10), ERR_DENIED);
	assert_int_equal(store_use_token(f->store, "hash-1", "x", f->now), 0);
	assert_int_equal(store_use_token(f->store, "hash-1", "x", f->now), ERR_DENIED);
	assert_int_equal(store_use_token(f->store, "hash-2", "x", f->now), ERR_DENIED);
	assert_int_equal(store_use_token(f->store, "hash-2", "T9", f->now), 0);
	commit(f);
}

static void test_rollback(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(store_add_token(f->store, "hash", NULL, f->now + 10), 0);
	store_rollback(f->store);
	store_rollback(f->store); /* nothing to do */
	begin(f);
	assert_int_equal(store_use_token(f->store, "hash", "x", f->now), ERR_DENIED);
	commit(f);
}

static void test_terminals_are_unique(void **state)
{
	struct fixture *f = *state;
	struct store_terminal same = f->terminal;
	struct store_terminal found;

	begin(f);
	snprintf(same.name, sizeof(same.name), "other");
	assert_int_equal(store_add_terminal(f->store, &same, "c"), ERR_EXISTS);
	snprintf(same.ueid, sizeof(same.ueid), "other");
	assert_int_equal(store_add_terminal(f->store, &same, "c"), ERR_EXISTS);
	snprintf(same.key_id, sizeof(same.key_id), "other");
	assert_int_equal(store_add_terminal(f->store, &same, "c"), 0);
	commit(f);
	assert_int_equal(store_find_ueid(f->store, f->terminal.ueid, &found), 0);
	assert_string_equal(found.name, "T1");
	assert_string_equal(found.key, f->terminal.key);
	assert_int_equal(store_find_name(f->store, "other", &found), 0);
	assert_int_equal(found.id, same.id);
	assert_int_equal(store_find_name(f->store, "none", &found), ERR_NOT_FOUND);
}

static int count_terminal(void *context, const struct store_terminal *terminal)
{
	int *count = context;

	(void)terminal;
	return ++*count == 2 ? -77 : 0;
}

static void test_each(void **state)
{
	struct fixture *f = *state;
	struct store_terminal other;
	struct key *key = NULL;
	int count = 0;

	assert_int_equal(store_each_terminal(f->store, count_terminal, &count), 0);
	assert_int_equal(count, 1);
	fixture_enrol(f, "A0", 2, &other, &key);
	count = 0;
	assert_int_equal(store_each_terminal(f->store, count_terminal, &count), -77);
	key_free(&key);
}

static void test_nonces(void **state)
{
	struct fixture *f = *state;
	enum store_nonce kind;
	int64_t issued;
	char name[8];

	begin(f);
	assert_int_equal(store_add_nonce(f->store, f->terminal.id, STORE_NONCE_POLL, "poll", 7), 0);
	for (int i = 0; i < STORE_NONCES_MAX + 1; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(
		        store_add_nonce(f->store, f->terminal.id, STORE_NONCE_RECEIPT, name, i), 0);
	}
	/* Receipts push each other out, not the polls. */
	assert_int_equal(
	        store_use_nonce(f->store, f->terminal.id, "n0", &kind, &issued), ERR_NOT_FOUND);
	assert_int_equal(
	        store_use_nonce(f->store, f->terminal.id + 1, "n1", &kind, &issued), ERR_NOT_FOUND);
	assert_int_equal(store_use_nonce(f->store, f->terminal.id, "n1", &kind, &issued), 0);
	assert_int_equal(kind, STORE_NONCE_RECEIPT);
	assert_int_equal(issued, 1);
	assert_int_equal(
	        store_use_nonce(f->store, f->terminal.id, "n1", &kind, &issued), ERR_NOT_FOUND);
	assert_int_equal(store_use_nonce(f->store, f->terminal.id, "poll", &kind, &issued), 0);
	assert_int_equal(kind, STORE_NONCE_POLL);
	commit(f);
}

static void refuse(struct fixture *f, const char *peer, const char *terminal, const char *reason)
{
	const struct store_refusal refusal = {.peer = peer, .terminal = terminal, .reason = reason};

	assert_int_equal(store_add_refusal(f->store, &refusal, f->now), 0);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct store_standing s;

	begin(f);
	refuse(f, "a", "T1", "not-bound");
	f->now += 5;
	refuse(f, "a", "T1", "not-bound");
	refuse(f, "b", "T1", "not-bound");
	refuse(f, "b", NULL, "bad-request");
	refuse(f, "b", "other", "bad-signature");
	commit(f);
	assert_int_equal(store_get_standing(f->store, &f->terminal, &s), 0);
	assert_int_equal(s.refusals, 3);
	assert_int_equal(s.forged, 0);
	f->now += 5;
	begin(f);
	refuse(f, "b", "T1", "bad-signature");
	commit(f);
	assert_int_equal(store_get_standing(f->store, &f->terminal, &s), 0);
	assert_int_equal(s.forged, f->now);
	assert_string_equal(s.refusal, "bad-signature");
}

static void test_clones_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct store_standing s;
	char digest[16];

	begin(f);
	for (int i = 0; i < STORE_CLONES_MAX + 3; i++) {
		snprintf(digest, sizeof(digest), "d%d", i);
		assert_int_equal(
		        store_add_clone(f->store, f->terminal.id, 1, digest, "jws", "p", i + 1), 0);
	}
	commit(f);
	assert_int_equal(store_get_standing(f->store, &f->terminal, &s), 0);
	assert_int_equal(s.cloned, STORE_CLONES_MAX + 3);
}

static void test_clearance(void **state)
{
	struct fixture *f = *state;
	struct store_break fault = {.report = 1, .seq = 3, .cause = "x", .received = 50};
	struct store_terminal found;

	begin(f);
	assert_int_equal(store_add_break(f->store, f->terminal.id, &fault, "line"), 0);
	fault = (struct store_break){.report = 2, .seq = 9, .cause = "y", .received = 60};
	assert_int_equal(store_add_break(f->store, f->terminal.id, &fault, NULL), 0);
	assert_int_equal(store_get_break(f->store, f->terminal.id, &fault), 0);
	assert_int_equal(fault.seq, 3);
	assert_int_equal(store_clear_terminal(f->store, f->terminal.id, "officer", 55), 0);
	commit(f);
	assert_int_equal(store_get_break(f->store, f->terminal.id, &fault), 0);
	assert_int_equal(fault.seq, 9);
	assert_int_equal(store_find_name(f->store, "T1", &found), 0);
	assert_int_equal(found.cleared, 55);
}

static void test_event_twice(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(store_add_event(f->store, f->terminal.id, 1, 0, 5, "a"), 0);
	assert_int_equal(store_add_event(f->store, f->terminal.id, 2, 0, 5, "b"), 0);
	assert_int_equal(store_add_event(f->store, f->terminal.id, 2, 0, 5, "b"), ERR_EXISTS);
	commit(f);
}

static void test_files(void **state)
{
	const struct workspace *w = *state;
	struct store *store = NULL;
	sqlite3 *database = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/db", w->path);
	assert_int_equal(store_open(path, &store), ERR_NOT_FOUND);
	assert_null(store);
	assert_int_equal(store_create(path), 0);
	assert_int_equal(store_create(path), ERR_EXISTS);
	assert_int_equal(store_open(path, &store), 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_add_token(store, "hash", NULL, 10), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(&store);
	store_close(&store);
	assert_int_equal(store_open(path, &store), 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_use_token(store, "hash", "x", 1), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(&store);
	/* A later version's database is not touched. */
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(
	        sqlite3_exec(database, "PRAGMA user_version=2", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
	assert_int_equal(store_open(path, &store), ERR_VERSION);
	workspace_write_text(w, "rubbish", "this is no database, but it is long enough to look at");
	snprintf(path, sizeof(path), "%s/rubbish", w->path);
	assert_int_equal(store_open(path, &store), ERR_IO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(test_tokens),
	        TEST(test_rollback),
	        TEST(test_terminals_are_unique),
	        TEST(test_each),
	        TEST(test_nonces),
	        TEST(test_refusals),
	        TEST(test_clones_are_bounded),
	        TEST(test_clearance),
	        TEST(test_event_twice),
	        cmocka_unit_test_setup_teardown(test_files, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
