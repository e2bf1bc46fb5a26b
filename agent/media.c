#include "agent/media.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

enum { STEP_MS = 100, NUMBER_SIZE = 16 };

#define BLOCK_DEVICES "class/block"

static struct media_expected *expected_find(const struct media *m, const char *device)
{
	for (size_t i = 0; i < m->expected_count; i++) {
		if (strcmp(m->expected[i].device, device) == 0)
			return (struct media_expected *)&m->expected[i];
	}
	return NULL;
}

/* The directory in the path that has this name; NULL: none. */
static const char *path_find(const char *path, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	for (const char *at = path; length > 0 && (at = strstr(at, name)) != NULL; at += length) {
		if (at > path && at[-1] == '/' && (at[length] == '/' || at[length] == '\0'))
			found = at;
	}
	return found;
}

/* The nearest device in the path that is expected. */
static struct media_expected *expected_of_path(const struct media *m, const char *path)
{
	struct media_expected *nearest = NULL;
	const char *place = NULL;

	for (size_t i = 0; i < m->expected_count; i++) {
		const char *found = path_find(path, m->expected[i].device);

		if (found != NULL && found > place) {
			place = found;
			nearest = (struct media_expected *)&m->expected[i];
		}
	}
	return nearest;
}

static size_t index_of(const struct media *m, const char *name)
{
	size_t i = 0;

	while (i < m->count && strcmp(m->media[i].name, name) != 0)
		i++;
	return i;
}

static void forget(struct media *m, size_t index)
{
	m->count--;
	memmove(&m->media[index], &m->media[index + 1], (m->count - index) * sizeof(m->media[0]));
}

static void medium_tell(struct media *m, const struct medium *medium, enum event_kind kind,
        const char *forced, const char *cause)
{
	struct event_record event;

	event_start(&event, (uint16_t)kind);
	event_put(&event, FIELD_DEVICE, medium->device);
	event_put(&event, FIELD_NAME, medium->name);
	event_put(&event, FIELD_TREATMENT, treatment_name(medium->treatment));
	event_put(&event, FIELD_FORCED, forced);
	event_put(&event, FIELD_CAUSE, cause[0] != '\0' ? cause : NULL);
	log_info("%s (%s): %s%s%s", medium->name, medium->device, event_kind_name((uint16_t)kind),
	        cause[0] != '\0' ? ": " : "", cause);
	m->tell(m->tell_context, &event);
}

static void failed_set(struct media *m, const struct medium *medium, const char *cause)
{
	struct media_expected *expected = expected_find(m, medium->device);

	if (expected != NULL)
		expected->failed = "its medium could not be opened as the policy says";
	medium_tell(m, medium, EVENT_MEDIUM_FAILED, NULL, cause);
}

/* Where it is in sysfs. */
static int place_read(const struct media *m, const char *name, struct medium *place)
{
	char link[sizeof(BLOCK_DEVICES) + MEDIUM_NAME_MAX];
	struct stat status;
	ssize_t length;

	snprintf(link, sizeof(link), BLOCK_DEVICES "/%s", name);
	length = readlinkat(m->sys, link, place->path, MEDIA_PATH_MAX - 1);
	if (length <= 0 || fstatat(m->sys, link, &status, 0) != 0)
		return ERR_NOT_FOUND;
	place->path[length] = '\0';
	place->inode = status.st_ino;
	snprintf(place->name, sizeof(place->name), "%s", name);
	return 0;
}

static int number_read(const struct media *m, const char *name, struct medium_order *order)
{
	char link[sizeof(BLOCK_DEVICES) + MEDIUM_NAME_MAX + 8];
	char number[NUMBER_SIZE] = "";
	ssize_t length;
	int fd;

	snprintf(link, sizeof(link), BLOCK_DEVICES "/%s/dev", name);
	fd = openat(m->sys, link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_NOT_FOUND;
	length = read(fd, number, sizeof(number) - 1);
	close(fd);
	/* The kernel's own two numbers. NOLINTNEXTLINE(cert-err34-c) */
	return length > 0 && sscanf(number, "%u:%u", &order->major, &order->minor) == 2 ? 0
	                                                                                : ERR_IO;
}

static void medium_open(struct media *m, struct medium *medium, struct medium_order *order)
{
	int r;

	medium->state = MEDIUM_IS_OPENING;
	medium->deadline_ms = clock_boot_ms() + MEDIA_OPEN_MS;
	order->treatment = medium->treatment;
	r = channel_request(
	        m->channel, REQUEST_MEDIUM_OPEN, medium->name, medium_number(order), -1, NULL);
	if (r == 0)
		return;
	if (r != ERR_NOT_FOUND) /* pulled meanwhile */
		failed_set(m, medium, error_text(r));
	forget(m, (size_t)(medium - m->media));
}

static struct medium *medium_add(struct media *m, const struct medium *place)
{
	struct medium *medium;

	if (m->count == MEDIA_MAX) {
		log_error("%s: %s", place->name,
		        LANGUAGE("媒体が多すぎます", "too many media")); /* not released */
		return NULL;
	}
	medium = &m->media[m->count++];
	*medium = *place;
	return medium;
}

/* An order from before this guard: it stands until the device is judged. */
static bool medium_adopt(struct media *m, const struct medium *place)
{
	struct medium_order order;
	struct medium *medium;

	if (medium_order_read(m->run, place->name, &order) != 0)
		return false;
	medium = medium_add(m, place);
	if (medium != NULL) {
		medium->treatment = order.treatment;
		medium->state = MEDIUM_IS_OPEN;
	}
	return true;
}

static void expected_take(struct media *m, struct medium *medium)
{
	const struct media_expected *expected = expected_of_path(m, medium->path);

	if (medium->device[0] == '\0' && expected != NULL)
		snprintf(medium->device, sizeof(medium->device), "%s", expected->device);
}

static void order_take_back(struct media *m, struct medium *medium)
{
	int r = channel_request(m->channel, REQUEST_MEDIUM_CLOSE, medium->name, 0, -1, NULL);

	if (r != 0 && r != ERR_NOT_FOUND)
		log_error("%s: %s", medium->name, error_text(r));
	medium->state = MEDIUM_IS_CLOSING;
	medium->deadline_ms = clock_boot_ms() + MEDIA_CLOSE_MS;
}

/* It is what we know under its name. */
static bool is_that(const struct medium *medium, const struct medium *place)
{
	return medium->inode == place->inode && strcmp(medium->path, place->path) == 0;
}

/* What is there now, whatever a uevent said: one that is late must not take back what has come
 * under that name, nor leave it for what was there. */
static void known_look(struct media *m, struct medium *medium)
{
	struct medium place = {0};

	if (medium->state != MEDIUM_IS_CLOSING &&
	        (place_read(m, medium->name, &place) != 0 || !is_that(medium, &place)))
		order_take_back(m, medium);
}

static void unknown_look(struct media *m, const char *name)
{
	const struct media_expected *expected;
	struct medium_order order = {0};
	struct medium place = {0};
	struct medium *medium;

	if (place_read(m, name, &place) != 0 || number_read(m, name, &order) != 0 ||
	        medium_adopt(m, &place))
		return;
	expected = expected_of_path(m, place.path);
	/* A device that failed is not tried until it is expected anew. */
	if (expected == NULL || expected->failed != NULL)
		return;
	place.treatment = expected->treatment;
	snprintf(place.device, sizeof(place.device), "%s", expected->device);
	medium = medium_add(m, &place);
	if (medium != NULL)
		medium_open(m, medium, &order);
	else
		failed_set(m, &place, "too many media");
}

void media_appeared(struct media *m, const char *name)
{
	size_t index = index_of(m, name);

	if (m->observe || m->run < 0 || !medium_name_is_valid(name))
		return;
	if (index < m->count)
		known_look(m, &m->media[index]);
	else
		unknown_look(m, name);
}

void media_removed(struct media *m, const char *name)
{
	size_t index = index_of(m, name);

	if (index < m->count)
		known_look(m, &m->media[index]);
}

static void orders_look(struct media *m)
{
	int fd = openat(m->run, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct medium nowhere = {0};
	struct dirent *entry;
	struct medium *medium;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!medium_name_is_valid(entry->d_name) || index_of(m, entry->d_name) < m->count)
			continue;
		/* Its block device went while nobody looked. */
		memcpy(nowhere.name, entry->d_name, strlen(entry->d_name) + 1);
		medium = medium_add(m, &nowhere);
		if (medium != NULL)
			order_take_back(m, medium);
	}
	closedir(dir);
}

void media_look(struct media *m)
{
	DIR *dir;
	struct dirent *entry;
	int fd;

	m->look = false;
	if (m->observe || m->run < 0)
		return;
	fd = openat(m->sys, BLOCK_DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (size_t i = m->count; i > 0; i--)
		media_removed(m, m->media[i - 1].name);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			media_appeared(m, entry->d_name);
	}
	closedir(dir);
	orders_look(m);
}

void media_expect(struct media *m, const char *device, enum treatment treatment)
{
	struct media_expected *expected = expected_find(m, device);

	if (treatment == TREATMENT_DENY) {
		if (expected != NULL)
			*expected = m->expected[--m->expected_count];
		return;
	}
	if (expected != NULL && expected->treatment == treatment)
		return;
	if (expected == NULL) {
		if (m->expected_count == MEDIA_MAX || strlen(device) >= MEDIA_DEVICE_MAX)
			return; /* not released */
		expected = &m->expected[m->expected_count++];
		snprintf(expected->device, sizeof(expected->device), "%s", device);
	}
	expected->treatment = treatment;
	expected->failed = NULL;
	for (size_t i = 0; i < m->count; i++)
		expected_take(m, &m->media[i]);
	m->look = true;
}

const char *media_failed(const struct media *m, const char *device)
{
	const struct media_expected *expected = expected_find(m, device);

	return expected != NULL ? expected->failed : NULL;
}

static bool concerns(const struct medium *medium, const char *device, enum treatment kept)
{
	if (strcmp(medium->device, device) == 0)
		return medium->treatment != kept;
	return kept == TREATMENT_DENY && path_find(medium->path, device) != NULL;
}

bool media_close(struct media *m, const char *device, enum treatment kept)
{
	bool closing = false;

	for (size_t i = 0; i < m->count; i++) {
		if (!concerns(&m->media[i], device, kept))
			continue;
		if (m->media[i].state != MEDIUM_IS_CLOSING)
			order_take_back(m, &m->media[i]);
		closing = true;
	}
	return closing;
}

/* True when it has come to its end, or failed: then it is no longer in the list. */
static bool opening_serve(struct media *m, struct medium *medium)
{
	struct medium_status status = {.cause = "timeout"};
	int r = medium_status_read(m->run, medium->name, &status);

	if (r == 0 && status.result == MEDIUM_OPENED) {
		medium->state = MEDIUM_IS_OPEN;
		medium_tell(m, medium, EVENT_MEDIUM_OPENED, NULL, status.cause);
		return false;
	}
	if ((r != 0 || status.result != MEDIUM_FAILED) && clock_boot_ms() < medium->deadline_ms)
		return false;
	failed_set(m, medium, status.cause);
	order_take_back(m, medium);
	return true;
}

static bool closing_serve(struct media *m, struct medium *medium)
{
	struct medium_status status = {.result = MEDIUM_FORCED, .cause = "timeout"};
	int r = medium_status_read(m->run, medium->name, &status);
	bool ended = r == 0 && status.result != MEDIUM_OPENED;

	if (!ended && clock_boot_ms() < medium->deadline_ms)
		return false;
	if (!ended)
		status = (struct medium_status){.result = MEDIUM_FORCED, .cause = "timeout"};
	if (status.result != MEDIUM_FAILED)
		medium_tell(m, medium, EVENT_MEDIUM_CLOSED,
		        status.result == MEDIUM_FORCED ? "true" : "false", status.cause);
	forget(m, (size_t)(medium - m->media));
	m->look = true; /* something else may have come under its name */
	return true;
}

/* What was closed first must not be opened again while the rest of its device is being closed. */
static bool may_look(const struct media *m)
{
	bool may = m->look;

	for (size_t i = 0; i < m->count; i++)
		may = may && m->media[i].state != MEDIUM_IS_CLOSING;
	return may;
}

bool media_serve(struct media *m)
{
	bool ended = false;

	if (may_look(m))
		media_look(m);
	for (size_t i = m->count; i > 0; i--) {
		struct medium *medium = &m->media[i - 1];

		if (medium->state == MEDIUM_IS_OPENING)
			ended = opening_serve(m, medium) || ended;
		else if (medium->state == MEDIUM_IS_CLOSING)
			ended = closing_serve(m, medium) || ended;
	}
	return ended;
}

int media_wait_ms(const struct media *m)
{
	if (may_look(m))
		return 0;
	for (size_t i = 0; i < m->count; i++) {
		if (m->media[i].state != MEDIUM_IS_OPEN)
			return STEP_MS;
	}
	return -1;
}
