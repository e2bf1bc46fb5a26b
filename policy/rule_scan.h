/* The words of the rule language, from the text of one line. */
#ifndef SEKISHO_POLICY_RULE_SCAN_H
#define SEKISHO_POLICY_RULE_SCAN_H

#include "policy/rule_language.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scanner {
	struct arena *arena;
	const char *text;
	size_t length;
	size_t at;
	struct rule_error *error;
};

/* ERR_FORMAT, with the column of at (from 0) and the message. */
int scan_refuse(struct scanner *s, size_t at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

int scan_peek(const struct scanner *s); /* the next byte; -1 at the end */
size_t scan_blanks(struct scanner *s);  /* how many were passed */
bool scan_char(struct scanner *s, char c);

/* The name that the word here is, passed over; count when it is none of them. */
size_t scan_name(struct scanner *s, const char *const *names, size_t count);

/* Each passes what it reads, or refuses it. */
int scan_id(struct scanner *s, struct item_id *id);
int scan_interface(struct scanner *s, struct item_interface *interface);
int scan_string(struct scanner *s, struct item_text *text);
/* Refuses a CR between start and here, as USBGuard does everywhere but in a comment after a rule.
 */
int scan_one_line(struct scanner *s, size_t start);

/* HH:MM[:SS] or HH:MM[:SS]-HH:MM[:SS], white space around each time. */
bool scan_window(struct scanner *s, uint32_t *begin, uint32_t *end);
/* SS, HH:MM or HH:MM:SS. */
bool scan_duration(struct scanner *s, int64_t *seconds);
/* From 0 to 1. */
bool scan_probability(struct scanner *s, double *probability);

#endif
