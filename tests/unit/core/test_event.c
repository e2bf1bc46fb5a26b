#include "tests/unit/cmocka_all.h"

#include "core/error.h"
#include "core/event.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct event_record e, back;
static uint8_t memory[EVENT_ENCODED_MAX];

static void names(void **state)
{
	(void)state;
	assert_string_equal(event_kind_name(EVENT_AGENT_STARTED), "agent.started");
	assert_string_equal(event_kind_name(EVENT_REPORT_REFUSED), "report.refused");
	assert_null(event_kind_name(0));
	assert_null(event_kind_name(EVENT_KIND_END));
	assert_null(event_kind_name(0xffff));
	assert_null(event_field_name(0));
	assert_null(event_field_name(FIELD_END));
	assert_null(event_field_name(0xffff));
	assert_string_equal(event_field_name(FIELD_POLICY_VERSION), "policy_version");
	/* complete, without doubles, and none of them a member that a journal line has of its own
	 */
	static const char *const taken[] = {"seq", "time", "boot", "uptime_ms", "event", "prev"};
	for (uint16_t i = 1; i < (uint16_t)EVENT_KIND_END; i++) {
		assert_non_null(event_kind_name(i));
		for (uint16_t j = 1; j < i; j++)
			assert_string_not_equal(event_kind_name(i), event_kind_name(j));
	}
	for (uint16_t i = 1; i < (uint16_t)FIELD_END; i++) {
		assert_non_null(event_field_name(i));
		for (uint16_t j = 1; j < i; j++)
			assert_string_not_equal(event_field_name(i), event_field_name(j));
		for (size_t j = 0; j < sizeof(taken) / sizeof(taken[0]); j++)
			assert_string_not_equal(event_field_name(i), taken[j]);
	}
}

static void shapes(void **state)
{
	(void)state;
	assert_true(event_field_is_number(FIELD_COUNT));
	assert_false(event_field_is_number(FIELD_RULE)); /* or "implicit" */
	assert_false(event_field_is_number(FIELD_END));
	assert_true(event_field_is_flag(FIELD_OBSERVED));
	assert_true(event_field_is_flag(FIELD_CONTROLLERS_DENY));
	assert_false(event_field_is_flag(FIELD_COUNT));
	assert_false(event_field_is_flag(0xffff));
	assert_true(event_value_is_valid(FIELD_COUNT, "0"));
	assert_true(event_value_is_valid(FIELD_COUNT, "9223372036854775807"));
	static const char *const no_numbers[] = {"", "-1", "+1", "01", "00", "1 ", " 1", "1.0",
	        "1e3", "0x1", "9223372036854775808", "10000000000000000000"};
	for (size_t i = 0; i < sizeof(no_numbers) / sizeof(no_numbers[0]); i++)
		assert_false(event_value_is_valid(FIELD_COUNT, no_numbers[i]));
	assert_true(event_value_is_valid(FIELD_OBSERVED, "true"));
	assert_true(event_value_is_valid(FIELD_OBSERVED, "false"));
	assert_false(event_value_is_valid(FIELD_OBSERVED, "1"));
	assert_true(event_value_is_valid(FIELD_NAME, "\xff"));
	assert_false(event_value_is_valid(0, "x"));
	assert_false(event_value_is_valid(FIELD_END, "x"));
}

static void round_trip(void **state)
{
	(void)state;
	event_start(&e, EVENT_DEVICE_DENIED);
	event_put(&e, FIELD_NAME, "St\xffick \"関\"\n");
	event_put(&e, FIELD_SERIAL, NULL);
	event_put(&e, FIELD_SERIAL, "");
	event_put_number(&e, FIELD_COUNT, 42);
	event_put(&e, FIELD_OBSERVED, "true");
	assert_int_equal(e.count, 4);
	struct buffer out = buffer_over(memory, sizeof(memory));
	event_encode(&e, &out);
	assert_int_equal(out.error, 0);
	struct buffer in = buffer_from(memory, out.length);
	assert_int_equal(event_decode(&in, &back), 0);
	assert_int_equal(back.kind, EVENT_DEVICE_DENIED);
	assert_int_equal(back.count, e.count);
	for (size_t i = 0; i < e.count; i++) {
		assert_int_equal(back.fields[i].field, e.fields[i].field);
		assert_string_equal(back.fields[i].value, e.fields[i].value);
	}
	/* every shorter message is refused, and so is a longer one */
	for (size_t length = 0; length < out.length; length++) {
		in = buffer_from(memory, length);
		assert_int_equal(event_decode(&in, &back), ERR_FORMAT);
	}
	in = buffer_from(memory, out.length + 1);
	assert_int_equal(event_decode(&in, &back), ERR_FORMAT);
}

static void states_have_kind_0(void **state)
{
	(void)state;
	event_start(&e, 0);
	event_put_number(&e, FIELD_HUBS, 2);
	struct buffer out = buffer_over(memory, sizeof(memory));
	event_encode(&e, &out);
	struct buffer in = buffer_from(memory, out.length);
	assert_int_equal(event_decode(&in, &back), 0);
	assert_int_equal(back.kind, 0);
}

static void values_are_cut(void **state)
{
	char longer[EVENT_VALUE_MAX + 100];

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	event_start(&e, EVENT_DEVICE_DENIED);
	event_put(&e, FIELD_NAME, longer);
	assert_int_equal(strlen(e.fields[0].value), EVENT_VALUE_MAX);
	/* too much in all is the buffer's error */
	for (uint16_t i = 1; i < (uint16_t)EVENT_FIELDS_MAX; i++)
		event_put(&e, (uint16_t)(FIELD_DEVICE + i), longer);
	struct buffer out = buffer_over(memory, sizeof(memory));
	event_encode(&e, &out);
	assert_int_equal(out.error, ERR_TOO_LONG);
}

static int decode_one(uint16_t kind, uint8_t count, const uint16_t *fields,
        const char *const *values, size_t given)
{
	struct buffer out = buffer_over(memory, sizeof(memory));

	buffer_put_u16(&out, kind);
	buffer_put_u8(&out, count);
	for (size_t i = 0; i < given; i++) {
		buffer_put_u16(&out, fields[i]);
		buffer_put_string(&out, values[i]);
	}
	assert_int_equal(out.error, 0);
	struct buffer in = buffer_from(memory, out.length);
	return event_decode(&in, &back);
}

static void decode_refuses(void **state)
{
	char longer[EVENT_VALUE_MAX + 2];
	const char *values[EVENT_FIELDS_MAX + 1];
	uint16_t fields[EVENT_FIELDS_MAX + 1];

	(void)state;
	for (size_t i = 0; i <= EVENT_FIELDS_MAX; i++) {
		fields[i] = (uint16_t)(FIELD_DEVICE + i);
		values[i] = "1";
	}
	assert_int_equal(decode_one(EVENT_KIND_END, 0, NULL, NULL, 0), ERR_FORMAT);
	assert_int_equal(decode_one(0xffff, 0, NULL, NULL, 0), ERR_FORMAT);
	assert_int_equal(decode_one(1, EVENT_FIELDS_MAX + 1, fields, values, EVENT_FIELDS_MAX + 1),
	        ERR_FORMAT);
	assert_int_equal(decode_one(1, 1, (uint16_t[]){0}, values, 1), ERR_FORMAT);
	assert_int_equal(decode_one(1, 1, (uint16_t[]){FIELD_END}, values, 1), ERR_FORMAT);
	assert_int_equal(
	        decode_one(1, 2, (uint16_t[]){FIELD_USER, FIELD_USER}, values, 2), ERR_FORMAT);
	assert_int_equal(back.count, 0);
	assert_int_equal(
	        decode_one(1, 1, (uint16_t[]){FIELD_COUNT}, (const char *[]){"x"}, 1), ERR_FORMAT);
	assert_int_equal(decode_one(1, 1, (uint16_t[]){FIELD_OBSERVED}, (const char *[]){"yes"}, 1),
	        ERR_FORMAT);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(decode_one(1, 1, (uint16_t[]){FIELD_NAME}, (const char *[]){longer}, 1),
	        ERR_FORMAT);
	assert_int_equal(
	        decode_one(1, 1, (uint16_t[]){FIELD_NAME}, (const char *[]){longer + 1}, 1), 0);
	assert_int_equal(decode_one(1, 1, fields, values, 2), ERR_FORMAT);
	assert_int_equal(decode_one(1, 2, fields, values, 1), ERR_FORMAT);
}

static void a_field_too_many_aborts(void **state)
{
	int status = 0;

	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		signal(SIGABRT, SIG_DFL);
		event_start(&e, EVENT_AGENT_STARTED);
		for (int i = 0; i <= EVENT_FIELDS_MAX; i++)
			event_put(&e, FIELD_NAME, "x");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names),
	        cmocka_unit_test(shapes),
	        cmocka_unit_test(round_trip),
	        cmocka_unit_test(states_have_kind_0),
	        cmocka_unit_test(values_are_cut),
	        cmocka_unit_test(decode_refuses),
	        cmocka_unit_test(a_field_too_many_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
