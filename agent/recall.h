/*
 * What conditions of rules ask of the past and of chance (policy/rule.h). A device's own judgement
 * must not count against it when it is judged again, so each keeps the answers as they stood when
 * it was plugged in, until the policy changes.
 */
#ifndef SEKISHO_AGENT_RECALL_H
#define SEKISHO_AGENT_RECALL_H

#include "policy/document.h"
#include "policy/rule_history.h"

#include <stdbool.h>
#include <stdint.h>

/* Guard's. Zero is an empty one. */
struct recall {
	struct rule_history *history; /* since the policy in force is */
	char digest[sizeof(((struct policy *)0)->digest)];
	uint64_t policies; /* how many there were */
};

/* A device's. Zero is an empty one. */
struct recollection {
	struct rule_history *before; /* the history, without this device's judgement */
	uint64_t policy;             /* which of recall.policies */
	int64_t uptime;
	uint64_t chance;
	bool noted;
};

/* Before a judgement: fills uptime, history and chance of context. policy may be NULL. ERR_MEMORY
 * or ERR_IO: then nothing can be asked, and the device must be denied. */
int recall_prepare(struct recall *recall, struct recollection *device, const struct policy *policy,
        struct rule_context *context);

/* After it: rule is the number that decided, 0 none. Counts once for each device and policy. */
void recall_note(struct recall *recall, struct recollection *device, const struct policy *policy,
        const struct device_facts *facts, size_t rule);

void recollection_free(struct recollection *device);
void recall_free(struct recall *recall);

#endif
