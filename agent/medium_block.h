/* medium's part in the block device itself: let through the second line, read-only, its partitions
 * found. */
#ifndef SEKISHO_AGENT_MEDIUM_BLOCK_H
#define SEKISHO_AGENT_MEDIUM_BLOCK_H

#include "agent/medium.h"

/* An O_PATH descriptor of /dev/NAME, when it is the block device of the order; ERR_NOT_FOUND
 * otherwise. */
int medium_block_find(const char *name, const struct medium_order *order, int *node);

/*
 * Lets it through the second line, under import for reading alone, and then marked read-only in the
 * kernel too. Without a second line that mark alone holds, and root can take it off. On an error it
 * is closed again.
 */
int medium_block_release(int node, const struct medium_order *order);

/* The order for what is called NAME now, where no order says: its number, as allowed.
 * ERR_NOT_FOUND: there is none. */
int medium_block_order(const char *name, struct medium_order *order);

/* What was written is on the medium; then the second line is closed. True when the device said that
 * it has it. */
bool medium_block_take_back(int node, const struct medium_order *order);

/* The kernel looks for partitions when a disk comes, which the second line stopped. True when there
 * are some. */
bool medium_block_has_partitions(const char *name, int node);

/* Has udev look at the content, which it could not before. */
void medium_block_tell_udev(const char *name);

#endif
