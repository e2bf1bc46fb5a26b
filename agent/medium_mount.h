/* medium's part in file systems: a medium's mounted, and all there are of it unmounted. */
#ifndef SEKISHO_AGENT_MEDIUM_MOUNT_H
#define SEKISHO_AGENT_MEDIUM_MOUNT_H

#include "agent/medium.h"

enum { MEDIUM_UNMOUNT_MS = 8000 }; /* guard gives up waiting after MEDIA_CLOSE_MS */

/* Where media are mounted, by name. */
#define MEDIUM_MOUNTS "/media/sekisho"

/*
 * Mounts it noexec, nosuid, nodev, and read-only under import, at MEDIUM_MOUNTS/NAME, with the
 * first of the kernel's file systems that takes it: no program looks into a medium before.
 * ERR_NOT_FOUND: none does.
 */
int medium_mount(const char *name, enum treatment treatment);

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
