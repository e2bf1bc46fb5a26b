#include "agent/auth_person.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"

enum { DAY = 86400 };

static const struct {
	const char *name;
	bool dated;
} CLASSES[PERSON_CLASS_END] = {
        [PERSON_PERSONNEL] = {"personnel", false},
        [PERSON_TEMPORARY] = {"temporary", true},
        [PERSON_DISPATCHED] = {"dispatched", true},
        [PERSON_CONTRACTOR] = {"contractor", true},
        [PERSON_COUNCIL_MEMBER] = {"council_member", false},
};

const char *person_class_name(enum person_class class)
{
	return (unsigned)class < PERSON_CLASS_END ? CLASSES[class].name : NULL;
}

bool person_class_find(const char *name, enum person_class *class)
{
	for (unsigned i = PERSON_UNNAMED + 1; i < PERSON_CLASS_END; i++) {
		if (strcmp(name, CLASSES[i].name) != 0)
			continue;
		*class = (enum person_class)i;
		return true;
	}
	return false;
}

bool person_class_is_dated(enum person_class class)
{
	return (unsigned)class < PERSON_CLASS_END && CLASSES[class].dated;
}

static int32_t day_of(const struct tm *date)
{
	struct tm midnight = {
	        .tm_year = date->tm_year, .tm_mon = date->tm_mon, .tm_mday = date->tm_mday};

	return (int32_t)(timegm(&midnight) / DAY);
}

void person_day_print(int32_t day, char out[static PERSON_DAY_SIZE])
{
	time_t seconds = (time_t)day * DAY;
	struct tm date;

	snprintf(out, PERSON_DAY_SIZE, "-");
	if (day > 0 && day <= PERSON_DAY_MAX && gmtime_r(&seconds, &date) != NULL)
		(void)strftime(out, PERSON_DAY_SIZE, "%Y-%m-%d", &date);
}

int person_day_parse(const char *text, int32_t *day)
{
	char again[PERSON_DAY_SIZE];
	struct tm date = {0};
	const char *end = strptime(text, "%Y-%m-%d", &date);

	*day = 0;
	if (end == NULL || *end != '\0')
		return ERR_FORMAT;
	/* 2027-02-31 is none. */
	person_day_print(day_of(&date), again);
	if (strcmp(again, text) != 0)
		return ERR_FORMAT;
	*day = day_of(&date);
	return 0;
}

int32_t person_day_at(int64_t now)
{
	time_t seconds = (time_t)now;
	struct tm local;

	return localtime_r(&seconds, &local) != NULL ? day_of(&local) : 0;
}

enum person_standing person_judge(const struct auth_person *p, int64_t now)
{
	time_t seconds = (time_t)now;
	struct tm local;

	if (p->last_day == 0 && person_class_is_dated(p->class))
		return PERSON_UNDATED;
	if (p->first_day == 0 && p->last_day == 0)
		return PERSON_CURRENT;
	if (localtime_r(&seconds, &local) == NULL)
		return PERSON_ENDED;
	if (day_of(&local) < p->first_day)
		return PERSON_EARLY;
	return p->last_day != 0 && day_of(&local) > p->last_day ? PERSON_ENDED : PERSON_CURRENT;
}

const char *person_cause(enum person_standing standing)
{
	switch (standing) {
	case PERSON_EARLY:
		return "before-first-day";
	case PERSON_ENDED:
		return "after-last-day";
	case PERSON_UNDATED:
		return "no-last-day";
	case PERSON_CURRENT:
		break;
	}
	return NULL;
}

bool person_is_allowed(const struct auth_person *p)
{
	return (unsigned)p->class < PERSON_CLASS_END && p->first_day >= 0 &&
	       p->first_day <= PERSON_DAY_MAX && p->last_day >= 0 &&
	       p->last_day <= PERSON_DAY_MAX && (p->last_day == 0 || p->first_day <= p->last_day);
}
