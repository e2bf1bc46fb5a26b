#include "core/language.h"

#include <stdlib.h>
#include <string.h>

static enum language language_of(const char *locale)
{
	if (strncmp(locale, "ja", 2) == 0)
		return LANGUAGE_JAPANESE;
	if (strcmp(locale, "C") == 0 || strncmp(locale, "C.", 2) == 0 ||
	        strcmp(locale, "POSIX") == 0)
		return LANGUAGE_NOT_SAID;
	return LANGUAGE_ENGLISH;
}

enum language language_said(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		if (value != NULL && value[0] != '\0')
			return language_of(value);
	}
	return LANGUAGE_NOT_SAID;
}

bool language_is_japanese(void)
{
	return language_said() == LANGUAGE_JAPANESE;
}

/* A greeter may name the console that its screen is on. */
static bool is_text_service(const char *service)
{
	static const char *const names[] = {
	        "login", "su", "su-l", "sudo", "sudo-i", "vlock", "passwd"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(service, names[i]) == 0)
			return true;
	return false;
}

static bool is_kernels_console(const char *tty)
{
	if (strncmp(tty, "/dev/", 5) == 0)
		tty += 5;
	return strncmp(tty, "tty", 3) == 0 && tty[3] != '\0' &&
	       strspn(tty + 3, "0123456789") == strlen(tty + 3);
}

bool language_of_login(enum language said, const char *service, const char *tty, enum language own)
{
	if (is_text_service(service) && is_kernels_console(tty))
		return false;
	return (said != LANGUAGE_NOT_SAID ? said : own) == LANGUAGE_JAPANESE;
}
