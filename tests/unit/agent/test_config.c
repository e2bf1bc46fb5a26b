#include "agent/config.h"
#include "tests/unit/workspace.h"

#include "core/error.h"

struct expectation {
	const char *text;
	int error;
	unsigned line;
	bool enforce;
	const char *collector;
};

static int config_of(
        struct workspace *w, const char *text, struct agent_config *config, unsigned *line)
{
	char message[160];

	assert_int_equal(workspace_run(w, "mkdir -p etc/sekisho"), 0);
	workspace_write_text(w, "etc/sekisho/agent.yaml", text);
	int r = config_read(w->fd, config, line, message);
	assert_int_equal(r != 0, message[0] != '\0');
	return r;
}

static void good_files_are_read(void **state)
{
	static const struct expectation good[] = {
	        {"", 0, 0, true, ""},
	        {"---\n# a comment\n\nmode: observe\n", 0, 0, false, ""},
	        {"mode: enforce # until further notice\n", 0, 0, true, ""},
	        {"mode: \"observe\"\ncollector: 'https://collector.example.lg.jp:8443' # ours\n", 0,
	                0, false, "https://collector.example.lg.jp:8443"},
	        {"collector: https://[fd00::1]:443", 0, 0, true, "https://[fd00::1]:443"},
	        {"collector: \"\"\n", 0, 0, true, ""},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct agent_config config;
		unsigned line;

		assert_int_equal(config_of(*state, good[i].text, &config, &line), 0);
		assert_int_equal(config.enforce, good[i].enforce);
		assert_string_equal(config.collector, good[i].collector);
	}
}

static void bad_files_are_refused_whole(void **state)
{
	static const struct expectation bad[] = {
	        {"mode: audit\n", 0, 1, true, ""},
	        {"mode: observe\nmode: observe\n", 0, 2, true, ""},
	        {"mode: observe\n\nModes: x\n", 0, 3, true, ""},
	        {"mode observe\n", 0, 1, true, ""},
	        {"mode:observe\n", 0, 1, true, ""},
	        {" mode: observe\n", 0, 1, true, ""},
	        {"mode: observe\r\n", 0, 1, true, ""},
	        {"mode: \"observe\n", 0, 1, true, ""},
	        {"mode: \"observe\" x\n", 0, 1, true, ""},
	        {"mode: \"obs\\x65rve\"\n", 0, 1, true, ""},
	        {"mode: observe\ncollector: http://collector:80\n", 0, 2, true, ""},
	        {"mode: observe\ncollector: https://collector\n", 0, 2, true, ""},
	        {"mode: observe\ncollector: https://collector:70000\n", 0, 2, true, ""},
	        {"mode: observe\ncollector: https://collector:443/path\n", 0, 2, true, ""},
	        {"mode: observe\ncollector: https://user@collector:443\n", 0, 2, true, ""},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct agent_config config;
		unsigned line;

		assert_int_equal(config_of(*state, bad[i].text, &config, &line), ERR_FORMAT);
		assert_int_equal(line, bad[i].line);
		assert_true(config.enforce);
		assert_string_equal(config.collector, "");
	}
}

static void card_modules_are_named(void **state)
{
	static const char *const bad[] = {"card_module: \n", "card_module: lib/x.so\n",
	        "card_module: /usr/lib/../tmp/x.so\n", "card_module: a.so\ncard_module: a.so\n"};
	struct agent_config config;
	unsigned line;

	assert_int_equal(config_of(*state, "mode: observe\n", &config, &line), 0);
	assert_string_equal(config.card_module, "opensc-pkcs11.so");
	assert_int_equal(config_of(*state, "card_module: /usr/lib/x.so\n", &config, &line), 0);
	assert_string_equal(config.card_module, "/usr/lib/x.so");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(config_of(*state, bad[i], &config, &line), ERR_FORMAT);
		assert_string_equal(config.card_module, "opensc-pkcs11.so");
	}
}

static void a_missing_file_is_the_defaults(void **state)
{
	struct workspace *w = *state;
	struct agent_config config = {.enforce = false};
	char message[160];
	unsigned line;

	assert_int_equal(config_read(w->fd, &config, &line, message), ERR_NOT_FOUND);
	assert_true(config.enforce);
	assert_string_equal(config.collector, "");
}

static void a_file_others_may_write_is_unsafe(void **state)
{
	struct workspace *w = *state;
	struct agent_config config;
	char message[160];
	unsigned line;

	assert_int_equal(config_of(w, "mode: observe\n", &config, &line), 0);
	assert_int_equal(workspace_run(w, "chmod 0666 etc/sekisho/agent.yaml"), 0);
	assert_int_equal(config_read(w->fd, &config, &line, message), ERR_UNSAFE);
	assert_true(config.enforce);
	assert_int_equal(
	        workspace_run(w, "mv etc/sekisho/agent.yaml x && chmod 0600 x && ln -s $PWD/x "
	                         "etc/sekisho/agent.yaml"),
	        0);
	assert_int_equal(config_read(w->fd, &config, &line, message), ERR_UNSAFE);
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, workspace_set_up, workspace_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(good_files_are_read),
	        TEST(bad_files_are_refused_whole),
	        TEST(card_modules_are_named),
	        TEST(a_missing_file_is_the_defaults),
	        TEST(a_file_others_may_write_is_unsafe),
	};

	if (geteuid() != 0) /* the file must be root's */
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
