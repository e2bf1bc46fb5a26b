/*
 * The keeper: the process that systemd starts. It is main's parent and does nothing but wait, since
 * only a parent is told by the kernel, without asking again and again, that a process was stopped.
 * PROCESSES.md.
 */
#ifndef SEKISHO_AGENT_KEEPER_H
#define SEKISHO_AGENT_KEEPER_H

#include <stdint.h>

/* Single bytes on the socket between the two. */
enum keeper_word {
	KEEPER_ASK = 1, /* either way: are you there? */
	KEEPER_HERE,    /* the answer */
	/* main -> keeper, for systemd */
	KEEPER_READY_ENFORCE,
	KEEPER_READY_OBSERVE,
	KEEPER_RELOADING,
	KEEPER_STOPPING,
};

enum { KEEPER_ANSWER_MS = 1500 };

/* Main's end. */
struct keeper {
	int fd;         /* the socket, non-blocking */
	int alarm_fd;   /* children write a byte there when main does not answer them */
	int64_t due_ms; /* until when the keeper must have answered; 0: it was not asked */
};

/*
 * Forks: returns in main, with *k, and never in the keeper, which ends with main's exit code once
 * main has ended. It kills a main that was stopped, or that has children in alarm and does not
 * answer. Main dies with it. ERR_IO.
 */
int keeper_start(struct keeper *k);

/* One word to the keeper; a full socket is a keeper that is stopped, and found as such by
 * keeper_check(). */
void keeper_say(struct keeper *k, enum keeper_word word);
/* Asks whether it is there. */
void keeper_ask(struct keeper *k);
/* What the keeper said (after poll). */
void keeper_serve(struct keeper *k);
/* Kills a keeper that has not answered in time: main dies with it, and systemd starts everything
 * anew. */
void keeper_check(struct keeper *k);

#endif
