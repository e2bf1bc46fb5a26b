/* What guard says of itself: its sections of the state, and JSON for the CLI. */
#ifndef SEKISHO_AGENT_GUARD_ANSWER_H
#define SEKISHO_AGENT_GUARD_ANSWER_H

#include "agent/enforce.h"
#include "agent/guard_policy.h"
#include "agent/ports.h"

/* Section "guard". */
void guard_answer_state(
        const struct enforcement *e, const struct ports *p, struct event_record *state);
/* Section "policy". */
void guard_answer_policy(const struct guard_policy *p, struct event_record *state);

/* Every device as a JSON array, to a CLI's connection. 0 or ERR_*. */
int guard_answer_devices(const struct enforcement *e, const struct ports *p, int connection);
/* {"accepted":true,"id":…,"version":…}, or {"accepted":false,"reason":…} when reason is not NULL.
 */
int guard_answer_offer(const struct guard_policy *p, const char *reason, int connection);

#endif
