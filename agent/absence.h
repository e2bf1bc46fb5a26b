/*
 * The process absence: has logind lock one session, at main's word or when nobody has used it for a
 * while. One for a session, under the session's user, whom logind lets lock it: it needs no right
 * that the person has not got. What it says is believed no further than for the journal.
 *
 * Frames over CHILD_MAIN_FD; its end ends the process. EXIT_YES: the session is over, or is not at
 * this terminal; EXIT_UNASKED: logind knows of none; anything else: it is to be started again.
 */
#ifndef SEKISHO_AGENT_ABSENCE_H
#define SEKISHO_AGENT_ABSENCE_H

enum absence_message {
	ABSENCE_WATCH = 0x0501, /* main, first: u32 pid that opened the session, u32 seconds */
	ABSENCE_LOCK,           /* main: u8 enum absence_cause */
	ABSENCE_PRESENT,        /* main: nothing; the person has shown who it is */
	ABSENCE_LOCKED,         /* u8 enum absence_cause: logind was told to */
};

enum absence_cause { ABSENCE_IDLE = 1, ABSENCE_CARD, ABSENCE_KEY, ABSENCE_CAUSE_END };

#endif
