/* Which policy guard goes by: the last good one, whatever was put in its place since. */
#ifndef SEKISHO_AGENT_GUARD_POLICY_H
#define SEKISHO_AGENT_GUARD_POLICY_H

#include "agent/enforce.h"
#include "core/encode.h"
#include "policy/document.h"

#include <stdbool.h>

enum { GUARD_PROBLEM_MAX = 320 };

struct guard_policy {
	int root; /* directory of agent/paths.h */
	struct channel *channel;
	struct enforcement *enforcement; /* by which events are told */
	struct policy *policy;           /* NULL: none in force */
	char problem[GUARD_PROBLEM_MAX]; /* why something newer is not in force; "" when all is well
	                                  */
	char told[SHA256_HEX_SIZE]; /* digest of the problem told last, so that a reload does not
	                               tell it again */
};

/*
 * Reads in-force.p7 and offered.p7. What is offered, good and newer is stored by main and taken;
 * what is not leaves the policy as it is, with a problem. True when another policy is in force than
 * before.
 */
bool guard_policy_load(struct guard_policy *p);

/* A policy offered by root's CLI. 0: it is in force; else an error and the reason
 * (GUARD_PROBLEM_MAX). */
int guard_policy_offer(struct guard_policy *p, int fd, char *reason);

/* "in-force", "last-good", "none" */
const char *guard_policy_state(const struct guard_policy *p);

#endif
