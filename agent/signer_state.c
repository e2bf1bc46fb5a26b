#include "agent/signer_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/utf8.h"

static const char *const NAMES[SECTION_COUNT] = {
        [SECTION_AGENT] = "agent",
        [SECTION_AUTH] = "auth",
        [SECTION_GUARD] = "guard",
        [SECTION_JOURNAL] = "journal",
        [SECTION_POLICY] = "policy",
        [SECTION_REPORTER] = "reporter",
};

/* Each section's fields, ended by 0. */
static const uint16_t FIELDS[SECTION_COUNT][16] = {
        [SECTION_AGENT] = {FIELD_MODE, FIELD_RUNNING, FIELD_RESTARTS, FIELD_VERSION,
                FIELD_SECOND_LINE},
        [SECTION_AUTH] = {FIELD_FACTORS, FIELD_MAX_FAILURES, FIELD_PAM_STACKS, FIELD_PAM_BYPASSED,
                FIELD_PAM_MODULE, FIELD_VOUCHERS, FIELD_SEALED},
        [SECTION_GUARD] = {FIELD_MODE, FIELD_HUBS, FIELD_HUBS_DENYING, FIELD_CONTROLLERS_DENY,
                FIELD_DEVICES, FIELD_DEVICES_ALLOWED, FIELD_DEVICES_DENIED,
                FIELD_DEVICES_UNENFORCED, FIELD_STORAGE_PRESENT, FIELD_WAYS_WATCHED,
                FIELD_WAYS_ABSENT, FIELD_WAYS_UNWATCHED},
        [SECTION_JOURNAL] = {FIELD_JOURNAL_STATE, FIELD_FILE, FIELD_LINE, FIELD_CAUSE},
        [SECTION_POLICY] = {FIELD_POLICY_ID, FIELD_POLICY_VERSION, FIELD_POLICY_DIGEST,
                FIELD_POLICY_STATE, FIELD_POLICY_PROBLEM, FIELD_REPORT_INTERVAL},
        [SECTION_REPORTER] = {FIELD_OUTBOX, FIELD_LAST_RECEIPT, FIELD_COLLECTOR},
};

static const uint16_t VOLATILE[] = {FIELD_OUTBOX, FIELD_LAST_RECEIPT};

/* Each role's sections, ended by SECTION_COUNT. */
static const enum section SECTIONS[ROLE_COUNT][3] = {
        [ROLE_MAIN] = {SECTION_AGENT, SECTION_COUNT},
        [ROLE_GUARD] = {SECTION_GUARD, SECTION_POLICY, SECTION_COUNT},
        [ROLE_AUTH] = {SECTION_AUTH, SECTION_COUNT},
        [ROLE_SIGNER] = {SECTION_JOURNAL, SECTION_COUNT},
        [ROLE_REPORTER] = {SECTION_REPORTER, SECTION_COUNT},
        [ROLE_ADMIN] = {SECTION_COUNT},
        [ROLE_CARD] = {SECTION_COUNT},
        [ROLE_FIDO2] = {SECTION_COUNT},
        [ROLE_SEAL] = {SECTION_COUNT},
        [ROLE_ABSENCE] = {SECTION_COUNT},
};

static bool section_has(enum section section, uint16_t field)
{
	for (size_t i = 0; i < 16 && FIELDS[section][i] != 0; i++)
		if (FIELDS[section][i] == field)
			return true;
	return false;
}

/* JSON text must be UTF-8; a name found on this machine need not be. */
static json_t *text_value(const char *text)
{
	char clean[EVENT_VALUE_MAX + 1];
	size_t length = utf8_clean(text, clean, sizeof(clean));

	return json_stringn(clean, length);
}

static json_t *field_value(uint16_t field, const char *text)
{
	if (event_field_is_flag(field))
		return json_boolean(strcmp(text, "true") == 0);
	if (event_field_is_number(field)) {
		unsigned long long number = strtoull(text, NULL, 10);

		return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
	}
	return text_value(text);
}

/* A new object of those facts that are the section's. */
static json_t *section_value(enum section section, const struct event_record *facts)
{
	json_t *value = json_object();

	for (size_t i = 0; value != NULL && i < facts->count; i++) {
		uint16_t field = facts->fields[i].field;

		if (section_has(section, field) &&
		        json_object_set_new(value, event_field_name(field),
		                field_value(field, facts->fields[i].value)) != 0) {
			json_decref(value);
			value = NULL;
		}
	}
	return value;
}

static bool same_but_volatile(const json_t *a, const json_t *b)
{
	json_t *x, *y;
	bool same = false;

	if (a == NULL || b == NULL)
		return a == b;
	x = json_copy((json_t *)(uintptr_t)a);
	y = json_copy((json_t *)(uintptr_t)b);
	if (x != NULL && y != NULL) {
		for (size_t i = 0; i < sizeof(VOLATILE) / sizeof(VOLATILE[0]); i++) {
			json_object_del(x, event_field_name(VOLATILE[i]));
			json_object_del(y, event_field_name(VOLATILE[i]));
		}
		same = json_equal(x, y) == 1;
	}
	json_decref(x);
	json_decref(y);
	return same;
}

/* Reports were said to wait and no longer do: else the collector would show a backlog that it has
 * itself received. */
static bool backlog_gone(const struct signer_state *s, enum section section, const json_t *value)
{
	const char *name = event_field_name(FIELD_OUTBOX);
	const json_t *said = json_object_get(json_object_get(s->settled, NAMES[section]), name);

	return section == SECTION_REPORTER && json_integer_value(said) > 0 &&
	       json_is_integer(json_object_get(value, name)) &&
	       json_integer_value(json_object_get(value, name)) == 0;
}

static void replace_section(
        struct signer_state *s, enum section section, uint32_t owner, json_t *value)
{
	if (!same_but_volatile(s->sections[section], value) || backlog_gone(s, section, value))
		s->revision++;
	json_decref(s->sections[section]);
	s->sections[section] = value; /* transferred */
	s->owners[section] = owner;
}

static int check_fields(enum role role, const struct event_record *facts)
{
	size_t text = 0;

	for (size_t i = 0; i < facts->count; i++) {
		bool known = false;

		for (size_t k = 0; SECTIONS[role][k] != SECTION_COUNT; k++)
			known = known || section_has(SECTIONS[role][k], facts->fields[i].field);
		if (!known)
			return ERR_FORMAT;
		text += strlen(facts->fields[i].value) + 32;
	}
	/* All sections together must leave room for events in a report. */
	return text <= STATE_TEXT_MAX / SECTION_COUNT ? 0 : ERR_TOO_LONG;
}

int signer_state_set(
        struct signer_state *s, enum role role, uint32_t owner, const struct event_record *facts)
{
	int error;

	if ((unsigned)role >= ROLE_COUNT || SECTIONS[role][0] == SECTION_COUNT)
		return ERR_DENIED;
	error = check_fields(role, facts);
	if (error != 0)
		return error;
	for (size_t k = 0; SECTIONS[role][k] != SECTION_COUNT; k++) {
		json_t *value = section_value(SECTIONS[role][k], facts);

		if (value == NULL)
			return ERR_MEMORY;
		if (json_object_size(value) > 0)
			replace_section(s, SECTIONS[role][k], owner, value);
		else
			json_decref(value);
	}
	return 0;
}

static void journal_facts(const struct signer_journal *j, struct event_record *facts)
{
	event_start(facts, 0);
	if (j->broken) {
		event_put(facts, FIELD_JOURNAL_STATE, "broken");
		event_put(facts, FIELD_FILE, j->fault.file);
		event_put_number(facts, FIELD_LINE, j->fault.line);
		event_put(facts, FIELD_CAUSE, j->fault.cause);
	} else if (j->failure != 0) {
		event_put(facts, FIELD_JOURNAL_STATE, "unwritable");
		event_put(facts, FIELD_CAUSE, strerror(j->failure));
	} else {
		event_put(facts, FIELD_JOURNAL_STATE, "whole");
	}
}

int signer_state_set_journal(struct signer_state *s, const struct signer_journal *j)
{
	struct event_record *facts = calloc(1, sizeof(*facts));
	int error;

	if (facts == NULL)
		return ERR_MEMORY;
	journal_facts(j, facts);
	error = signer_state_set(s, ROLE_SIGNER, 0, facts);
	free(facts);
	return error;
}

uint32_t signer_state_report_interval(const struct signer_state *s)
{
	const json_t *said = json_object_get(
	        s->sections[SECTION_POLICY], event_field_name(FIELD_REPORT_INTERVAL));
	json_int_t seconds = json_integer_value(said);

	return seconds >= REPORT_INTERVAL_MIN && seconds <= REPORT_INTERVAL_MAX ? (uint32_t)seconds
	                                                                        : 0;
}

void signer_state_drop(struct signer_state *s, uint32_t owner)
{
	for (size_t i = 0; i < SECTION_COUNT; i++)
		if (s->sections[i] != NULL && i != SECTION_JOURNAL && s->owners[i] == owner)
			replace_section(s, (enum section)i, 0, NULL);
}

json_t *signer_state_live(const struct signer_state *s)
{
	json_t *state = json_object();

	for (size_t i = 0; state != NULL && i < SECTION_COUNT; i++) {
		if (s->sections[i] != NULL &&
		        json_object_set(state, NAMES[i], s->sections[i]) != 0) {
			json_decref(state);
			state = NULL;
		}
	}
	return state;
}

json_t *signer_state_settle(struct signer_state *s)
{
	json_t *live;

	if (s->settled != NULL && s->settled_revision == s->revision)
		return s->settled;
	live = signer_state_live(s);
	if (live == NULL)
		return NULL;
	json_decref(s->settled);
	s->settled = live; /* transferred */
	s->settled_revision = s->revision;
	return live;
}

int signer_state_digest(const json_t *state, char out[static SHA256_HEX_SIZE])
{
	char *text = json_dumps(state, JSON_SORT_KEYS | JSON_COMPACT);
	int error;

	if (text == NULL)
		return ERR_MEMORY;
	error = encode_sha256_hex(text, strlen(text), out);
	free(text);
	return error;
}

void signer_state_clear(struct signer_state *s)
{
	for (size_t i = 0; i < SECTION_COUNT; i++)
		json_decref(s->sections[i]);
	json_decref(s->settled);
	memset(s, 0, sizeof(*s));
}
