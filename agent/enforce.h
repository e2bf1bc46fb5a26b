/* Guard's devices: each judged, told of, and made to be what its verdict says. */
#ifndef SEKISHO_AGENT_ENFORCE_H
#define SEKISHO_AGENT_ENFORCE_H

#include "agent/backlog.h"
#include "agent/channel.h"
#include "agent/device.h"
#include "agent/faults.h"
#include "agent/media.h"
#include "agent/recall.h"
#include "policy/decide.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENFORCE_DEVICES_MAX = 1024 };

struct guarded {
	struct device device;
	struct verdict verdict;
	bool told;      /* this verdict is in the journal */
	bool held_back; /* allowed, but not told yet: stays denied (REASON_NOT_JOURNALLED) */
	bool kept;      /* denied for want of a policy, but left so that somebody can log in */
	bool closing;   /* its media are being taken back: it stays as it is until they are */
	bool anew;      /* they were, for another treatment: it is let in anew */
	bool judged;    /* the verdict is of this round (enforce_judge_again()) */
	struct recollection past; /* what the conditions of rules ask */
	unsigned looked; /* the configuration whose interfaces were asked what they are; 0: none */
	struct device_state state; /* as the kernel had it last */
	const char *unenforced;    /* why the verdict could not be applied; NULL when it was */
	const char *untold;        /* a cause of that kind that is not in the journal; NULL: none */
};

struct enforcement {
	struct channel *channel;
	int sys;                     /* descriptor of /sys */
	bool observe;                /* judge and tell, change nothing */
	struct media *media;         /* borrowed; NULL: block devices are not looked after */
	const struct policy *policy; /* borrowed; NULL: none in force */
	int64_t silent_until_ms; /* the signer did not answer: nothing is told before this moment */
	struct guarded *devices[ENFORCE_DEVICES_MAX];
	size_t count;
	struct backlog departed; /* what went before the journal had what became of it */
	struct faults faults;
	struct recall recall;
	struct hub_hashes hubs;
	/* While one is judged: the others that are allowed, and by which rules the keyboards of
	 * them. */
	const struct device_facts *allowed[ENFORCE_DEVICES_MAX];
	size_t keyboard_rules[ENFORCE_DEVICES_MAX];
	bool keyboard_gone; /* one that was allowed: a second one may be the first now */
};

/* What the kernel shows now. */
struct enforcement_figures {
	size_t hubs, hubs_denying;
	bool controllers_deny;
	size_t devices, allowed, denied;
	size_t unenforced;     /* devices, hubs and whatever else is not as it shall be */
	size_t storage_usable; /* authorised devices with a storage interface */
};

/*
 * Makes every root hub and every controller to come deny (not in observe mode), then judges every
 * device that is there: at the start, after lost uevents, and after a change of mode.
 */
void enforce_everything(struct enforcement *e);

/* A uevent named it. What is true of it is read from sysfs. */
void enforce_appeared(struct enforcement *e, const char *name);
void enforce_removed(struct enforcement *e, const char *name);

/* "1-2:1.0" got a driver, or came: it is made to be what the verdict on its device says, and that
 * is reached again by what the driver made of it. */
void enforce_interface_changed(struct enforcement *e, const char *name);
void enforce_interface_added(struct enforcement *e, const char *name);

/* After a change of policy. Keyboards that work come first, then by name: of two, the same one is
 * the second each time. */
void enforce_judge_again(struct enforcement *e);

/* Whether an interface, "1-2:1.0", is of a device that guard knows and holds closed. */
bool enforce_holds_closed(const struct enforcement *e, const char *name);

/* Tells what could not be told, and authorises what waited for it. True when something still waits.
 */
bool enforce_tell_again(struct enforcement *e);

/* After media_serve() said that a closing came to its end, or an opening failed. */
void enforce_media_ended(struct enforcement *e);

/* Whether the journal has everything. */
bool enforce_is_told(const struct enforcement *e);

/* Whether nothing is left that enforce_check() might mend. */
bool enforce_is_enforced(const struct enforcement *e);

/* Puts right what somebody else changed since: a hub that allows again, a denied device that is
 * authorised; and takes up or forgets what no uevent told of. */
void enforce_check(struct enforcement *e);

void enforce_count(const struct enforcement *e, struct enforcement_figures *figures);

/* As it stands: a device that waits for the journal is denied. */
struct verdict enforce_verdict(const struct guarded *g);

/* The same of anything else that guard decides about. */
struct verdict enforce_while_held_back(struct verdict v, bool held_back);

/* Journalled when it returns 0. A signer that does not answer is not waited for by every device and
 * port in turn: ERR_TIMEOUT. */
int enforce_tell(struct enforcement *e, const struct event_record *event);

/* What nobody comes back to (that something has gone, how it went with a medium, what became of a
 * policy): told later, if it cannot be told now. */
void enforce_tell_once(struct enforcement *e, const struct event_record *event);

/* For faults_tell(), with the enforcement as its context. */
int enforce_tell_fault(void *enforcement, const struct fault *fault);

/* "08:06:50 03:01:01"; cut at size. */
void enforce_interfaces_text(const struct device_facts *facts, char *text, size_t size);

void enforce_free(struct enforcement *e);

#endif
