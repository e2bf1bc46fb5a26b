/* enrolment.json: with whom this terminal is enrolled, and as whom. Public facts; root's file. */
#ifndef SEKISHO_AGENT_ENROLMENT_H
#define SEKISHO_AGENT_ENROLMENT_H

#include <stddef.h>

enum {
	ENROLMENT_URL_SIZE = 256,
	ENROLMENT_NAME_SIZE = 65,
	ENROLMENT_UEID_SIZE = 24,
	ENROLMENT_FILE_MAX = 16384
};

struct enrolment {
	char collector[ENROLMENT_URL_SIZE]; /* "https://host:port" */
	char terminal[ENROLMENT_NAME_SIZE];
	char ueid[ENROLMENT_UEID_SIZE]; /* base64url of 17 bytes */
	char *receipt_key;              /* PEM */
};

/* ERR_NOT_FOUND: not enrolled; ERR_UNSAFE: a file others may write; ERR_FORMAT. e is cleared on
 * every error. */
int enrolment_read(int root, struct enrolment *e);

/* Parses text alone. */
int enrolment_parse(const char *text, size_t length, struct enrolment *e);

/* malloc'd text of the file; NULL when memory is short. */
char *enrolment_print(const struct enrolment *e);

void enrolment_clear(struct enrolment *e);

#endif
