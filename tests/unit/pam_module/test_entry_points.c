/* The module through the real libpam, with applications and agents that do not behave. */
#include "tests/unit/workspace.h"

#include <security/pam_appl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/frame.h"
#include "core/login.h"

enum application { NO_FUNCTION, FAILS, NO_RESPONSES, NO_TEXT, ANSWERS, ANSWERS_TOO_LONG };

struct agent {
	pid_t pid;
	int listener;
};

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
        void *context)
{
	const enum application *application = context;

	if (*application == FAILS)
		return PAM_CONV_ERR;
	*responses = NULL;
	if (*application == NO_RESPONSES)
		return PAM_SUCCESS;
	*responses = calloc((size_t)count, sizeof(**responses));
	for (int i = 0; i < count; i++) {
		if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF || *application == NO_TEXT)
			continue;
		(*responses)[i].resp = calloc(1, 4000);
		memset((*responses)[i].resp, '1', *application == ANSWERS ? 6 : 3999);
	}
	return PAM_SUCCESS;
}

/* Every connection: an information, a prompt, and after an answer the result. */
static void serve(int fd, uint8_t result)
{
	static const char info[] = "\x03\x00\x00\x00\x02Hi";
	static const char prompt[] = "\x01\x00\x00\x00\x06"
	                             "Code: ";
	uint8_t memory[LOGIN_FRAME_MAX];
	struct frame frame;
	uint8_t stage = 0;

	if (frame_receive(fd, 5000, memory, sizeof(memory), &frame) != 0)
		return;
	stage = buffer_get_u8(&frame.payload);
	if (stage == LOGIN_AUTHENTICATE) {
		(void)frame_send(fd, LOGIN_PROMPT, info, sizeof(info) - 1, NULL, 0);
		(void)frame_send(fd, LOGIN_PROMPT, prompt, sizeof(prompt) - 1, NULL, 0);
		if (frame_receive(fd, 5000, memory, sizeof(memory), &frame) != 0)
			return;
	}
	(void)frame_send(fd, LOGIN_RESULT, &result, 1, NULL, 0);
}

static void start_agent(const struct workspace *w, struct agent *agent, uint8_t result)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/auth.sock", w->path);
	unlink(address.sun_path);
	agent->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(agent->listener >= 0);
	assert_int_equal(
	        bind(agent->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(agent->listener, 8), 0);
	agent->pid = fork();
	assert_true(agent->pid >= 0);
	if (agent->pid == 0)
		(void)prctl(
		        PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion leaves nothing running */
	while (agent->pid == 0) {
		int fd = accept(agent->listener, NULL, NULL);

		serve(fd, result);
		close(fd);
	}
}

static void stop_agent(struct agent *agent)
{
	kill(agent->pid, SIGKILL);
	assert_int_equal(waitpid(agent->pid, NULL, 0), agent->pid);
	close(agent->listener);
}

/* A service whose four stacks are the module alone. */
static void write_service(const struct workspace *w, const char *options)
{
	static const char *const types[] = {"auth", "account", "session", "password"};
	char text[4096];
	size_t length = 0;

	for (size_t i = 0; i < 4; i++) {
		length += (size_t)snprintf(text + length, sizeof(text) - length,
		        "%s required %s socket=%s/auth.sock %s\n", types[i], SEKISHO_PAM_MODULE,
		        w->path, options);
	}
	workspace_write_text(w, "service", text);
}

static pam_handle_t *start_pam(
        const struct workspace *w, enum application *application, const char *user)
{
	const struct pam_conv conv = {*application == NO_FUNCTION ? NULL : converse, application};
	pam_handle_t *pam = NULL;

	assert_int_equal(pam_start_confdir("service", user, &conv, w->path, &pam), PAM_SUCCESS);
	return pam;
}

static int authenticate(const struct workspace *w, enum application application, const char *user)
{
	pam_handle_t *pam = start_pam(w, &application, user);
	int result = pam_authenticate(pam, 0);

	assert_int_equal(pam_end(pam, result), PAM_SUCCESS);
	return result;
}

static void results_are_mapped(void **state)
{
	static const struct {
		uint8_t login;
		int pam;
	} map[] = {
	        {LOGIN_SUCCESS, PAM_SUCCESS},
	        {LOGIN_AUTH_ERR, PAM_AUTH_ERR},
	        {LOGIN_MAXTRIES, PAM_MAXTRIES},
	        {LOGIN_UNAVAILABLE, PAM_AUTHINFO_UNAVAIL},
	        {LOGIN_ACCT_EXPIRED, PAM_ACCT_EXPIRED},
	        {LOGIN_PERM_DENIED, PAM_PERM_DENIED},
	        {LOGIN_NEW_AUTHTOK, PAM_NEW_AUTHTOK_REQD},
	        {0, PAM_AUTHINFO_UNAVAIL},
	        {99, PAM_AUTHINFO_UNAVAIL},
	};

	write_service(*state, "timeout=5");
	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		enum application application = ANSWERS;
		struct agent agent;
		pam_handle_t *pam = NULL;

		start_agent(*state, &agent, map[i].login);
		pam = start_pam(*state, &application, "hanako");
		assert_int_equal(pam_authenticate(pam, 0), map[i].pam);
		assert_int_equal(pam_acct_mgmt(pam, 0), map[i].pam);
		assert_int_equal(pam_open_session(pam, 0), map[i].pam);
		assert_int_equal(pam_chauthtok(pam, 0), map[i].pam);
		assert_int_equal(pam_end(pam, 0), PAM_SUCCESS);
		stop_agent(&agent);
	}
}

static void applications_that_do_not_answer(void **state)
{
	static const enum application applications[] = {
	        NO_FUNCTION, FAILS, NO_RESPONSES, NO_TEXT, ANSWERS_TOO_LONG};
	struct agent agent;

	write_service(*state, "timeout=5");
	start_agent(*state, &agent, LOGIN_SUCCESS);
	assert_int_equal(authenticate(*state, ANSWERS, "hanako"), PAM_SUCCESS);
	for (size_t i = 0; i < sizeof(applications) / sizeof(applications[0]); i++)
		assert_int_equal(authenticate(*state, applications[i], "hanako"), PAM_AUTH_ERR);
	stop_agent(&agent);
}

static void users_that_are_none(void **state)
{
	char longest[LOGIN_NAME_MAX + 1] = "";
	struct agent agent;

	memset(longest, 'a', sizeof(longest) - 1);
	write_service(*state, "timeout=5");
	start_agent(*state, &agent, LOGIN_SUCCESS);
	assert_int_equal(authenticate(*state, ANSWERS, ""), PAM_AUTH_ERR);
	assert_int_equal(authenticate(*state, NO_TEXT, NULL), PAM_AUTH_ERR);
	assert_int_equal(authenticate(*state, FAILS, NULL), PAM_AUTH_ERR);
	assert_int_equal(authenticate(*state, ANSWERS, longest), PAM_AUTH_ERR);
	longest[LOGIN_NAME_MAX - 1] = '\0';
	assert_int_equal(authenticate(*state, ANSWERS, longest), PAM_SUCCESS);
	stop_agent(&agent);
}

static void bad_options_deny(void **state)
{
	static const char *const options[] = {
	        "debug", "nullok", "timeout=0", "timeout=5 timeout=5", "socket=/x", "ignore"};
	struct agent agent;

	start_agent(*state, &agent, LOGIN_SUCCESS);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		enum application application = ANSWERS;
		pam_handle_t *pam = NULL;

		write_service(*state, options[i]);
		pam = start_pam(*state, &application, "hanako");
		assert_int_equal(pam_authenticate(pam, 0), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(pam_acct_mgmt(pam, 0), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(pam_open_session(pam, 0), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(pam_chauthtok(pam, 0), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(pam_end(pam, 0), PAM_SUCCESS);
	}
	stop_agent(&agent);
}

/* Nobody at the socket: denied everywhere, and no session is held open. */
static void no_agent_denies(void **state)
{
	enum application application = ANSWERS;
	pam_handle_t *pam = NULL;

	write_service(*state, "timeout=5");
	pam = start_pam(*state, &application, "hanako");
	assert_int_equal(pam_authenticate(pam, 0), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(pam_acct_mgmt(pam, 0), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(pam_open_session(pam, 0), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(pam_chauthtok(pam, 0), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(pam_end(pam, 0), PAM_SUCCESS);
}

/* The agent goes while people are logged in: they can still log out. */
static void nothing_holds_a_session_open(void **state)
{
	enum application application = ANSWERS;
	struct agent agent;
	pam_handle_t *pam = NULL;

	write_service(*state, "timeout=5");
	start_agent(*state, &agent, LOGIN_SUCCESS);
	pam = start_pam(*state, &application, "hanako");
	assert_int_equal(pam_authenticate(pam, 0), PAM_SUCCESS);
	assert_int_equal(pam_setcred(pam, PAM_ESTABLISH_CRED), PAM_SUCCESS);
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	stop_agent(&agent);
	assert_int_equal(pam_close_session(pam, 0), PAM_SUCCESS);
	assert_int_equal(pam_setcred(pam, PAM_DELETE_CRED), PAM_SUCCESS);
	assert_int_equal(pam_end(pam, 0), PAM_SUCCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                results_are_mapped, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                applications_that_do_not_answer, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                users_that_are_none, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                bad_options_deny, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                no_agent_denies, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nothing_holds_a_session_open, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
