#include <stdio.h>
#include <string.h>

#include "agent/sekisho.h"
#include "core/error.h"
#include "core/language.h"

static const struct {
	const char *name;
	int (*run)(const struct cli *cli, int argc, char **argv);
} KINDS[] = {
        {"terminal", command_enrol_terminal},
        {"totp", command_enrol_otp},
        {"hotp", command_enrol_otp},
        {"card", command_enrol_card},
        {"key", command_enrol_key},
        {"person", command_enrol_person},
        {"list", command_enrol_list},
        {"idle", command_enrol_list},
};

int command_enrol(const struct cli *cli, int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
		if (strcmp(argv[1], KINDS[i].name) == 0)
			return KINDS[i].run(cli, argc - 1, argv + 1);
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho enrol terminal|totp|hotp|card|key|person|list|idle …",
	                "usage: sekisho enrol terminal|totp|hotp|card|key|person|list|idle ..."));
	return EXIT_USAGE;
}
