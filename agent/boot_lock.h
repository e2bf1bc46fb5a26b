/* The kernel parameter that closes USB from the kernel's first moment, in the boot loader's
 * configuration. */
#ifndef SEKISHO_AGENT_BOOT_LOCK_H
#define SEKISHO_AGENT_BOOT_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#define BOOT_LOCK_PARAMETER "usbcore.authorized_default=0"
#define BOOT_LOCK_GRUB "etc/default/grub.d/sekisho.cfg"
#define BOOT_LOCK_CMDLINE "etc/kernel/cmdline"

enum { BOOT_LOCK_LINE_MAX = 4096 };

enum boot_loader { BOOT_LOADER_NONE, BOOT_LOADER_GRUB, BOOT_LOADER_SYSTEMD };

/* Which one's configuration is there under root (a directory descriptor): GRUB's as Debian keeps
 * it, or the command line that kernel-install hands to systemd-boot. */
enum boot_loader boot_lock_loader(int root);
const char *boot_loader_name(enum boot_loader loader);

/* Whether the parameter is configured. */
bool boot_lock_is_set(int root, enum boot_loader loader);

/* Sets or takes away the parameter; nothing is written where it is so already. The boot loader's
 * own program must run afterwards. ERR_*. */
int boot_lock_set(int root, enum boot_loader loader, bool on);

/*
 * A kernel command line with the parameter as its last word, or without any setting of
 * usbcore.authorized_default; blanks between words become one. ERR_TOO_LONG.
 */
int boot_lock_line(const char *line, bool on, char out[BOOT_LOCK_LINE_MAX]);

/* Whether a kernel with this command line starts with USB closed: the last setting counts. */
bool boot_lock_line_closes(const char *line);

#endif
