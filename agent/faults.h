/* What guard cannot enforce though it is no device that was judged: a hub that does not close, a
 * device that cannot be read. */
#ifndef SEKISHO_AGENT_FAULTS_H
#define SEKISHO_AGENT_FAULTS_H

#include "agent/device.h"

#include <stdbool.h>
#include <stddef.h>

/* Linux has 64 buses at most; and some devices. */
enum { FAULTS_MAX = 128 };

struct fault {
	char name[DEVICE_NAME_MAX]; /* "usb1" */
	const char *why;
	bool told;   /* it is in the journal */
	bool mended; /* kept until it is told */
};

struct faults {
	struct fault faults[FAULTS_MAX];
	size_t count;
};

/* why: a string of the program's own, which is kept; NULL: nothing is wrong (any more). Another
 * cause is another fault. */
void faults_set(struct faults *f, const char *name, const char *why);

/* Mends those whose name is() does not know (any more). */
void faults_forget(
        struct faults *f, bool (*is)(const void *context, const char *name), const void *context);

/* Tells those that are not told; tell answers 0, or it is tried again next time. */
void faults_tell(
        struct faults *f, int (*tell)(void *context, const struct fault *fault), void *context);

bool faults_are_told(const struct faults *f);

/* Those that are not mended. */
size_t faults_count(const struct faults *f);

#endif
