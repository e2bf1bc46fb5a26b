#include "core/event.h"

#include "core/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum value_shape { TEXT = 0, NUMBER, FLAG };

struct field {
	const char *name;
	enum value_shape shape;
};

static const char *const kinds[EVENT_KIND_END] = {
        [EVENT_AGENT_STARTED] = "agent.started",
        [EVENT_AGENT_STOPPING] = "agent.stopping",
        [EVENT_PROCESS_DIED] = "process.died",
        [EVENT_PROCESS_STARTED] = "process.started",
        [EVENT_MESSAGE_REFUSED] = "message.refused",
        [EVENT_DEVICE_ALLOWED] = "device.allowed",
        [EVENT_DEVICE_DENIED] = "device.denied",
        [EVENT_DEVICE_REMOVED] = "device.removed",
        [EVENT_DEVICE_UNENFORCED] = "device.unenforced",
        [EVENT_POLICY_ACCEPTED] = "policy.accepted",
        [EVENT_POLICY_REFUSED] = "policy.refused",
        [EVENT_LOGIN_ACCEPTED] = "login.accepted",
        [EVENT_LOGIN_REFUSED] = "login.refused",
        [EVENT_LOGIN_LOCKED] = "login.locked",
        [EVENT_SESSION_OPENED] = "session.opened",
        [EVENT_SESSION_CLOSED] = "session.closed",
        [EVENT_TOKEN_ENROLLED] = "token.enrolled",
        [EVENT_TOKEN_REVOKED] = "token.revoked",
        [EVENT_USER_UNLOCKED] = "user.unlocked",
        [EVENT_TERMINAL_ENROLLED] = "terminal.enrolled",
        [EVENT_JOURNAL_BROKEN] = "journal.broken",
        [EVENT_JOURNAL_TORN] = "journal.torn",
        [EVENT_REPORT_REFUSED] = "report.refused",
        [EVENT_MEDIUM_OPENED] = "medium.opened",
        [EVENT_MEDIUM_CLOSED] = "medium.closed",
        [EVENT_MEDIUM_FAILED] = "medium.failed",
        [EVENT_BOOT_LOCKED] = "boot.locked",
        [EVENT_BOOT_UNLOCKED] = "boot.unlocked",
        [EVENT_CARD_CRL_OLD] = "card.crl_old",
        [EVENT_LOGIN_DRIFTED] = "login.drifted",
        [EVENT_PERSON_CHANGED] = "person.changed",
        [EVENT_KEY_COUNTED_BACK] = "key.counted_back",
        [EVENT_VOUCHER_ISSUED] = "voucher.issued",
        [EVENT_VOUCHER_TAKEN] = "voucher.taken",
        [EVENT_VOUCHER_USED] = "voucher.used",
        [EVENT_VOUCHER_ENDED] = "voucher.ended",
        [EVENT_SECRETS_SEALED] = "secrets.sealed",
        [EVENT_SECRETS_UNREADABLE] = "secrets.unreadable",
        [EVENT_SECRETS_RESEALED] = "secrets.resealed",
        [EVENT_SESSION_LOCKED] = "session.locked",
        [EVENT_SESSION_UNGUARDED] = "session.unguarded",
};

/* No name may be one of a journal line's own members (seq, time, boot, uptime_ms, event, prev). */
static const struct field fields[FIELD_END] = {
        [FIELD_PROCESS] = {"process", TEXT},
        [FIELD_CAUSE] = {"cause", TEXT},
        [FIELD_COUNT] = {"count", NUMBER},
        [FIELD_MODE] = {"mode", TEXT},
        [FIELD_DEVICE] = {"device", TEXT},
        [FIELD_ID] = {"id", TEXT},
        [FIELD_NAME] = {"name", TEXT},
        [FIELD_SERIAL] = {"serial", TEXT},
        [FIELD_HASH] = {"hash", TEXT},
        [FIELD_INTERFACES] = {"interfaces", TEXT},
        [FIELD_WAYS] = {"ways", TEXT},
        [FIELD_VERDICT] = {"verdict", TEXT},
        [FIELD_RULE] = {"rule", TEXT},
        [FIELD_REASON] = {"reason", TEXT},
        [FIELD_OBSERVED] = {"observed", FLAG},
        [FIELD_POLICY_ID] = {"policy_id", TEXT},
        [FIELD_POLICY_VERSION] = {"policy_version", NUMBER},
        [FIELD_POLICY_DIGEST] = {"policy_digest", TEXT},
        [FIELD_POLICY_STATE] = {"policy_state", TEXT},
        [FIELD_POLICY_PROBLEM] = {"policy_problem", TEXT},
        [FIELD_USER] = {"user", TEXT},
        [FIELD_SERVICE] = {"service", TEXT},
        [FIELD_TTY] = {"tty", TEXT},
        [FIELD_FACTOR] = {"factor", TEXT},
        [FIELD_BY] = {"by", TEXT},
        [FIELD_TOKEN] = {"token", NUMBER},
        [FIELD_FILE] = {"file", TEXT},
        [FIELD_LINE] = {"line", NUMBER},
        [FIELD_BYTES] = {"bytes", NUMBER},
        [FIELD_COLLECTOR] = {"collector", TEXT},
        [FIELD_SEQ] = {"report_seq", NUMBER},
        [FIELD_HUBS] = {"hubs", NUMBER},
        [FIELD_HUBS_DENYING] = {"hubs_denying", NUMBER},
        [FIELD_CONTROLLERS_DENY] = {"controllers_deny", FLAG},
        [FIELD_DEVICES] = {"devices", NUMBER},
        [FIELD_DEVICES_ALLOWED] = {"devices_allowed", NUMBER},
        [FIELD_DEVICES_DENIED] = {"devices_denied", NUMBER},
        [FIELD_DEVICES_UNENFORCED] = {"devices_unenforced", NUMBER},
        [FIELD_STORAGE_PRESENT] = {"storage_present", NUMBER},
        [FIELD_WAYS_WATCHED] = {"ways_watched", TEXT},
        [FIELD_WAYS_ABSENT] = {"ways_absent", TEXT},
        [FIELD_WAYS_UNWATCHED] = {"ways_unwatched", TEXT},
        [FIELD_FACTORS] = {"factors", TEXT},
        [FIELD_PAM_STACKS] = {"pam_stacks", TEXT},
        [FIELD_PAM_BYPASSED] = {"pam_bypassed", TEXT},
        [FIELD_MAX_FAILURES] = {"max_failures", NUMBER},
        [FIELD_RUNNING] = {"running", TEXT},
        [FIELD_RESTARTS] = {"restarts", NUMBER},
        [FIELD_VERSION] = {"version", TEXT},
        [FIELD_OUTBOX] = {"outbox", NUMBER},
        [FIELD_LAST_RECEIPT] = {"last_receipt", TEXT},
        [FIELD_JOURNAL_STATE] = {"journal_state", TEXT},
        [FIELD_JOURNAL_HEAD] = {"journal_head", TEXT},
        [FIELD_REPORT_INTERVAL] = {"report_interval", NUMBER},
        [FIELD_TREATMENT] = {"treatment", TEXT},
        [FIELD_FORCED] = {"forced", FLAG},
        [FIELD_SECOND_LINE] = {"second_line", TEXT},
        [FIELD_PAM_MODULE] = {"pam_module", TEXT},
        [FIELD_PERSON_CLASS] = {"person_class", TEXT},
        [FIELD_FIRST_DAY] = {"first_day", TEXT},
        [FIELD_LAST_DAY] = {"last_day", TEXT},
        [FIELD_VOUCHER] = {"voucher", TEXT},
        [FIELD_DAY] = {"day", TEXT},
        [FIELD_TERMINAL] = {"terminal", TEXT},
        [FIELD_OFFICER] = {"officer", TEXT},
        [FIELD_VOUCHERS] = {"vouchers", TEXT},
        [FIELD_SEALED] = {"sealed", TEXT},
};

const char *event_kind_name(uint16_t kind)
{
	return kind < EVENT_KIND_END ? kinds[kind] : NULL;
}

const char *event_field_name(uint16_t field)
{
	return field < FIELD_END ? fields[field].name : NULL;
}

bool event_field_is_number(uint16_t field)
{
	return field < FIELD_END && fields[field].shape == NUMBER;
}

bool event_field_is_flag(uint16_t field)
{
	return field < FIELD_END && fields[field].shape == FLAG;
}

void event_start(struct event_record *e, uint16_t kind)
{
	e->kind = kind;
	e->count = 0;
}

void event_put(struct event_record *e, uint16_t field, const char *value)
{
	if (value == NULL)
		return;
	if (e->count >= EVENT_FIELDS_MAX)
		abort();
	size_t length = strnlen(value, EVENT_VALUE_MAX);
	e->fields[e->count].field = field;
	memcpy(e->fields[e->count].value, value, length);
	e->fields[e->count].value[length] = '\0';
	e->count++;
}

void event_put_number(struct event_record *e, uint16_t field, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	event_put(e, field, text);
}

void event_encode(const struct event_record *e, struct buffer *out)
{
	buffer_put_u16(out, e->kind);
	buffer_put_u8(out, (uint8_t)e->count);
	for (size_t i = 0; i < e->count; i++) {
		buffer_put_u16(out, e->fields[i].field);
		buffer_put_string(out, e->fields[i].value);
	}
}

/* Decimal without a leading zero, at most 2^63 - 1: what a JSON integer holds. */
static bool is_number(const char *text)
{
	static const char largest[] = "9223372036854775807";
	size_t length = strspn(text, "0123456789");

	if (length == 0 || text[length] != '\0' || (text[0] == '0' && length > 1))
		return false;
	if (length != sizeof(largest) - 1)
		return length < sizeof(largest) - 1;
	return strcmp(text, largest) <= 0;
}

bool event_value_is_valid(uint16_t field, const char *value)
{
	if (event_field_name(field) == NULL)
		return false;
	if (event_field_is_number(field))
		return is_number(value);
	if (event_field_is_flag(field))
		return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
	return true;
}

static bool has_field(const struct event_record *e, uint16_t field)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->fields[i].field == field)
			return true;
	}
	return false;
}

int event_decode(struct buffer *in, struct event_record *e)
{
	uint16_t kind = buffer_get_u16(in);
	size_t count = buffer_get_u8(in);

	event_start(e, kind);
	if (in->error != 0 || count > EVENT_FIELDS_MAX ||
	        (kind != 0 && event_kind_name(kind) == NULL))
		return ERR_FORMAT;
	for (size_t i = 0; i < count; i++) {
		uint16_t field = buffer_get_u16(in);
		buffer_get_string(in, e->fields[i].value, sizeof(e->fields[i].value));
		if (in->error != 0 || has_field(e, field) ||
		        !event_value_is_valid(field, e->fields[i].value)) {
			e->count = 0;
			return ERR_FORMAT;
		}
		e->fields[i].field = field;
		e->count++;
	}
	return buffer_end(in);
}
