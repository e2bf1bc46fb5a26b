/*
 * guard's media: which block devices came from the devices it let in, and that they are released as
 * the verdict says, and taken back before their device goes. main orders (requests_media.c),
 * `medium` (medium.c) carries out, medium.h is how one learns of the other.
 *
 * The second line lets nobody open a block device that is not released, udev and the kernel's
 * search for partitions included: what came from a device that nobody expects is there, and no byte
 * of it is readable. So whoever lets a device in says media_expect() before its driver may probe,
 * and nothing else: its disk and then its partitions are released as they appear (those that are
 * there already: at the next media_serve()), whatever bus it is on. Whoever denies it, or treats it
 * otherwise, first asks media_close() until that says false.
 */
#ifndef SEKISHO_AGENT_MEDIA_H
#define SEKISHO_AGENT_MEDIA_H

#include <sys/types.h>

#include "agent/channel.h"
#include "agent/medium.h"

enum {
	MEDIA_MAX = 256,
	MEDIA_DEVICE_MAX = 64,
	MEDIA_PATH_MAX = 512,
	MEDIA_CLOSE_MS = 30000, /* what was written to a slow stick may take a while */
	MEDIA_OPEN_MS = 30000   /* a disk may have to start turning */
};

enum medium_state { MEDIUM_IS_OPENING, MEDIUM_IS_OPEN, MEDIUM_IS_CLOSING };

struct media_expected {
	char device[MEDIA_DEVICE_MAX];
	enum treatment treatment;
	const char *failed; /* why a medium of it could not be opened as it should; NULL */
};

struct medium {
	char name[MEDIUM_NAME_MAX];
	char device[MEDIA_DEVICE_MAX]; /* the judged device it came from; "": not known yet */
	char path[MEDIA_PATH_MAX];     /* its place in sysfs, with all devices it hangs on */
	ino_t inode; /* of that: a partition that is found anew is another, closed as all new ones
	              */
	enum medium_state state;
	enum treatment treatment;
	int64_t deadline_ms; /* while opening or closing */
};

struct media {
	struct channel *channel;
	/* Tells the journal, now or as soon as it can be told. */
	void (*tell)(void *context, const struct event_record *event);
	void *tell_context;
	int sys;      /* descriptor of /sys */
	int run;      /* of PATH_MEDIA_DIR; -1: there is none, and nothing is released */
	bool observe; /* nothing is released or taken back */
	bool look;    /* media_look() is due */
	struct media_expected expected[MEDIA_MAX];
	size_t expected_count;
	struct medium media[MEDIA_MAX];
	size_t count;
};

/*
 * Block devices that come from this device ("1-2", "mmc0:aaaa", "2:0:0:0": a directory of the path
 * in sysfs; the nearest one counts) shall be this, from now on: call it before a driver may probe.
 * TREATMENT_DENY: no longer. Those that are there already are released by the next media_serve().
 */
void media_expect(struct media *m, const char *device, enum treatment treatment);

/*
 * Before a device is denied, or treated otherwise than before: takes back every medium of it that
 * is released otherwise than as kept, and, when kept is TREATMENT_DENY, also of what hangs on it.
 * True while that goes on, MEDIA_CLOSE_MS at most: then ask again after media_serve(), and leave
 * the device as it is until it says false.
 */
bool media_close(struct media *m, const char *device, enum treatment kept);

/* Why a medium of this device is not as it should be: such a device must be denied. NULL: all is
 * well. */
const char *media_failed(const struct media *m, const char *device);

/* A uevent of the subsystem block named it. */
void media_appeared(struct media *m, const char *name);
void media_removed(struct media *m, const char *name);
/* Every block device that is there, and every order of one that is not: at the start, before
 * devices are judged, and after lost uevents. */
void media_look(struct media *m);

/* What `medium` has done meanwhile: told. True when a closing came to its end or an opening failed.
 */
bool media_serve(struct media *m);
/* How long the loop may sleep before the next media_serve(); -1: nothing is under way. */
int media_wait_ms(const struct media *m);

#endif
