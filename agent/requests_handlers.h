/* Main's request handlers: what requests.c's table names and requests_AREA.c implement. */
#ifndef SEKISHO_AGENT_REQUESTS_HANDLERS_H
#define SEKISHO_AGENT_REQUESTS_HANDLERS_H

#include "agent/requests.h"

#include <stddef.h>

/* One request being carried out. */
struct answer {
	const struct requests *r;
	const struct request *request;
	int fd_in;  /* borrowed; -1: none */
	int fd_out; /* transferred to the sender when the handler returns 0; -1: none */
};

/* An attribute of sysfs that is no longer than this, with its newline. */
enum { ATTRIBUTE_MAX = 16 };

/* Count of decimal digits that text begins with. */
size_t request_digits(const char *text);

/* value: without the newline, cut at ATTRIBUTE_MAX. 0, ERR_NOT_FOUND or ERR_IO. */
int attribute_read(int dir, const char *name, char value[ATTRIBUTE_MAX]);
int attribute_write(int dir, const char *name, const char *value);

/* Writes and looks: some kernels take a value and mean another. */
int attribute_set(int dir, const char *name, const char *value);

/* path: below /sys. *dir: an O_PATH descriptor, which the caller closes. */
int sys_open(const struct requests *r, const char *path, int *dir);

/* requests_usb.c */
bool request_is_hub(const struct request *q);
bool request_is_device(const struct request *q);
bool request_is_authorisation(const struct request *q);
int usb_controllers_deny(struct answer *a);
int usb_hub_deny(struct answer *a);
int usb_authorise(struct answer *a);
int usb_deauthorise(struct answer *a);

/* A device's name and devnum, whatever else the number says. */
bool request_names_device(const struct request *q);
/* The directory of the device of a request, while it is the one that was judged: ERR_NOT_FOUND. */
int usb_device_open(const struct answer *a, int *dir);
int usb_devnum_check(const struct answer *a, int dir);
/* What may come a moment later: true when it has, within that many milliseconds. */
bool usb_appears(int dir, const char *path, int within_ms);

/* requests_usb_look.c */
bool request_is_look(const struct request *q);
int usb_look(struct answer *a);

/* requests_media.c */
bool request_is_medium_open(const struct request *q);
bool request_is_medium_close(const struct request *q);
int medium_open(struct answer *a);
int medium_close(struct answer *a);

/* requests_port.c */
bool request_is_bus(const struct request *q);
bool request_is_port(const struct request *q);
bool request_is_ways(const struct request *q);
bool request_is_mark(const struct request *q);
int port_bus_close(struct answer *a);
int port_deny(struct answer *a);
int port_allow(struct answer *a);
int port_ways_allow(struct answer *a);
int port_mark_keep(struct answer *a);

/* requests_absence.c */
bool request_is_person(const struct request *q);
bool request_is_present(const struct request *q);
bool request_is_session(const struct request *q);
int session_watch(struct answer *a);
int session_present(struct answer *a);

/* requests_service.c */
bool request_is_service(const struct request *q);
int service_unattended(struct answer *a);

/* requests_voucher.c */
bool request_is_voucher(const struct request *q);
int voucher_end(struct answer *a);

#endif
