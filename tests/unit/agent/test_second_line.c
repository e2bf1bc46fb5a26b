#include "agent/gate.h"
#include "agent/gate_pins.h"
#include "agent/second_line.h"
#include "tests/unit/workspace.h"

#define STATE "run/sekisho-media/" GATE_STATE

static void pin(const struct workspace *w, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s/%s", &GATE_PINS[1], gate_pins_directory(), name);
	workspace_write_text(w, path, "");
}

/* All that `gate` pins. */
static void pin_all(const struct workspace *w)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p run/sekisho-media %s/%s", &GATE_PINS[1],
	        gate_pins_directory());
	assert_int_equal(workspace_run(w, command), 0);
	for (unsigned i = 0; i < GATE_PIN_COUNT; i++)
		pin(w, gate_pin_name((enum gate_pin)i));
	workspace_write_text(w, &GATE_PIN_MAP[1], "");
	workspace_write_text(w, STATE, "active");
	assert_int_equal(workspace_run(w, "chmod 644 " STATE), 0);
}

static void assert_second_line(const struct workspace *w, const char *expected)
{
	char text[SECOND_LINE_MAX];

	second_line_read(w->fd, text);
	assert_string_equal(text, expected);
}

static void it_is_active_while_all_is_pinned(void **state)
{
	struct workspace *w = *state;

	assert_second_line(w, "absent: never loaded");
	pin_all(w);
	assert_second_line(w, "active");
	workspace_write_text(w, STATE, "off");
	assert_second_line(w, "active");
}

static void one_pin_taken_out_is_seen(void **state)
{
	struct workspace *w = *state;
	char path[128];

	pin_all(w);
	for (unsigned i = 0; i < GATE_PIN_COUNT; i++) {
		const char *name = gate_pin_name((enum gate_pin)i);

		snprintf(
		        path, sizeof(path), "%s/%s/%s", &GATE_PINS[1], gate_pins_directory(), name);
		assert_int_equal(unlinkat(w->fd, path, 0), 0);
		assert_second_line(w, "absent: taken out by somebody");
		pin(w, name);
		assert_second_line(w, "active");
	}
	assert_int_equal(unlinkat(w->fd, &GATE_PIN_MAP[1], 0), 0);
	assert_second_line(w, "absent: taken out by somebody");
}

static void what_gate_said_is_passed_on(void **state)
{
	struct workspace *w = *state;

	assert_int_equal(workspace_run(w, "mkdir -p run/sekisho-media"), 0);
	workspace_write_text(w, STATE, "off");
	assert_int_equal(workspace_run(w, "chmod 644 " STATE), 0);
	assert_second_line(w, "off");
	workspace_write_text(w, STATE, "absent: attach: Operation not permitted");
	assert_second_line(w, "absent: attach: Operation not permitted");
	assert_int_equal(workspace_run(w, "chmod 666 " STATE), 0);
	assert_second_line(w, "absent: never loaded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                it_is_active_while_all_is_pinned, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                one_pin_taken_out_is_seen, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                what_gate_said_is_passed_on, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
