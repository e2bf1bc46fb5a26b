/* The signer's note of the last report that the outbox holds: "SEQ JOURNAL HASH UEID\n". */
#ifndef SEKISHO_AGENT_REPORTED_H
#define SEKISHO_AGENT_REPORTED_H

#include "agent/enrolment.h"
#include "core/journal.h"

#include <stdint.h>
#include <sys/types.h>

enum { REPORTED_FILE_MAX = 256 };

struct reported {
	uint64_t seq;                   /* of that report */
	struct journal_head head;       /* its last event's line */
	char ueid[ENROLMENT_UEID_SIZE]; /* the enrolment these numbers belong to */
};

/* Reads dir/reported, owned by owner. ERR_NOT_FOUND: nothing was reported yet; ERR_FORMAT,
 * ERR_UNSAFE, ERR_IO. */
int reported_read(int dir, uid_t owner, struct reported *out);

/* Durable once it returns 0. */
int reported_write(int dir, const struct reported *reported);

/* The parser alone. */
int reported_parse(const char *text, struct reported *out);

#endif
