#include "agent/medium.h"
#include "agent/requests.h"
#include "tests/unit/workspace.h"

#include "core/error.h"

static const struct medium_order import = {TREATMENT_IMPORT, 8, 17};

static void names_are_of_block_devices(void **state)
{
	static const char *const good[] = {"sda", "sdb1", "nvme0n1p2", "mmcblk0p1", "sr0"};
	static const char *const bad[] = {"", "1sd", "sd a", "../sda", "sda/..", "sda.status",
	        "SDA", "sda\n", "dm-0", "a2345678901234567890123456789012"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(medium_name_is_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(medium_name_is_valid(bad[i]));
}

static void an_order_is_a_number(void **state)
{
	struct medium_order order;

	(void)state;
	assert_true(medium_from_number(medium_number(&import), &order));
	assert_memory_equal(&order, &import, sizeof(order));
	assert_false(medium_from_number(0, &order));
	assert_false(medium_from_number((uint64_t)TREATMENT_DENY << 32 | 8 << 20, &order));
	assert_false(medium_from_number((uint64_t)TREATMENT_COUNT << 32 | 8 << 20, &order));
	assert_false(medium_from_number((uint64_t)TREATMENT_IMPORT << 32 | 17, &order)); /* 0:17 */
	assert_false(medium_from_number(medium_number(&import) | UINT64_C(1) << 40, &order));
}

static void an_order_is_read_as_written(void **state)
{
	struct workspace *w = *state;
	struct medium_order order;
	char *text;

	assert_int_equal(medium_order_read(w->fd, "sdb1", &order), ERR_NOT_FOUND);
	assert_int_equal(medium_order_write(w->fd, "sdb1", &import), 0);
	assert_int_equal(medium_order_read(w->fd, "sdb1", &order), 0);
	assert_memory_equal(&order, &import, sizeof(order));
	text = workspace_read(w, "sdb1", NULL);
	assert_string_equal(text, "SEKISHO_TREATMENT=import\nSEKISHO_DEVICE=8:17\n");
	free(text);
	assert_int_equal(medium_order_write(w->fd, "../x", &import), ERR_USAGE);
}

static void an_order_otherwise_is_none(void **state)
{
	static const char *const bad[] = {"", "\n", "SEKISHO_TREATMENT=import\n",
	        "SEKISHO_TREATMENT=deny\nSEKISHO_DEVICE=8:17\n",
	        "SEKISHO_TREATMENT=imports\nSEKISHO_DEVICE=8:17\n",
	        "SEKISHO_TREATMENT=import\nSEKISHO_DEVICE=8:17",
	        "SEKISHO_TREATMENT=import\nSEKISHO_DEVICE=08:17\n",
	        "SEKISHO_TREATMENT=import\nSEKISHO_DEVICE=8:17\nX=1\n",
	        "SEKISHO_TREATMENT=import\nSEKISHO_DEVICE=9999:17\n",
	        "SEKISHO_TREATMENT=import\nSEKISHO_DEVICE=8:-1\n"};
	struct workspace *w = *state;
	struct medium_order order;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		workspace_write_text(w, "sdb1", bad[i]);
		assert_int_equal(medium_order_read(w->fd, "sdb1", &order), ERR_FORMAT);
	}
	assert_int_equal(medium_order_write(w->fd, "sdb1", &import), 0);
	assert_int_equal(workspace_run(w, "chmod 666 sdb1"), 0);
	assert_int_equal(medium_order_read(w->fd, "sdb1", &order), ERR_UNSAFE);
}

static void a_status_is_read_as_written(void **state)
{
	const struct medium_status written = {MEDIUM_FAILED, "not synced"};
	struct workspace *w = *state;
	struct medium_status status;

	assert_int_equal(medium_status_read(w->fd, "sdb1", &status), ERR_NOT_FOUND);
	assert_int_equal(medium_status_write(w->fd, "sdb1", &written), 0);
	assert_int_equal(medium_status_read(w->fd, "sdb1", &status), 0);
	assert_int_equal(status.result, MEDIUM_FAILED);
	assert_string_equal(status.cause, "not synced");
	workspace_write_text(w, "sdb1.status", "opene\n");
	assert_int_equal(medium_status_read(w->fd, "sdb1", &status), ERR_FORMAT);
	assert_int_equal(medium_status_forget(w->fd, "sdb1"), 0);
	assert_int_equal(medium_status_forget(w->fd, "sdb1"), 0);
	assert_int_equal(medium_status_read(w->fd, "sdb1", &status), ERR_NOT_FOUND);
}

/* --- main's part --- */

static int ask(struct workspace *w, enum role role, enum request_type type, const char *name,
        uint64_t number)
{
	const struct requests r = {.root = w->fd, .sys = w->fd};
	struct request q = {.type = (uint32_t)type, .number = number};
	int fd_out;

	strncpy(q.name, name, sizeof(q.name) - 1);
	return requests_answer(&r, role, &q, -1, &fd_out);
}

static void make_block(struct workspace *w)
{
	assert_int_equal(
	        workspace_run(w, "mkdir -p run/sekisho-media class/block sdb/sdb1 sdb/bdi; "
	                         "ln -s ../../sdb class/block/sdb; "
	                         "ln -s ../../sdb/sdb1 class/block/sdb1; "
	                         "echo 8:16 >sdb/dev; echo 8:17 >sdb/sdb1/dev; "
	                         ": >sdb/bdi/uevent"),
	        0);
}

/* Whom udev was told to have `medium` started for. */
static void called(struct workspace *w, const char *name)
{
	char *uevent = workspace_read(w, "sdb/bdi/uevent", NULL);
	char wanted[96];

	snprintf(wanted, sizeof(wanted), "change 00000000-0000-0000-0000-000000000000 SEKISHO=%s\n",
	        name);
	assert_string_equal(uevent, wanted);
	free(uevent);
	assert_int_equal(workspace_run(w, ": >sdb/bdi/uevent"), 0);
}

static void main_gives_and_takes_orders(void **state)
{
	const struct medium_order export = {TREATMENT_EXPORT, 8, 17};
	const struct medium_order other = {TREATMENT_IMPORT, 8, 18};
	const struct medium_order disk = {TREATMENT_ALLOW, 8, 16};
	struct workspace *w = *state;

	make_block(w);
	workspace_write_text(w, "run/sekisho-media/sdb1.status", "closed\n");
	assert_int_equal(
	        ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "sdb1", medium_number(&import)), 0);
	called(w, "sdb1");
	assert_int_not_equal(workspace_run(w, "ls run/sekisho-media/sdb1.status"), 0);
	assert_int_equal(
	        ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "sdb1", medium_number(&import)), 0);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "sdb1", medium_number(&export)),
	        ERR_EXISTS);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_CLOSE, "sdb1", 0), 0);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_CLOSE, "sdb1", 0), ERR_NOT_FOUND);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "sdb", medium_number(&disk)), 0);
	called(w, "sdb");
	/* Another one has come under its name. */
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "sdb1", medium_number(&other)),
	        ERR_NOT_FOUND);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "sdc", medium_number(&import)),
	        ERR_NOT_FOUND);
}

static void nobody_else_orders(void **state)
{
	struct workspace *w = *state;

	make_block(w);
	assert_int_equal(ask(w, ROLE_AUTH, REQUEST_MEDIUM_OPEN, "sdb1", medium_number(&import)),
	        REQUESTS_FORBIDDEN);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "../sdb1", medium_number(&import)),
	        REQUESTS_FORBIDDEN);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_OPEN, "sdb1", 0), REQUESTS_FORBIDDEN);
	assert_int_equal(ask(w, ROLE_GUARD, REQUEST_MEDIUM_CLOSE, "sdb1", 1), REQUESTS_FORBIDDEN);
	assert_int_equal(
	        ask(w, ROLE_GUARD, REQUEST_MEDIUM_CLOSE, "sdb1.status", 0), REQUESTS_FORBIDDEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_are_of_block_devices),
	        cmocka_unit_test(an_order_is_a_number),
	        cmocka_unit_test_setup_teardown(
	                an_order_is_read_as_written, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                an_order_otherwise_is_none, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_status_is_read_as_written, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                main_gives_and_takes_orders, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nobody_else_orders, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
