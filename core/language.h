/*
 * The two languages of every sentence a person reads stand side by side at the place that says it:
 *     say(LANGUAGE("時刻が不正です", "bad time"))
 * Chosen by LC_ALL, LC_MESSAGES, LANG in that order (POSIX), Japanese where the value starts with
 * "ja". gettext would fall back to English wherever the ja_JP locale is not generated, as on a
 * minimal Debian.
 */
#ifndef SEKISHO_CORE_LANGUAGE_H
#define SEKISHO_CORE_LANGUAGE_H

#include <stdbool.h>

enum language { LANGUAGE_NOT_SAID = 0, LANGUAGE_ENGLISH, LANGUAGE_JAPANESE };

/* What the environment says; "C" and "POSIX" say nothing. */
enum language language_said(void);

bool language_is_japanese(void);

/*
 * Is a login spoken to in Japanese? Where its program's environment says which language, so it is;
 * otherwise as own does. At a text console of the kernel's, which shows no kanji (getty@.service
 * takes the locale away there), never: services that are started from one, on tty1, tty2 …
 */
bool language_of_login(enum language said, const char *service, const char *tty, enum language own);

#define LANGUAGE(ja, en) (language_is_japanese() ? (ja) : (en))

#endif
