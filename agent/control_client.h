/* The CLI's side of control.sock (core/PROTOCOL.md §2). Only root can ask. */
#ifndef SEKISHO_AGENT_CONTROL_CLIENT_H
#define SEKISHO_AGENT_CONTROL_CLIENT_H

#include "agent/message.h"
#include "agent/sekisho.h"
#include "core/event.h"

enum { CONTROL_ANSWER_MAX = 8 << 20, CONTROL_TIMEOUT_MS = 15000 };

/*
 * Asks the running agent. fd: -1, or the file that POLICY_OFFER carries (borrowed). *json is
 * malloc'd text, one whole document by the end of the connection, not parsed yet; NULL on error.
 * ERR_NOT_FOUND: no agent runs; ERR_DENIED: the asker may not; ERR_TIMEOUT, ERR_CLOSED (the end
 * without an answer), ERR_TOO_LONG, ERR_FORMAT, ERR_IO.
 */
int control_ask(const struct cli *cli, enum control verb, int fd, char **json);

/* Has the agent journal an event of the administrator's; 0 once it is durable. Errors of
 * control_ask(). */
int control_record(const struct cli *cli, const struct event_record *e);

/* Has the running agent read its configuration again (SIGHUP to the process behind the socket).
 * Errors of control_ask(). */
int control_reload(const struct cli *cli);

/* Has the agent start a process card, fido2 or seal (CONTROL_CARD and so on); *fd is its channel.
 * Errors of control_ask(), and main's (agent/cards.h). */
int control_card(const struct cli *cli, enum control verb, int *fd);

/* Says on stderr, in the person's language, why the agent could not be asked. Returns EXIT_UNASKED.
 */
int control_complain(int error);

#endif
