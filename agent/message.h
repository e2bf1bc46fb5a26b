/*
 * What sekishod's processes say to each other (agent/PROCESSES.md). Frames of core/frame.h;
 * payloads by core/buffer.h. A message that is not in this list, or comes from a role that may not
 * send it, ends its sender.
 */
#ifndef SEKISHO_AGENT_MESSAGE_H
#define SEKISHO_AGENT_MESSAGE_H

#include <stdint.h>

enum role {
	ROLE_MAIN = 0,
	ROLE_GUARD,
	ROLE_AUTH,
	ROLE_SIGNER,
	ROLE_REPORTER,
	ROLE_ADMIN,
	ROLE_CARD,    /* one for a login, not kept running (agent/card.h) */
	ROLE_FIDO2,   /* the same for a security key (agent/fido2.h) */
	ROLE_SEAL,    /* one when the storage key is wanted (agent/seal.h) */
	ROLE_ABSENCE, /* one for a session, under its user's id (agent/absence.h) */
	ROLE_COUNT,
	ROLE_POLICY =
	        16, /* no process: names the section "policy" in MESSAGE_STATE, which guard sends */
};
/* ROLE_ADMIN: root's CLI, whose connection main handed to the signer (CONTROL_RECORD). */

/* Descriptors a child starts with. */
enum {
	CHILD_MAIN_FD = 3, /* channel to main */
	CHILD_SIGNER_FD =
	        4, /* channel to the signer (guard, auth, reporter); absent in the signer */
	CHILD_LISTEN_FD = 5, /* listening auth.sock (auth); the TPM (seal) */
	CHILD_ALARM_FD = 6,  /* to the keeper: a byte when main does not answer */
};

enum message {
	/* main -> child */
	MESSAGE_PING = 1, /* nothing; answered by PONG */
	MESSAGE_RELOAD,   /* nothing: read configuration and policy again */
	MESSAGE_SIGNER,   /* fd: the channel to a signer started anew */
	MESSAGE_PEER, /* to the signer: u8 role; fd: a sibling's (or the CLI's) channel. auth sends
	                 it too, role AUTH, for each login worker */
	MESSAGE_CONTROL, /* u8 enum control; fd: a CLI connection to answer; for POLICY_OFFER a
	                    second fd: the file */
	MESSAGE_RESULT,  /* u32 request id, u32 -error; fd where the request asked for one */
	/* child -> main */
	MESSAGE_PONG,
	MESSAGE_READY, /* sandboxed, and done what must be done before work (guard: present devices
	                  decided) */
	MESSAGE_REQUEST, /* struct request, exactly; answered by RESULT */
	/* anyone -> signer */
	MESSAGE_EVENT,      /* u32 id, event; answered by EVENT_DONE once it is durable */
	MESSAGE_EVENT_DONE, /* u32 id, u64 journal seq */
	MESSAGE_STATE, /* u8 section (the sender's role; guard also ROLE_POLICY), event with kind 0:
	                  the section's facts, replaces the last */
	/* reporter <-> signer */
	MESSAGE_REPORT_MAKE, /* string nonce ("" = none), bytes exporter (0 or 32), u8 full state
	                        wanted */
	MESSAGE_REPORT, /* u64 seq, bytes JWS, u8 more: events left for another report, u32 seconds
	                   until the next is due (0: no policy says); seq 0 and no JWS: none can be
	                   made (not enrolled) */
	MESSAGE_REPORT_STORED, /* u64 seq: the outbox holds it; its events are never sent again. The
	                          signer sends it back once that is durable; before, the report must
	                          not be sent */
	MESSAGE_NEWS, /* u64 journal count: signer has something that no report holds yet */
	/* answers to the CLI on control.sock: any number of JSON frames, then the end of the
	   connection */
	MESSAGE_JSON, /* bytes: a piece of one JSON document */
	/* The roll call, before a report is made and when somebody asks for the status: nobody
	 * looks at anything by the clock. */
	MESSAGE_ROLL,   /* reporter -> main: nothing */
	MESSAGE_LOOK,   /* main -> guard, auth: nothing; look again at all that your section of the
	                   state tells */
	MESSAGE_LOOKED, /* their answer: the signer has been told what changed */
	MESSAGE_ROLLED, /* main -> reporter: everybody has looked, or had the time to */
	/* child -> main */
	MESSAGE_SILENT, /* u8 role: that sibling does not answer; main looks whether it is still
	                   there */
	MESSAGE_BREACH, /* signer -> main: u8 role: that sibling sent what it may not, and is to be
	                   ended */
	MESSAGE_EXPECT, /* guard -> main: nothing; a REQUEST about a device will follow */
};

/* What the CLI asks on control.sock: one frame of type CONTROL_ASK, payload u8 verb; POLICY_OFFER
 * carries an fd. */
enum { CONTROL_ASK = 0x0201 };
enum control {
	CONTROL_STATUS = 1,   /* answered by the signer */
	CONTROL_DEVICES,      /* answered by guard */
	CONTROL_RECORD,       /* the connection becomes a signer's peer of role ADMIN: EVENT in,
	                         EVENT_DONE out */
	CONTROL_POLICY_OFFER, /* fd: a signed policy; guard verifies, main stores; answer
	                         {"accepted":bool,...} */
	CONTROL_CARD,         /* answered by main: MESSAGE_RESULT, and an fd of a process card */
	CONTROL_FIDO2,        /* the same of a process fido2 */
	CONTROL_SEAL,         /* the same of a process seal */
	CONTROL_END
};

enum request_type {
	REQUEST_CONTROLLERS_DENY =
	        1,             /* guard: new USB controllers start with authorized_default=0 */
	REQUEST_HUB_DENY,      /* guard: name "usb1": authorized_default=0 on this root hub, and
	                          interface_authorized_default=0 */
	REQUEST_USB_AUTHORISE, /* guard: name "1-2.3", number = usb_number_authorise(): the devnum,
	                          which must still match; its interfaces (agent/usb_number.h) */
	REQUEST_USB_DEAUTHORISE, /* guard: name "1-2.3", number = devnum */
	REQUEST_POLICY_STORE, /* guard: number = version, fd: the verified bytes; main keeps them as
	                         in-force.p7 */
	REQUEST_USER_OPEN,    /* auth: name = user, "" the decoy; RESULT carries the fd of the state
	                         file */
	REQUEST_MEDIUM_OPEN,  /* guard: name "sdb1", number = medium_number(): released, as import,
	                         export or allow (agent/medium.h) */
	REQUEST_MEDIUM_CLOSE, /* guard: name: synced, unmounted, no longer released */
	REQUEST_USB_LOOK,  /* guard: name "1-2.3", number = usb_number_look(); RESULT carries an fd:
	                      what the device answered */
	REQUEST_BUS_CLOSE, /* guard: name of a port_kind that closes: its bus probes nothing of
	                      itself */
	REQUEST_PORT_DENY, /* guard: name "mmc/mmc0:4567" (agent/port.h), number = inode of its
	                      directory in sysfs, which must still match */
	REQUEST_PORT_ALLOW, /* guard: same */
	REQUEST_WAYS_ALLOW, /* guard: number = bits of enum way: drivers of these may be loaded, of
	                       others not (PATH_WAYS_DIR) */
	REQUEST_PORTS_MARK, /* guard: number = the newest inode in sysfs when guard first looked
	                       since boot; kept until the next (PORTS_MARK) */
	REQUEST_CARD,       /* auth: a process card for one login; RESULT carries the fd of its
	                       channel */
	REQUEST_FIDO2,      /* auth: the same of a process fido2 */
	REQUEST_SEAL,       /* auth: the same of a process seal (agent/seal.h) */
	REQUEST_UNATTENDED, /* auth: name = service, number = 1: it is in PATH_UNATTENDED_DIR, 0: it
	                       is not */
	REQUEST_VOUCHER_END, /* auth: name = "2026-11-21.hanako": gone from PATH_VOUCHER_DIR */
	REQUEST_SESSION, /* auth: name = user, number = uid << 32 | seconds until it counts as idle;
	                    fd: the connection of the root process that opens it */
	REQUEST_PRESENT, /* auth: name = user, who has shown who it is */
	REQUEST_TOKEN,   /* auth: the same, with a token; fd: the channel of the process card or
	                    fido2 that stays with it */
	REQUEST_TYPE_END
};

/* Fixed size; main parses nothing else from a child. */
struct request {
	uint32_t id;
	uint32_t type;
	uint64_t number;
	char name[64]; /* NUL-terminated, NUL-filled */
};

#endif
