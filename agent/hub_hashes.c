#include "agent/hub_hashes.h"

#include <stdio.h>

const char *hub_hashes_find(const struct hub_hashes *h, uint64_t inode)
{
	for (size_t i = 0; h != NULL && i < HUB_HASHES_MAX && i < h->kept; i++) {
		if (h->list[i].inode == inode)
			return h->list[i].hash;
	}
	return NULL;
}

void hub_hashes_keep(struct hub_hashes *h, uint64_t inode, const char *hash)
{
	struct hub_hash *kept;

	if (h == NULL || hub_hashes_find(h, inode) != NULL)
		return;
	kept = &h->list[h->kept % HUB_HASHES_MAX];
	kept->inode = inode;
	snprintf(kept->hash, sizeof(kept->hash), "%s", hash);
	h->kept++;
}
