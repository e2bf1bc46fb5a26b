/* medium's part in file systems: a medium's mounted, and all there are of it unmounted. */
#ifndef SEKISHO_AGENT_MEDIUM_MOUNT_H
#define SEKISHO_AGENT_MEDIUM_MOUNT_H

#include "agent/medium.h"

enum {
	MEDIUM_UNMOUNT_MS = 8000, /* guard gives up waiting after MEDIA_CLOSE_MS */
	MEDIUM_BEGINNING = 36880  /* bytes of a medium that show what file system it has */
};

/* Where media are mounted, by name. */
#define MEDIUM_MOUNTS "/media/sekisho"

/*
 * Mounts it noexec, nosuid, nodev, and read-only under import, at MEDIUM_MOUNTS/NAME.
 * ERR_NOT_FOUND: no file system that is known, or that may be mounted under this treatment.
 */
int medium_mount(const char *name, enum treatment treatment);

/* The kernel's name of a file system that may be there, by the medium's beginning, and its options;
 * NULL: none, from next on. */
const char *medium_filesystem(const uint8_t bytes[MEDIUM_BEGINNING], enum treatment treatment,
        size_t *next, const char **options);

/*
 * Writes out and unmounts every file system of the block device, wherever it is mounted. What is in
 * use is tried again for MEDIUM_UNMOUNT_MS and then detached from the tree: true.
 */
bool medium_unmount(uint32_t major, uint32_t minor);

/* The mount points of a block device in a text like /proc/self/mountinfo, unescaped, the last
 * mounted first. Each is found by the count of those after it; false: there are no more. */
bool medium_mount_point(const char *mountinfo, uint32_t major, uint32_t minor, size_t index,
        char *out, size_t size);

#endif
