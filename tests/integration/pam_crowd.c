/*
 * pam_crowd DIR SERVICE [USER CODE]...: a process for each pair goes through libpam with DIR as its
 * pam.d; all authenticate at the same moment, giving CODE to whatever is asked, or, where that is
 * "-", no answer, ever. Prints a line for each: USER, CODE, the answer's name, what was said last.
 */
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CROWD_MAX = 256, SAID_MAX = 256 };

struct person {
	const char *code;
	char said[SAID_MAX];
};

static const char *answer_name(int answer)
{
	switch (answer) {
	case PAM_SUCCESS:
		return "success";
	case PAM_AUTH_ERR:
		return "auth_err";
	case PAM_MAXTRIES:
		return "maxtries";
	case PAM_AUTHINFO_UNAVAIL:
		return "unavail";
	default:
		return "other";
	}
}

static char *type(const char *code)
{
	while (strcmp(code, "-") == 0)
		pause();
	return strdup(code);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
        void *context)
{
	struct person *p = context;

	*responses = calloc((size_t)count, sizeof(**responses));
	if (*responses == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF ||
		        messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
			(*responses)[i].resp = type(p->code);
		else
			snprintf(p->said, sizeof(p->said), "%s", messages[i]->msg);
	}
	return PAM_SUCCESS;
}

static void enter(
        const char *dir, const char *service, const char *user, const char *code, int gate)
{
	struct person person = {.code = code};
	const struct pam_conv conv = {converse, &person};
	pam_handle_t *pam = NULL;
	char byte = 0;
	int answer = pam_start_confdir(service, user, &conv, dir, &pam);

	if (answer != PAM_SUCCESS)
		_exit(1);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)!read(gate, &byte, 1); /* until all are there */
	answer = pam_authenticate(pam, 0);
	printf("%s %s %s %s\n", user, code, answer_name(answer), person.said);
	fflush(stdout);
	(void)pam_end(pam, answer);
	_exit(0);
}

int main(int argc, char **argv)
{
	int count = (argc - 3) / 2;
	int failed = 0;
	int status = 0;
	int gate[2];

	if (argc < 5 || argc % 2 == 0 || count > CROWD_MAX || pipe(gate) != 0) {
		fputs("usage: pam_crowd DIR SERVICE [USER CODE]...\n", stderr);
		return 2;
	}
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			close(gate[1]);
			enter(argv[1], argv[2], argv[3 + 2 * i], argv[4 + 2 * i], gate[0]);
		}
		failed += pid < 0;
	}
	close(gate[1]);
	while (wait(&status) > 0)
		failed += status != 0;
	return failed != 0;
}
