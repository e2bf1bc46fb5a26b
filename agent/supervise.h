/* The children of sekishod: started, watched, answered, started again. */
#ifndef SEKISHO_AGENT_SUPERVISE_H
#define SEKISHO_AGENT_SUPERVISE_H

#include "agent/absences.h"
#include "agent/cards.h"
#include "agent/control.h"
#include "agent/errand.h"
#include "agent/keeper.h"
#include "agent/requests.h"
#include "agent/sandbox.h"
#include "agent/tell.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	struct sandbox_ids ids;
	pid_t pid; /* 0: not running */
	int fd;    /* main's end of its channel, non-blocking; -1: none */
	bool ready;
	bool condemned;       /* SIGKILL was sent and its death told: only waiting to be reaped */
	bool looking;         /* LOOK was sent, LOOKED has not come */
	int64_t pinged_ms;    /* when it was asked whether it is there; 0: it has answered */
	unsigned back_off_ms; /* before the start after the next death */
	int64_t started_ms;
	int64_t due_ms; /* when to start it, while it is not running */
};

struct supervisor {
	struct process processes[ROLE_COUNT]; /* ROLE_GUARD..ROLE_REPORTER are used */
	struct requests requests;
	struct errand errand;
	struct cards cards;
	struct cards keys;
	struct cards seals;
	struct absences absences;
	struct tell tell;
	struct keeper *keeper;
	const char *libexec;   /* absolute */
	const char *root_path; /* absolute */
	bool observe_argument; /* children get --observe */
	int auth_listen_fd;    /* auth's listening socket */
	int null_fd;           /* children's standard input */
	int alarm_fd;          /* children's way to the keeper */
	uint64_t restarts;
	bool stopping;
	/* The roll call that is under way: 0, or when it ends whoever is missing. */
	int64_t roll_due_ms;
	bool roll_for_reporter;
	int roll_clients[CONTROL_PENDING_MAX]; /* connections that asked for the status */
	size_t roll_client_count;
};

/* Starts every process that is not running and due: the signer first, since the others speak to it.
 */
void supervise_start(struct supervisor *s);

/* After SIGCHLD: a process that ended or was stopped is told of and, in the second case, killed. */
void supervise_reap(struct supervisor *s);

/* What is due by the clock: who was asked and has not answered for 3 seconds (30 before READY) is
 * killed; a roll call ends. Nothing is due while nobody was asked anything. */
void supervise_due(struct supervisor *s);

/* Reads what a child said on its channel. Who breaks the rules is killed. */
void supervise_serve(struct supervisor *s, enum role role);
/* Reads what the signer said on main's own channel to it. */
void supervise_serve_tell(struct supervisor *s);

/* Milliseconds until supervise_start() or supervise_due() has something to do; -1: nothing. */
int supervise_wait_ms(const struct supervisor *s);

bool supervise_all_ready(const struct supervisor *s);

/* Sends MESSAGE_RELOAD to everybody. */
void supervise_reload(struct supervisor *s);

/* Hands a root CLI's connection (and a file, or -1) to who answers it, the status after a roll
 * call. Descriptors are borrowed. 0 or ERR_*. */
int supervise_hand(struct supervisor *s, enum control verb, int connection, int file);

/* Tells the signer the section "agent". */
void supervise_tell_state(struct supervisor *s);

/* Ends everything, the signer last so that it can still write. Takes 3 s at most. */
void supervise_stop(struct supervisor *s);

#endif
