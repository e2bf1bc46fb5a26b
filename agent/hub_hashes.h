/*
 * Hashes of hubs that were read before anything was plugged into them. The kernel holds a hub, its
 * strings with it, until it is through with all that was just plugged in: some seconds where a
 * device does not answer, and rules about `parent-hash` are not to wait for that.
 */
#ifndef SEKISHO_AGENT_HUB_HASHES_H
#define SEKISHO_AGENT_HUB_HASHES_H

#include "policy/facts.h"

#include <stddef.h>
#include <stdint.h>

enum { HUB_HASHES_MAX = 64 };

struct hub_hash {
	uint64_t inode; /* of its directory in sysfs: never used again before a restart */
	char hash[FACTS_HASH_MAX];
};

/* Empty: all zero. */
struct hub_hashes {
	struct hub_hash list[HUB_HASHES_MAX];
	size_t kept; /* in all: the newest replaces the oldest */
};

/* NULL: not known. h: NULL knows none, and keeps none. */
const char *hub_hashes_find(const struct hub_hashes *h, uint64_t inode);
void hub_hashes_keep(struct hub_hashes *h, uint64_t inode, const char *hash);

#endif
