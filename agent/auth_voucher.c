#include "agent/auth_voucher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth_person.h"
#include "agent/auth_state.h"
#include "agent/paths.h"
#include "core/error.h"
#include "core/event.h"

void voucher_mark_print(int32_t day, const char *user, char out[static VOUCHER_MARK_SIZE])
{
	char date[PERSON_DAY_SIZE];

	person_day_print(day, date);
	snprintf(out, VOUCHER_MARK_SIZE, "%s.%.*s", date, AUTH_USER_MAX, user);
}

const char *voucher_mark_parse(const char *name, int32_t *day)
{
	char date[PERSON_DAY_SIZE];

	*day = 0;
	snprintf(date, sizeof(date), "%s", name);
	if (strlen(date) != PERSON_DAY_SIZE - 1 || person_day_parse(date, day) != 0 ||
	        name[PERSON_DAY_SIZE - 1] != '.' || !auth_state_name(name + PERSON_DAY_SIZE))
		return NULL;
	return name + PERSON_DAY_SIZE;
}

bool voucher_in_force(int root, const char *user, int32_t today)
{
	char path[sizeof(PATH_VOUCHER_DIR) + 1 + VOUCHER_MARK_SIZE];
	char name[VOUCHER_MARK_SIZE];
	int fd = -1;

	if (today <= 0 || !auth_state_name(user))
		return false;
	voucher_mark_print(today, user, name);
	snprintf(path, sizeof(path), "%s/%s", PATH_VOUCHER_DIR, name);
	fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int end(struct channel *channel, const char *name, const char *user, int32_t day)
{
	static struct event_record e; /* 24 KiB: not for the stack */
	char date[PERSON_DAY_SIZE];
	int error = 0;

	person_day_print(day, date);
	event_start(&e, EVENT_VOUCHER_ENDED);
	event_put(&e, FIELD_USER, user);
	event_put(&e, FIELD_DAY, date);
	event_put(&e, FIELD_CAUSE, "day-over");
	error = channel_event(channel, &e);
	return error == 0 ? channel_request(channel, REQUEST_VOUCHER_END, name, 0, -1, NULL)
	                  : error;
}

static int is_mark(const struct dirent *entry)
{
	int32_t day = 0;

	return voucher_mark_parse(entry->d_name, &day) != NULL;
}

static void append(char *text, size_t size, const char *user)
{
	size_t length = strlen(text);

	(void)snprintf(text + length, size - length, "%s%s", length != 0 ? " " : "", user);
}

int voucher_sweep(struct channel *channel, int root, int32_t today, char *text, size_t size)
{
	struct dirent **found = NULL;
	int count = scandirat(root, PATH_VOUCHER_DIR, &found, is_mark, alphasort);
	int error = count < 0 && errno != ENOENT ? ERR_IO : 0;

	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		int32_t day = 0;
		const char *user = voucher_mark_parse(found[i]->d_name, &day);

		if (day == today)
			append(text, size, user);
		else if (error == 0)
			error = end(channel, found[i]->d_name, user, day);
		free(found[i]);
	}
	free(found);
	return error;
}
