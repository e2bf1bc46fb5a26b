#include "agent/pam_stack.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/pam_config.h"
#include "agent/pam_file.h"
#include "core/error.h"
#include "policy/services.h"

/* libpam's "impression", with the status where it matters. */
enum impression { UNDECIDED, POSITIVE, POSITIVE_FAILED, NEGATIVE, IMPRESSION_COUNT };

struct walk {
	const struct pam_config *config;
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

static bool may_return(enum pam_module_kind kind, int value)
{
	switch (kind) {
	case PAM_MODULE_SEKISHO:
		return value != PAM_VALUE_SUCCESS && value != PAM_VALUE_IGNORE;
	case PAM_MODULE_ROOTOK:
		return value != PAM_VALUE_SUCCESS;
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

static bool reaches_success(const struct pam_config *config)
{
	static struct walk w;

	w = (struct walk){.config = config};
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
			if (may_return(kind, value))
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

enum pam_stack_answer pam_stack_check(int dir, const char *service)
{
	static struct pam_config config;
	int error = pam_config_read(dir, service, &config);

	if (error == ERR_NOT_FOUND)
		return PAM_STACK_ABSENT;
	if (error != 0 || reaches_success(&config))
		return PAM_STACK_BYPASSED;
	return names_sekisho(&config) ? PAM_STACK_HELD : PAM_STACK_ABSENT;
}

enum { DISPLAY_MANAGER_SIZE = 64 };

static void add_name(char list[static PAM_STACK_LIST_MAX], const char *name)
{
	size_t length = strlen(list);

	snprintf(list + length, PAM_STACK_LIST_MAX - length, "%s%s", length > 0 ? " " : "", name);
}

static void survey_service(
        int dir, const char *service, enum pam_file module, struct pam_stacks *stacks)
{
	enum pam_stack_answer answer = pam_stack_check(dir, service);

	if (answer == PAM_STACK_HELD && module == PAM_FILE_CHANGED)
		answer = PAM_STACK_BYPASSED;
	if (answer == PAM_STACK_HELD)
		add_name(stacks->held, service);
	else if (answer == PAM_STACK_BYPASSED)
		add_name(stacks->bypassed, service);
}

static bool is_known(const char *service)
{
	for (size_t i = 0; services_interactive(i) != NULL; i++)
		if (strcmp(service, services_interactive(i)) == 0)
			return true;
	return false;
}

/* What display-manager.service is a link to, without its directory and ".service"; a display
 * manager's own service is named so. */
static bool display_manager(int root, char name[static DISPLAY_MANAGER_SIZE])
{
	char target[PATH_MAX] = "";
	ssize_t length = readlinkat(
	        root, "etc/systemd/system/display-manager.service", target, sizeof(target) - 1);
	const char *slash = strrchr(target, '/');
	const char *base = slash != NULL ? slash + 1 : target;
	size_t stem = strcspn(base, ".");

	if (length <= 0 || stem == 0 || stem >= DISPLAY_MANAGER_SIZE)
		return false;
	memcpy(name, base, stem);
	name[stem] = '\0';
	return true;
}

void pam_stack_survey(int root, struct pam_stacks *stacks)
{
	int dir = openat(root, "etc/pam.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum pam_file module = pam_file_check(root);
	char manager[DISPLAY_MANAGER_SIZE];

	*stacks = (struct pam_stacks){0};
	snprintf(stacks->module, sizeof(stacks->module), "%s", pam_file_name(module));
	if (dir < 0)
		return;
	for (size_t i = 0; services_interactive(i) != NULL; i++)
		survey_service(dir, services_interactive(i), module, stacks);
	if (display_manager(root, manager) && !is_known(manager))
		survey_service(dir, manager, module, stacks);
	close(dir);
}
