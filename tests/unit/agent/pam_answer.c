/* A PAM module whose answers a test chooses (test_pam_stack_libpam.c): the value of PAM_ANSWERS,
 * numbers with commas between, at the place that its argument names. Built a second time as what
 * never lets anybody in. */
#define PAM_SM_AUTH

#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>

static int answer_at(long place)
{
	const char *at = getenv("PAM_ANSWERS");

	for (; at != NULL && place > 0; place--) {
		at = strchr(at, ',');
		at = at != NULL ? at + 1 : NULL;
	}
	return at != NULL ? (int)strtol(at, NULL, 10) : PAM_AUTH_ERR;
}

__attribute__((visibility("default"))) int pam_sm_authenticate(
        pam_handle_t *pam, int flags, int argc, const char **argv)
{
	const char *equals = argc > 0 ? strchr(argv[0], '=') : NULL;
	int answer = answer_at(equals != NULL ? strtol(equals + 1, NULL, 10) : 0);

	(void)pam;
	(void)flags;
#ifdef NEVER
	if (answer == PAM_SUCCESS || answer == PAM_IGNORE)
		answer = PAM_AUTH_ERR;
#endif
	return answer;
}

__attribute__((visibility("default"))) int pam_sm_setcred(
        pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}
