#include "agent/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/error.h"

/* As far as net.core.rmem_max lets it: the more fits, the seldomer everything is looked at anew. */
enum { GROUP_KERNEL = 1, RECEIVE_BUFFER = 8 << 20 };

/* The variables that are read, in the order of texts[]. */
enum variable { ACTION, DEVPATH, SUBSYSTEM, DEVTYPE, VARIABLES };

static const char *const variables[VARIABLES] = {"ACTION=", "DEVPATH=", "SUBSYSTEM=", "DEVTYPE="};

static int variable_read(const char *text, const char *texts[VARIABLES])
{
	for (size_t i = 0; i < VARIABLES; i++) {
		size_t length = strlen(variables[i]);

		if (strncmp(text, variables[i], length) != 0)
			continue;
		if (texts[i] != NULL)
			return ERR_FORMAT;
		texts[i] = text + length;
	}
	return 0;
}

/* "/devices/a/b": no part is empty, "." or "..". */
static bool path_is_plain(const char *path)
{
	do {
		size_t length = *path == '/' ? strcspn(path + 1, "/") : 0;

		if (length == 0)
			return false;
		if (path[1] == '.' && (length == 1 || (length == 2 && path[2] == '.')))
			return false;
		path += 1 + length;
	} while (*path != '\0');
	return true;
}

/* "add@/devices/…" */
static bool head_is(const char *head, const char *action, const char *devpath)
{
	size_t length = strlen(action);

	return strncmp(head, action, length) == 0 && head[length] == '@' &&
	       strcmp(head + length + 1, devpath) == 0;
}

int uevent_parse(const char *bytes, size_t length, struct uevent *u)
{
	const char *texts[VARIABLES] = {NULL};
	const char *end = bytes + length;

	*u = (struct uevent){0};
	if (length == 0 || length > UEVENT_MAX || end[-1] != '\0')
		return ERR_FORMAT;
	for (const char *at = bytes + strlen(bytes) + 1; at < end; at += strlen(at) + 1) {
		if (variable_read(at, texts) != 0)
			return ERR_FORMAT;
	}
	if (texts[ACTION] == NULL || texts[DEVPATH] == NULL || texts[SUBSYSTEM] == NULL ||
	        texts[ACTION][0] == '\0' || !path_is_plain(texts[DEVPATH]) ||
	        !head_is(bytes, texts[ACTION], texts[DEVPATH]))
		return ERR_FORMAT;
	*u = (struct uevent){.action = texts[ACTION],
	        .devpath = texts[DEVPATH],
	        .name = strrchr(texts[DEVPATH], '/') + 1,
	        .subsystem = texts[SUBSYSTEM],
	        .devtype = texts[DEVTYPE] != NULL ? texts[DEVTYPE] : ""};
	return 0;
}

int uevent_open(int *fd)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL};
	const int size = RECEIVE_BUFFER;

	*fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (*fd < 0)
		return ERR_IO;
	(void)setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(*fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	close(*fd);
	*fd = -1;
	return ERR_IO;
}

/* The kernel's port is 0, and no process can have that one. */
static bool is_from_kernel(const struct msghdr *message, const struct sockaddr_nl *sender)
{
	return message->msg_namelen == sizeof(*sender) && sender->nl_family == AF_NETLINK &&
	       sender->nl_pid == 0;
}

int uevent_receive(int fd, char *memory, struct uevent *u)
{
	struct sockaddr_nl sender = {0};
	struct iovec bytes = {.iov_base = memory, .iov_len = UEVENT_MAX};
	struct msghdr message = {.msg_name = &sender,
	        .msg_namelen = sizeof(sender),
	        .msg_iov = &bytes,
	        .msg_iovlen = 1};
	ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT);

	*u = (struct uevent){0};
	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_TIMEOUT : ERR_IO;
	if (!is_from_kernel(&message, &sender))
		return ERR_DENIED;
	if ((message.msg_flags & MSG_TRUNC) != 0)
		return ERR_TOO_LONG;
	return uevent_parse(memory, (size_t)length, u);
}
