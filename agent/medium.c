#include "agent/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"

enum { FILE_SIZE_MAX = 256, MAJOR_MAX = 0xfff, MINOR_MAX = 0xfffff };

static const char *const results[] = {
        [MEDIUM_OPENED] = "opened",
        [MEDIUM_CLOSED] = "closed",
        [MEDIUM_FORCED] = "forced",
        [MEDIUM_FAILED] = "failed",
};

bool medium_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < MEDIUM_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == length;
}

static bool order_is_valid(const struct medium_order *order)
{
	return order->treatment > TREATMENT_DENY && order->treatment < TREATMENT_COUNT &&
	       order->major > 0 && order->major <= MAJOR_MAX && order->minor <= MINOR_MAX;
}

uint64_t medium_number(const struct medium_order *order)
{
	return (uint64_t)order->treatment << 32 | (uint64_t)order->major << 20 | order->minor;
}

bool medium_from_number(uint64_t number, struct medium_order *order)
{
	order->treatment = (enum treatment)(number >> 32 & 0xff);
	order->major = (uint32_t)(number >> 20 & MAJOR_MAX);
	order->minor = (uint32_t)(number & MINOR_MAX);
	return number >> 40 == 0 && order_is_valid(order);
}

static int text_read(int dir, const char *name, char text[FILE_SIZE_MAX + 1])
{
	uint8_t *data = NULL;
	size_t length;
	int fd;
	int r = file_open_checked(dir, name, 0, 0644, FILE_SIZE_MAX, &fd);

	if (r != 0)
		return r;
	r = file_read(fd, FILE_SIZE_MAX, &data, &length);
	close(fd);
	if (r == 0 && (length == 0 || data[length - 1] != '\n' || strlen((char *)data) != length))
		r = ERR_FORMAT;
	if (r == 0)
		memcpy(text, data, length + 1);
	free(data);
	return r;
}

static void order_print(const struct medium_order *order, char text[FILE_SIZE_MAX + 1])
{
	snprintf(text, FILE_SIZE_MAX + 1, "SEKISHO_TREATMENT=%s\nSEKISHO_DEVICE=%u:%u\n",
	        treatment_name(order->treatment), order->major, order->minor);
}

int medium_order_read(int dir, const char *name, struct medium_order *order)
{
	char text[FILE_SIZE_MAX + 1];
	char again[FILE_SIZE_MAX + 1];
	char treatment[16];
	int r = text_read(dir, name, text);

	if (r != 0)
		return r;
	/* What was read is printed again below and compared. */
	/* NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(text, "SEKISHO_TREATMENT=%15[a-z]\nSEKISHO_DEVICE=%7u:%7u\n", treatment,
	            &order->major, &order->minor) != 3)
		return ERR_FORMAT;
	order->treatment = treatment_from_name(treatment);
	if (!order_is_valid(order))
		return ERR_FORMAT;
	order_print(order, again);
	return strcmp(text, again) == 0 ? 0 : ERR_FORMAT;
}

int medium_order_write(int dir, const char *name, const struct medium_order *order)
{
	char text[FILE_SIZE_MAX + 1];

	if (!medium_name_is_valid(name) || !order_is_valid(order))
		return ERR_USAGE;
	order_print(order, text);
	return file_replace(dir, name, text, strlen(text), 0644);
}

static void status_name(const char *name, char out[MEDIUM_NAME_MAX + 16])
{
	snprintf(out, MEDIUM_NAME_MAX + 16, "%s" MEDIUM_STATUS_SUFFIX, name);
}

int medium_status_read(int dir, const char *name, struct medium_status *status)
{
	char file[MEDIUM_NAME_MAX + 16];
	char text[FILE_SIZE_MAX + 1];
	size_t word;
	int r;

	status_name(name, file);
	r = text_read(dir, file, text);
	if (r != 0)
		return r;
	text[strlen(text) - 1] = '\0';
	word = strcspn(text, " ");
	snprintf(status->cause, sizeof(status->cause), "%s",
	        text[word] == ' ' ? text + word + 1 : "");
	for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (strlen(results[i]) == word && strncmp(text, results[i], word) == 0) {
			status->result = (enum medium_result)i;
			return 0;
		}
	}
	return ERR_FORMAT;
}

int medium_status_write(int dir, const char *name, const struct medium_status *status)
{
	char file[MEDIUM_NAME_MAX + 16];
	char text[FILE_SIZE_MAX];

	if (!medium_name_is_valid(name))
		return ERR_USAGE;
	status_name(name, file);
	snprintf(text, sizeof(text), "%s%s%s\n", results[status->result],
	        status->cause[0] != '\0' ? " " : "", status->cause);
	return file_replace(dir, file, text, strlen(text), 0644);
}

int medium_status_forget(int dir, const char *name)
{
	char file[MEDIUM_NAME_MAX + 16];

	status_name(name, file);
	return unlinkat(dir, file, 0) == 0 || errno == ENOENT ? 0 : ERR_IO;
}
