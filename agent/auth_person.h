/* Whom a user's tokens belong to: what kind of staff, and from which day to which. */
#ifndef SEKISHO_AGENT_AUTH_PERSON_H
#define SEKISHO_AGENT_AUTH_PERSON_H

#include <stdbool.h>
#include <stdint.h>

enum person_class {
	PERSON_UNNAMED = 0,
	PERSON_PERSONNEL,      /* 職員 */
	PERSON_TEMPORARY,      /* 臨時・会計年度任用職員 */
	PERSON_DISPATCHED,     /* 派遣 */
	PERSON_CONTRACTOR,     /* 委託事業者 */
	PERSON_COUNCIL_MEMBER, /* 議員 */
	PERSON_CLASS_END
};

/* Days since 1970-01-01, of this terminal's calendar; 0: none. */
struct auth_person {
	enum person_class class;
	int32_t first_day;
	int32_t last_day;
};

enum person_standing {
	PERSON_CURRENT = 1,
	PERSON_EARLY,   /* the first day is to come */
	PERSON_ENDED,   /* it is past midnight, local time, after the last day */
	PERSON_UNDATED, /* of a class that has a last day, and has none */
};

enum {
	PERSON_DAY_SIZE = 11,     /* "2027-03-31" and its NUL */
	PERSON_DAY_MAX = 2932896, /* 9999-12-31 */
};

/* "contractor"; NULL for what is none. */
const char *person_class_name(enum person_class class);

/* False: no class of this name. */
bool person_class_find(const char *name, enum person_class *class);

/* Works here for a time that is agreed beforehand. */
bool person_class_is_dated(enum person_class class);

/* "2027-03-31", a day there is, 1970-01-02 to 9999-12-31. 0 or ERR_FORMAT. */
int person_day_parse(const char *text, int32_t *day);

/* "-" for none. */
void person_day_print(int32_t day, char out[static PERSON_DAY_SIZE]);

/* The day this moment lies in, by the local time tzset(3) last found; 0: none there is. */
int32_t person_day_at(int64_t now);

/* At this moment (seconds since 1970), by the local time tzset(3) last found. */
enum person_standing person_judge(const struct auth_person *person, int64_t now);

/* "after-last-day": for the journal. NULL for PERSON_CURRENT. */
const char *person_cause(enum person_standing standing);

/* Is every value one that the format allows, and the last day none before the first? */
bool person_is_allowed(const struct auth_person *person);

#endif
