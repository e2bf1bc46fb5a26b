/* Main's part in absence: which sessions are open, which token opened them, who locks them. */
#ifndef SEKISHO_AGENT_ABSENCES_H
#define SEKISHO_AGENT_ABSENCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/absence.h"
#include "agent/cards.h"
#include "agent/tell.h"

enum { ABSENCES_MAX = 16, ABSENCES_GONE_MAX = 16, ABSENCE_TRIES = 5, ABSENCE_READERS = 3 };

struct absence_session {
	char user[CARD_USER_SIZE]; /* "": free */
	uid_t uid;
	pid_t leader; /* opened it */
	uint32_t idle_seconds;
	pid_t pid; /* of its process absence; 0: none */
	int fd;    /* main's end of its channel; -1: none */
	unsigned tries;
	int64_t due_ms; /* when it is started again */
	uint8_t wanted; /* enum absence_cause that it is to lock for, and has not; 0: none */
};

struct absences {
	/* Of cards, of keys, of the storage key, which stays with nobody; borrowed, like the rest.
	 */
	struct cards *readers[ABSENCE_READERS];
	struct tell *tell;
	const char *libexec;
	const char *root_path;
	int null_fd;
	uid_t owner; /* of what is started under a user's id: that user's signals do not reach it */
	struct absence_session sessions[ABSENCES_MAX];
	/* Tokens that were shown and went before there was a session. */
	struct absence_gone {
		char user[CARD_USER_SIZE];
		enum absence_cause cause;
		bool unwatchable;
		int64_t until_ms;
	} gone[ABSENCES_GONE_MAX];
};

void absences_open(struct absences *a);

/* A session was opened by the process leader. ERR_TOO_LONG: too many; ERR_DENIED: root's. */
int absences_watch(
        struct absences *a, const char *user, uid_t uid, pid_t leader, uint32_t idle_seconds);

/* The user has shown who it is; channel: with the token that a process card or fido2 at its other
 * end stays with, which takes the place of any other of the user's; -1: without. Errors of
 * cards_hold(): the token counts as gone. */
int absences_present(struct absences *a, const char *user, int channel);

/* After SIGCHLD, as cards_take(): one of the readers, or a process absence. */
bool absences_take(struct absences *a, pid_t pid, int status);

/* Reads what the process of a session said. Who breaks the rules is killed. */
void absences_serve(struct absences *a, size_t index);

/* What is due by the clock: a start after a failure; readers that nobody needs. */
void absences_due(struct absences *a);
/* Milliseconds until absences_due() has something to do; -1: nothing. */
int absences_wait_ms(const struct absences *a);

#endif
