#include "core/clock.h"

#include "core/error.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the years RFC 3339 can write. */
#define FIRST_SECOND (-62167219200LL)
#define LAST_SECOND 253402300799LL

int64_t clock_wall(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec;
}

static int64_t milliseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_boot_ms(void)
{
	return milliseconds(CLOCK_BOOTTIME);
}

int64_t clock_awake_ms(void)
{
	return milliseconds(CLOCK_MONOTONIC);
}

int64_t clock_sooner(int64_t one, int64_t other)
{
	return one == 0 || (other != 0 && other < one) ? other : one;
}

void clock_format(int64_t seconds, char *out)
{
	struct tm tm;

	if (seconds < FIRST_SECOND)
		seconds = FIRST_SECOND;
	if (seconds > LAST_SECOND)
		seconds = LAST_SECOND;
	time_t moment = (time_t)seconds;
	gmtime_r(&moment, &tm);
	strftime(out, CLOCK_RFC3339_SIZE, "%FT%TZ", &tm);
	if (tm.tm_year < -900) /* glibc's %F does not fill years below 1000 with zeros */
		snprintf(out, CLOCK_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		        (unsigned)(tm.tm_year + 1900) % 10000U, (unsigned)(tm.tm_mon + 1) % 100U,
		        (unsigned)tm.tm_mday % 100U, (unsigned)tm.tm_hour % 100U,
		        (unsigned)tm.tm_min % 100U, (unsigned)tm.tm_sec % 100U);
}

/* Exactly `digits` decimal digits at *text, which moves on. -1 when there are not. */
static int take_number(const char **text, int digits)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		char c = (*text)[0];
		if (c < '0' || c > '9')
			return -1;
		value = value * 10 + (c - '0');
		(*text)++;
	}
	return value;
}

static bool take_char(const char **text, char expected)
{
	if ((*text)[0] != expected)
		return false;
	(*text)++;
	return true;
}

static int days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(const char **text, struct tm *tm)
{
	int year = take_number(text, 4);
	if (year < 0 || !take_char(text, '-'))
		return false;
	int month = take_number(text, 2);
	if (month < 1 || month > 12 || !take_char(text, '-'))
		return false;
	int day = take_number(text, 2);
	if (day < 1 || day > days_of_month(year, month))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

static bool take_time(const char **text, struct tm *tm)
{
	tm->tm_hour = take_number(text, 2);
	if (tm->tm_hour < 0 || tm->tm_hour > 23 || !take_char(text, ':'))
		return false;
	tm->tm_min = take_number(text, 2);
	if (tm->tm_min < 0 || tm->tm_min > 59 || !take_char(text, ':'))
		return false;
	tm->tm_sec = take_number(text, 2);
	if (tm->tm_sec < 0 || tm->tm_sec > 60)
		return false;
	if (take_char(text, '.')) {
		if (take_number(text, 1) < 0)
			return false;
		while (take_number(text, 1) >= 0)
			;
	}
	return true;
}

/* Seconds east of UTC. */
static bool take_offset(const char **text, int *offset)
{
	*offset = 0;
	if (take_char(text, 'Z') || take_char(text, 'z'))
		return true;
	int sign = take_char(text, '-') ? -1 : 1;
	if (sign == 1 && !take_char(text, '+'))
		return false;
	int hours = take_number(text, 2);
	if (hours < 0 || hours > 23 || !take_char(text, ':'))
		return false;
	int minutes = take_number(text, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* The second before which a leap second may stand: they end a month of UTC. */
static bool begins_month(int64_t seconds)
{
	time_t moment = (time_t)seconds;
	struct tm tm;

	return gmtime_r(&moment, &tm) != NULL && tm.tm_mday == 1 && tm.tm_hour == 0 &&
	       tm.tm_min == 0 && tm.tm_sec == 0;
}

int clock_parse(const char *text, int64_t *seconds)
{
	struct tm tm = {0};
	int offset = 0;
	bool leap;

	*seconds = 0;
	if (!take_date(&text, &tm) || !(take_char(&text, 'T') || take_char(&text, 't')))
		return ERR_FORMAT;
	if (!take_time(&text, &tm) || !take_offset(&text, &offset) || text[0] != '\0')
		return ERR_FORMAT;
	leap = tm.tm_sec == 60;
	*seconds = (int64_t)timegm(&tm) - offset; /* which carries the 60 */
	if (!leap || begins_month(*seconds))
		return 0;
	*seconds = 0;
	return ERR_FORMAT;
}

static bool looks_like_uuid(const char *text)
{
	for (size_t i = 0; i < CLOCK_BOOT_ID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		bool digit =
		        (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
		if (dash ? text[i] != '-' : !digit)
			return false;
	}
	return true;
}

int clock_boot_id(char out[static CLOCK_BOOT_ID_SIZE])
{
	char line[CLOCK_BOOT_ID_SIZE];

	out[0] = '\0';
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	ssize_t length = read(fd, line, sizeof(line));
	close(fd);
	if (length != (ssize_t)sizeof(line) || line[CLOCK_BOOT_ID_SIZE - 1] != '\n')
		return ERR_IO;
	line[CLOCK_BOOT_ID_SIZE - 1] = '\0';
	if (!looks_like_uuid(line))
		return ERR_IO;
	memcpy(out, line, CLOCK_BOOT_ID_SIZE);
	return 0;
}
