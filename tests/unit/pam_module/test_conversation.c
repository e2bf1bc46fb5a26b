/* The module's side of a conversation against an agent that says what the test has it say. */
#include "tests/unit/workspace.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/error.h"
#include "core/frame.h"
#include "pam_module/conversation.h"

struct line {
	const char *bytes;
	size_t length;
	uint16_t type; /* 0: the end of the script */
	bool wait;     /* for an answer, which must be "123456", before the next line */
	bool hang;     /* instead of saying anything */
};

#define PROMPT                                                                                     \
	"\x01\x00\x00\x00\x06"                                                                     \
	"Code: "
#define INFO                                                                                       \
	"\x03\x00\x00\x00\x05"                                                                     \
	"Hello"

struct person {
	const char *says; /* NULL: nothing */
	int error;
	int asked;
	int shown;
};

static int ask(void *context, enum login_style style, const char *text, char **answer)
{
	struct person *p = context;

	if (style == LOGIN_INFO || style == LOGIN_ERROR) {
		p->shown++;
		assert_string_equal(text, "Hello");
		return p->error;
	}
	p->asked++;
	assert_string_equal(text, "Code: ");
	*answer = p->says != NULL ? strdup(p->says) : NULL;
	return p->error;
}

static void play(int fd, const struct line *script)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct frame frame;
	uint8_t stage = 0;
	char text[LOGIN_TEXT_MAX];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion leaves nothing running */
	if (frame_receive(fd, 5000, memory, sizeof(memory), &frame) != 0 ||
	        frame.type != LOGIN_BEGIN)
		_exit(2);
	stage = buffer_get_u8(&frame.payload);
	buffer_get_string(&frame.payload, text, sizeof(text));
	if (stage != LOGIN_AUTHENTICATE || strcmp(text, "login") != 0)
		_exit(3);
	for (; script->type != 0; script++) {
		if (script->hang)
			(void)pause();
		if (frame_send(fd, script->type, script->bytes, script->length, NULL, 0) != 0)
			_exit(4);
		if (!script->wait)
			continue;
		if (frame_receive(fd, 5000, memory, sizeof(memory), &frame) != 0)
			_exit(5);
		buffer_get_string(&frame.payload, text, sizeof(text));
		if (frame.type != LOGIN_ANSWER || buffer_end(&frame.payload) != 0 ||
		        strcmp(text, "123456") != 0)
			_exit(6);
	}
	_exit(0);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void set_path(const struct workspace *w, char path[static 108])
{
	snprintf(path, 108, "%s/auth.sock", w->path);
}

static int converse(const struct workspace *w, const struct line *script, struct person *person,
        enum login_result *result)
{
	char path[108];
	struct conversation c = {.socket = path,
	        .timeout = 2,
	        .stage = LOGIN_AUTHENTICATE,
	        .service = "login",
	        .user = "hanako",
	        .ask = ask,
	        .context = person};
	int listener = 0;
	int error = 0;
	pid_t pid = 0;

	set_path(w, path);
	listener = listen_at(path);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		play(accept(listener, NULL, NULL), script);
	error = conversation_run(&c, result);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(listener);
	return error;
}

static void result_is_handed_on(void **state)
{
	for (int r = LOGIN_SUCCESS; r <= LOGIN_NEW_AUTHTOK; r++) {
		const char byte = (char)r;
		const struct line script[] = {{INFO, sizeof(INFO) - 1, LOGIN_PROMPT, false, false},
		        {PROMPT, sizeof(PROMPT) - 1, LOGIN_PROMPT, true, false},
		        {&byte, 1, LOGIN_RESULT, false, false}, {0}};
		struct person person = {.says = "123456"};
		enum login_result result = 0;

		assert_int_equal(converse(*state, script, &person, &result), 0);
		assert_int_equal(result, r);
		assert_int_equal(person.asked, 1);
		assert_int_equal(person.shown, 1);
	}
}

static void nonsense_from_the_agent(void **state)
{
	static const struct line scripts[][2] = {
	        {{0}},
	        {{"", 0, LOGIN_RESULT, false, false}, {0}},
	        {{"\0", 1, LOGIN_RESULT, false, false}, {0}},
	        {{"\x08", 1, LOGIN_RESULT, false, false}, {0}},
	        {{"\x01\x01", 2, LOGIN_RESULT, false, false}, {0}},
	        {{"\x01", 1, LOGIN_BEGIN, false, false}, {0}},
	        {{"", 0, LOGIN_PROMPT, false, false}, {0}},
	        {{"\x01", 1, LOGIN_PROMPT, false, false}, {0}},
	        {{"\0"
	          "\0\0\0\x01"
	          "a",
	                 6, LOGIN_PROMPT, false, false},
	                {0}},
	        {{"\x05"
	          "\0\0\0\x01"
	          "a",
	                 6, LOGIN_PROMPT, false, false},
	                {0}},
	        {{PROMPT "x", sizeof(PROMPT), LOGIN_PROMPT, false, false}, {0}},
	        {{"\x01\x00\x00\x00\x02"
	          "a\0",
	                 7, LOGIN_PROMPT, false, false},
	                {0}},
	        {{"\x01", 1, LOGIN_RESULT, false, true}, {0}},
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct person person = {.says = "123456"};
		enum login_result result = 0;
		int error = converse(*state, scripts[i], &person, &result);

		assert_true(error < 0 && error != ERR_DENIED);
		assert_int_equal(result, LOGIN_UNAVAILABLE);
		assert_int_equal(person.asked, 0);
	}
}

static void endless_prompts_end(void **state)
{
	struct line script[40] = {0};
	struct person person = {.says = "123456"};
	enum login_result result = 0;

	for (size_t i = 0; i < 39; i++)
		script[i] = (struct line){INFO, sizeof(INFO) - 1, LOGIN_PROMPT, false, false};
	assert_int_equal(converse(*state, script, &person, &result), ERR_FORMAT);
	assert_int_equal(result, LOGIN_UNAVAILABLE);
	assert_true(person.shown < 20);
}

static void no_answer_is_denied(void **state)
{
	static const struct line script[] = {
	        {PROMPT, sizeof(PROMPT) - 1, LOGIN_PROMPT, true, false},
	        {"\x01", 1, LOGIN_RESULT, false, false}, {0}};
	char longest[LOGIN_TEXT_MAX + 2] = "";
	struct person persons[] = {
	        {.says = NULL}, {.says = "123456", .error = ERR_DENIED}, {.says = longest}};

	memset(longest, '1', sizeof(longest) - 1);
	for (size_t i = 0; i < 3; i++) {
		enum login_result result = 0;

		assert_int_equal(converse(*state, script, &persons[i], &result), ERR_DENIED);
		assert_int_equal(result, LOGIN_UNAVAILABLE);
	}
}

static void nobody_listens(void **state)
{
	struct workspace *w = *state;
	char path[108];
	struct conversation c = {
	        .socket = path, .timeout = 1, .stage = LOGIN_AUTHENTICATE, .user = "x"};
	enum login_result result = 0;
	int listener = 0;

	set_path(w, path);
	assert_int_equal(conversation_run(&c, &result), ERR_CLOSED);
	assert_int_equal(result, LOGIN_UNAVAILABLE);
	/* Listening, and stopped: the connection is in the queue and nobody speaks. */
	listener = listen_at(path);
	assert_int_equal(conversation_run(&c, &result), ERR_TIMEOUT);
	assert_int_equal(result, LOGIN_UNAVAILABLE);
	close(listener);
}

static void agent_that_is_not_roots(void **state)
{
	struct workspace *w = *state;
	char path[108];
	struct conversation c = {
	        .socket = path, .timeout = 1, .stage = LOGIN_AUTHENTICATE, .user = "x"};
	enum login_result result = 0;
	int ready[2];
	char byte = 0;
	pid_t pid = 0;

	if (geteuid() != 0)
		skip();
	set_path(w, path);
	assert_int_equal(chmod(w->path, 0777), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setresuid(65534, 65534, 65534) != 0)
			_exit(1);
		(void)listen_at(path);
		(void)!write(ready[1], "x", 1);
		(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(conversation_run(&c, &result), ERR_UNSAFE);
	assert_int_equal(result, LOGIN_UNAVAILABLE);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                result_is_handed_on, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nonsense_from_the_agent, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                endless_prompts_end, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                no_answer_is_denied, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nobody_listens, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                agent_that_is_not_roots, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
