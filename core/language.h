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

bool language_is_japanese(void);

#define LANGUAGE(ja, en) (language_is_japanese() ? (ja) : (en))

#endif
