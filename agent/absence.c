/*
 * The process absence (agent/absence.h): a client of logind's on the system's bus (sd-bus; the
 * interface is org.freedesktop.login1(5)'s). It sleeps until main, logind or the end of an idle
 * time wakes it.
 */
#include "agent/absence.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "agent/child.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"
#include "core/log.h"

#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define MANAGER LOGIND ".Manager"
#define SESSION LOGIND ".Session"
#define NEW_OWNER                                                                                  \
	"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" LOGIND "'"
#define NO_SESSION LOGIND ".NoSessionForPID"

enum {
	WATCH_MS = 5000, /* main's first message */
	CALL_USEC = 5000000,
	OPEN_SECONDS = 60, /* from our start until logind knows the session */
	USEC = 1000000,
};

struct absence {
	int main_fd;
	uint32_t leader;
	uint64_t idle_usec;
	uint64_t since; /* of CLOCK_MONOTONIC, as logind's: the last use the timer was set by */
	sd_event *event;
	sd_bus *bus;
	sd_event_source *timer;
	char *path; /* the session's; NULL: not known yet */
	char *id;
	bool graphical; /* says itself when it is idle; of others the terminal's last use is known
	                 */
	bool locked; /* for being idle, or by itself: nothing to wait for until somebody is there */
	enum absence_cause wanted; /* before the session was known */
};

/* A sd-bus or sd-event error ends the process: main starts it again. */
static int fail(struct absence *a, const char *what, int error)
{
	log_error("%s: %s", what, strerror(-error));
	return sd_event_exit(a->event, EXIT_NO);
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * USEC + (uint64_t)t.tv_nsec / 1000;
}

static int get_flag(const struct absence *a, const char *name, bool *value)
{
	int flag = 0;
	int r = sd_bus_get_property_trivial(
	        a->bus, LOGIND, a->path, SESSION, name, NULL, 'b', &flag);

	*value = flag != 0;
	return r;
}

/* When it was last used, 0: nobody knows; *idle: and is not used now. */
static int get_last_use(const struct absence *a, uint64_t *since, bool *idle)
{
	int r = sd_bus_get_property_trivial(
	        a->bus, LOGIND, a->path, SESSION, "IdleSinceHintMonotonic", NULL, 't', since);

	*idle = true;
	if (r >= 0 && a->graphical)
		r = get_flag(a, "IdleHint", idle);
	return r;
}

/* While the machine sleeps nobody is there either. */
static int set_timer(struct absence *a)
{
	uint64_t end = a->since + a->idle_usec;
	uint64_t moment = now(CLOCK_MONOTONIC);
	int r = sd_event_source_set_time(
	        a->timer, now(CLOCK_BOOTTIME) + (end > moment ? end - moment : 0));

	if (r >= 0)
		r = sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
	return r;
}

/* Nobody is waited for who is not idle, and nobody's screen is locked twice. */
static int arm(struct absence *a)
{
	uint64_t since = 0;
	bool idle = false;
	int r = a->locked ? 0 : get_last_use(a, &since, &idle);

	if (r < 0)
		return fail(a, "IdleHint", r);
	a->since = since != 0 ? since : now(CLOCK_MONOTONIC);
	if (idle)
		r = set_timer(a);
	else
		r = sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
	return r < 0 ? fail(a, "timer", r) : 0;
}

static int say_locked(struct absence *a, enum absence_cause cause)
{
	const uint8_t byte = (uint8_t)cause;
	int error = frame_send(a->main_fd, ABSENCE_LOCKED, &byte, sizeof(byte), NULL, 0);

	return error == 0 ? 0 : sd_event_exit(a->event, EXIT_NO);
}

static int lock(struct absence *a, enum absence_cause cause)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = 0;

	if (a->path == NULL) {
		a->wanted = cause;
		return 0;
	}
	r = sd_bus_call_method(
	        a->bus, LOGIND, LOGIND_PATH, MANAGER, "LockSession", &error, NULL, "s", a->id);
	if (r < 0)
		log_error("LockSession: %s", error.name != NULL ? error.name : strerror(-r));
	sd_bus_error_free(&error);
	if (r < 0)
		return sd_event_exit(a->event, EXIT_NO);
	a->locked = true;
	(void)sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
	return say_locked(a, cause);
}

/* The terminal may have been used since the timer was set. */
static int on_timer(sd_event_source *source, uint64_t at, void *context)
{
	struct absence *a = context;
	uint64_t since = 0;
	bool idle = false;
	int r = 0;

	(void)source;
	(void)at;
	if (a->path == NULL)
		return sd_event_exit(a->event, EXIT_UNASKED);
	r = get_last_use(a, &since, &idle);
	if (r < 0)
		return fail(a, "IdleHint", r);
	if (!idle || since > a->since + USEC)
		return arm(a);
	return lock(a, ABSENCE_IDLE);
}

/* Who unlocks, or uses what was locked by itself, is there. */
static int on_changed(sd_bus_message *message, void *context, sd_bus_error *error)
{
	struct absence *a = context;
	bool locked = false;
	bool idle = false;
	int r = get_flag(a, "LockedHint", &locked);

	(void)message;
	(void)error;
	if (r >= 0 && a->graphical)
		r = get_flag(a, "IdleHint", &idle);
	if (r < 0)
		return fail(a, "LockedHint", r);
	a->locked = locked || (a->locked && idle);
	return arm(a);
}

static int on_removed(sd_bus_message *message, void *context, sd_bus_error *error)
{
	struct absence *a = context;
	const char *id = NULL;
	const char *path = NULL;

	(void)error;
	if (sd_bus_message_read(message, "so", &id, &path) < 0)
		return sd_event_exit(a->event, EXIT_NO);
	if (a->path != NULL && strcmp(path, a->path) == 0)
		return sd_event_exit(a->event, EXIT_YES);
	return 0;
}

/* A new logind knows the session from its files, or it is over. */
static int on_owner(sd_bus_message *message, void *context, sd_bus_error *error)
{
	struct absence *a = context;
	const char *name = NULL;
	const char *before = NULL;
	const char *owner = NULL;
	bool locked = false;

	(void)error;
	if (sd_bus_message_read(message, "sss", &name, &before, &owner) < 0)
		return sd_event_exit(a->event, EXIT_NO);
	if (owner[0] != '\0' && a->path != NULL && get_flag(a, "LockedHint", &locked) < 0)
		return sd_event_exit(a->event, EXIT_YES);
	return 0;
}

static int get_text(const struct absence *a, const char *name, char **text)
{
	return sd_bus_get_property_string(a->bus, LOGIND, a->path, SESSION, name, NULL, text);
}

/* A session that came over the network, or is no person's, has no screen to lock. */
static int is_at_seat(struct absence *a, bool *answer)
{
	sd_bus_message *reply = NULL;
	const char *seat = NULL;
	char *class = NULL;
	char *type = NULL;
	int r = get_text(a, "Class", &class);

	if (r >= 0)
		r = get_text(a, "Type", &type);
	if (r >= 0)
		r = sd_bus_get_property(
		        a->bus, LOGIND, a->path, SESSION, "Seat", NULL, &reply, "(so)");
	if (r >= 0)
		r = sd_bus_message_read(reply, "(so)", &seat, NULL);
	if (r >= 0) {
		*answer = strcmp(class, "user") == 0 && seat[0] != '\0';
		a->graphical = strcmp(type, "x11") == 0 || strcmp(type, "wayland") == 0 ||
		               strcmp(type, "mir") == 0;
	}
	sd_bus_message_unref(reply);
	free(class);
	free(type);
	return r;
}

/* From here on what logind tells of the session is heard. */
static int begin(struct absence *a)
{
	bool at_seat = false;
	int r = get_text(a, "Id", &a->id);

	if (r >= 0)
		r = sd_bus_match_signal(a->bus, NULL, LOGIND, a->path,
		        "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed, a);
	if (r >= 0)
		r = is_at_seat(a, &at_seat);
	if (r >= 0)
		r = get_flag(a, "LockedHint", &a->locked);
	if (r < 0)
		return fail(a, a->path, r);
	if (!at_seat)
		return sd_event_exit(a->event, EXIT_YES);
	if (a->wanted != 0)
		return lock(a, a->wanted);
	return arm(a);
}

/* pam_systemd may come after us in the stack: then logind does not know of it yet. */
static int find(struct absence *a)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path = NULL;
	int r = sd_bus_call_method(a->bus, LOGIND, LOGIND_PATH, MANAGER, "GetSessionByPID", &error,
	        &reply, "u", a->leader);
	bool unknown = sd_bus_error_has_name(&error, NO_SESSION) > 0;

	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0) {
		a->path = strdup(path);
		r = a->path != NULL ? begin(a) : -ENOMEM;
	} else if (!unknown) {
		log_error("GetSessionByPID: %s", error.name != NULL ? error.name : strerror(-r));
	}
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	return unknown ? 0 : r;
}

static int on_new(sd_bus_message *message, void *context, sd_bus_error *error)
{
	struct absence *a = context;

	(void)message;
	(void)error;
	if (a->path == NULL && find(a) < 0)
		return sd_event_exit(a->event, EXIT_NO);
	return 0;
}

static int take(struct absence *a, struct frame *frame)
{
	uint8_t cause = 0;

	if (frame->type == ABSENCE_LOCK)
		cause = buffer_get_u8(&frame->payload);
	if (frame->fd_count != 0 || buffer_end(&frame->payload) != 0)
		return sd_event_exit(a->event, EXIT_NO);
	if (frame->type == ABSENCE_LOCK && cause > ABSENCE_IDLE && cause < ABSENCE_CAUSE_END)
		return lock(a, (enum absence_cause)cause);
	if (frame->type != ABSENCE_PRESENT)
		return sd_event_exit(a->event, EXIT_NO);
	a->wanted = 0;
	a->locked = false;
	return a->path != NULL ? arm(a) : 0;
}

static int on_main(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct absence *a = context;
	uint8_t memory[64];
	struct frame frame;
	int error = frame_receive(fd, 0, memory, sizeof(memory), &frame);

	(void)source;
	(void)events;
	if (error == ERR_TIMEOUT)
		return 0;
	if (error != 0)
		return sd_event_exit(a->event, EXIT_NO);
	error = take(a, &frame);
	frame_close_fds(&frame);
	return error;
}

static int receive_watch(struct absence *a)
{
	uint8_t memory[64];
	struct frame frame;
	uint32_t seconds = 0;
	int error = frame_receive_type(
	        a->main_fd, WATCH_MS, memory, sizeof(memory), ABSENCE_WATCH, &frame);

	if (error != 0)
		return error;
	a->leader = buffer_get_u32(&frame.payload);
	seconds = buffer_get_u32(&frame.payload);
	a->idle_usec = (uint64_t)seconds * USEC;
	return seconds != 0 ? buffer_end(&frame.payload) : ERR_FORMAT;
}

/* Signals are asked for before the session is, so that none is missed. */
static int connect_bus(struct absence *a)
{
	int r = sd_bus_open_system(&a->bus);

	if (r >= 0)
		r = sd_bus_set_method_call_timeout(a->bus, CALL_USEC);
	if (r >= 0)
		r = sd_bus_set_exit_on_disconnect(a->bus, 1);
	if (r >= 0)
		r = sd_bus_attach_event(a->bus, a->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_bus_match_signal(
		        a->bus, NULL, LOGIND, LOGIND_PATH, MANAGER, "SessionNew", on_new, a);
	if (r >= 0)
		r = sd_bus_match_signal(a->bus, NULL, LOGIND, LOGIND_PATH, MANAGER,
		        "SessionRemoved", on_removed, a);
	if (r >= 0)
		r = sd_bus_add_match(a->bus, NULL, NEW_OWNER, on_owner, a);
	return r;
}

static int run(struct absence *a)
{
	int r = sd_event_new(&a->event);

	if (r >= 0)
		r = connect_bus(a);
	if (r >= 0)
		r = sd_event_add_time(a->event, &a->timer, CLOCK_BOOTTIME,
		        now(CLOCK_BOOTTIME) + (uint64_t)OPEN_SECONDS * USEC, 0, on_timer, a);
	if (r >= 0)
		r = sd_event_add_io(a->event, NULL, a->main_fd, EPOLLIN, on_main, a);
	if (r >= 0)
		r = find(a);
	if (r >= 0)
		r = sd_event_loop(a->event);
	if (r < 0)
		log_error("%s: %s", LANGUAGE("logindと話せません", "cannot speak to logind"),
		        strerror(-r));
	return r < 0 ? EXIT_NO : r;
}

int main(int argc, char **argv)
{
	static struct absence a;
	struct child child;

	if (child_start(argc, argv, ROLE_ABSENCE, &child) != 0)
		return EXIT_USAGE;
	a.main_fd = child.channel.main_fd;
	if (receive_watch(&a) != 0)
		return EXIT_NO;
	/* Nothing to flush, and the bus sees our end. */
	_exit(run(&a));
}
