#ifndef SEKISHO_CORE_CLOCK_H
#define SEKISHO_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* "2026-11-21T08:47:11Z" and the NUL. */
#define CLOCK_RFC3339_SIZE 21
/* "f47ac10b-58cc-4372-a567-0e02b2c3d479" and the NUL, as in /proc/sys/kernel/random/boot_id. */
#define CLOCK_BOOT_ID_SIZE 37

/* Seconds since 1970 by the wall clock. */
int64_t clock_wall(void);

/* Milliseconds since boot, suspend included (CLOCK_BOOTTIME). */
int64_t clock_boot_ms(void);

/* The same, suspend left out: for how long somebody may take to answer who is suspended too. */
int64_t clock_awake_ms(void);

/* The earlier of two moments; 0 is never. */
int64_t clock_sooner(int64_t one, int64_t other);

/* UTC, RFC 3339, whole seconds. out holds CLOCK_RFC3339_SIZE bytes. */
void clock_format(int64_t seconds, char *out);

/* RFC 3339 with Z or a numeric offset. A leap second is the one after it. 0 or ERR_FORMAT. */
int clock_parse(const char *text, int64_t *seconds);

/* The kernel's id of this boot. 0 or ERR_IO. */
int clock_boot_id(char out[static CLOCK_BOOT_ID_SIZE]);

#endif
