/* What a person is told about a card's PIN, and which PINs no card can have. */
#ifndef SEKISHO_AGENT_CARD_PIN_H
#define SEKISHO_AGENT_CARD_PIN_H

#include <stdbool.h>

#include "agent/card.h"

/* code_too: left empty, a code is asked for. */
const char *card_pin_prompt(enum card_kind kind, bool code_too);

/* Why this PIN is not even tried; NULL: it is. The password of a My Number card's signature key is
 * never one. */
const char *card_pin_fault(enum card_kind kind, const char *pin);

/* Before the PIN is typed: a wrong one may be the last. NULL: nothing is to be said. */
const char *card_pin_warning(enum card_kind kind, enum card_tries tries);

/* After a wrong one; "" where nothing is known. */
const char *card_pin_left(enum card_kind kind, enum card_tries tries);

const char *card_pin_locked(enum card_kind kind);

#endif
