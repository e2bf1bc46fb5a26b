/* The verdict on a device: a pure function of policy, facts and moment. */
#ifndef SEKISHO_POLICY_DECIDE_H
#define SEKISHO_POLICY_DECIDE_H

#include "policy/document.h"

enum reason {
	REASON_RULE_ALLOWS,    /* "rule-allows" */
	REASON_RULE_DENIES,    /* "rule-denies": a block or reject rule */
	REASON_NO_RULE,        /* "no-rule": nothing lists this device */
	REASON_WAY_DENIED,     /* "way-denied": the policy denies this kind of way out, whatever the
	                          rules say */
	REASON_NEEDS_PERMIT,   /* "needs-permit": import/export in the my_number tier */
	REASON_NO_POLICY,      /* "no-policy" */
	REASON_UNREADABLE,     /* "unreadable": descriptors cut, missing or lying */
	REASON_NOT_JOURNALLED, /* "not-journalled": allowed, but the journal could not take it */
	REASON_COUNT
};

struct verdict {
	enum treatment treatment; /* TREATMENT_DENY or TREATMENT_ALLOW in this version */
	enum reason reason;
	size_t rule;  /* number from 1; 0 implicit */
	enum way way; /* the way that decided, with REASON_WAY_DENIED and REASON_NEEDS_PERMIT; else
	                 WAY_COUNT */
};

/* policy may be NULL: REASON_NO_POLICY. A device is allowed when the first rule that matches allows
 * it AND the policy allows every way it opens. */
struct verdict policy_decide(
        const struct policy *policy, const struct device_facts *facts, int64_t moment);

const char *reason_code(enum reason reason); /* stable */
const char *reason_text(enum reason reason); /* a sentence in the person's language */

#endif
