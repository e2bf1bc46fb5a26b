#include "collector/directory.h"

#include "core/error.h"
#include "tests/unit/workspace.h"

static void in(const struct workspace *w, const char *name, char path[static 128])
{
	snprintf(path, 128, "%s/%s", w->path, name);
}

static void test_create(void **state)
{
	const struct workspace *w = *state;
	struct stat status;
	char path[128];
	uint8_t *data = NULL;
	size_t length = 0;

	in(w, "none/d", path);
	assert_int_equal(directory_create(path, NULL), ERR_NOT_FOUND);
	in(w, "d", path);
	assert_int_equal(directory_create(path, NULL), 0);
	assert_int_equal(fstatat(w->fd, "d", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	/* It is the working directory now. */
	assert_int_equal(directory_write("key", "abc", 3, true), 0);
	assert_int_equal(directory_write("key", "abc", 3, true), ERR_EXISTS);
	assert_int_equal(directory_write("cert", "def", 3, false), 0);
	assert_int_equal(fstatat(w->fd, "d/key", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(directory_read("key", true, &data, &length), 0);
	assert_int_equal(length, 3);
	assert_string_equal((const char *)data, "abc");
	free(data);
	assert_int_equal(directory_read("none", true, &data, &length), ERR_NOT_FOUND);
	assert_int_equal(chmod("key", 0640), 0);
	assert_int_equal(directory_read("key", true, &data, &length), ERR_UNSAFE);
	assert_null(data);
	assert_int_equal(directory_create(path, NULL), ERR_EXISTS);
	assert_int_equal(chdir("/"), 0);
}

static void test_enter(void **state)
{
	const struct workspace *w = *state;
	char path[128];
	char link[128];

	in(w, "d", path);
	assert_int_equal(directory_enter(path, NULL), ERR_NOT_FOUND);
	assert_int_equal(directory_create(path, NULL), 0);
	assert_int_equal(directory_enter(path, NULL), 0);
	assert_int_equal(chmod(path, 0750), 0);
	assert_int_equal(directory_enter(path, NULL), ERR_UNSAFE);
	assert_int_equal(chmod(path, 0700), 0);
	in(w, "link", link);
	assert_int_equal(symlink(path, link), 0);
	assert_int_not_equal(directory_enter(link, NULL), 0);
	assert_int_equal(chdir("/"), 0);
}

static void test_users(void **state)
{
	char own[24];

	(void)state;
	assert_int_equal(directory_become("no-such-user-here"), ERR_NOT_FOUND);
	assert_int_equal(directory_become("12x"), ERR_NOT_FOUND);
	assert_int_equal(directory_become(""), ERR_NOT_FOUND);
	assert_int_equal(directory_become("-1"), ERR_NOT_FOUND);
	snprintf(own, sizeof(own), "%u", (unsigned)getuid());
	assert_int_equal(directory_become(own), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_create, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(test_enter, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
