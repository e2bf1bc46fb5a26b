/* What the policy says of unattended services, told to the PAM module for the time when the agent
 * is away. */
#ifndef SEKISHO_AGENT_UNATTENDED_H
#define SEKISHO_AGENT_UNATTENDED_H

#include "agent/channel.h"
#include "policy/services.h"

/* Has main make PATH_UNATTENDED_DIR hold these names and no others; asks for nothing that is so
 * already. Errors of channel_request(). */
int unattended_publish(struct channel *channel, int root, const struct services *services);

#endif
