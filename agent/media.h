/*
 * guard's media: which block devices came from the devices it let in, and that they are released as
 * the verdict says, and taken back before their device goes. main orders (requests_media.c),
 * `medium` (medium.c) carries out, medium.h is how one learns of the other.
 */
#ifndef SEKISHO_AGENT_MEDIA_H
#define SEKISHO_AGENT_MEDIA_H

#include "agent/channel.h"
#include "agent/medium.h"

enum { MEDIA_MAX = 256, MEDIA_DEVICE_MAX = 64, MEDIA_CLOSE_MS = 10000, MEDIA_OPEN_MS = 10000 };

enum medium_state { MEDIUM_IS_OPENING, MEDIUM_IS_OPEN, MEDIUM_IS_CLOSING };

struct media_expected {
	char device[MEDIA_DEVICE_MAX];
	enum treatment treatment;
};

struct medium {
	char name[MEDIUM_NAME_MAX];
	char device[MEDIA_DEVICE_MAX]; /* the judged device it came from */
	enum medium_state state;
	enum treatment treatment;
	int64_t deadline_ms; /* while opening or closing */
};

struct media {
	struct channel *channel;
	int sys;      /* descriptor of /sys */
	int run;      /* of PATH_MEDIA_DIR; -1: there is none, and nothing is released */
	bool observe; /* nothing is released or taken back */
	struct media_expected expected[MEDIA_MAX];
	size_t expected_count;
	struct medium media[MEDIA_MAX];
	size_t count;
};

/*
 * Block devices that come from this device ("1-2", "mmc0:aaaa", "2:0:0:0": a directory of the path
 * in sysfs) shall be this, from now on: call it before a driver may probe. TREATMENT_DENY: no
 * longer. Those that are there already are released at once.
 */
void media_expect(struct media *m, const char *device, enum treatment treatment);

/*
 * Before a device is denied, or treated otherwise than before: takes back every medium of it and of
 * what hangs on it
 * ("1-2" also those of "1-2.3") that is released otherwise than as kept (TREATMENT_DENY: all). True
 * while that goes on, MEDIA_CLOSE_MS at most: then ask again after media_serve(), and leave the
 * device as it is until it says false.
 */
bool media_close(struct media *m, const char *device, enum treatment kept);

/* A uevent of the subsystem block named it. */
void media_appeared(struct media *m, const char *name);
void media_removed(struct media *m, const char *name);
/* Every block device that is there, and every order without one: at the start, and after lost
 * uevents. */
void media_look(struct media *m);

/* What `medium` has done meanwhile: told, and true when a closing came to its end. */
bool media_serve(struct media *m);
/* How long the loop may sleep before the next media_serve(); -1: nothing is under way. */
int media_wait_ms(const struct media *m);

#endif
