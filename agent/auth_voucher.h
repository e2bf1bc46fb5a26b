/* The vouchers in force: an empty file DAY.USER each in PATH_VOUCHER_DIR, made by root's `sekisho
 * voucher take`, removed by main once auth saw the day end. */
#ifndef SEKISHO_AGENT_AUTH_VOUCHER_H
#define SEKISHO_AGENT_AUTH_VOUCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/channel.h"

enum { VOUCHER_MARK_SIZE = 64 }; /* as struct request's name */

/* "2026-11-21.hanako". */
void voucher_mark_print(int32_t day, const char *user, char out[static VOUCHER_MARK_SIZE]);

/* NULL: no such name; else the user in it, and *day. */
const char *voucher_mark_parse(const char *name, int32_t *day);

/* Is there one of this user for today? Nobody is let in by one that is not here, whatever the clock
 * says later. */
bool voucher_in_force(int root, const char *user, int32_t today);

/*
 * Journals the end of those that are not of today, and has them removed; writes the users of the
 * others into text, space separated. ERR_IO; errors of channel_event() and channel_request(): what
 * could not be told is there still.
 */
int voucher_sweep(struct channel *channel, int root, int32_t today, char *text, size_t size);

#endif
