/* The verdict on a device: a pure function of policy, facts and moment. */
#ifndef SEKISHO_POLICY_DECIDE_H
#define SEKISHO_POLICY_DECIDE_H

#include "policy/document.h"

enum reason {
	REASON_RULE_ALLOWS,  /* "rule-allows" */
	REASON_RULE_DENIES,  /* "rule-denies": a block or reject rule */
	REASON_NO_RULE,      /* "no-rule": nothing lists this device */
	REASON_WAY_ALLOWED,  /* "way-allowed": by kind alone, where there are no rules (not USB) */
	REASON_WAY_DENIED,   /* "way-denied": the policy denies this kind of way out, whatever the
	                        rules say */
	REASON_NEEDS_PERMIT, /* "needs-permit": import/export in the my_number tier */
	REASON_SECOND_KEYBOARD,  /* "second-keyboard": there is one, and no rule names this device,
	                            or only the one that names the other */
	REASON_TYPES_AND_STORES, /* "types-and-stores": a keyboard with a medium in it, and no rule
	                            names this device */
	REASON_NO_POLICY,        /* "no-policy" */
	REASON_UNREADABLE,       /* "unreadable": descriptors cut, missing or lying */
	REASON_NOT_JOURNALLED,   /* "not-journalled": allowed, but the journal could not take it */
	REASON_COUNT
};

/* What a verdict depends on beside policy and device. */
struct circumstances {
	struct rule_context rules;
	/* Of the USB devices that may type and are authorised now, without this one, the rules that
	 * let them in; 0: none did. */
	const size_t *keyboard_rules;
	size_t keyboards;
};

struct verdict {
	enum treatment treatment; /* of what is authorised; IMPORT and EXPORT only outside the
	                             my_number tier or by permit */
	enum reason reason;
	size_t rule;  /* number from 1; 0 implicit */
	enum way way; /* the way that decided; WAY_COUNT where none did */
	bool partial; /* authorised without the interfaces that verdict_has_interface() excludes;
	                 way names the first way that is excluded */
};

/*
 * policy may be NULL: REASON_NO_POLICY. A device is allowed when the first rule that matches allows
 * it AND the policy treats every way it opens as other than deny. When it denies some of them the
 * whole device is denied, unless the rule names this device (rule_set_names_device()): then the
 * verdict is partial. Of two ways, one import and one export, import holds for both.
 */
struct verdict policy_decide(const struct policy *policy, const struct device_facts *facts,
        const struct circumstances *circumstances);

/* Whether a verdict that does not deny authorises the interface at index of the device. */
bool verdict_has_interface(const struct verdict *verdict, const struct policy *policy,
        const struct device_facts *facts, size_t index);

/* Whether a device that is denied as it looks might not be, were it all that is hoped of it; or one
 * that is allowed might be denied for what it turns out to be: it is worth looking at. */
bool policy_must_look(const struct policy *policy, const struct device_facts *facts,
        const struct circumstances *circumstances);

/* What is not on USB has no rules: its kind decides. */
struct verdict policy_decide_way(const struct policy *policy, enum way way);

bool verdict_equals(const struct verdict *a, const struct verdict *b);

const char *reason_code(enum reason reason); /* stable */
const char *reason_text(enum reason reason); /* a sentence in the person's language */

#endif
