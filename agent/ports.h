/*
 * Guard's ports that are not USB: what hangs there is judged by its kind, told of, and made to be
 * what its verdict says. What was there when guard first looked since boot, and cannot leave, is
 * the terminal's own and nobody's way out.
 */
#ifndef SEKISHO_AGENT_PORTS_H
#define SEKISHO_AGENT_PORTS_H

#include "agent/enforce.h"
#include "agent/port_look.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PORTS_MAX = 512 };

struct port_guarded {
	struct port_look look;
	struct verdict verdict;
	bool told;
	bool held_back; /* allowed, but not told yet: stays stopped */
	bool closing;   /* its media are being taken back: it stays as it is until they are */
	bool anew;      /* they were, for another treatment: it is let in anew */
	bool quiet;     /* follows the USB device it hangs on, which was told */
	const char *unenforced; /* why the verdict could not be applied; NULL when it was */
	const char *untold;     /* the same, not journalled yet */
	unsigned offered; /* how often drivers were asked in vain to take it, since it was let in */
};

struct ports {
	struct enforcement *enforcement; /* channel, sys, mode, policy, and what USB devices may */
	int root;                        /* descriptor that agent/paths.h is relative to */
	uint64_t mark; /* newest inode in sysfs when udev had met all that was there at boot; 0: not
	                  known yet */
	bool mark_stands;     /* it does not rise any more */
	bool mark_kept;       /* the next guard of this boot will find it */
	int64_t udev_busy_ms; /* when udev was last seen at work; 0: never */
	uint64_t
	        ways_told; /* what main was told of ways that are not denied; UINT64_MAX: nothing */
	char (*stands_on)[PORT_LINK_MAX]; /* disks the system stands on, below /sys */
	size_t stands_on_count;
	struct port_guarded *ports[PORTS_MAX];
	size_t count;
	struct faults faults; /* buses, directories, devices of which nothing more is known */
};

struct ports_figures {
	size_t devices, allowed, denied, unenforced;
	uint32_t unwatched; /* bits of ways that are there and not held closed */
};

/* Closes the buses, then judges what is there: at the start, after lost uevents, and after a change
 * of mode. */
void ports_everything(struct ports *p);

/* A uevent of one of the subsystems of port_kinds[]: "add", "remove" or any other. */
void ports_uevent(struct ports *p, const char *subsystem, const char *action, const char *name);

/* A uevent of the subsystem "bus" or "drivers": a bus to be closed, or a driver for what has none.
 * devpath: "/bus/scsi/drivers/sd". */
void ports_bus_uevent(struct ports *p, const char *devpath);

/* After a change of policy, or of what a USB device may. */
void ports_judge_again(struct ports *p);

/* media_serve() said that something came to its end. */
void ports_media_ended(struct ports *p);

/* As enforce_tell_again() and enforce_check(). */
bool ports_tell_again(struct ports *p);
void ports_check(struct ports *p);

/*
 * Whether nothing is left to be done a moment later: what is the terminal's own is not known before
 * udev has met it all, and a driver that is asked to take something while the kernel is still
 * adding it may pass it over and is asked once more.
 */
bool ports_are_settled(const struct ports *p);
void ports_settle(struct ports *p);

/* Whether every verdict is told, and in effect. */
bool ports_are_told(const struct ports *p);
bool ports_are_enforced(const struct ports *p);

void ports_count(const struct ports *p, struct ports_figures *figures);

struct verdict ports_verdict(const struct port_guarded *g);

/* What cannot be enforced though it is no port's verdict; why: NULL, it can (any more). */
void ports_fault_set(struct ports *p, const char *name, const char *why);

/* what for each entry of the kind's directory. */
void ports_each_entry(struct ports *p, const struct port_kind *kind,
        void (*what)(struct ports *p, const struct port_kind *kind, const char *name));

void ports_free(struct ports *p);

#endif
