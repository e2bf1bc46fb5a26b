/*
 * Every way the module can end: through the real libpam, a line for what the agent and the
 * application do, and what comes of it at each of the six entry points. Run it to read the table.
 */
#include "tests/unit/workspace.h"

#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "core/frame.h"
#include "core/login.h"

enum { STEPS_MAX = 5, CROWD = 8, BIG = 65536 };

/* What the agent does on a connection, after LOGIN_BEGIN. */
enum step {
	END = 0, /* and hangs up */
	INFO,
	PROMPT, /* without echo; waits for the answer */
	PROMPT_ON,
	RESULT, /* what is left: one byte each */
	RESULT_LONG,
	RESULT_EMPTY,
	RESULT_WITH_FD,
	NO_STYLE,
	STYLE_9,
	TEXT_WITH_NUL,
	TEXT_LONG,
	TEXT_CUT,
	NOT_ASKED, /* a message that is the module's to send */
	NO_TYPE,
	NO_MAGIC,
	CUT,
	NOTHING, /* an empty packet */
	HUGE,
	HANG,
	ENDLESS,
};

enum place { LISTENS, HANGS_UP, FULL, DEAD, ABSENT, NO_SOCKET, NOT_ROOTS };

struct agent {
	enum place place;
	enum step steps[STEPS_MAX];
	uint8_t result;
};

struct application {
	bool no_function;
	int answer;        /* of the conversation function */
	unsigned at;       /* from the message of this number on, 1: the first */
	bool no_responses; /* PAM_SUCCESS, and nothing */
	bool no_text;
	size_t length; /* of what is typed */
};

enum { AUTH, SETCRED, ACCOUNT, OPEN, CLOSE, PASSWORD, ENTRIES };

struct line {
	const char *what;
	struct agent agent;
	struct application application;
	const char *user;
	const char *options;
	int answers[ENTRIES];
};

/* Setting credentials and closing succeed whatever happens. */
#define ALL(answer)                                                                                \
	{                                                                                          \
		answer, PAM_SUCCESS, answer, answer, PAM_SUCCESS, answer                           \
	}
#define NOT_AT_AUTH(answer)                                                                        \
	{                                                                                          \
		PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS, answer, answer, PAM_SUCCESS, answer             \
	}
#define UNAVAILABLE ALL(PAM_AUTHINFO_UNAVAIL)
#define DENIED ALL(PAM_AUTH_ERR)
#define TALKS                                                                                      \
	{                                                                                          \
		INFO, PROMPT, PROMPT_ON, RESULT                                                    \
	}
#define ACCEPTS                                                                                    \
	{                                                                                          \
		LISTENS, TALKS, LOGIN_SUCCESS                                                      \
	}
#define SAYS(...)                                                                                  \
	{                                                                                          \
		LISTENS, {__VA_ARGS__}, LOGIN_SUCCESS                                              \
	}
#define TYPES                                                                                      \
	{                                                                                          \
		.length = 6                                                                        \
	}
#define U "hanako"
#define O "timeout=5"
#define SLOW "timeout=1" /* which runs out */

static char name_255[256];
static char name_256[257];

/* clang-format off: a table */
static const struct line LINES[] = {
        /* what the agent answers */
        {"accepted", ACCEPTS, TYPES, U, O, ALL(PAM_SUCCESS)},
        {"refused", {LISTENS, TALKS, LOGIN_AUTH_ERR}, TYPES, U, O, DENIED},
        {"locked", {LISTENS, TALKS, LOGIN_MAXTRIES}, TYPES, U, O, ALL(PAM_MAXTRIES)},
        {"undecided", {LISTENS, TALKS, LOGIN_UNAVAILABLE}, TYPES, U, O, UNAVAILABLE},
        {"expired", {LISTENS, TALKS, LOGIN_ACCT_EXPIRED}, TYPES, U, O,
                NOT_AT_AUTH(PAM_ACCT_EXPIRED)},
        {"not permitted", {LISTENS, TALKS, LOGIN_PERM_DENIED}, TYPES, U, O,
                NOT_AT_AUTH(PAM_PERM_DENIED)},
        {"password too old", {LISTENS, TALKS, LOGIN_NEW_AUTHTOK}, TYPES, U, O,
                NOT_AT_AUTH(PAM_NEW_AUTHTOK_REQD)},
        {"result 0", {LISTENS, TALKS, 0}, TYPES, U, O, UNAVAILABLE},
        {"result PAM_IGNORE", {LISTENS, TALKS, PAM_IGNORE}, TYPES, U, O, UNAVAILABLE},
        {"result 8", {LISTENS, TALKS, LOGIN_NEW_AUTHTOK + 1}, TYPES, U, O, UNAVAILABLE},
        {"result 255", {LISTENS, TALKS, 255}, TYPES, U, O, UNAVAILABLE},
        {"at once, nothing asked", SAYS(RESULT), TYPES, U, O, ALL(PAM_SUCCESS)},
        /* an agent that is not there */
        {"socket absent", {ABSENT, {0}, 0}, TYPES, U, O, UNAVAILABLE},
        {"socket is a file", {NO_SOCKET, {0}, 0}, TYPES, U, O, UNAVAILABLE},
        {"socket of the dead", {DEAD, {0}, 0}, TYPES, U, O, UNAVAILABLE},
        {"socket full", {FULL, {0}, 0}, TYPES, U, SLOW, UNAVAILABLE},
        {"accepts, and hangs up", {HANGS_UP, {0}, 0}, TYPES, U, O, UNAVAILABLE},
        {"listener not root", {NOT_ROOTS, {RESULT}, LOGIN_SUCCESS}, TYPES, U, O, UNAVAILABLE},
        /* one that stops in the middle */
        {"dies when it was told", SAYS(END), TYPES, U, O, UNAVAILABLE},
        {"dies after a text", SAYS(INFO), TYPES, U, O, UNAVAILABLE},
        {"dies after the code", SAYS(INFO, PROMPT), TYPES, U, O, UNAVAILABLE},
        {"hangs when it was told", SAYS(HANG), TYPES, U, SLOW, UNAVAILABLE},
        {"hangs after the code", SAYS(PROMPT, HANG), TYPES, U, SLOW, UNAVAILABLE},
        {"asks for ever", SAYS(ENDLESS), TYPES, U, O, UNAVAILABLE},
        /* one that breaks the protocol */
        {"result of two bytes", SAYS(RESULT_LONG), TYPES, U, O, UNAVAILABLE},
        {"result of none", SAYS(RESULT_EMPTY), TYPES, U, O, UNAVAILABLE},
        {"result and a descriptor", SAYS(RESULT_WITH_FD), TYPES, U, O, UNAVAILABLE},
        {"prompt without style", SAYS(NO_STYLE, RESULT), TYPES, U, O, UNAVAILABLE},
        {"prompt of style 9", SAYS(STYLE_9, RESULT), TYPES, U, O, UNAVAILABLE},
        {"prompt with NUL", SAYS(TEXT_WITH_NUL, RESULT), TYPES, U, O, UNAVAILABLE},
        {"prompt too long", SAYS(TEXT_LONG, RESULT), TYPES, U, O, UNAVAILABLE},
        {"prompt cut", SAYS(TEXT_CUT, RESULT), TYPES, U, O, UNAVAILABLE},
        {"the module's message", SAYS(NOT_ASKED, RESULT), TYPES, U, O, UNAVAILABLE},
        {"unknown type", SAYS(NO_TYPE, RESULT), TYPES, U, O, UNAVAILABLE},
        {"no magic", SAYS(NO_MAGIC, RESULT), TYPES, U, O, UNAVAILABLE},
        {"frame cut", SAYS(CUT, RESULT), TYPES, U, O, UNAVAILABLE},
        {"empty packet", SAYS(NOTHING, RESULT), TYPES, U, O, UNAVAILABLE},
        {"packet of 64 kB", SAYS(HUGE, RESULT), TYPES, U, O, UNAVAILABLE},
        /* the application, and the person at it */
        {"no function", ACCEPTS, {.no_function = true}, U, O, DENIED},
        {"^C at the text", ACCEPTS, {.answer = PAM_CONV_ERR, .at = 1, .length = 6}, U, O, DENIED},
        {"^C at the code", ACCEPTS, {.answer = PAM_CONV_ERR, .at = 2, .length = 6}, U, O, DENIED},
        {"^C at the next question", ACCEPTS, {.answer = PAM_CONV_ERR, .at = 3, .length = 6}, U, O,
                DENIED},
        {"^C at the name", ACCEPTS, {.answer = PAM_CONV_ERR, .at = 1}, NULL, O, DENIED},
        {"asked again later", ACCEPTS, {.answer = PAM_CONV_AGAIN, .at = 2, .length = 6}, U, O,
                DENIED},
        {"out of memory", ACCEPTS, {.answer = PAM_BUF_ERR, .at = 2, .length = 6}, U, O, DENIED},
        {"answer PAM_IGNORE", ACCEPTS, {.answer = PAM_IGNORE, .at = 2, .length = 6}, U, O, DENIED},
        {"answer no number of PAM's", ACCEPTS, {.answer = 999, .at = 1, .length = 6}, U, O, DENIED},
        {"no responses", ACCEPTS, {.no_responses = true}, U, O, DENIED},
        {"NULL typed", ACCEPTS, {.no_text = true}, U, O, DENIED},
        {"nothing typed, accepted", ACCEPTS, {.length = 0}, U, O, ALL(PAM_SUCCESS)},
        {"nothing typed, refused", {LISTENS, TALKS, LOGIN_AUTH_ERR}, {.length = 0}, U, O, DENIED},
        {"511 bytes typed", ACCEPTS, {.length = LOGIN_TEXT_MAX - 1}, U, O, ALL(PAM_SUCCESS)},
        {"512 bytes typed", ACCEPTS, {.length = LOGIN_TEXT_MAX}, U, O, DENIED},
        {"64 kB typed", ACCEPTS, {.length = BIG}, U, O, DENIED},
        /* names */
        {"name empty", ACCEPTS, TYPES, "", O, DENIED},
        {"name asked for, typed", ACCEPTS, TYPES, NULL, O, ALL(PAM_SUCCESS)},
        {"name asked for, NULL", ACCEPTS, {.no_text = true}, NULL, O, DENIED},
        {"name asked for, empty", ACCEPTS, {.length = 0}, NULL, O, DENIED},
        {"name of 255 bytes", ACCEPTS, TYPES, name_255, O, ALL(PAM_SUCCESS)},
        {"name of 256 bytes", ACCEPTS, TYPES, name_256, O, DENIED},
        /* options */
        {"option debug", ACCEPTS, TYPES, U, "debug", UNAVAILABLE},
        {"option nullok", ACCEPTS, TYPES, U, "nullok", UNAVAILABLE},
        {"option ignore", ACCEPTS, TYPES, U, "ignore", UNAVAILABLE},
        {"timeout=0", ACCEPTS, TYPES, U, "timeout=0", UNAVAILABLE},
        {"timeout twice", ACCEPTS, TYPES, U, "timeout=5 timeout=5", UNAVAILABLE},
        {"socket twice", ACCEPTS, TYPES, U, "socket=/x", UNAVAILABLE},
};
/* clang-format on */

enum { LINE_COUNT = sizeof(LINES) / sizeof(LINES[0]) };

/* --- the application --- */

struct talk {
	const struct application *application;
	unsigned messages;
};

static void type_text(const struct application *a, const struct pam_message *message,
        struct pam_response *response)
{
	bool wanted = message->msg_style == PAM_PROMPT_ECHO_OFF ||
	              message->msg_style == PAM_PROMPT_ECHO_ON;

	if (!wanted || a->no_text)
		return;
	response->resp = calloc(1, a->length + 1);
	assert_non_null(response->resp);
	memset(response->resp, '1', a->length);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
        void *context)
{
	struct talk *talk = context;
	const struct application *a = talk->application;

	*responses = NULL;
	talk->messages += (unsigned)count;
	if (a->at != 0 && talk->messages >= a->at)
		return a->answer;
	if (a->no_responses)
		return PAM_SUCCESS;
	*responses = calloc((size_t)count, sizeof(**responses));
	assert_non_null(*responses);
	for (int i = 0; i < count; i++)
		type_text(a, messages[i], &(*responses)[i]);
	return PAM_SUCCESS;
}

/* --- the agent --- */

static void say(int fd, uint16_t type, const char *bytes, size_t length)
{
	(void)frame_send(fd, type, bytes, length, NULL, 0);
}

static void prompt(int fd, char style)
{
	char bytes[] = "\x01\x00\x00\x00\x06"
	               "Code: ";

	bytes[0] = style;
	say(fd, LOGIN_PROMPT, bytes, sizeof(bytes) - 1);
}

static void ask(int fd, char style)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct frame frame;

	prompt(fd, style);
	if (frame_receive(fd, 5000, memory, sizeof(memory), &frame) != 0 ||
	        frame.type != LOGIN_ANSWER)
		_exit(0);
}

static void say_raw(int fd, const char *bytes, size_t length)
{
	(void)send(fd, bytes, length, MSG_NOSIGNAL);
}

static void break_protocol(int fd, enum step step)
{
	static char big[BIG] = "\x01\x00\x00\x02\x01"; /* a text of 513 bytes */

	memset(big + 5, 'a', sizeof(big) - 5);
	switch (step) {
	case RESULT_LONG:
		return say(fd, LOGIN_RESULT, "\x01\x01", 2);
	case RESULT_EMPTY:
		return say(fd, LOGIN_RESULT, "", 0);
	case NO_STYLE:
		return say(fd, LOGIN_PROMPT, "", 0);
	case STYLE_9:
		return prompt(fd, 9);
	case TEXT_WITH_NUL:
		return say(fd, LOGIN_PROMPT,
		        "\x03\x00\x00\x00\x02\x00"
		        "a",
		        7);
	case TEXT_LONG:
		return say(fd, LOGIN_PROMPT, big, 5 + 513);
	case TEXT_CUT:
		return say(fd, LOGIN_PROMPT,
		        "\x03\x00\x00\x00\x09"
		        "abc",
		        8);
	case NOT_ASKED:
		return say(fd, LOGIN_ANSWER,
		        "\x00\x00\x00\x01"
		        "1",
		        5);
	case NO_TYPE:
		return say(fd, 0x7777, "\x01", 1);
	case NO_MAGIC:
		return say_raw(fd, "XX\x01\x04\x00\x00\x00\x01\x01", 9);
	case CUT:
		return say_raw(fd, "SG\x01\x04\x00\x00\x00\x05\x01", 9);
	case NOTHING:
		return say_raw(fd, "", 0);
	default:
		return say(fd, LOGIN_PROMPT, big, sizeof(big));
	}
}

static void play_step(int fd, const struct agent *agent, enum step step)
{
	switch (step) {
	case INFO:
		return prompt(fd, LOGIN_INFO);
	case PROMPT:
		return ask(fd, LOGIN_ECHO_OFF);
	case PROMPT_ON:
		return ask(fd, LOGIN_ECHO_ON);
	case RESULT:
		return say(fd, LOGIN_RESULT, (const char *)&agent->result, 1);
	case RESULT_WITH_FD:
		(void)frame_send(fd, LOGIN_RESULT, &agent->result, 1, &fd, 1);
		return;
	case HANG:
		for (;;)
			(void)pause();
	case ENDLESS:
		for (int i = 0; i < 100; i++)
			prompt(fd, LOGIN_INFO);
		return;
	default:
		break_protocol(fd, step);
	}
}

/* A connection in a process of its own: one that hangs does not keep the next from being served. */
static _Noreturn void serve(int fd, const struct agent *agent)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct frame frame;

	if (frame_receive(fd, 5000, memory, sizeof(memory), &frame) != 0)
		_exit(0);
	for (size_t i = 0; i < STEPS_MAX && agent->steps[i] != END; i++)
		play_step(fd, agent, agent->steps[i]);
	_exit(0);
}

static _Noreturn void accept_all(int listener, const struct agent *agent)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pid_t pid = agent->place == HANGS_UP ? -1 : fork();

		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(fd, agent);
		}
		close(fd);
	}
}

static struct sockaddr_un address_of(const struct workspace *w)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/auth.sock", w->path);
	return address;
}

static int listen_there(const struct workspace *w, int backlog)
{
	const struct sockaddr_un address = address_of(w);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void fill_queue(const struct workspace *w, int fds[CROWD])
{
	const struct sockaddr_un address = address_of(w);

	for (int i = 0; i < CROWD; i++) {
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (const struct sockaddr *)&address, sizeof(address));
	}
}

struct stage {
	pid_t pid; /* 0: nobody */
	int listener;
	int crowd[CROWD];
};

static void start_listener(const struct workspace *w, const struct agent *agent, struct stage *s)
{
	int ready[2];
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		/* A failed assertion leaves nothing running. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (agent->place == NOT_ROOTS && setresuid(65534, 65534, 65534) != 0)
			_exit(1);
		s->listener = listen_there(w, 16);
		(void)!write(ready[1], "x", 1);
		accept_all(s->listener, agent);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

static void set_stage(const struct workspace *w, const struct agent *agent, struct stage *s)
{
	*s = (struct stage){.listener = -1};
	memset(s->crowd, -1, sizeof(s->crowd));
	(void)unlinkat(w->fd, "auth.sock", 0);
	switch (agent->place) {
	case ABSENT:
		break;
	case NO_SOCKET:
		workspace_write_text(w, "auth.sock", "");
		break;
	case DEAD:
		close(listen_there(w, 1));
		break;
	case FULL:
		s->listener = listen_there(w, 0);
		fill_queue(w, s->crowd);
		break;
	case LISTENS:
	case HANGS_UP:
	case NOT_ROOTS:
		start_listener(w, agent, s);
		break;
	}
}

static void clear_stage(struct stage *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
	}
	if (s->listener >= 0)
		close(s->listener);
	for (int i = 0; i < CROWD; i++)
		if (s->crowd[i] >= 0)
			close(s->crowd[i]);
}

/* --- the table --- */

/* A service whose four stacks are the module alone. */
static void write_service_at(const struct workspace *w, const char *socket, const char *options)
{
	static const char *const types[] = {"auth", "account", "session", "password"};
	char text[4096];
	size_t length = 0;

	for (size_t i = 0; i < 4; i++) {
		length += (size_t)snprintf(text + length, sizeof(text) - length,
		        "%s required %s socket=%s/%s %s\n", types[i], SEKISHO_PAM_MODULE, w->path,
		        socket, options);
	}
	workspace_write_text(w, "service", text);
}

static void write_service(const struct workspace *w, const char *options)
{
	write_service_at(w, "auth.sock", options);
}

static int call_setcred(pam_handle_t *pam, int flags)
{
	return pam_setcred(pam, (int)((unsigned)flags | PAM_ESTABLISH_CRED));
}

static int (*const CALLS[ENTRIES])(pam_handle_t *pam, int flags) = {
        [AUTH] = pam_authenticate,
        [SETCRED] = call_setcred,
        [ACCOUNT] = pam_acct_mgmt,
        [OPEN] = pam_open_session,
        [CLOSE] = pam_close_session,
        [PASSWORD] = pam_chauthtok,
};

/* Each entry point with a handle of its own: libpam lets what came before have a say. */
static int call(const struct workspace *w, const struct line *line, size_t entry, int flags)
{
	struct talk talk = {.application = &line->application};
	const struct pam_conv conv = {line->application.no_function ? NULL : converse, &talk};
	pam_handle_t *pam = NULL;
	int answer = 0;

	assert_int_equal(
	        pam_start_confdir("service", line->user, &conv, w->path, &pam), PAM_SUCCESS);
	answer = CALLS[entry](pam, flags);
	assert_int_equal(pam_end(pam, answer), PAM_SUCCESS);
	return answer;
}

static bool run_line(const struct workspace *w, const struct line *line)
{
	struct stage stage;
	bool good = true;

	write_service(w, line->options);
	set_stage(w, &line->agent, &stage);
	printf("%-28s", line->what);
	for (size_t i = 0; i < ENTRIES; i++) {
		int answer = call(w, line, i, 0);

		printf(" %3d%s", answer, answer == line->answers[i] ? "" : "!");
		good = good && answer == line->answers[i] && answer != PAM_IGNORE;
	}
	printf("\n");
	clear_stage(&stage);
	return good;
}

static bool is_slow(const struct line *line)
{
	return strcmp(line->options, SLOW) == 0;
}

static void run_table(const struct workspace *w, bool slow)
{
	unsigned bad = 0;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(w->path, 0777), 0);
	memset(name_255, 'a', sizeof(name_255) - 1);
	memset(name_256, 'a', sizeof(name_256) - 1);
	printf("%-28sauth cred acct open close password\n", "");
	for (size_t i = 0; i < LINE_COUNT; i++)
		if (is_slow(&LINES[i]) == slow && !run_line(w, &LINES[i]))
			bad++;
	assert_int_equal(bad, 0);
}

static void every_end(void **state)
{
	run_table(*state, false);
}

static void every_end_that_takes_its_time(void **state)
{
	run_table(*state, true);
}

/* Texts are left out, questions are not. */
static void silence_shows_nothing(void **state)
{
	static const struct line no_texts = {"", SAYS(INFO, INFO, PROMPT, RESULT),
	        {.answer = PAM_CONV_ERR, .at = 2, .length = 6}, U, O, {0}};
	struct stage stage;

	write_service(*state, O);
	set_stage(*state, &no_texts.agent, &stage);
	assert_int_equal(call(*state, &no_texts, AUTH, 0), PAM_AUTH_ERR);
	assert_int_equal(call(*state, &no_texts, AUTH, PAM_SILENT), PAM_SUCCESS);
	clear_stage(&stage);
}

/* The agent goes while people are logged in: they can still log out. */
static void nothing_holds_a_session_open(void **state)
{
	static const struct line line = {"", ACCEPTS, TYPES, U, O, {0}};
	struct talk talk = {.application = &line.application};
	const struct pam_conv conv = {converse, &talk};
	struct workspace *w = *state;
	pam_handle_t *pam = NULL;
	struct stage stage;

	write_service(w, O);
	set_stage(w, &line.agent, &stage);
	assert_int_equal(
	        pam_start_confdir("service", line.user, &conv, w->path, &pam), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(pam, 0), PAM_SUCCESS);
	assert_int_equal(pam_setcred(pam, PAM_ESTABLISH_CRED), PAM_SUCCESS);
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	clear_stage(&stage);
	assert_int_equal(pam_close_session(pam, 0), PAM_SUCCESS);
	assert_int_equal(pam_setcred(pam, PAM_DELETE_CRED), PAM_SUCCESS);
	assert_int_equal(pam_end(pam, 0), PAM_SUCCESS);
}

/* The agent's socket and what it leaves for the module, as under a root of its own. */
static void make_marks(const struct workspace *w)
{
	assert_int_equal(workspace_run(w, "umask 022; mkdir -p run var/lib/sekisho/unattended && "
	                                  "ln -s .. run/sekisho && cd var/lib/sekisho && "
	                                  ": >mark && : >unattended/service"),
	        0);
	write_service_at(w, "run/sekisho/auth.sock", O);
}

static int call_in(const struct workspace *w, size_t entry)
{
	static const struct line line = {"", {ABSENT, {0}, 0}, TYPES, U, O, {0}};

	return call(w, &line, entry, 0);
}

/* The agent is away, the marks are where it put them. */
static void unattended_services_go_on(void **state)
{
	static const char *const doubts[] = {"rm service", "rm service; ln -s ../mark service",
	        "rm service; mkdir service", "chmod 666 service", "chmod 775 .",
	        "chown 65534 service", "chown 65534 ."};
	static const int with_mark[ENTRIES] = {PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS, PAM_SUCCESS,
	        PAM_SUCCESS, PAM_SUCCESS, PAM_AUTHINFO_UNAVAIL};
	const struct workspace *w = *state;
	char command[256];

	if (geteuid() != 0)
		skip();
	make_marks(w);
	for (size_t i = 0; i < ENTRIES; i++)
		assert_int_equal(call_in(w, i), with_mark[i]);
	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
		snprintf(command, sizeof(command), "cd var/lib/sekisho/unattended && { %s; }",
		        doubts[i]);
		assert_int_equal(workspace_run(w, command), 0);
		assert_int_equal(call_in(w, ACCOUNT), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(call_in(w, OPEN), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(
		        workspace_run(w, "cd var/lib/sekisho/unattended && rm -rf service && "
		                         ": >service && chmod 644 service && "
		                         "chmod 755 . && chown 0 ."),
		        0);
		assert_int_equal(call_in(w, ACCOUNT), PAM_SUCCESS);
	}
	/* Another socket is another agent's. */
	write_service(w, O);
	assert_int_equal(call_in(w, ACCOUNT), PAM_AUTHINFO_UNAVAIL);
}

/* What an agent that is there refuses stays refused. */
static void unattended_services_obey(void **state)
{
	static const struct {
		uint8_t result;
		int answer;
	} cases[] = {{LOGIN_SUCCESS, PAM_SUCCESS}, {LOGIN_ACCT_EXPIRED, PAM_ACCT_EXPIRED},
	        {LOGIN_PERM_DENIED, PAM_PERM_DENIED}, {LOGIN_AUTH_ERR, PAM_AUTH_ERR},
	        {LOGIN_UNAVAILABLE, PAM_SUCCESS}};
	const struct workspace *w = *state;

	make_marks(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct line line = {
		        "", {LISTENS, {RESULT}, cases[i].result}, TYPES, U, O, {0}};
		struct stage stage;

		set_stage(w, &line.agent, &stage);
		assert_int_equal(call(w, &line, ACCOUNT, 0), cases[i].answer);
		clear_stage(&stage);
	}
}

/* --- what the application's process may be like --- */

static void close_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
}

static void use_up_descriptors(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_NOFILE, &none);
}

static void on_alarm(int number)
{
	(void)number;
}

/* Every system call that waits is interrupted, every two milliseconds. */
static void ring(void)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	const struct itimerval often = {{0, 2000}, {0, 2000}};

	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &often, NULL);
}

static void stop_ringing(void)
{
	const struct itimerval never = {0};

	(void)setitimer(ITIMER_REAL, &never, NULL);
}

static void speak_strangely(void)
{
	(void)setenv("LC_ALL", "../../../tmp/%n%s", 1);
	(void)setenv("LANG", "ja", 1);
	(void)setenv("LD_PRELOAD", "/nonexistent", 1);
	(void)setenv("TMPDIR", "/nonexistent", 1);
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

enum { LEAKS = 254, DIED = 255, TIMES = 50 };
enum { REFUSED = -1 }; /* by libpam's own word, where it is out of descriptors too */

/* The answer to the last of many authentications by one process. */
static int run_in(const struct workspace *w, const struct line *line, void (*prepare)(void))
{
	struct talk talk = {.application = &line->application};
	const struct pam_conv conv = {converse, &talk};
	pam_handle_t *pam = NULL;
	unsigned before = 0;
	int status = 0;
	int answer = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (pam_start_confdir("service", line->user, &conv, w->path, &pam) != PAM_SUCCESS)
			_exit(DIED);
		(void)pam_authenticate(
		        pam, 0); /* libpam reads its files; syslog(3) keeps its own */
		prepare();
		before = open_descriptors();
		for (int i = 0; i < TIMES; i++)
			answer = pam_authenticate(pam, PAM_DISALLOW_NULL_AUTHTOK);
		_exit(open_descriptors() == before ? answer : LEAKS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : DIED;
}

static void processes_of_any_kind(void **state)
{
	static const struct line accepts = {"", ACCEPTS, TYPES, U, O, {0}};
	static const struct line leaves = {"", {HANGS_UP, {0}, 0}, TYPES, U, O, {0}};
	static const struct {
		const struct line *line;
		void (*prepare)(void);
		int answer;
	} cases[] = {{&accepts, close_streams, PAM_SUCCESS}, {&accepts, ring, PAM_SUCCESS},
	        {&accepts, speak_strangely, PAM_SUCCESS}, {&accepts, use_up_descriptors, REFUSED},
	        {&leaves, close_streams, PAM_AUTHINFO_UNAVAIL},
	        {&leaves, speak_strangely, PAM_AUTHINFO_UNAVAIL}};
	const struct workspace *w = *state;

	if (geteuid() != 0)
		skip();
	write_service(w, O);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stage stage;
		int answer = 0;

		set_stage(w, &cases[i].line->agent, &stage);
		answer = run_in(w, cases[i].line, cases[i].prepare);
		if (cases[i].answer == REFUSED)
			assert_true(
			        answer != PAM_SUCCESS && answer != PAM_IGNORE && answer < LEAKS);
		else
			assert_int_equal(answer, cases[i].answer);
		clear_stage(&stage);
	}
}

/* The agent is busy at first, and signals come while its queue is full. */
static void signals_do_not_end_the_waiting(void **state)
{
	static const struct line full = {"", {FULL, {0}, 0}, TYPES, U, O, {0}};
	static const struct line accepts = {"", ACCEPTS, TYPES, U, O, {0}};
	const struct timespec busy = {0, 300000000};
	const struct workspace *w = *state;
	struct stage stage;

	if (geteuid() != 0)
		skip();
	write_service(w, O);
	set_stage(w, &full.agent, &stage);
	stage.pid = fork();
	assert_true(stage.pid >= 0);
	if (stage.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)nanosleep(&busy, NULL);
		accept_all(stage.listener, &accepts.agent);
	}
	ring();
	assert_int_equal(call(w, &accepts, AUTH, 0), PAM_SUCCESS);
	stop_ringing();
	clear_stage(&stage);
}

/* Loaded and let go again and again, as a display manager does for each person. */
static void handles_leave_nothing(void **state)
{
	static const struct line line = {"", ACCEPTS, TYPES, U, O, {0}};
	const struct workspace *w = *state;
	struct stage stage;
	unsigned before = 0;

	write_service(w, O);
	set_stage(w, &line.agent, &stage);
	assert_int_equal(call(w, &line, AUTH, 0), PAM_SUCCESS);
	before = open_descriptors();
	for (int i = 0; i < TIMES; i++)
		assert_int_equal(call(w, &line, AUTH, 0), PAM_SUCCESS);
	assert_int_equal(open_descriptors(), before);
	clear_stage(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(every_end, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                every_end_that_takes_its_time, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                silence_shows_nothing, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                unattended_services_go_on, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                unattended_services_obey, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                processes_of_any_kind, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                signals_do_not_end_the_waiting, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                handles_leave_nothing, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nothing_holds_a_session_open, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
