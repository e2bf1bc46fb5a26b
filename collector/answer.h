/* An answer to a request, before it becomes HTTP. */
#ifndef SEKISHO_COLLECTOR_ANSWER_H
#define SEKISHO_COLLECTOR_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct answer {
	int status;       /* HTTP's */
	const char *type; /* content type, static */
	const char *code; /* error code of core/PROTOCOL.md §6, static; NULL when it is none */
	char *body;       /* malloc'd */
	bool close;       /* the connection ends with it */
};

/* Takes body (malloc'd; NULL becomes 500). */
void answer_give(struct answer *answer, const char *type, char *body);
/* Takes json. */
void answer_give_json(struct answer *answer, json_t *json);
/* {"error":code,"message":text}; more: NULL, or an object whose members are added (taken). */
void answer_refuse(
        struct answer *answer, int status, const char *code, const char *message, json_t *more);
/* 500: the collector's own trouble, of which the client learns nothing. */
void answer_fail(struct answer *answer);
void answer_free(struct answer *answer);

#endif
