#include "core/language.h"

#include <stdlib.h>
#include <string.h>

bool language_is_japanese(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		if (value != NULL && value[0] != '\0')
			return strncmp(value, "ja", 2) == 0;
	}
	return false;
}
