/*
 * What the agent tells of: events (journalled) and states (a section's latest facts), both a kind
 * and a list of named fields. Siblings send fields; only the signer turns them into text. (libevent
 * owns the names `struct event` and event_add(); a program that uses both must not mix them up.)
 */
#ifndef SEKISHO_CORE_EVENT_H
#define SEKISHO_CORE_EVENT_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_AGENT_STARTED = 1, /* "agent.started" */
	EVENT_AGENT_STOPPING,    /* "agent.stopping" */
	EVENT_PROCESS_DIED,      /* "process.died" process, cause */
	EVENT_PROCESS_STARTED,   /* "process.started" process */
	EVENT_MESSAGE_REFUSED,   /* "message.refused" process, cause: a malformed message, or a
	                            request outside the table */
	EVENT_DEVICE_ALLOWED,    /* "device.allowed" */
	EVENT_DEVICE_DENIED,     /* "device.denied" */
	EVENT_DEVICE_REMOVED,    /* "device.removed" */
	EVENT_DEVICE_UNENFORCED, /* "device.unenforced": the verdict could not be applied; cause
	                            says why */
	EVENT_POLICY_ACCEPTED,   /* "policy.accepted" policy_id, policy_version, policy_digest */
	EVENT_POLICY_REFUSED,    /* "policy.refused" cause */
	EVENT_LOGIN_ACCEPTED,    /* "login.accepted" user, service, tty, factor */
	EVENT_LOGIN_REFUSED,     /* "login.refused" user, service, tty, cause */
	EVENT_LOGIN_LOCKED,      /* "login.locked" user */
	EVENT_SESSION_OPENED, /* "session.opened" user, service, tty, person_class, factor, token */
	EVENT_SESSION_CLOSED, /* "session.closed" */
	EVENT_TOKEN_ENROLLED, /* "token.enrolled" user, factor, by */
	EVENT_TOKEN_REVOKED,  /* "token.revoked" user, factor, by */
	EVENT_USER_UNLOCKED,  /* "user.unlocked" user, by */
	EVENT_TERMINAL_ENROLLED, /* "terminal.enrolled" collector */
	EVENT_JOURNAL_BROKEN,    /* "journal.broken" file, line, cause */
	EVENT_JOURNAL_TORN, /* "journal.torn" file, line, bytes cut off: an unfinished last line */
	EVENT_REPORT_REFUSED, /* "report.refused" collector, cause */
	EVENT_MEDIUM_OPENED,  /* "medium.opened" device, name (of the block device), treatment */
	EVENT_MEDIUM_CLOSED,  /* "medium.closed" device, name, treatment, forced, cause */
	EVENT_MEDIUM_FAILED,  /* "medium.failed" device, name, treatment, cause: it could not be
	                         opened as it should */
	EVENT_BOOT_LOCKED,    /* "boot.locked" by: USB is closed from the kernel's start */
	EVENT_BOOT_UNLOCKED,  /* "boot.unlocked" by */
	EVENT_CARD_CRL_OLD,  /* "card.crl_old" user, service, tty: an alarm: a card let in by a list
	                        of revoked cards past its date, within the policy's grace */
	EVENT_LOGIN_DRIFTED, /* "login.drifted" pam_stacks, pam_bypassed, pam_module: as they are
	                        now */
	EVENT_PERSON_CHANGED,   /* "person.changed" user, person_class, first_day, last_day, by */
	EVENT_KEY_COUNTED_BACK, /* "key.counted_back" user, service, tty, token: an alarm: a
	                           security key signed a counter that did not grow; there may be a
	                           copy */
	EVENT_VOUCHER_ISSUED, /* "voucher.issued" user, terminal, day, voucher, by: where it was */
	EVENT_VOUCHER_TAKEN,  /* "voucher.taken" user, day, voucher, officer, by */
	EVENT_VOUCHER_USED,   /* "voucher.used" user, service, tty, voucher */
	EVENT_VOUCHER_ENDED,  /* "voucher.ended" user, day, cause: "day-over", "replaced", "by-hand"
	                       */
	EVENT_SECRETS_SEALED, /* "secrets.sealed" sealed, cause: "made", "moved", "found" again */
	EVENT_SECRETS_UNREADABLE, /* "secrets.unreadable" cause: "away", "foreign", "broken": nobody
	                             logs in */
	EVENT_SECRETS_RESEALED,   /* "secrets.resealed" by: what was enrolled before is lost */
	EVENT_SESSION_LOCKED, /* "session.locked" user, cause: "card-removed", "key-removed", "idle"
	                       */
	EVENT_SESSION_UNGUARDED, /* "session.unguarded" user, cause: nothing locks it, or not for
	                            this cause */
	EVENT_KIND_END
};

enum event_field {
	FIELD_PROCESS = 1,
	FIELD_CAUSE,
	FIELD_COUNT,
	FIELD_MODE,
	/* devices */
	FIELD_DEVICE, /* kernel name: "1-2.3" */
	FIELD_ID,     /* "0781:5567" */
	FIELD_NAME,
	FIELD_SERIAL,
	FIELD_HASH,       /* USBGuard's device hash */
	FIELD_INTERFACES, /* "08:06:50 03:01:01" */
	FIELD_WAYS,       /* kinds of way out: "usb_storage hid" */
	FIELD_VERDICT,    /* "allow" or "deny" */
	FIELD_RULE,       /* number from 1, or "implicit" */
	FIELD_REASON,     /* stable code of policy/decide.h */
	FIELD_OBSERVED,   /* "true": observe mode, nothing was written to the system */
	/* policy */
	FIELD_POLICY_ID,
	FIELD_POLICY_VERSION,
	FIELD_POLICY_DIGEST,
	FIELD_POLICY_STATE,
	FIELD_POLICY_PROBLEM,
	/* login */
	FIELD_USER,
	FIELD_SERVICE,
	FIELD_TTY,
	FIELD_FACTOR,
	FIELD_BY,
	FIELD_TOKEN, /* number of a user's token */
	/* journal, report */
	FIELD_FILE,
	FIELD_LINE,
	FIELD_BYTES,
	FIELD_COLLECTOR,
	FIELD_SEQ, /* "report_seq": "seq" is the journal line's own */
	/* state of guard */
	FIELD_HUBS,
	FIELD_HUBS_DENYING,
	FIELD_CONTROLLERS_DENY,
	FIELD_DEVICES,
	FIELD_DEVICES_ALLOWED,
	FIELD_DEVICES_DENIED,
	FIELD_DEVICES_UNENFORCED,
	FIELD_STORAGE_PRESENT,
	FIELD_WAYS_WATCHED,   /* kinds enforced by this agent, space separated */
	FIELD_WAYS_ABSENT,    /* kinds whose hardware this terminal does not have */
	FIELD_WAYS_UNWATCHED, /* kinds present, not enforced */
	/* state of auth */
	FIELD_FACTORS,      /* the policy's combination: "password totp" */
	FIELD_PAM_STACKS,   /* services whose stack requires pam_sekisho */
	FIELD_PAM_BYPASSED, /* services whose stack reaches success without it */
	FIELD_MAX_FAILURES,
	/* state of main */
	FIELD_RUNNING, /* processes that are up */
	FIELD_RESTARTS,
	FIELD_VERSION,
	/* state of reporter and journal */
	FIELD_OUTBOX,
	FIELD_LAST_RECEIPT,
	FIELD_JOURNAL_STATE,
	FIELD_JOURNAL_HEAD,
	FIELD_REPORT_INTERVAL, /* of the policy: seconds until the next report is due */
	/* media */
	FIELD_TREATMENT,
	FIELD_FORCED,       /* "true": taken away from whoever still had it open */
	FIELD_SECOND_LINE,  /* state of main: "active", "off", or "absent: CAUSE" (agent/gate.h) */
	FIELD_PAM_MODULE,   /* state of auth: agent/pam_file.h */
	FIELD_PERSON_CLASS, /* agent/auth_person.h */
	FIELD_FIRST_DAY,    /* "2026-04-01" */
	FIELD_LAST_DAY,
	/* vouchers (agent/voucher.h) */
	FIELD_VOUCHER, /* its id */
	FIELD_DAY,
	FIELD_TERMINAL,
	FIELD_OFFICER,  /* subject of the certificate that signed it */
	FIELD_VOUCHERS, /* state of auth: users with one in force, space separated */
	FIELD_SEALED, /* state of auth: "tpm", "host" or "unreadable": how enrolled secrets are kept
	               */
	FIELD_END
};

/* What a policy may ask for, seconds. */
enum { REPORT_INTERVAL_MIN = 10, REPORT_INTERVAL_MAX = 3600 };

enum { EVENT_FIELDS_MAX = 24, EVENT_VALUE_MAX = 1024, EVENT_ENCODED_MAX = 16384 };

struct event_record {
	uint16_t kind;
	size_t count;
	struct {
		uint16_t field;
		char value[EVENT_VALUE_MAX +
		           1]; /* any bytes but NUL; made valid UTF-8 by the signer */
	} fields[EVENT_FIELDS_MAX];
};

/* "device.denied", or NULL. */
const char *event_kind_name(uint16_t kind);
/* "policy_version", or NULL. */
const char *event_field_name(uint16_t field);
/* True for fields whose value is a decimal number and becomes a JSON integer. */
bool event_field_is_number(uint16_t field);
/* True for fields whose value is "true" or "false" and becomes a JSON boolean. */
bool event_field_is_flag(uint16_t field);

void event_start(struct event_record *e, uint16_t kind);
/* Adds a field; values are cut at EVENT_VALUE_MAX; NULL adds nothing. A field too many is a bug:
 * aborts. */
void event_put(struct event_record *e, uint16_t field, const char *value);
void event_put_number(struct event_record *e, uint16_t field, uint64_t value);

/* A known field, and a value of its shape: a number is decimal without leading zeros and at most
 * 2^63 - 1. */
bool event_value_is_valid(uint16_t field, const char *value);

/* u16 kind, u8 count, count times (u16 field, string value). */
void event_encode(const struct event_record *e, struct buffer *out);
/* An event is the last member of every message that holds one. 0, or ERR_FORMAT for an unknown kind
 * (0 is a state), an unknown field, a field twice, too many, a number or flag that is none, and
 * bytes left over. */
int event_decode(struct buffer *in, struct event_record *e);

#endif
