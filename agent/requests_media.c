/* Main's part in media: their orders, for `medium` and udev. What only root's capabilities can do
 * is `medium`'s. */
#include "agent/requests_handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/medium.h"
#include "agent/paths.h"
#include "core/error.h"

#define BLOCK_DEVICES "class/block/"
/* The kernel wants a UUID before the variables of an event from outside; udev sees
 * SYNTH_ARG_SEKISHO=sdb1. */
#define MEDIUM_CALL "change 00000000-0000-0000-0000-000000000000 SEKISHO="

bool request_is_medium_open(const struct request *q)
{
	struct medium_order order;

	return medium_name_is_valid(q->name) && medium_from_number(q->number, &order);
}

bool request_is_medium_close(const struct request *q)
{
	return medium_name_is_valid(q->name) && q->number == 0;
}

static int media_open(const struct answer *a, int *dir)
{
	*dir = openat(a->r->root, PATH_MEDIA_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir >= 0 ? 0 : ERR_NOT_FOUND;
}

/* Its directory in sysfs, when that is still the block device with this number. */
static int block_open(const struct answer *a, const struct medium_order *order, int *dir)
{
	char path[sizeof(BLOCK_DEVICES) + sizeof(a->request->name)];
	char wanted[ATTRIBUTE_MAX];
	char number[ATTRIBUTE_MAX];
	int r;

	snprintf(path, sizeof(path), BLOCK_DEVICES "%s", a->request->name);
	r = sys_open(a->r, path, dir);
	if (r != 0)
		return r;
	snprintf(wanted, sizeof(wanted), "%u:%u", order->major, order->minor);
	r = attribute_read(*dir, "dev", number);
	if (r == 0 && strcmp(number, wanted) != 0)
		r = ERR_NOT_FOUND;
	if (r != 0) {
		close(*dir);
		*dir = -1;
	}
	return r;
}

/*
 * udev's rule for this event has systemd start `medium`. It is an event of the disk's bdi, not of
 * the block device: udev opens a block device before it reads any rule, and until `medium` has
 * released it the second line refuses that to udev too.
 */
static int medium_call(int block, const char *name)
{
	char text[sizeof(MEDIUM_CALL) + sizeof(((struct request *)NULL)->name)];
	int r;

	snprintf(text, sizeof(text), MEDIUM_CALL "%s", name);
	r = attribute_write(block, "bdi/uevent", text);
	return r == ERR_NOT_FOUND ? attribute_write(block, "../bdi/uevent", text) : r;
}

static int order_give(int media, int block, const char *name, const struct medium_order *order)
{
	struct medium_order present;
	int r = medium_order_read(media, name, &present);

	if (r == 0)
		return medium_number(&present) == medium_number(order) ? 0 : ERR_EXISTS;
	if (r != ERR_NOT_FOUND)
		return r;
	r = medium_status_forget(media, name);
	if (r == 0)
		r = medium_order_write(media, name, order);
	if (r == 0)
		r = medium_call(block, name);
	return r;
}

int medium_open(struct answer *a)
{
	struct medium_order order;
	int media;
	int block;
	int r;

	(void)medium_from_number(a->request->number, &order);
	r = media_open(a, &media);
	if (r != 0)
		return r;
	r = block_open(a, &order, &block);
	if (r == 0) {
		r = order_give(media, block, a->request->name, &order);
		close(block);
	}
	close(media);
	return r;
}

int medium_close(struct answer *a)
{
	int media;
	int r = media_open(a, &media);

	if (r != 0)
		return r;
	if (unlinkat(media, a->request->name, 0) != 0)
		r = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	close(media);
	return r;
}
