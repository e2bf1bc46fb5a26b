#include "collector/config.h"

#include "core/error.h"
#include "tests/unit/workspace.h"

#include <string.h>

static int parse(const char *text, struct config *config, char message[200])
{
	return config_parse((const uint8_t *)text, strlen(text), config, message);
}

static void test_all_keys(void **state)
{
	struct config config;
	char message[200];

	(void)state;
	assert_int_equal(
	        parse("dir: /srv/c\nlisten: '[::1]:9443'\nfresh_seconds: 90\nstale_seconds: 3600\n"
	              "connections_max: 12\ntls_certificate: /a\ntls_key: /b\n",
	                &config, message),
	        0);
	assert_string_equal(config.dir, "/srv/c");
	assert_string_equal(config.listen_host, "::1");
	assert_int_equal(config.listen_port, 9443);
	assert_int_equal(config.fresh_seconds, 90);
	assert_int_equal(config.stale_seconds, 3600);
	assert_int_equal(config.connections_max, 12);
	assert_string_equal(config.tls_certificate, "/a");
	assert_string_equal(config.tls_key, "/b");
}

static void test_defaults(void **state)
{
	struct config config;
	char message[200];

	(void)state;
	assert_int_equal(parse("dir: /x\n", &config, message), 0);
	assert_int_equal(config.fresh_seconds, 180);
	assert_int_equal(config.stale_seconds, 86400);
	assert_int_equal(config.listen_port, 8443);
	assert_string_equal(config.tls_key, "");
}

static void test_refused(void **state)
{
	static const char *const texts[] = {"colour: red\n", "dir: /a\ndir: /b\n",
	        "listen: 127.0.0.1\n", "listen: localhost:1\n", "listen: 1.2.3.4:0\n",
	        "listen: 1.2.3.4:65536\n", "listen: 1.2.3.4:80x\n", "listen: '[::1]80'\n",
	        "listen: ::1:80\n", "fresh_seconds: 9\n", "fresh_seconds: -1\n",
	        "fresh_seconds: soon\n", "fresh_seconds: 100\nstale_seconds: 99\n",
	        "stale_seconds: 99999999\n", "connections_max: 0\n", "connections_max: 100001\n",
	        "tls_key: /a\n", "tls_certificate: /a\n", "dir: [a]\n", "dir:\n  - a\n", "[]\n",
	        "dir: &a /x\nlisten: *a\n", "a: b: c\n", "dir: ''\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config config;
		char message[200] = "";
		if (parse(texts[i], &config, message) != ERR_FORMAT)
			fail_msg("taken: %s", texts[i]);
		assert_true(message[0] != '\0');
	}
}

static void test_files(void **state)
{
	const struct workspace *w = *state;
	struct config config;
	char message[200];
	char path[128];

	snprintf(path, sizeof(path), "%s/collector.yaml", w->path);
	assert_int_equal(config_read(path, &config, message), ERR_NOT_FOUND);
	workspace_write_text(w, "collector.yaml", "fresh_seconds: 33\n");
	assert_int_equal(config_read(path, &config, message), 0);
	assert_int_equal(config.fresh_seconds, 33);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(config_read(path, &config, message), ERR_UNSAFE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_all_keys),
	        cmocka_unit_test(test_defaults),
	        cmocka_unit_test(test_refused),
	        cmocka_unit_test_setup_teardown(test_files, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
