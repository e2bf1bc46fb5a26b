#include "tests/unit/workspace.h"

#include "agent/pam_stack.h"

/* What pam-auth-update makes of pam_unix first and pam_sekisho after it. */
#define UNIX_THEN_SEKISHO                                                                          \
	"auth\t[success=1 default=ignore]\tpam_unix.so nullok\n"                                   \
	"auth\trequisite\t\t\tpam_deny.so\n"                                                       \
	"auth\trequired\t\t\tpam_permit.so\n"                                                      \
	"auth\trequired\t\t\tpam_sekisho.so\n"

static const struct {
	const char *name;
	const char *text;
	enum pam_stack_answer answer;
} STACKS[] = {
        /* files that the others include */
        {"common-auth", "# comment\n" UNIX_THEN_SEKISHO "auth\toptional\tpam_cap.so\n",
                PAM_STACK_HELD},
        {"common-plain",
                "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n"
                "auth required pam_permit.so\n",
                PAM_STACK_BYPASSED},
        {"common-session", "session required pam_unix.so\n", PAM_STACK_ABSENT},
        {"sekisho-only", "auth required pam_sekisho.so\n", PAM_STACK_HELD},
        /* held */
        {"login",
                "auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n"
                "@include common-auth\nauth optional pam_group.so\n@include common-session\n",
                PAM_STACK_HELD},
        {"su", "auth sufficient pam_rootok.so\n@include common-auth\n@include common-session\n",
                PAM_STACK_HELD},
        {"sudo", "session required pam_limits.so\n@include common-auth\n", PAM_STACK_HELD},
        {"include", "auth include common-auth\naccount include common-session\n", PAM_STACK_HELD},
        {"substack", "auth substack common-auth\n", PAM_STACK_HELD},
        {"requisite-first",
                "auth requisite pam_sekisho.so\nauth sufficient pam_unix.so\n"
                "auth required pam_deny.so\n",
                PAM_STACK_HELD},
        {"required-first", "auth required pam_sekisho.so\nauth sufficient pam_unix.so\n",
                PAM_STACK_HELD},
        {"options", "auth required pam_sekisho.so timeout=30 socket=/run/sekisho/auth.sock\n",
                PAM_STACK_HELD},
        {"full-path", "auth required /lib/x86_64-linux-gnu/security/pam_sekisho.so\n",
                PAM_STACK_HELD},
        {"upper-case", "AUTH Required pam_sekisho.so\n", PAM_STACK_HELD},
        {"continued", "auth required \\\n  pam_sekisho.so \\\n timeout=9\n", PAM_STACK_HELD},
        {"bracketed", "auth [success=ok new_authtok_reqd=ok default=die] pam_sekisho.so\n",
                PAM_STACK_HELD},
        {"jump-to-it",
                "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n"
                "auth requisite pam_sekisho.so\nauth required pam_permit.so\n",
                PAM_STACK_HELD},
        {"jump-over-deny-in-substack",
                "auth [success=2 default=ignore] pam_unix.so\nauth substack sekisho-only\n"
                "auth requisite pam_deny.so\nauth required pam_sekisho.so\n",
                PAM_STACK_HELD},
        /* bypassed */
        {"plain", "@include common-plain\n", PAM_STACK_BYPASSED},
        {"sufficient-before", "auth sufficient pam_unix.so\nauth required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"fingerprint-before", "auth sufficient pam_fprintd.so\n@include common-auth\n",
                PAM_STACK_BYPASSED},
        {"is-sufficient", "auth required pam_unix.so\nauth sufficient pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"is-optional", "auth required pam_unix.so\nauth optional pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"is-ignored",
                "auth required pam_unix.so\nauth [success=ok default=ignore] pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"unavailable-ignored",
                "auth required pam_unix.so\n"
                "auth [success=ok authinfo_unavail=ignore default=die] pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"module-unknown-ignored",
                "auth required pam_unix.so\n"
                "auth [success=ok module_unknown=ignore default=die] pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"quiet", "auth required pam_unix.so\n-auth required pam_sekisho.so\n", PAM_STACK_BYPASSED},
        {"jump-over",
                "auth [success=1 default=ignore] pam_succeed_if.so uid < 1000\n"
                "auth required pam_sekisho.so\nauth required pam_unix.so\n",
                PAM_STACK_BYPASSED},
        {"jump-over-substack",
                "auth [success=1 default=ignore] pam_localuser.so\n"
                "auth substack sekisho-only\nauth required pam_permit.so\n",
                PAM_STACK_BYPASSED},
        {"done-in-substack-is-not-the-end",
                "auth substack sufficient-before\nauth required "
                "pam_sekisho.so\n",
                PAM_STACK_HELD},
        {"done-in-include-is", "auth include sufficient-before\nauth required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"reset-after",
                "auth required pam_sekisho.so\nauth [default=reset] pam_echo.so\n"
                "auth required pam_unix.so\n",
                PAM_STACK_BYPASSED},
        {"other-socket", "auth required pam_unix.so\nauth required pam_sekisho.so socket=/tmp/s\n",
                PAM_STACK_BYPASSED},
        {"other-directory", "auth required pam_unix.so\nauth required /tmp/pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"dot-dot",
                "auth required pam_unix.so\n"
                "auth required /usr/lib/../../tmp/security/pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"commented", "auth required pam_unix.so\n#auth required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"account-only", "auth required pam_unix.so\naccount required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        /* not understood */
        {"unknown-control", "auth needed pam_sekisho.so\n", PAM_STACK_BYPASSED},
        {"unknown-value", "auth [sucess=ok default=die] pam_sekisho.so\n", PAM_STACK_BYPASSED},
        {"unknown-action", "auth [success=okay default=die] pam_sekisho.so\n", PAM_STACK_BYPASSED},
        {"negative-jump", "auth [success=-1 default=die] pam_sekisho.so\n", PAM_STACK_BYPASSED},
        {"unknown-type", "aut required pam_unix.so\nauth required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"no-module", "auth required\n", PAM_STACK_BYPASSED},
        {"open-bracket", "auth [success=ok default=die pam_sekisho.so\n", PAM_STACK_BYPASSED},
        {"missing-include", "auth required pam_sekisho.so\n@include gone\n", PAM_STACK_BYPASSED},
        {"path-include", "auth required pam_sekisho.so\n@include ../x\n", PAM_STACK_BYPASSED},
        {"loop", "@include loop\nauth required pam_sekisho.so\n", PAM_STACK_BYPASSED},
        {"unfinished", "auth required pam_sekisho.so \\", PAM_STACK_BYPASSED},
        /* nobody gets in */
        {"other", "auth required pam_deny.so\n", PAM_STACK_ABSENT},
        {"empty", "", PAM_STACK_ABSENT},
};

enum { STACK_COUNT = sizeof(STACKS) / sizeof(STACKS[0]) };

static void write_all(const struct workspace *w)
{
	for (size_t i = 0; i < STACK_COUNT; i++)
		workspace_write(w, STACKS[i].name, STACKS[i].text, strlen(STACKS[i].text));
}

static void stacks(void **state)
{
	const struct workspace *w = *state;
	int wrong = 0;

	write_all(w);
	for (size_t i = 0; i < STACK_COUNT; i++) {
		enum pam_stack_answer answer = pam_stack_check(w->fd, STACKS[i].name);

		if (answer == STACKS[i].answer)
			continue;
		print_error("%s: %d, not %d\n", STACKS[i].name, (int)answer, (int)STACKS[i].answer);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(pam_stack_check(w->fd, "gone"), PAM_STACK_ABSENT);
}

static void too_much_is_not_understood(void **state)
{
	const struct workspace *w = *state;
	char *text = calloc(1, 100000);

	assert_non_null(text);
	for (size_t i = 0; i < 300; i++)
		snprintf(text + i * 29, 30, "auth required pam_sekisho.so\n");
	workspace_write(w, "long", text, strlen(text));
	assert_int_equal(pam_stack_check(w->fd, "long"), PAM_STACK_BYPASSED);
	memset(text, '#', 99999);
	workspace_write(w, "big", text, 99999);
	assert_int_equal(pam_stack_check(w->fd, "big"), PAM_STACK_BYPASSED);
	workspace_write(w, "nul", "auth required pam_unix.so\0\n", 27);
	assert_int_equal(pam_stack_check(w->fd, "nul"), PAM_STACK_BYPASSED);
	assert_int_equal(mkdirat(w->fd, "dir", 0755), 0);
	assert_int_equal(pam_stack_check(w->fd, "dir"), PAM_STACK_BYPASSED);
	free(text);
}

static void survey(void **state)
{
	const struct workspace *w = *state;
	struct workspace pam_d = {.fd = -1};
	struct pam_stacks found;

	pam_stack_survey(w->fd, &found);
	assert_string_equal(found.held, "");
	assert_int_equal(mkdirat(w->fd, "etc", 0755), 0);
	assert_int_equal(mkdirat(w->fd, "etc/pam.d", 0755), 0);
	pam_d.fd = openat(w->fd, "etc/pam.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(pam_d.fd >= 0);
	write_all(&pam_d);
	workspace_write(&pam_d, "sshd", "@include common-plain\n", 22);
	workspace_write(&pam_d, "gdm-autologin", "auth required pam_permit.so\n", 28);
	pam_stack_survey(w->fd, &found);
	assert_string_equal(found.held, "login su sudo");
	assert_string_equal(found.bypassed, "sshd gdm-autologin");
	close(pam_d.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(stacks, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                too_much_is_not_understood, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(survey, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
