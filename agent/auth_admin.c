#include "agent/auth_admin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/control_client.h"
#include "agent/paths.h"
#include "agent/seal_client.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"

enum { LOCK_TIMEOUT_MS = 10000, TEMPORARY_SIZE = 32 };

const char *auth_admin_by(const char *by)
{
	const char *sudo = getenv("SUDO_USER");

	if (by != NULL)
		return by;
	return sudo != NULL && sudo[0] != '\0' ? sudo : "root";
}

int auth_admin_check(const char *user)
{
	if (geteuid() != 0) {
		fprintf(stderr, "sekisho: %s\n",
		        LANGUAGE("rootだけが実行できます", "only root can do this"));
		return EXIT_NO;
	}
	if (!auth_state_name(user)) {
		fprintf(stderr, "sekisho: %s\n",
		        LANGUAGE("利用者名は英小文字か_で始まる32文字以内の英小文字、数字、_.-です",
		                "a user name is up to 32 of a-z 0-9 _ . -, and starts with a-z or "
		                "_"));
		return EXIT_USAGE;
	}
	return EXIT_YES;
}

static int refuse(const char *subject, const char *why)
{
	fprintf(stderr, "sekisho: %s: %s\n", subject, why);
	return EXIT_NO;
}

int auth_admin_find(const char *user, uint32_t *uid)
{
	int code = auth_admin_check(user);
	const struct passwd *account = code == EXIT_YES ? getpwnam(user) : NULL;

	*uid = 0;
	if (code != EXIT_YES)
		return code;
	if (account == NULL)
		return refuse(
		        user, LANGUAGE("そのような利用者はいません", "there is no such user"));
	*uid = account->pw_uid;
	return EXIT_YES;
}

int auth_admin_record(const struct cli *cli, uint16_t kind, const char *user,
        const struct auth_token *token, const char *by)
{
	static struct event_record event; /* 24 KiB: not for the stack */
	int error = 0;

	event_start(&event, kind);
	event_put(&event, FIELD_USER, user);
	if (token != NULL) {
		event_put(&event, FIELD_FACTOR, token_kind_name(token->kind));
		event_put_number(&event, FIELD_TOKEN, token->id);
	}
	event_put(&event, FIELD_BY, auth_admin_by(by));
	error = control_record(cli, &event);
	return error == 0 ? EXIT_YES : control_complain(error);
}

int auth_admin_fail(const char *user, int error)
{
	fprintf(stderr, "sekisho: %s: %s\n", user,
	        error == ERR_NOT_FOUND ? LANGUAGE("登録されていません", "is not enrolled")
	                               : error_text(error));
	return EXIT_NO;
}

static int open_directory(const struct cli *cli, int *dir)
{
	*dir = openat(cli->root, PATH_AUTH_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*dir < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	return 0;
}

static int check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_nlink != 1 ||
	        (st.st_mode & 07777) != 0600)
		return ERR_UNSAFE;
	return 0;
}

static int open_user(int dir, const char *user, int *fd)
{
	int error = 0;

	*fd = openat(dir, user, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_UNSAFE;
	error = check_file(*fd);
	if (error != 0) {
		close(*fd);
		*fd = -1;
	}
	return error;
}

static int ask_key(const struct cli *cli, struct storage_key *key)
{
	struct seal_result result;
	int fd = -1;
	int error = control_card(cli, CONTROL_SEAL, &fd);

	if (error != 0) {
		(void)control_complain(error);
		return error;
	}
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	storage_key_guard(key);
	error = seal_ask(fd, CONTROL_TIMEOUT_MS, key, &result);
	close(fd);
	if (error == 0 && result.answer == SEAL_OPEN)
		return 0;
	fprintf(stderr, "sekisho: %s\n", seal_answer_text(result.answer));
	return ERR_SEALED;
}

const struct storage_key *auth_admin_key(const struct cli *cli)
{
	static struct storage_key key;
	static int error = ERR_NOT_FOUND; /* nobody was asked yet */

	if (error == ERR_NOT_FOUND)
		error = ask_key(cli, &key) == 0 ? 0 : ERR_SEALED;
	return error == 0 ? &key : NULL;
}

int auth_admin_open(const struct cli *cli, const char *user, struct auth_file *file)
{
	int dir = -1;
	int error = open_directory(cli, &dir);

	*file = (struct auth_file){.fd = -1, .user = user};
	if (error != 0)
		return error;
	error = open_user(dir, user, &file->fd);
	close(dir);
	if (error == 0)
		file->key = auth_admin_key(cli);
	return error;
}

static int write_new(int dir, const char *name, const uint8_t bytes[static AUTH_AREA_SIZE])
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int error = 0;

	if (fd < 0)
		return ERR_IO;
	error = fchmod(fd, 0600) == 0 ? file_write(fd, bytes, AUTH_AREA_SIZE) : ERR_IO;
	if (error == 0 && fsync(fd) < 0)
		error = ERR_IO;
	close(fd);
	return error;
}

/* A name that starts with a dot is no user's. No moment has the file under both names: one with two
 * is believed by nobody, and a power cut would leave it so. */
static int create_in(int dir, const char *user, const uint8_t bytes[static AUTH_AREA_SIZE])
{
	char temporary[TEMPORARY_SIZE];
	int error = 0;

	snprintf(temporary, sizeof(temporary), ".new-%d", (int)getpid());
	(void)unlinkat(dir, temporary, 0);
	error = write_new(dir, temporary, bytes);
	if (error == 0 && renameat2(dir, temporary, dir, user, RENAME_NOREPLACE) < 0)
		error = errno == EEXIST ? ERR_EXISTS : ERR_IO;
	(void)unlinkat(dir, temporary, 0);
	if (error == 0 && fsync(dir) < 0)
		error = ERR_IO;
	return error;
}

static int create(const struct cli *cli, const char *user, struct auth_state *state)
{
	const struct auth_file file = {.fd = -1, .user = user, .key = auth_admin_key(cli)};
	uint8_t bytes[AUTH_AREA_SIZE];
	int dir = -1;
	int error = open_directory(cli, &dir);

	if (error != 0)
		return error;
	error = auth_state_new(&file, state, bytes);
	if (error == 0)
		error = create_in(dir, user, bytes);
	close(dir);
	return error;
}

int auth_admin_read(const struct cli *cli, const char *user, struct auth_state *state)
{
	struct auth_file file;
	int error = auth_admin_open(cli, user, &file);

	*state = (struct auth_state){0};
	if (error == 0)
		error = auth_state_lock(&file, LOCK_TIMEOUT_MS);
	if (error == 0)
		error = auth_state_read(&file, state);
	if (file.fd >= 0)
		close(file.fd);
	return error;
}

int auth_admin_precheck(
        const struct cli *cli, const char *user, enum token_kind kind, enum admin_mode mode)
{
	struct auth_state state;
	char *json = NULL;
	int error = auth_admin_read(cli, user, &state);
	bool taken = error == 0 && auth_state_count(&state, kind) > 0;
	bool full = error == 0 && auth_state_count(&state, TOKEN_NONE) == AUTH_TOKENS_MAX;

	explicit_bzero(&state, sizeof(state));
	/* Of a key that is no more: nothing is there that could be used, or kept. */
	if (error == ERR_SEALED && auth_admin_key(cli) != NULL)
		error = ERR_NOT_FOUND;
	if (error != 0 && error != ERR_NOT_FOUND)
		return refuse(user, error_text(error));
	if (taken && mode == ADMIN_FIRST)
		return refuse(user, LANGUAGE("登録済みです。増やすときは --add、作り直すときは "
		                             "--replace を付けてください",
		                            "is enrolled already; --add makes one more, --replace "
		                            "a new one"));
	if (full && (mode != ADMIN_REPLACE || !taken))
		return refuse(user,
		        LANGUAGE("登録できる数に達しています", "has as many tokens as can be"));
	error = control_ask(cli, CONTROL_STATUS, -1, &json);
	free(json);
	if (error != 0)
		return control_complain(error);
	return auth_admin_key(cli) != NULL ? EXIT_YES : EXIT_NO;
}

static void drop_kind(struct auth_state *state, enum token_kind kind)
{
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		if (state->tokens[i].kind == kind)
			explicit_bzero(&state->tokens[i], sizeof(state->tokens[i]));
}

/* What the state is to be with the token in it. */
static int put(
        struct auth_state *state, uint32_t uid, struct auth_token *token, enum admin_mode mode)
{
	if (mode == ADMIN_REPLACE) {
		drop_kind(state, token->kind);
		state->locked = false;
		state->failures = 0;
	} else if (mode == ADMIN_FIRST && auth_state_count(state, token->kind) > 0) {
		return ERR_EXISTS;
	}
	/* A name that was given to somebody else: what the one before had is not his. */
	if (auth_state_count(state, TOKEN_NONE) > 0 && state->uid != uid)
		return ERR_DENIED;
	state->uid = uid;
	return auth_state_add(state, token);
}

/* What there is of a user, locked for as long as the file is open. */
static int take(
        const struct cli *cli, const char *user, struct auth_file *file, struct auth_state *state)
{
	int error = auth_admin_open(cli, user, file);

	if (error == 0)
		error = auth_state_lock(file, LOCK_TIMEOUT_MS);
	return error == 0 ? auth_state_read(file, state) : error;
}

static int remove_file(const struct cli *cli, const char *user)
{
	int dir = -1;
	int error = open_directory(cli, &dir);

	if (error != 0)
		return error;
	if (unlinkat(dir, user, 0) < 0 || fsync(dir) < 0)
		error = ERR_IO;
	close(dir);
	return error;
}

/* What this command cannot read, auth might: whoever has it open must accept nobody by it. */
static int remove_unreadable(const struct cli *cli, const char *user, struct auth_file *file)
{
	int error = ftruncate(file->fd, 0) == 0 ? remove_file(cli, user) : ERR_IO;

	close(file->fd);
	file->fd = -1;
	return error;
}

/* On the file of a user, locked; -1: there is none yet. */
static int enrol_locked(const struct cli *cli, const char *user, const struct auth_file *file,
        struct auth_state *state, struct auth_token *token, const char *by)
{
	int code = auth_admin_record(cli, EVENT_TOKEN_ENROLLED, user, token, by);
	int error = 0;

	if (code != EXIT_YES)
		return code;
	error = file->fd >= 0 ? auth_state_write(file, state) : create(cli, user, state);
	if (error == 0)
		return EXIT_YES;
	(void)auth_admin_record(cli, EVENT_TOKEN_REVOKED, user, token, by);
	return refuse(user, error_text(error));
}

int auth_admin_enrol(const struct cli *cli, const char *user, uint32_t uid,
        struct auth_token *token, enum admin_mode mode, const char *by)
{
	struct auth_state state = {0};
	struct auth_file file = {.fd = -1};
	int code = EXIT_YES;
	int error = take(cli, user, &file, &state);

	if (error == ERR_SEALED && file.key != NULL)
		error = remove_unreadable(cli, user, &file);
	if (error == 0 || error == ERR_NOT_FOUND) {
		token->enrolled_at = clock_wall();
		snprintf(token->by, sizeof(token->by), "%s", auth_admin_by(by));
		error = put(&state, uid, token, mode);
	}
	if (error == ERR_DENIED)
		code = refuse(
		        user, LANGUAGE("以前この名前だった利用者の認証要素が残っています。"
		                       "先に sekisho revoke で失効してください",
		                      "still has tokens of somebody who had this name before; "
		                      "revoke them first"));
	else if (error != 0)
		code = refuse(user, error_text(error));
	else
		code = enrol_locked(cli, user, &file, &state, token, by);
	if (file.fd >= 0)
		close(file.fd);
	explicit_bzero(&state, sizeof(state));
	return code;
}

/* A worker that waits for its person holds the file open: what stays in it must accept nobody. */
static int remove_last(const struct cli *cli, const char *user, const struct auth_file *file,
        struct auth_state *state)
{
	int error = 0;

	state->locked = true;
	error = auth_state_write(file, state);
	return error == 0 ? remove_file(cli, user) : error;
}

static int revoke_locked(const struct cli *cli, const char *user, const struct auth_file *file,
        struct auth_state *state, unsigned id, const char *by)
{
	size_t left = auth_state_count(state, TOKEN_NONE);
	int error = 0;

	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		const struct auth_token *token = &state->tokens[i];
		int code = EXIT_YES;

		if (token->kind == TOKEN_NONE || (id != 0 && token->id != id))
			continue;
		code = auth_admin_record(cli, EVENT_TOKEN_REVOKED, user, token, by);
		if (code != EXIT_YES)
			return code;
		left--;
	}
	if (left == 0) {
		error = remove_last(cli, user, file, state);
	} else {
		explicit_bzero(auth_state_find(state, id), sizeof(struct auth_token));
		error = auth_state_write(file, state);
	}
	return error == 0 ? EXIT_YES : refuse(user, error_text(error));
}

int auth_admin_revoke(const struct cli *cli, const char *user, unsigned id, const char *by)
{
	struct auth_state state = {0};
	struct auth_file file = {.fd = -1};
	int code = EXIT_YES;
	int error = take(cli, user, &file, &state);
	bool unreadable = error == ERR_FORMAT || error == ERR_SEALED;

	if (unreadable && id == 0)
		/* A state too damaged to read accepts nobody, and can go. */
		code = auth_admin_record(cli, EVENT_TOKEN_REVOKED, user, NULL, by);
	else if (error == ERR_NOT_FOUND || (error == 0 && id != 0 && !auth_state_find(&state, id)))
		code = refuse(
		        user, LANGUAGE("その認証要素は登録されていません", "has no such token"));
	else if (error != 0)
		code = refuse(user, error_text(error));
	else
		code = revoke_locked(cli, user, &file, &state, id, by);
	if (unreadable && id == 0 && code == EXIT_YES && remove_unreadable(cli, user, &file) != 0)
		code = refuse(user, error_text(ERR_IO));
	if (file.fd >= 0)
		close(file.fd);
	explicit_bzero(&state, sizeof(state));
	return code;
}

static int visit(const struct cli *cli, const char *user,
        void (*each)(void *context, const char *user, const struct auth_state *state),
        void *context)
{
	struct auth_state state;
	int error = auth_admin_read(cli, user, &state);

	if (error == 0)
		each(context, user, &state);
	explicit_bzero(&state, sizeof(state));
	/* Revoked meanwhile. */
	if (error == 0 || error == ERR_NOT_FOUND)
		return EXIT_YES;
	return refuse(user, error_text(error));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_user(const struct dirent *entry)
{
	return auth_state_name(entry->d_name);
}

int auth_admin_each(const struct cli *cli,
        void (*each)(void *context, const char *user, const struct auth_state *state),
        void *context)
{
	struct dirent **names = NULL;
	int count = scandirat(cli->root, PATH_AUTH_DIR, &names, is_user, by_name);
	int code = EXIT_YES;

	if (count < 0)
		return errno == ENOENT ? EXIT_YES : refuse(PATH_AUTH_DIR, error_text(ERR_IO));
	if (count > 0 && auth_admin_key(cli) == NULL)
		code = EXIT_UNASKED;
	for (int i = 0; i < count; i++) {
		if (code != EXIT_UNASKED && visit(cli, names[i]->d_name, each, context) != EXIT_YES)
			code = EXIT_NO;
		free(names[i]);
	}
	free(names);
	return code;
}
