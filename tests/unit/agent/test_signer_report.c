#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/signer_report.h"
#include "core/error.h"
#include "core/jws.h"
#include "tests/unit/agent/certificate.h"
#include "tests/unit/agent/temporary.h"

#define UEID "AQAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_UEID "AQEBAQEBAQEBAQEBAQEBAQE"

/* A terminal's directories with a key, its certificate and an enrolment. */
struct fixture {
	struct temporary *temporary;
	int root;
	struct key *key;
	struct signer_journal journal;
	struct signer_state state;
	struct signer_report report;
};

static void enrol(const struct fixture *f, const char *ueid, const struct key *certified)
{
	char *pem = NULL, *certificate = certificate_make(key_evp(certified), NULL);
	struct enrolment e = {.collector = "https://localhost:8443", .terminal = "t1"};
	size_t length = 0;
	char *text;

	assert_int_equal(key_write_public(f->key, &e.receipt_key, &length), 0);
	snprintf(e.ueid, sizeof(e.ueid), "%s", ueid);
	text = enrolment_print(&e);
	temporary_write(f->root, PATH_ENROLMENT_DIR "/" ENROLMENT_FILE, text, 0644);
	temporary_write(f->root, PATH_ENROLMENT_DIR "/" ENROLMENT_CERTIFICATE, certificate, 0644);
	assert_int_equal(key_write_private(f->key, &pem, &length), 0);
	temporary_write(f->root, PATH_SIGNER_DIR "/" SIGNER_KEY, pem, 0600);
	free(pem);
	free(text);
	free(certificate);
	enrolment_clear(&e);
}

static void open_report(struct fixture *f)
{
	assert_int_equal(signer_report_open(&f->report, f->root), 0);
	assert_int_equal(signer_report_load(&f->report), 0);
}

static int setup(void **state)
{
	static const char *const paths[] = {"var", "var/lib", PATH_STATE, PATH_JOURNAL_DIR,
	        PATH_SIGNER_DIR, PATH_ENROLMENT_DIR};
	struct fixture *f;

	if (temporary_setup(state) != 0)
		return -1;
	f = calloc(1, sizeof(*f));
	f->temporary = *state;
	f->root = f->temporary->dir;
	*state = f;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (mkdirat(f->root, paths[i], 0700) != 0)
			return -1;
	if (key_generate(&f->key) != 0)
		return -1;
	enrol(f, UEID, f->key);
	open_report(f);
	return signer_journal_open(
	        &f->journal, openat(f->root, PATH_JOURNAL_DIR, O_RDONLY | O_CLOEXEC), NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *temporary = f->temporary;

	signer_report_close(&f->report);
	signer_journal_close(&f->journal);
	signer_state_clear(&f->state);
	key_free(&f->key);
	free(f);
	return temporary_teardown(&temporary);
}

static void tell(struct fixture *f, unsigned count, size_t length)
{
	char value[EVENT_VALUE_MAX + 1];
	struct event_record e;

	memset(value, '"', sizeof(value));
	value[length] = '\0';
	for (unsigned i = 0; i < count; i++) {
		event_start(&e, EVENT_DEVICE_DENIED);
		event_put(&e, FIELD_NAME, value);
		assert_int_equal(signer_journal_add(&f->journal, &e, NULL), 0);
	}
	assert_int_equal(signer_journal_commit(&f->journal), 0);
}

static void tell_state(struct fixture *f, enum role role, uint16_t field, const char *value)
{
	struct event_record e;

	event_start(&e, 0);
	event_put(&e, field, value);
	assert_int_equal(signer_state_set(&f->state, role, (uint32_t)role + 1, &e), 0);
}

/* The verified claims of the next report; a new reference. */
static json_t *make_with(struct fixture *f, const struct report_wish *wish, bool *more)
{
	uint8_t *payload = NULL;
	size_t length = 0;
	char *jws = NULL;
	json_t *claims;

	assert_int_equal(
	        signer_report_make(&f->report, &f->journal, &f->state, wish, &jws, more), 0);
	assert_int_equal(
	        jws_verify(jws, strlen(jws), f->key, JWS_TYP_REPORT, &payload, &length), 0);
	claims = json_loadb((const char *)payload, length, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(claims);
	free(payload);
	free(jws);
	return claims;
}

static json_t *make(struct fixture *f)
{
	const struct report_wish wish = {.nonce = ""};
	bool more;

	return make_with(f, &wish, &more);
}

static json_int_t integer(const json_t *claims, const char *name)
{
	return json_integer_value(json_object_get(claims, name));
}

static void a_report_says_what_the_protocol_lists(void **state)
{
	static const char *const members[] = {"eat_profile", "ueid", "iat", "eat_nonce", "exporter",
	        "seq", "boot", "journal", "policy", "state_digest", "state", "events", "more"};
	uint8_t exporter[32] = {0xff};
	struct report_wish wish = {"bm9uY2U", exporter, sizeof(exporter), false};
	struct fixture *f = *state;
	char digest[SHA256_HEX_SIZE];
	bool more;
	json_t *claims;

	tell(f, 2, 10);
	tell_state(f, ROLE_MAIN, FIELD_MODE, "enforce");
	claims = make_with(f, &wish, &more);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		assert_non_null(json_object_get(claims, members[i]));
	assert_int_equal(json_object_size(claims), sizeof(members) / sizeof(members[0]));
	assert_string_equal(json_string_value(json_object_get(claims, "eat_nonce")), "bm9uY2U");
	assert_string_equal(json_string_value(json_object_get(claims, "ueid")), UEID);
	assert_string_equal(json_string_value(json_object_get(claims, "exporter")),
	        "_wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(integer(claims, "seq"), 1);
	assert_int_equal(json_array_size(json_object_get(claims, "events")), 2);
	assert_int_equal(integer(json_object_get(claims, "journal"), "count"), 2);
	assert_string_equal(
	        json_string_value(json_object_get(json_object_get(claims, "journal"), "head")),
	        f->journal.head.hash);
	assert_int_equal(json_object_size(json_object_get(claims, "policy")), 0);
	assert_int_equal(signer_state_digest(json_object_get(claims, "state"), digest), 0);
	assert_string_equal(json_string_value(json_object_get(claims, "state_digest")), digest);
	assert_false(more);
	json_decref(claims);
}

static void absent_wishes_are_absent(void **state)
{
	struct fixture *f = *state;
	json_t *claims = make(f);

	assert_null(json_object_get(claims, "eat_nonce"));
	assert_null(json_object_get(claims, "exporter"));
	json_decref(claims);
}

static void a_number_is_used_until_it_is_stored(void **state)
{
	struct fixture *f = *state;
	json_t *claims;

	for (int i = 0; i < 3; i++) {
		tell(f, 1, 10);
		claims = make(f);
		assert_int_equal(integer(claims, "seq"), 1);
		assert_int_equal(json_array_size(json_object_get(claims, "events")), (size_t)i + 1);
		json_decref(claims);
	}
	assert_int_equal(signer_report_stored(&f->report, 2), ERR_FORMAT);
	assert_int_equal(signer_report_stored(&f->report, 1), 0);
	assert_int_equal(signer_report_stored(&f->report, 1), ERR_FORMAT);
	claims = make(f);
	assert_int_equal(integer(claims, "seq"), 2);
	assert_int_equal(json_array_size(json_object_get(claims, "events")), 0);
	json_decref(claims);
}

/* A signer that was killed knows what it had said to be stored, and nothing else. */
static void counters_survive(void **state)
{
	struct fixture *f = *state;

	tell(f, 3, 10);
	json_decref(make(f));
	assert_int_equal(signer_report_stored(&f->report, 1), 0);
	json_decref(make(f)); /* 2, never stored */
	signer_report_close(&f->report);
	open_report(f);
	assert_int_equal(f->report.stored, 1);
	assert_int_equal(f->report.reported.count, 3);
	assert_string_equal(f->report.reported.hash, f->journal.head.hash);
	assert_int_equal(signer_report_stored(&f->report, 2), ERR_FORMAT);
}

static void a_new_enrolment_begins_at_one(void **state)
{
	struct fixture *f = *state;
	json_t *claims;

	tell(f, 3, 10);
	json_decref(make(f));
	assert_int_equal(signer_report_stored(&f->report, 1), 0);
	enrol(f, OTHER_UEID, f->key);
	assert_int_equal(signer_report_load(&f->report), 0);
	claims = make(f);
	assert_int_equal(integer(claims, "seq"), 1);
	assert_int_equal(json_array_size(json_object_get(claims, "events")), 3);
	json_decref(claims);
}

/* Better no report than a sequence number that was used before. */
static void broken_counters_stop_reports(void **state)
{
	static const char *const texts[] = {"", "1 2\n", "1 2 abc " UEID "\n",
	        "-1 2 " JOURNAL_GENESIS " " UEID "\n", "1 2 " JOURNAL_GENESIS " " UEID,
	        "01 2 " JOURNAL_GENESIS " " UEID "\n"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		temporary_write(f->root, PATH_SIGNER_DIR "/" SIGNER_STATE, texts[i], 0600);
		assert_int_equal(signer_report_load(&f->report), ERR_FORMAT);
		assert_null(f->report.key);
	}
	temporary_write(f->root, PATH_SIGNER_DIR "/" SIGNER_STATE,
	        "1 2 " JOURNAL_GENESIS " " UEID "\n", 0600);
	assert_int_equal(signer_report_load(&f->report), 0);
	assert_int_equal(f->report.stored, 1);
}

static void a_key_beside_another_certificate_is_no_enrolment(void **state)
{
	const struct report_wish wish = {.nonce = ""};
	struct fixture *f = *state;
	struct key *other = NULL;
	char *jws = NULL;
	bool more;

	assert_int_equal(key_generate(&other), 0);
	enrol(f, UEID, other);
	assert_int_equal(signer_report_load(&f->report), ERR_SIGNATURE);
	assert_int_equal(signer_report_make(&f->report, &f->journal, &f->state, &wish, &jws, &more),
	        ERR_NOT_FOUND);
	assert_null(jws);
	key_free(&other);
}

static void a_key_others_can_read_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fchmodat(f->root, PATH_SIGNER_DIR "/" SIGNER_KEY, 0640, 0), 0);
	assert_int_equal(signer_report_load(&f->report), ERR_UNSAFE);
	assert_null(f->report.key);
}

/* Quotation marks take two characters in the line and four in the report. */
static void many_events_go_in_several_reports(void **state)
{
	const struct report_wish wish = {.nonce = ""};
	struct fixture *f = *state;
	struct journal_head head = {.count = 0, .hash = JOURNAL_GENESIS};
	size_t reports = 0;
	bool more = true;

	tell(f, 200, EVENT_VALUE_MAX);
	while (more) {
		json_t *claims = make_with(f, &wish, &more), *events, *line;
		const char *cause;
		size_t i;

		events = json_object_get(claims, "events");
		assert_int_equal(json_is_true(json_object_get(claims, "more")), more);
		json_array_foreach(events, i, line)
		        assert_int_equal(journal_check_line(json_string_value(line),
		                                 json_string_length(line), &head, &cause),
		                0);
		assert_int_equal(signer_report_stored(&f->report, ++reports), 0);
		json_decref(claims);
	}
	assert_true(reports > 10);
	assert_int_equal(head.count, 200);
	assert_string_equal(head.hash, f->journal.head.hash);
}

static void a_line_of_the_greatest_length_fits(void **state)
{
	struct fixture *f = *state;
	struct event_record *e = calloc(1, sizeof(*e));
	char value[EVENT_VALUE_MAX + 1];
	json_t *claims;

	memset(value, '\\', EVENT_VALUE_MAX);
	value[EVENT_VALUE_MAX] = '\0';
	event_start(e, EVENT_DEVICE_DENIED);
	for (uint16_t field = 1; field < FIELD_END && e->count < EVENT_FIELDS_MAX; field++)
		if (!event_field_is_number(field) && !event_field_is_flag(field))
			event_put(e, field, value);
	assert_int_equal(signer_journal_add(&f->journal, e, NULL), 0);
	assert_int_equal(signer_journal_commit(&f->journal), 0);
	claims = make(f);
	assert_int_equal(json_array_size(json_object_get(claims, "events")), 1);
	json_decref(claims);
	free(e);
}

static void the_state_goes_when_it_changed_or_is_asked_for(void **state)
{
	struct report_wish full = {.nonce = "", .full_state = true};
	struct fixture *f = *state;
	json_t *claims;
	bool more;

	tell_state(f, ROLE_MAIN, FIELD_MODE, "enforce");
	claims = make(f);
	assert_non_null(json_object_get(claims, "state"));
	json_decref(claims);
	assert_int_equal(signer_report_stored(&f->report, 1), 0);

	/* What changes with every report makes no report's state new. */
	tell_state(f, ROLE_REPORTER, FIELD_LAST_RECEIPT, "2026-11-21T08:47:11Z");
	claims = make(f);
	assert_non_null(json_object_get(claims, "state")); /* the section is new */
	json_decref(claims);
	assert_int_equal(signer_report_stored(&f->report, 2), 0);
	tell_state(f, ROLE_REPORTER, FIELD_LAST_RECEIPT, "2026-11-21T08:48:11Z");
	claims = make(f);
	assert_null(json_object_get(claims, "state"));
	json_decref(claims);
	claims = make_with(f, &full, &more);
	assert_non_null(json_object_get(claims, "state"));
	json_decref(claims);

	tell_state(f, ROLE_MAIN, FIELD_MODE, "observe");
	claims = make(f);
	assert_non_null(json_object_get(claims, "state"));
	json_decref(claims);
}

static void a_section_goes_with_who_said_it(void **state)
{
	struct fixture *f = *state;
	uint64_t revision;
	json_t *live;

	tell_state(f, ROLE_GUARD, FIELD_HUBS, "2");
	tell_state(f, ROLE_GUARD, FIELD_POLICY_STATE, "in-force");
	tell_state(f, ROLE_MAIN, FIELD_MODE, "enforce");
	revision = f->state.revision;
	signer_state_drop(&f->state, ROLE_GUARD + 1);
	live = signer_state_live(&f->state);
	assert_null(json_object_get(live, "guard"));
	assert_null(json_object_get(live, "policy"));
	assert_non_null(json_object_get(live, "agent"));
	assert_true(f->state.revision > revision);
	json_decref(live);
}

static void a_role_speaks_of_its_own_only(void **state)
{
	struct fixture *f = *state;
	struct event_record e;

	event_start(&e, 0);
	event_put(&e, FIELD_HUBS, "2");
	assert_int_equal(signer_state_set(&f->state, ROLE_GUARD, 1, &e), 0);
	assert_int_equal(signer_state_set(&f->state, ROLE_AUTH, 1, &e), ERR_FORMAT);
	assert_int_equal(signer_state_set(&f->state, ROLE_ADMIN, 1, &e), ERR_DENIED);
	assert_int_equal(signer_state_set(&f->state, ROLE_COUNT, 1, &e), ERR_DENIED);
}

static void the_interval_is_the_policys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(signer_state_report_interval(&f->state), 0);
	tell_state(f, ROLE_GUARD, FIELD_REPORT_INTERVAL, "300");
	assert_int_equal(signer_state_report_interval(&f->state), 300);
	tell_state(f, ROLE_GUARD, FIELD_REPORT_INTERVAL, "9");
	assert_int_equal(signer_state_report_interval(&f->state), 0);
	tell_state(f, ROLE_GUARD, FIELD_REPORT_INTERVAL, "3601");
	assert_int_equal(signer_state_report_interval(&f->state), 0);
	tell_state(f, ROLE_GUARD, FIELD_REPORT_INTERVAL, "3600");
	assert_int_equal(signer_state_report_interval(&f->state), 3600);
	signer_state_drop(&f->state, ROLE_GUARD + 1);
	assert_int_equal(signer_state_report_interval(&f->state), 0);
}

static void a_backlog_that_is_gone_is_news(void **state)
{
	struct fixture *f = *state;
	uint64_t revision;

	tell_state(f, ROLE_REPORTER, FIELD_OUTBOX, "3");
	json_decref(make(f));
	revision = f->state.revision;
	tell_state(f, ROLE_REPORTER, FIELD_OUTBOX, "1");
	assert_int_equal(f->state.revision, revision);
	tell_state(f, ROLE_REPORTER, FIELD_OUTBOX, "0");
	assert_true(f->state.revision > revision);
	json_decref(make(f));
	revision = f->state.revision;
	tell_state(f, ROLE_REPORTER, FIELD_OUTBOX, "1");
	tell_state(f, ROLE_REPORTER, FIELD_OUTBOX, "0");
	assert_int_equal(f->state.revision, revision);
}

static void status_says_where_things_stand(void **state)
{
	struct fixture *f = *state;
	json_t *status;
	char *text;

	tell(f, 2, 3);
	tell_state(f, ROLE_MAIN, FIELD_MODE, "observe");
	assert_int_equal(signer_state_set_journal(&f->state, &f->journal), 0);
	json_decref(make(f));
	assert_int_equal(signer_report_stored(&f->report, 1), 0);
	text = signer_report_status(&f->report, &f->journal, &f->state);
	status = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(json_string_value(json_object_get(status, "terminal")), "t1");
	assert_string_equal(json_string_value(json_object_get(status, "mode")), "observe");
	assert_true(json_is_true(json_object_get(status, "enrolled")));
	assert_int_equal(integer(status, "seq"), 1);
	assert_int_equal(integer(json_object_get(status, "journal"), "count"), 2);
	assert_string_equal(json_string_value(json_object_get(
	                            json_object_get(json_object_get(status, "state"), "journal"),
	                            "journal_state")),
	        "whole");
	json_decref(status);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_report_says_what_the_protocol_lists),
	        TEST(absent_wishes_are_absent),
	        TEST(a_number_is_used_until_it_is_stored),
	        TEST(counters_survive),
	        TEST(a_new_enrolment_begins_at_one),
	        TEST(broken_counters_stop_reports),
	        TEST(a_key_beside_another_certificate_is_no_enrolment),
	        TEST(a_key_others_can_read_is_refused),
	        TEST(many_events_go_in_several_reports),
	        TEST(a_line_of_the_greatest_length_fits),
	        TEST(the_state_goes_when_it_changed_or_is_asked_for),
	        TEST(a_section_goes_with_who_said_it),
	        TEST(a_role_speaks_of_its_own_only),
	        TEST(the_interval_is_the_policys),
	        TEST(a_backlog_that_is_gone_is_news),
	        TEST(status_says_where_things_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
