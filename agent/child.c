#include "agent/child.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sandbox.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

static const char *const names[ROLE_COUNT] = {
        [ROLE_GUARD] = "guard",
        [ROLE_AUTH] = "auth",
        [ROLE_SIGNER] = "signer",
        [ROLE_REPORTER] = "reporter",
        [ROLE_CARD] = "card",
        [ROLE_FIDO2] = "fido2",
        [ROLE_SEAL] = "seal",
        [ROLE_ABSENCE] = "absence",
};

static const char *const log_names[ROLE_COUNT] = {
        [ROLE_GUARD] = "sekisho-guard",
        [ROLE_AUTH] = "sekisho-auth",
        [ROLE_SIGNER] = "sekisho-signer",
        [ROLE_REPORTER] = "sekisho-reporter",
        [ROLE_CARD] = "sekisho-card",
        [ROLE_FIDO2] = "sekisho-fido2",
        [ROLE_SEAL] = "sekisho-seal",
        [ROLE_ABSENCE] = "sekisho-absence",
};

struct arguments {
	struct sandbox_ids ids;
	const char *root;
	bool observe;
};

const char *child_role_name(enum role role)
{
	return (unsigned)role < ROLE_COUNT ? names[role] : NULL;
}

static int id_parse(const char *text, uint32_t *id)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long value;

	if (digits == 0 || digits > 10 || text[digits] != '\0')
		return ERR_USAGE;
	value = strtoul(text, NULL, 10);
	if (value == 0 || value >= UINT32_MAX)
		return ERR_USAGE;
	*id = (uint32_t)value;
	return 0;
}

static int option_take(int option, const char *value, struct arguments *a)
{
	switch (option) {
	case 'u':
		return id_parse(value, &a->ids.uid);
	case 'g':
		return id_parse(value, &a->ids.gid);
	case 'x':
		return id_parse(value, &a->ids.extra);
	case 'w':
		return id_parse(value, &a->ids.owner);
	case 'r':
		a->root = value;
		return 0;
	case 'o':
		a->observe = true;
		return 0;
	default:
		return ERR_USAGE;
	}
}

static int arguments_parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
	        {"uid", required_argument, NULL, 'u'},
	        {"gid", required_argument, NULL, 'g'},
	        {"group", required_argument, NULL, 'x'},
	        {"owner", required_argument, NULL, 'w'},
	        {"root", required_argument, NULL, 'r'},
	        {"observe", no_argument, NULL, 'o'},
	        {NULL, 0, NULL, 0},
	};
	int option;

	*a = (struct arguments){.ids = {.extra = (gid_t)-1}, .root = "/"};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option_take(option, optarg, a) != 0)
			return ERR_USAGE;
	}
	return optind == argc && a->ids.uid != 0 && a->ids.gid != 0 ? 0 : ERR_USAGE;
}

int child_start(int argc, char **argv, enum role role, struct child *child)
{
	struct arguments a;
	int r;

	*child = (struct child){.channel = {.main_fd = CHILD_MAIN_FD,
	                                .signer_fd = CHILD_SIGNER_FD,
	                                .alarm_fd = CHILD_ALARM_FD},
	        .root = -1};
	if (child_role_name(role) == NULL)
		return ERR_USAGE;
	if (role == ROLE_SIGNER)
		child->channel.signer_fd = -1;
	log_open(log_names[role], LOG_LEVEL_INFO);
	if (arguments_parse(argc, argv, &a) != 0) {
		log_error("%s", LANGUAGE("sekishodが起動するプログラムです",
		                        "started by sekishod, not by hand"));
		return ERR_USAGE;
	}
	child->observe = a.observe;
	child->root_path = a.root;
	child->root = open(a.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = child->root >= 0 ? sandbox_enter(role, &a.ids) : ERR_IO;
	if (r != 0)
		log_error("%s: %s",
		        LANGUAGE("保護された状態に入れません", "cannot enter the sandbox"),
		        error_text(r));
	return r;
}
