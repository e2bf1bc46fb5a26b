#include "agent/pam_stack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/autologin.h"
#include "agent/pam_file.h"
#include "core/error.h"

/* libpam's "impression", with the status where it matters. */
enum impression { UNDECIDED, POSITIVE, POSITIVE_FAILED, NEGATIVE, IMPRESSION_COUNT };

struct walk {
	const struct pam_config *config;
	bool callers; /* the service's program runs as who asks for it */
	/* Places seen, so that each is left once; one more than there are modules: the end. */
	bool seen[PAM_CONFIG_MODULES_MAX + 1][IMPRESSION_COUNT];
	struct place {
		size_t at;
		enum impression impression;
	} open[(PAM_CONFIG_MODULES_MAX + 1) * IMPRESSION_COUNT];
	size_t open_count;
	bool not_understood;
};

static void visit(struct walk *w, size_t at, enum impression impression)
{
	if (w->seen[at][impression])
		return;
	w->seen[at][impression] = true;
	w->open[w->open_count++] = (struct place){at, impression};
}

static bool may_return(const struct walk *w, enum pam_module_kind kind, int value)
{
	switch (kind) {
	case PAM_MODULE_SEKISHO:
		return value != PAM_VALUE_SUCCESS && value != PAM_VALUE_IGNORE;
	case PAM_MODULE_ROOTOK:
		return !w->callers || value != PAM_VALUE_SUCCESS;
	case PAM_MODULE_DENY:
		return value == PAM_VALUE_AUTH_ERR;
	case PAM_MODULE_ANY:
	case PAM_MODULE_SUBSTACK:
		break;
	}
	return true;
}

static size_t level_end(const struct pam_config *c, size_t at)
{
	unsigned level = c->modules[at].level;

	while (at < c->count && c->modules[at].level >= level)
		at++;
	return at;
}

/* A jump counts modules of its own level, a substack as one, and does not leave the level; libpam
 * fails one that is too long. */
static void jump(struct walk *w, size_t at, int count, enum impression impression)
{
	const struct pam_config *c = w->config;
	unsigned level = c->modules[at].level;
	size_t last = at; /* skipped so far, included */

	while (last + 1 < c->count && c->modules[last + 1].level >= level && count > 0) {
		do
			last++;
		while (last + 1 < c->count && c->modules[last + 1].level > level);
		count--;
	}
	visit(w, last + 1, count > 0 ? NEGATIVE : impression);
}

static enum impression add_ok(enum impression impression, int value)
{
	if (value == PAM_VALUE_IGNORE || impression == NEGATIVE || impression == POSITIVE_FAILED)
		return impression;
	return value == PAM_VALUE_SUCCESS ? POSITIVE : POSITIVE_FAILED;
}

static void take_done(struct walk *w, size_t at, enum impression after)
{
	bool decided = after == POSITIVE || after == POSITIVE_FAILED;

	visit(w, decided ? level_end(w->config, at) : at + 1, after);
}

/* _pam_dispatch_aux() of Linux-PAM 1.5, for one return value of one module. */
static void follow(struct walk *w, size_t at, enum impression impression, int value)
{
	const struct pam_module *module = &w->config->modules[at];
	int action = module->actions[value];

	switch (action) {
	case PAM_DO_IGNORE:
		visit(w, at + 1, impression);
		break;
	case PAM_DO_OK:
		visit(w, at + 1, add_ok(impression, value));
		break;
	case PAM_DO_DONE:
		take_done(w, at, add_ok(impression, value));
		break;
	case PAM_DO_BAD:
		visit(w, at + 1, NEGATIVE);
		break;
	case PAM_DO_DIE:
		visit(w, level_end(w->config, at), NEGATIVE);
		break;
	case PAM_DO_RESET:
		/* In a substack it goes back to what was at its start, which is not followed here.
		 */
		w->not_understood = w->not_understood || module->level > 0;
		visit(w, at + 1, UNDECIDED);
		break;
	default:
		jump(w, at, action, impression);
		break;
	}
}

/* pam_rootok asks who runs the program: that is root for everybody at login(1) or a greeter. */
static bool runs_as_caller(const char *service)
{
	static const char *const names[] = {
	        "su", "su-l", "runuser", "runuser-l", "chfn", "chsh", "passwd", "polkit-1"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(service, names[i]) == 0)
			return true;
	return false;
}

static bool reaches_success(const struct pam_config *config, const char *service)
{
	static struct walk w;

	w = (struct walk){.config = config, .callers = runs_as_caller(service)};
	visit(&w, 0, UNDECIDED);
	while (w.open_count > 0) {
		struct place place = w.open[--w.open_count];
		enum pam_module_kind kind = PAM_MODULE_ANY;

		if (place.at == config->count)
			continue;
		kind = config->modules[place.at].kind;
		if (kind == PAM_MODULE_SUBSTACK) {
			visit(&w, place.at + 1, place.impression);
			continue;
		}
		for (int value = 0; value < PAM_CONFIG_VALUES; value++)
			if (may_return(&w, kind, value))
				follow(&w, place.at, place.impression, value);
	}
	return w.not_understood || w.seen[config->count][POSITIVE];
}

static bool names_sekisho(const struct pam_config *config)
{
	for (size_t i = 0; i < config->count; i++)
		if (config->modules[i].kind == PAM_MODULE_SEKISHO)
			return true;
	return false;
}

enum pam_stack_answer pam_stack_check(const struct pam_dirs *dirs, const char *service)
{
	static struct pam_config config;
	int error = pam_config_read(dirs, service, &config);

	if (error == ERR_NOT_FOUND)
		return PAM_STACK_ABSENT;
	if (error == 0 && config.count == 0)
		error = pam_config_read(dirs, "other", &config);
	if (error == ERR_NOT_FOUND)
		return PAM_STACK_ABSENT;
	if (error != 0 || reaches_success(&config, service))
		return PAM_STACK_BYPASSED;
	return names_sekisho(&config) ? PAM_STACK_HELD : PAM_STACK_ABSENT;
}

enum { DISPLAY_MANAGER_SIZE = 64 };

struct survey {
	struct pam_dirs dirs;
	const struct services *unattended;
	bool module_whole;
	char manager[DISPLAY_MANAGER_SIZE]; /* the display manager's service, or "" */
	struct pam_stacks *stacks;
};

static void add_name(char list[static PAM_STACK_LIST_MAX], const char *name)
{
	size_t length = strlen(list);

	snprintf(list + length, PAM_STACK_LIST_MAX - length, "%s%s", length > 0 ? " " : "", name);
}

static void survey_service(const struct survey *s, const char *service)
{
	enum pam_stack_answer answer = pam_stack_check(&s->dirs, service);

	if (answer == PAM_STACK_HELD && !s->module_whole)
		answer = PAM_STACK_BYPASSED;
	if (answer == PAM_STACK_HELD)
		add_name(s->stacks->held, service);
	else if (answer == PAM_STACK_BYPASSED)
		add_name(s->stacks->bypassed, service);
}

static bool is_known(const char *service)
{
	for (size_t i = 0; services_interactive(i) != NULL; i++)
		if (strcmp(service, services_interactive(i)) == 0)
			return true;
	return false;
}

/* What Debian's tools leave behind, and what others include, is no service. */
static bool is_leftover(const char *name)
{
	return name[0] == '.' || strncmp(name, "common-", 7) == 0 || strstr(name, ".dpkg-") ||
	       strstr(name, ".ucf-") || name[strlen(name) - 1] == '~';
}

static int is_other_service(const struct dirent *entry)
{
	return entry->d_type != DT_DIR && !is_leftover(entry->d_name) && !is_known(entry->d_name);
}

/* Services that this part does not know by name: only what is wrong with them is told. */
static void survey_others(const struct survey *s, int dir)
{
	struct dirent **found = NULL;
	int count = dir >= 0 ? scandirat(dir, ".", &found, is_other_service, alphasort) : 0;

	for (int i = 0; i < count; i++) {
		const char *name = found[i]->d_name;
		bool again = dir == s->dirs.vendor && s->dirs.own >= 0 &&
		             faccessat(s->dirs.own, name, F_OK, 0) == 0;

		if (!again && strcmp(name, s->manager) != 0 &&
		        !services_have(s->unattended, name) &&
		        pam_stack_check(&s->dirs, name) == PAM_STACK_BYPASSED)
			add_name(s->stacks->bypassed, name);
		free(found[i]);
	}
	free(found);
}

/* What display-manager.service is a link to, without its directory and ".service"; a display
 * manager's own service is named so. */
static void name_manager(int root, char name[static DISPLAY_MANAGER_SIZE])
{
	char target[PATH_MAX] = "";
	ssize_t length = readlinkat(
	        root, "etc/systemd/system/display-manager.service", target, sizeof(target) - 1);
	const char *slash = strrchr(target, '/');
	const char *base = slash != NULL ? slash + 1 : target;
	size_t stem = strcspn(base, ".");

	if (length <= 0 || stem >= DISPLAY_MANAGER_SIZE)
		return;
	memcpy(name, base, stem);
	name[stem] = '\0';
}

static int open_directory(int root, const char *path)
{
	return openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Without either directory libpam reads this, and nobody here does. */
static bool has_old_file(int root, const struct pam_dirs *dirs)
{
	return dirs->own < 0 && dirs->vendor < 0 && faccessat(root, "etc/pam.conf", F_OK, 0) == 0;
}

void pam_stack_survey(int root, const struct services *unattended, struct pam_stacks *stacks)
{
	enum pam_file module = pam_file_check(root);
	struct survey s = {
	        .dirs = {open_directory(root, "etc/pam.d"), open_directory(root, "usr/lib/pam.d")},
	        .unattended = unattended,
	        /* libpam looks for a missing one elsewhere. */
	        .module_whole = module != PAM_FILE_CHANGED && module != PAM_FILE_ABSENT,
	        .stacks = stacks,
	};

	*stacks = (struct pam_stacks){0};
	snprintf(stacks->module, sizeof(stacks->module), "%s", pam_file_name(module));
	for (size_t i = 0; services_interactive(i) != NULL; i++)
		survey_service(&s, services_interactive(i));
	name_manager(root, s.manager);
	if (s.manager[0] != '\0' && !is_known(s.manager))
		survey_service(&s, s.manager);
	survey_others(&s, s.dirs.own);
	survey_others(&s, s.dirs.vendor);
	if (has_old_file(root, &s.dirs))
		add_name(stacks->bypassed, "pam.conf");
	autologin_survey(root, stacks->bypassed, sizeof(stacks->bypassed));
	if (s.dirs.own >= 0)
		close(s.dirs.own);
	if (s.dirs.vendor >= 0)
		close(s.dirs.vendor);
}
