/*
 * What agent/pam_stack.c says of a stack, beside what libpam does with it: stacks made at random,
 * each module answering everything it may. Where libpam lets somebody in without pam_sekisho we say
 * so, always; where it does not we do not, but for what counts as not understood.
 *     test_agent_pam_stack_libpam [STACKS [SEED]]
 */
#include "tests/unit/workspace.h"

#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>

#include "agent/pam_stack.h"
#include "core/error.h"

enum { MODULES_MAX = 5, TEXT_SIZE = 4096, FILES = 4, LETS_IN = 42 };

/* Where a module's path stands in a text that is not expanded yet, and the directory of an include:
 * libpam 1.5 looks for those in /etc/pam.d, wherever the service's file lies. */
enum { ANY = '\x01', SEKISHO = '\x02', DIRECTORY = '\x03' };

static const char *const NAMES[FILES] = {"svc", "first", "second", "other"};

/* One of each that a control can tell from others; user_unknown stands for what none names. */
static const int VALUES[] = {
        PAM_SUCCESS, PAM_AUTH_ERR, PAM_IGNORE, PAM_NEW_AUTHTOK_REQD, PAM_USER_UNKNOWN};
enum { VALUE_COUNT = sizeof(VALUES) / sizeof(VALUES[0]) };

static unsigned stacks = 100;
static uint64_t seed = 1;

struct text {
	char bytes[TEXT_SIZE];
	size_t length;
};

struct world {
	struct text files[FILES];
	unsigned modules;
};

static unsigned below(unsigned limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % limit;
}

#define ONE_OF(table) ((table)[below(sizeof(table) / sizeof((table)[0]))])

static void put(struct text *t, const char *text)
{
	t->length +=
	        (size_t)snprintf(t->bytes + t->length, sizeof(t->bytes) - t->length, "%s", text);
	assert_true(t->length < sizeof(t->bytes));
}

static void put_space(struct text *t)
{
	static const char *const spaces[] = {" ", " ", "\t", "  ", " \\\n", "\t \\\n "};

	put(t, ONE_OF(spaces));
}

static void put_pairs(struct text *t)
{
	static const char *const values[] = {
	        "success", "default", "default", "auth_err", "ignore", "new_authtok_reqd"};
	static const char *const actions[] = {
	        "ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3"};

	put(t, "[");
	for (unsigned i = below(4) + 1; i > 0; i--) {
		put(t, ONE_OF(values));
		put(t, "=");
		put(t, ONE_OF(actions));
		put(t, i > 1 ? " " : "");
	}
	put(t, "]");
}

static void put_control(struct text *t)
{
	static const char *const controls[] = {
	        "required", "requisite", "sufficient", "optional", "Required", "SUFFICIENT"};

	if (below(2) == 0)
		put_pairs(t);
	else
		put(t, ONE_OF(controls));
}

static void put_module(struct world *w, struct text *t)
{
	static const char any[] = {ANY, '\0'};
	static const char ours[] = {SEKISHO, '\0'};
	static const char *const types[] = {"auth", "auth", "auth", "AUTH", "-auth"};
	static const char *const modules[] = {any, any, any, ours, ours, "pam_deny.so"};
	const char *module = ONE_OF(modules);
	/* Behind '-' any module counts as one that may not be there. */
	const char *type = module == any ? ONE_OF(types) : types[below(4)];
	char argument[16];

	snprintf(argument, sizeof(argument), "timeout=%u", w->modules++);
	put(t, type);
	put_space(t);
	put_control(t);
	put_space(t);
	put(t, module);
	put_space(t);
	put(t, argument);
	put(t, below(4) == 0 ? " # auth required pam_deny.so\n" : "\n");
}

static void put_include(struct text *t, const char *name)
{
	static const char directory[] = {DIRECTORY, '\0'};
	static const char *const ways[] = {"@include ", "auth include ", "auth substack ",
	        "auth  substack\t", "-auth include ", "account include ", "@include\t"};

	put(t, ONE_OF(ways));
	put(t, directory);
	put(t, name);
	put(t, "\n");
}

static void put_other(struct text *t)
{
	static const char *const lines[] = {"\n", "# a comment \\\n",
	        "account required pam_permit.so\n", "-session optional pam_x.so \\\n  argument\n",
	        "   \n", "password required pam_deny.so\n"};

	put(t, ONE_OF(lines));
}

static void make_world(struct world *w)
{
	*w = (struct world){0};
	for (size_t i = 0; i < FILES; i++) {
		for (unsigned lines = below(5); lines > 0; lines--) {
			unsigned kind = below(8);

			if (kind == 0)
				put_other(&w->files[i]);
			else if (kind <= 2 && i < 2)
				put_include(&w->files[i], NAMES[i + 1]);
			else if (w->modules < MODULES_MAX)
				put_module(w, &w->files[i]);
		}
	}
}

/* Some bytes elsewhere, gone, or new. */
static void spoil(struct text *t)
{
	static const char bytes[] = " \t\n\\#[]=-@aA10.,/'\"";
	size_t at = t->length > 0 ? below((unsigned)t->length) : 0;

	if (t->length == 0 || t->length + 2 > sizeof(t->bytes))
		return;
	if (below(2) == 0) {
		memmove(t->bytes + at, t->bytes + at + 1, t->length - at);
		t->length--;
		return;
	}
	memmove(t->bytes + at + 1, t->bytes + at, t->length - at + 1);
	t->bytes[at] = bytes[below(sizeof(bytes) - 1)];
	t->length++;
}

static void expand(const struct workspace *w, const char *name, const struct text *t,
        const char *const parts[static 3])
{
	static char expanded[4 * TEXT_SIZE];
	size_t length = 0;

	for (size_t i = 0; i < t->length; i++) {
		char byte[2] = {t->bytes[i], '\0'};
		bool whole = byte[0] >= ANY && byte[0] <= DIRECTORY;
		const char *part = whole ? parts[byte[0] - ANY] : byte;

		length +=
		        (size_t)snprintf(expanded + length, sizeof(expanded) - length, "%s", part);
	}
	workspace_write(w, name, expanded, length);
}

static void write_world(const struct workspace *w, const struct world *world, bool real)
{
	static const char *const ours[3] = {"pam_any.so", "pam_sekisho.so", ""};
	char path[96];
	const char *const theirs[3] = {ANSWER, ANSWER_NEVER, path};
	struct workspace dir = {
	        .fd = openat(w->fd, real ? "real" : "ours", O_RDONLY | O_DIRECTORY)};

	snprintf(path, sizeof(path), "%s/real/", w->path);
	assert_true(dir.fd >= 0);
	for (size_t i = 0; i < FILES; i++)
		expand(&dir, NAMES[i], &world->files[i], real ? theirs : ours);
	close(dir.fd);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
        void *context)
{
	(void)count;
	(void)messages;
	(void)responses;
	(void)context;
	return PAM_CONV_ERR;
}

static void set_answers(unsigned number, unsigned modules)
{
	char answers[128] = "";
	size_t length = 0;

	for (unsigned i = 0; i < modules; i++, number /= VALUE_COUNT)
		length += (size_t)snprintf(answers + length, sizeof(answers) - length, "%s%d",
		        i > 0 ? "," : "", VALUES[number % VALUE_COUNT]);
	setenv("PAM_ANSWERS", answers, 1);
}

static bool lets_in_here(const struct workspace *w, unsigned modules)
{
	const struct pam_conv conversation = {converse, NULL};
	pam_handle_t *pam = NULL;
	char path[96];
	unsigned all = 1;
	int status = PAM_ABORT;

	snprintf(path, sizeof(path), "%s/real", w->path);
	if (pam_start_confdir("svc", "hanako", &conversation, path, &pam) != PAM_SUCCESS)
		return false;
	for (unsigned i = 0; i < modules; i++)
		all *= VALUE_COUNT;
	for (unsigned number = 0; number < all && status != PAM_SUCCESS; number++) {
		set_answers(number, modules);
		status = pam_authenticate(pam, PAM_SILENT);
	}
	pam_end(pam, status);
	return status == PAM_SUCCESS;
}

/* Does libpam let anybody in, whatever the modules answer? Some of what is damaged crashes or hangs
 * it, which lets nobody in. */
static bool lets_in(const struct workspace *w, unsigned modules)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		alarm(5);
		_exit(lets_in_here(w, modules) ? LETS_IN : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == LETS_IN;
}

/* PAM_IGNORE taken for a success, versions of libpam hand on or do not. */
static bool is_odd(const struct pam_module *module)
{
	int ignore = module->actions[PAM_VALUE_IGNORE];

	for (size_t v = 0; module->level > 0 && v < PAM_CONFIG_VALUES; v++)
		if (module->actions[v] == PAM_DO_RESET)
			return true;
	return ignore == PAM_DO_OK || ignore == PAM_DO_DONE;
}

static bool is_understood(const struct pam_dirs *dirs)
{
	static struct pam_config config;

	if (pam_config_read(dirs, "svc", &config) != 0)
		return false;
	if (config.count == 0 && pam_config_read(dirs, "other", &config) != 0)
		return false;
	for (size_t i = 0; i < config.count; i++)
		if (is_odd(&config.modules[i]))
			return false;
	return true;
}

static void show(const struct world *world, const char *what)
{
	print_error("%s\n", what);
	for (size_t i = 0; i < FILES; i++)
		print_error("--- %s\n%s", NAMES[i], world->files[i].bytes);
}

/* How many of each there were, so that a test of nothing does not pass. */
struct tally {
	unsigned bypassed, closed, misses, alarms;
};

static void compare(
        const struct workspace *w, const struct world *world, bool whole, struct tally *t)
{
	struct pam_dirs dirs = {openat(w->fd, "ours", O_RDONLY | O_DIRECTORY), -1};
	bool open = false;
	bool said = false;

	write_world(w, world, true);
	write_world(w, world, false);
	open = lets_in(w, world->modules);
	said = pam_stack_check(&dirs, "svc") == PAM_STACK_BYPASSED;
	t->bypassed += open;
	t->closed += !open && !said;
	if (open && !said) {
		t->misses++;
		show(world, "libpam lets in, and this was not said:");
	}
	if (whole && said && !open && is_understood(&dirs)) {
		t->alarms++;
		show(world, "libpam does not let in, and it was said to:");
	}
	close(dirs.own);
}

static struct tally run(const struct workspace *w, bool whole)
{
	static struct world world;
	struct tally t = {0};

	assert_int_equal(workspace_run(w, "mkdir -p real ours"), 0);
	for (unsigned i = 0; i < stacks; i++) {
		make_world(&world);
		for (unsigned n = whole ? 0 : below(3) + 1; n > 0; n--)
			spoil(&world.files[below(FILES)]);
		compare(w, &world, whole, &t);
	}
	print_message("%u stacks: %u let in, %u do not, of %u we say too much\n", stacks,
	        t.bypassed, t.closed, stacks - t.bypassed - t.closed);
	assert_true(t.bypassed > stacks / 20);
	assert_true(t.closed > stacks / 20);
	return t;
}

static void as_libpam_does(void **state)
{
	struct tally t = run(*state, true);

	assert_int_equal(t.misses, 0);
	assert_int_equal(t.alarms, 0);
}

static void nothing_is_missed_in_what_is_damaged(void **state)
{
	struct tally t = run(*state, false);

	assert_int_equal(t.misses, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                as_libpam_does, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(nothing_is_missed_in_what_is_damaged,
	                workspace_set_up, workspace_tear_down),
	};

	if (argc > 1)
		stacks = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
