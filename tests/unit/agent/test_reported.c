#include "agent/reported.h"

#include "core/error.h"
#include "tests/unit/workspace.h"

#include <sys/stat.h>

#define HASH "a3f5000000000000000000000000000000000000000000000000000000000b1c"
#define UEID "AQIDBAUGBwgJCgsMDQ4PEBE"

static const struct reported sample = {
        .seq = 17, .head = {.count = 40, .hash = HASH}, .ueid = UEID};

static void written_and_read(void **state)
{
	const struct workspace *w = *state;
	struct reported found;

	assert_int_equal(reported_read(w->fd, geteuid(), &found), ERR_NOT_FOUND);
	assert_int_equal(reported_write(w->fd, &sample), 0);
	assert_int_equal(reported_read(w->fd, geteuid(), &found), 0);
	assert_memory_equal(&found, &sample, sizeof(found));
	assert_int_equal(reported_read(w->fd, geteuid() + 1, &found), ERR_UNSAFE);
	assert_int_equal(fchmodat(w->fd, "reported", 0644, 0), 0);
	assert_int_equal(reported_read(w->fd, geteuid(), &found), ERR_UNSAFE);
}

static void nothing_else_is_read(void **state)
{
	static const char *const wrong[] = {
	        "",
	        "17 40 " HASH "\n",
	        "17 40 " HASH " " UEID,
	        "17 40 " HASH " " UEID "\n\n",
	        "017 40 " HASH " " UEID "\n",
	        "-1 40 " HASH " " UEID "\n",
	        "17  40 " HASH " " UEID "\n",
	        "17 9999999999999999999 " HASH " " UEID "\n",
	        "17 40 " HASH "0 " UEID "\n",
	        "17 40 x3f5000000000000000000000000000000000000000000000000000000000b1c " UEID "\n",
	};
	struct reported found;

	(void)state;
	assert_int_equal(reported_parse("17 40 " HASH " " UEID "\n", &found), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(reported_parse(wrong[i], &found), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                written_and_read, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(nothing_else_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
