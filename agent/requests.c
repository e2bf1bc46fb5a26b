#include "agent/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/requests_handlers.h"
#include "core/cms.h"
#include "core/error.h"
#include "core/file.h"
#include "core/frame.h"
#include "core/log.h"

enum { VERSION_FILE_MAX = 32 };

size_t request_digits(const char *text)
{
	return strspn(text, "0123456789");
}

static bool name_is_none(const struct request *q)
{
	return q->name[0] == '\0' && q->number == 0;
}

static bool name_is_policy(const struct request *q)
{
	return q->name[0] == '\0' && q->number >= 1;
}

/* [a-z_][a-z0-9_.-]{0,31}: no path can be made of it. Nobody's name is the decoy's
 * (agent/auth_state.h). */
static bool name_is_user(const struct request *q)
{
	return q->number == 0 && (q->name[0] == '\0' || request_is_person(q));
}

int attribute_read(int dir, const char *name, char value[ATTRIBUTE_MAX])
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	length = read(fd, value, ATTRIBUTE_MAX - 1);
	close(fd);
	if (length < 0)
		return ERR_IO;
	value[length] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

/* SCSI's `state` wants the newline, and nothing minds it. */
int attribute_write(int dir, const char *name, const char *value)
{
	int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	const struct iovec line[] = {
	        {.iov_base = (void *)(uintptr_t)value, .iov_len = strlen(value)},
	        {.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1},
	};
	ssize_t length;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	length = writev(fd, line, 2);
	close(fd);
	return length == (ssize_t)strlen(value) + 1 ? 0 : ERR_IO;
}

int attribute_set(int dir, const char *name, const char *value)
{
	char seen[ATTRIBUTE_MAX];
	int r = attribute_write(dir, name, value);

	if (r == 0)
		r = attribute_read(dir, name, seen);
	if (r == 0 && strcmp(seen, value) != 0)
		r = ERR_IO;
	return r;
}

int sys_open(const struct requests *r, const char *path, int *dir)
{
	*dir = r->sys >= 0 ? openat(r->sys, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	return *dir >= 0 ? 0 : ERR_NOT_FOUND;
}

/* A memfd that nobody can change or shorten: reading it cannot block, and what is kept is what was
 * verified. */
static int sealed_read(int fd, uint8_t **data, size_t *length)
{
	const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);

	*data = NULL;
	*length = 0;
	if (seals < 0 || (seals & wanted) != wanted)
		return ERR_UNSAFE;
	return file_read(fd, CMS_SIGNED_MAX, data, length);
}

static int version_read(int dir, uint64_t *version)
{
	uint8_t *text = NULL;
	size_t length;
	int fd;
	int r = file_open_checked(dir, POLICY_VERSION, 0, 0644, VERSION_FILE_MAX, &fd);

	*version = 0;
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r != 0)
		return r;
	r = file_read(fd, VERSION_FILE_MAX, &text, &length);
	close(fd);
	if (r != 0)
		return r;
	if (length < 2 || length > 20 || request_digits((char *)text) != length - 1 ||
	        text[length - 1] != '\n')
		r = ERR_FORMAT;
	else
		*version = strtoull((char *)text, NULL, 10);
	free(text);
	return r;
}

/* The policy first: after a power cut in between, the same version may be stored again. */
static int policy_keep(int dir, uint64_t version, const uint8_t *data, size_t length)
{
	char text[VERSION_FILE_MAX];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", version);
	int r = file_replace(dir, POLICY_IN_FORCE, data, length, 0644);

	/* 0644, but only root and _sekisho enter the directory. */
	if (r == 0)
		r = file_replace(dir, POLICY_VERSION, text, (size_t)n, 0644);
	/* What was offered last is this one now, however it came: an older file would be refused at
	 * every start. */
	if (r == 0 && file_replace(dir, POLICY_OFFERED, data, length, 0644) != 0)
		log_warning("%s: %s", POLICY_OFFERED, error_text(ERR_IO));
	return r;
}

static int policy_store(struct answer *a)
{
	uint8_t *data = NULL;
	size_t length;
	uint64_t floor;
	int dir = openat(
	        a->r->root, PATH_POLICY_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (dir < 0)
		return ERR_NOT_FOUND;
	r = sealed_read(a->fd_in, &data, &length);
	if (r == 0)
		r = version_read(dir, &floor);
	if (r != 0)
		goto out;
	/* The version that was in force once more: how a lost or spoilt file is put right. */
	r = a->request->number >= floor ? policy_keep(dir, a->request->number, data, length)
	                                : ERR_VERSION;
out:
	free(data);
	close(dir);
	return r;
}

static int user_file_check(int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return ERR_IO;
	if (!S_ISREG(status.st_mode) || status.st_uid != 0 || status.st_nlink != 1)
		return ERR_UNSAFE;
	return (status.st_mode & 07777) == 0600 ? 0 : ERR_UNSAFE;
}

static int user_open(struct answer *a)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int dir = openat(a->r->root, PATH_AUTH_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd;
	int r;

	if (dir < 0)
		return ERR_NOT_FOUND;
	if (a->request->name[0] != '\0')
		fd = openat(dir, a->request->name, flags);
	else
		fd = openat(dir, AUTH_DECOY, flags | O_CREAT, 0600);
	r = fd >= 0 ? user_file_check(fd) : (errno == ENOENT ? ERR_NOT_FOUND : ERR_UNSAFE);
	close(dir);
	if (r == 0) {
		a->fd_out = fd; /* transferred */
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int card_open(struct answer *a)
{
	return cards_start(a->r->cards, &a->fd_out);
}

static int key_open(struct answer *a)
{
	return cards_start(a->r->keys, &a->fd_out);
}

static int seal_open(struct answer *a)
{
	return cards_start(a->r->seals, &a->fd_out);
}

enum { WITH_FD = 1, CHANGES_SYSTEM = 2 };

static const struct entry {
	enum role role;
	unsigned flags;
	bool (*check)(const struct request *request);
	int (*handle)(struct answer *a);
} table[REQUEST_TYPE_END] = {
        [REQUEST_CONTROLLERS_DENY] = {ROLE_GUARD, CHANGES_SYSTEM, name_is_none,
                usb_controllers_deny},
        [REQUEST_HUB_DENY] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_hub, usb_hub_deny},
        [REQUEST_USB_AUTHORISE] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_authorisation,
                usb_authorise},
        [REQUEST_USB_DEAUTHORISE] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_device,
                usb_deauthorise},
        [REQUEST_USB_LOOK] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_look, usb_look},
        [REQUEST_POLICY_STORE] = {ROLE_GUARD, WITH_FD, name_is_policy, policy_store},
        [REQUEST_USER_OPEN] = {ROLE_AUTH, 0, name_is_user, user_open},
        [REQUEST_CARD] = {ROLE_AUTH, 0, name_is_none, card_open},
        [REQUEST_FIDO2] = {ROLE_AUTH, 0, name_is_none, key_open},
        [REQUEST_SEAL] = {ROLE_AUTH, 0, name_is_none, seal_open},
        [REQUEST_SESSION] = {ROLE_AUTH, WITH_FD, request_is_session, session_watch},
        [REQUEST_PRESENT] = {ROLE_AUTH, 0, request_is_present, session_present},
        [REQUEST_TOKEN] = {ROLE_AUTH, WITH_FD, request_is_present, session_present},
        [REQUEST_UNATTENDED] = {ROLE_AUTH, 0, request_is_service, service_unattended},
        [REQUEST_VOUCHER_END] = {ROLE_AUTH, 0, request_is_voucher, voucher_end},
        [REQUEST_MEDIUM_OPEN] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_medium_open, medium_open},
        [REQUEST_MEDIUM_CLOSE] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_medium_close,
                medium_close},
        [REQUEST_BUS_CLOSE] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_bus, port_bus_close},
        [REQUEST_PORT_DENY] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_port, port_deny},
        [REQUEST_PORT_ALLOW] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_port, port_allow},
        [REQUEST_WAYS_ALLOW] = {ROLE_GUARD, CHANGES_SYSTEM, request_is_ways, port_ways_allow},
        [REQUEST_PORTS_MARK] = {ROLE_GUARD, 0, request_is_mark, port_mark_keep},
};

/* Ended by NUL and nothing but NUL after. */
static bool name_is_clean(const struct request *q)
{
	size_t length = strnlen(q->name, sizeof(q->name));

	for (size_t i = length; i < sizeof(q->name); i++) {
		if (q->name[i] != '\0')
			return false;
	}
	return length < sizeof(q->name);
}

static const struct entry *entry_find(enum role role, const struct request *request, bool with_fd)
{
	const struct entry *entry;

	if (request->type == 0 || request->type >= REQUEST_TYPE_END)
		return NULL;
	entry = &table[request->type];
	if (entry->role != role || ((entry->flags & WITH_FD) != 0) != with_fd)
		return NULL;
	return name_is_clean(request) && entry->check(request) ? entry : NULL;
}

int requests_check(enum role role, const struct request *request, bool with_fd)
{
	return entry_find(role, request, with_fd) != NULL ? 0 : REQUESTS_FORBIDDEN;
}

bool requests_may_wait(const struct request *request)
{
	return request->type == REQUEST_USB_AUTHORISE || request->type == REQUEST_USB_DEAUTHORISE ||
	       request->type == REQUEST_USB_LOOK || request->type == REQUEST_HUB_DENY ||
	       request->type == REQUEST_PORT_DENY || request->type == REQUEST_PORT_ALLOW;
}

int requests_answer(const struct requests *r, enum role role, const struct request *request,
        int fd_in, int *fd_out)
{
	struct answer answer = {.r = r, .request = request, .fd_in = fd_in, .fd_out = -1};
	const struct entry *entry = entry_find(role, request, fd_in >= 0);
	int error = ERR_DENIED;

	*fd_out = -1;
	if (entry == NULL)
		return REQUESTS_FORBIDDEN;
	if (!r->observe || (entry->flags & CHANGES_SYSTEM) == 0)
		error = entry->handle(&answer);
	if (error == 0)
		*fd_out = answer.fd_out; /* transferred */
	return error;
}

void requests_reply(const struct request *request, int error, int fd_out, int answer_fd)
{
	uint8_t payload[8];
	struct buffer out = buffer_over(payload, sizeof(payload));

	buffer_put_u32(&out, request->id);
	buffer_put_u32(&out, (uint32_t)-error);
	(void)frame_send(
	        answer_fd, MESSAGE_RESULT, payload, out.length, &fd_out, fd_out >= 0 ? 1 : 0);
	if (fd_out >= 0)
		close(fd_out);
}

int requests_serve(const struct requests *r, enum role role, const struct request *request,
        int fd_in, int answer_fd)
{
	int fd_out;
	int error = requests_answer(r, role, request, fd_in, &fd_out);

	if (error != REQUESTS_FORBIDDEN)
		requests_reply(request, error, fd_out, answer_fd);
	return error;
}
