/*
 * What guard, main and `medium` leave each other in /run/sekisho-media about a block device NAME
 * ("sdb1"): NAME          the order, by main: "SEKISHO_TREATMENT=import\nSEKISHO_DEVICE=8:17\n",
 * which udev reads too. While it is there the block device is released, as this treatment says;
 * without it, not. NAME.status   what was done, by `medium`: one line, "opened", "closed", "forced"
 * or "failed CAUSE".
 */
#ifndef SEKISHO_AGENT_MEDIUM_H
#define SEKISHO_AGENT_MEDIUM_H

#include "policy/treatment.h"

#include <stdbool.h>
#include <stdint.h>

enum { MEDIUM_NAME_MAX = 32, MEDIUM_CAUSE_MAX = 128 };

#define MEDIUM_STATUS_SUFFIX ".status"

struct medium_order {
	enum treatment treatment; /* never DENY */
	uint32_t major;
	uint32_t minor;
};

enum medium_result { MEDIUM_OPENED, MEDIUM_CLOSED, MEDIUM_FORCED, MEDIUM_FAILED };

struct medium_status {
	enum medium_result result;
	char cause[MEDIUM_CAUSE_MAX];
};

/* A block device's kernel name: [a-z][a-z0-9]*, nothing a path can be made of. */
bool medium_name_is_valid(const char *name);

/* An order in 64 bits, for struct request; false when no honest child sends it. */
uint64_t medium_number(const struct medium_order *order);
bool medium_from_number(uint64_t number, struct medium_order *order);

/* dir: /run/sekisho-media. 0, ERR_NOT_FOUND, ERR_UNSAFE (not root's), ERR_FORMAT, ERR_IO. */
int medium_order_read(int dir, const char *name, struct medium_order *order);
int medium_order_write(int dir, const char *name, const struct medium_order *order);
int medium_status_read(int dir, const char *name, struct medium_status *status);
int medium_status_write(int dir, const char *name, const struct medium_status *status);
int medium_status_forget(int dir, const char *name);

#endif
