#include "collector/claims.h"

#include "collector/strict.h"
#include "core/error.h"
#include "core/event.h"

#include <stdlib.h>
#include <string.h>

enum { SEQ_MAX_BITS = 53, UEID_SIZE = 17, UEID_TYPE_RAND = 1, NONCE_SIZE = 32, HASH_DIGITS = 64 };

static const char *const SECTIONS[] = {"agent", "guard", "auth", "policy", "reporter", "journal"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool claims_is_ueid(const char *text)
{
	uint8_t bytes[UEID_SIZE];

	return strict_is_base64url(text, sizeof(bytes), bytes) && bytes[0] == UEID_TYPE_RAND;
}

int claims_peek_ueid(const void *payload, size_t length, char out[static 24])
{
	json_t *json = strict_parse(payload, length);
	const char *ueid = json_string_value(json_object_get(json, "ueid"));
	int error = ERR_FORMAT;

	if (ueid != NULL && claims_is_ueid(ueid)) {
		memcpy(out, ueid, 24);
		error = 0;
	}
	json_decref(json);
	return error;
}

static bool is_uuid(const char *text)
{
	if (strlen(text) != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	return true;
}

static bool is_count(const json_t *value, json_int_t smallest)
{
	json_int_t number = json_integer_value(value);

	return json_is_integer(value) && number >= smallest &&
	       number < (json_int_t)1 << SEQ_MAX_BITS;
}

static bool field_matches(const char *name, const json_t *value)
{
	for (unsigned number = 1; number < FIELD_END; number++) {
		uint16_t field = (uint16_t)number;
		const char *known = event_field_name(field);
		if (known == NULL || strcmp(known, name) != 0)
			continue;
		if (event_field_is_number(field))
			return is_count(value, 0);
		if (event_field_is_flag(field))
			return json_is_boolean(value);
		return json_is_string(value);
	}
	return false;
}

static bool section_matches(const char *name, const json_t *section)
{
	const char *field;
	json_t *value;
	bool known = false;

	for (size_t i = 0; i < COUNT(SECTIONS); i++)
		known = known || strcmp(SECTIONS[i], name) == 0;
	if (!known || !json_is_object(section))
		return false;
	json_object_foreach(
	        (json_t *)section, field, value) if (!field_matches(field, value)) return false;
	return true;
}

static bool digest_matches(const json_t *state, const char *digest)
{
	char hash[SHA256_HEX_SIZE] = "";
	char *text = json_dumps(state, JSON_SORT_KEYS | JSON_COMPACT);
	bool same = text != NULL && encode_sha256_hex(text, strlen(text), hash) == 0 &&
	            strcmp(hash, digest) == 0;

	free(text);
	return same;
}

static const char *check_state(const struct claims *c)
{
	const char *name;
	json_t *section;

	if (!strict_is_hex(c->state_digest, HASH_DIGITS))
		return "state_digest is not a SHA-256";
	if (c->state == NULL)
		return NULL;
	json_object_foreach((json_t *)c->state, name,
	        section) if (!section_matches(name,
	                             section)) return "an unknown section or field of state";
	return digest_matches(c->state, c->state_digest) ? NULL
	                                                 : "state_digest is not that of state";
}

static const char *check_journal(struct claims *c)
{
	static const struct strict_member members[] = {
	        {"count", STRICT_INTEGER, true, 0}, {"head", STRICT_STRING, true, HASH_DIGITS}};
	const json_t *journal = json_object_get(c->json, "journal");
	const char *head = json_string_value(json_object_get(journal, "head"));

	if (!strict_matches(journal, members, COUNT(members)) ||
	        !is_count(json_object_get(journal, "count"), 0) ||
	        !strict_is_hex(head, HASH_DIGITS))
		return "journal is not a count and a hash";
	c->journal.count = (uint64_t)json_integer_value(json_object_get(journal, "count"));
	memcpy(c->journal.hash, head, SHA256_HEX_SIZE);
	return NULL;
}

static const char *check_policy(const struct claims *c)
{
	static const struct strict_member members[] = {{"id", STRICT_STRING, true, 64},
	        {"version", STRICT_INTEGER, true, 0}, {"digest", STRICT_STRING, true, HASH_DIGITS}};

	if (json_object_size(c->policy) == 0)
		return NULL;
	if (!strict_matches(c->policy, members, COUNT(members)) ||
	        !is_count(json_object_get(c->policy, "version"), 1) ||
	        !strict_is_hex(
	                json_string_value(json_object_get(c->policy, "digest")), HASH_DIGITS))
		return "policy is not an id, a version and a digest";
	return NULL;
}

static const char *check_events(const struct claims *c)
{
	size_t index;
	const json_t *event;

	if (json_array_size(c->events) > CLAIMS_EVENTS_MAX)
		return "too many events";
	json_array_foreach((json_t *)c->events, index,
	        event) if (!json_is_string(event) ||
	                   json_string_length(event) >
	                           JOURNAL_LINE_MAX) return "an event is not a line of a journal";
	return NULL;
}

static const char *check_session(const struct claims *c)
{
	if (!claims_is_ueid(c->ueid))
		return "ueid is not of type RAND";
	if (c->nonce != NULL && !strict_is_base64url(c->nonce, NONCE_SIZE, NULL))
		return "eat_nonce is not a nonce of a collector";
	if (c->exporter != NULL && !strict_is_base64url(c->exporter, NONCE_SIZE, NULL))
		return "exporter is not 32 bytes";
	return is_uuid(c->boot) ? NULL : "boot is not a boot id";
}

static const char *take_members(struct claims *c)
{
	static const struct strict_member members[] = {{"eat_profile", STRICT_STRING, true, 64},
	        {"ueid", STRICT_STRING, true, 23}, {"iat", STRICT_INTEGER, true, 0},
	        {"eat_nonce", STRICT_STRING, false, 43}, {"exporter", STRICT_STRING, false, 43},
	        {"seq", STRICT_INTEGER, true, 0}, {"boot", STRICT_STRING, true, 36},
	        {"journal", STRICT_OBJECT, true, 0}, {"policy", STRICT_OBJECT, true, 0},
	        {"state_digest", STRICT_STRING, true, HASH_DIGITS},
	        {"state", STRICT_OBJECT, false, 0}, {"events", STRICT_ARRAY, true, 0},
	        {"more", STRICT_BOOLEAN, true, 0}};

	if (!strict_matches(c->json, members, COUNT(members)))
		return "a member is missing, unknown or of another type";
	if (strcmp(json_string_value(json_object_get(c->json, "eat_profile")), CLAIMS_PROFILE) != 0)
		return "eat_profile is not " CLAIMS_PROFILE;
	if (!is_count(json_object_get(c->json, "seq"), 1) ||
	        !is_count(json_object_get(c->json, "iat"), 0))
		return "seq or iat is out of range";
	c->ueid = json_string_value(json_object_get(c->json, "ueid"));
	c->nonce = json_string_value(json_object_get(c->json, "eat_nonce"));
	c->exporter = json_string_value(json_object_get(c->json, "exporter"));
	c->boot = json_string_value(json_object_get(c->json, "boot"));
	c->state_digest = json_string_value(json_object_get(c->json, "state_digest"));
	c->state = json_object_get(c->json, "state");
	c->events = json_object_get(c->json, "events");
	c->policy = json_object_get(c->json, "policy");
	c->iat = json_integer_value(json_object_get(c->json, "iat"));
	c->seq = (uint64_t)json_integer_value(json_object_get(c->json, "seq"));
	c->more = json_is_true(json_object_get(c->json, "more"));
	return NULL;
}

int claims_decode(const void *payload, size_t length, struct claims *claims, const char **cause)
{
	*claims = (struct claims){.json = strict_parse(payload, length)};
	*cause = claims->json == NULL ? "not one JSON object" : take_members(claims);
	if (*cause == NULL)
		*cause = check_session(claims);
	if (*cause == NULL)
		*cause = check_journal(claims);
	if (*cause == NULL)
		*cause = check_policy(claims);
	if (*cause == NULL)
		*cause = check_events(claims);
	if (*cause == NULL)
		*cause = check_state(claims);
	if (*cause == NULL)
		return 0;
	claims_free(claims);
	return ERR_FORMAT;
}

void claims_free(struct claims *claims)
{
	json_decref(claims->json);
	*claims = (struct claims){.json = NULL};
}
