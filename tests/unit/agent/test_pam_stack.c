#include "tests/unit/workspace.h"

#include <poll.h>
#include <stdbool.h>

#include "agent/pam_stack.h"
#include "agent/pam_watch.h"

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
        {"usr-path", "auth required /usr" SEKISHO_PAMDIR "/pam_sekisho.so\n", PAM_STACK_HELD},
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
        {"another-directory-of-modules",
                "auth required pam_unix.so\nauth required /usr/lib/security/pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"roots-own-program", "auth sufficient pam_rootok.so\n@include common-auth\n",
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
        {"comment-behind-backslash",
                "session optional pam_x.so \\ # x\nauth required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"comment-in-continuation",
                "session optional pam_x.so \\\n# x\nauth required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"empty-in-continuation", "session optional pam_x.so \\\n \nauth required pam_sekisho.so\n",
                PAM_STACK_BYPASSED},
        {"carriage-return", "auth required pam_sekisho.so\r\n", PAM_STACK_BYPASSED},
        {"glued", "auth [success=ok default=die]xpam_sekisho.so\n", PAM_STACK_BYPASSED},
        /* nobody gets in */
        {"other", "auth required pam_deny.so\n", PAM_STACK_ABSENT},
        {"empty", "", PAM_STACK_ABSENT},
        {"account-alone", "account required pam_unix.so\n", PAM_STACK_ABSENT},
};

enum { STACK_COUNT = sizeof(STACKS) / sizeof(STACKS[0]) };

static void write_all(const struct workspace *w)
{
	for (size_t i = 0; i < STACK_COUNT; i++)
		workspace_write(w, STACKS[i].name, STACKS[i].text, strlen(STACKS[i].text));
}

static const struct services unattended = {1, {"cron"}};

static enum pam_stack_answer check(const struct workspace *w, const char *service)
{
	const struct pam_dirs dirs = {w->fd, -1};

	return pam_stack_check(&dirs, service);
}

static void stacks(void **state)
{
	const struct workspace *w = *state;
	int wrong = 0;

	write_all(w);
	for (size_t i = 0; i < STACK_COUNT; i++) {
		enum pam_stack_answer answer = check(w, STACKS[i].name);

		if (answer == STACKS[i].answer)
			continue;
		print_error("%s: %d, not %d\n", STACKS[i].name, (int)answer, (int)STACKS[i].answer);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(check(w, "gone"), PAM_STACK_ABSENT);
}

static void too_much_is_not_understood(void **state)
{
	const struct workspace *w = *state;
	char *text = calloc(1, 100000);

	assert_non_null(text);
	for (size_t i = 0; i < 300; i++)
		snprintf(text + i * 29, 30, "auth required pam_sekisho.so\n");
	workspace_write(w, "long", text, strlen(text));
	assert_int_equal(check(w, "long"), PAM_STACK_BYPASSED);
	memset(text, '#', 99999);
	workspace_write(w, "big", text, 99999);
	/* What does not fit is a line of its own for libpam. */
	snprintf(text + 1100, 31, "\nauth required pam_sekisho.so\n");
	workspace_write(w, "long-line", text, 1130);
	assert_int_equal(check(w, "long-line"), PAM_STACK_BYPASSED);
	workspace_write(w, "short-line", text + 200, 930);
	assert_int_equal(check(w, "short-line"), PAM_STACK_HELD);
	assert_int_equal(check(w, "big"), PAM_STACK_BYPASSED);
	workspace_write(w, "nul", "auth required pam_unix.so\0\n", 27);
	assert_int_equal(check(w, "nul"), PAM_STACK_BYPASSED);
	assert_int_equal(mkdirat(w->fd, "dir", 0755), 0);
	assert_int_equal(check(w, "dir"), PAM_STACK_BYPASSED);
	free(text);
}

static void who_may_write_it_decides(void **state)
{
	const struct workspace *w = *state;

	write_all(w);
	assert_int_equal(fchmodat(w->fd, "common-auth", 0620, 0), 0);
	assert_int_equal(check(w, "login"), PAM_STACK_BYPASSED);
	assert_int_equal(fchmodat(w->fd, "common-auth", 0602, 0), 0);
	assert_int_equal(check(w, "login"), PAM_STACK_BYPASSED);
	assert_int_equal(fchmodat(w->fd, "common-auth", 0644, 0), 0);
	assert_int_equal(check(w, "login"), PAM_STACK_HELD);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchownat(w->fd, "login", 1, 0, 0), 0);
	assert_int_equal(check(w, "login"), PAM_STACK_BYPASSED);
}

static void what_has_no_auth_stack_takes_others(void **state)
{
	const struct workspace *w = *state;

	write_all(w);
	workspace_write_text(w, "other", "auth required pam_permit.so\n");
	assert_int_equal(check(w, "account-alone"), PAM_STACK_BYPASSED);
	assert_int_equal(check(w, "empty"), PAM_STACK_BYPASSED);
	assert_int_equal(check(w, "gone"), PAM_STACK_ABSENT); /* other itself is told of */
	workspace_write_text(w, "other", "@include common-auth\n");
	assert_int_equal(check(w, "account-alone"), PAM_STACK_HELD);
	assert_int_equal(unlinkat(w->fd, "other", 0), 0);
	assert_int_equal(check(w, "account-alone"), PAM_STACK_ABSENT);
}

static void what_the_system_does_not_have_is_the_vendors(void **state)
{
	const struct workspace *w = *state;
	struct pam_dirs dirs = {-1, -1};

	assert_int_equal(workspace_run(w, "umask 022; mkdir etc lib; "
	                                  "echo auth required pam_unix.so >lib/login; "
	                                  "echo auth include login >lib/su; "
	                                  "echo auth required pam_sekisho.so >etc/login"),
	        0);
	dirs.own = openat(w->fd, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dirs.vendor = openat(w->fd, "lib", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(pam_stack_check(&dirs, "login"), PAM_STACK_HELD);
	assert_int_equal(pam_stack_check(&dirs, "su"), PAM_STACK_HELD);
	assert_int_equal(workspace_run(w, "rm etc/login"), 0);
	assert_int_equal(pam_stack_check(&dirs, "login"), PAM_STACK_BYPASSED);
	assert_int_equal(pam_stack_check(&dirs, "su"), PAM_STACK_BYPASSED);
	close(dirs.own);
	dirs.own = -1;
	assert_int_equal(pam_stack_check(&dirs, "login"), PAM_STACK_BYPASSED);
	close(dirs.vendor);
}

static void survey(void **state)
{
	const struct workspace *w = *state;
	struct workspace pam_d = {.fd = -1};
	struct pam_stacks found;

	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.held, "");
	assert_int_equal(mkdirat(w->fd, "etc", 0755), 0);
	assert_int_equal(mkdirat(w->fd, "etc/pam.d", 0755), 0);
	pam_d.fd = openat(w->fd, "etc/pam.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(pam_d.fd >= 0);
	for (size_t i = 0; i < STACK_COUNT; i++)
		if (strncmp(STACKS[i].name, "common-", 7) == 0 ||
		        STACKS[i].answer != PAM_STACK_BYPASSED)
			workspace_write_text(&pam_d, STACKS[i].name, STACKS[i].text);
	workspace_write_text(&pam_d, "sshd", "@include common-plain\n");
	workspace_write_text(&pam_d, "gdm-autologin", "auth required pam_permit.so\n");
	workspace_write_text(&pam_d, "cron", "@include common-plain\n"); /* unattended */
	workspace_write_text(&pam_d, "login.dpkg-old", "@include common-plain\n");
	workspace_write_text(&pam_d, "login~", "@include common-plain\n");
	assert_int_equal(unlinkat(pam_d.fd, "done-in-substack-is-not-the-end", 0), 0);
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.held, "login su sudo");
	assert_string_equal(found.bypassed, "sshd gdm-autologin");
	workspace_write_text(&pam_d, "doas", "@include common-plain\n"); /* nobody here knows it */
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.bypassed, "sshd gdm-autologin doas");
	assert_int_equal(workspace_run(w, "mkdir -p usr/lib && mv etc/pam.d usr/lib/"), 0);
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.held, "login su sudo");
	assert_string_equal(found.bypassed, "sshd gdm-autologin doas");
	assert_int_equal(workspace_run(w, "rm -r usr && : >etc/pam.conf"), 0);
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.held, "");
	assert_string_equal(found.bypassed, "pam.conf");
	assert_string_equal(found.module, "unknown");
	close(pam_d.fd);
}

/* etc/pam.d in the workspace, with these stacks in it. */
static void make_pam_d(const struct workspace *w, const char *service, const char *text)
{
	struct workspace pam_d = {.fd = -1};

	assert_int_equal(workspace_run(w, "mkdir -p etc/pam.d etc/systemd/system lib/security "
	                                  "var/lib/dpkg/info && chmod -R go-w ."),
	        0);
	pam_d.fd = openat(w->fd, "etc/pam.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(pam_d.fd >= 0);
	workspace_write(&pam_d, service, text, strlen(text));
	close(pam_d.fd);
}

static void display_managers_that_nobody_knows(void **state)
{
	const struct workspace *w = *state;
	struct pam_stacks found;

	make_pam_d(w, "ly", "auth required pam_unix.so\n");
	assert_int_equal(symlinkat("/lib/systemd/system/ly.service", w->fd,
	                         "etc/systemd/system/display-manager.service"),
	        0);
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.bypassed, "ly");
	make_pam_d(w, "ly", "auth required pam_unix.so\nauth required pam_sekisho.so\n");
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.held, "ly");
	assert_string_equal(found.bypassed, "");
}

static const char *module_of(const struct workspace *w, const char *command)
{
	static struct pam_stacks found;

	assert_int_equal(workspace_run(w, command), 0);
	pam_stack_survey(w->fd, &unattended, &found);
	return found.module;
}

static void module_is_the_installed_one(void **state)
{
	const struct workspace *w = *state;
	struct pam_stacks found;

	if (geteuid() != 0)
		skip();
	make_pam_d(w, "login", "auth required pam_sekisho.so\n");
	assert_string_equal(module_of(w, "echo code >lib/security/pam_sekisho.so"), "unknown");
	assert_string_equal(module_of(w, "md5sum usr/share/x lib/security/pam_sekisho.so "
	                                 ">var/lib/dpkg/info/libpam-sekisho.md5sums || :"),
	        "whole");
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.held, "login");
	assert_string_equal(module_of(w, "echo more >>lib/security/pam_sekisho.so"), "changed");
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.held, "");
	assert_string_equal(found.bypassed, "login");
	assert_string_equal(module_of(w, "echo code >lib/security/pam_sekisho.so"), "whole");
	assert_string_equal(module_of(w, "chmod 666 lib/security/pam_sekisho.so"), "changed");
	assert_string_equal(module_of(w, "rm lib/security/pam_sekisho.so"), "absent");
	pam_stack_survey(w->fd, &unattended, &found);
	assert_string_equal(found.bypassed, "login");
	assert_string_equal(
	        module_of(w, "echo x >var/lib/dpkg/info/libpam-sekisho.md5sums"), "unknown");
}

/* A file, what it says, and what is made of it. */
static const struct {
	const char *path;
	const char *text;
	const char *found;
} WAYS[] = {
        {"etc/systemd/system/getty@tty1.service.d/autologin.conf",
                "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin clerk --noclear %I "
                "$TERM\n",
                "getty@tty1"},
        {"etc/systemd/system/getty@.service.d/o.conf",
                "ExecStart=-/sbin/agetty -o '-p -- \\\\u' -a root %I $TERM\n", "getty@"},
        {"etc/systemd/system/serial-getty@ttyS0.service",
                "ExecStart=-/sbin/agetty -n -l /bin/bash ttyS0\n", "serial-getty@ttyS0"},
        {"etc/systemd/system/getty@tty2.service", "ExecStart=/bin/bash\n", "getty@tty2"},
        {"etc/systemd/system/autovt@.service", " ExecStart=-/sbin/agetty --autologin=root -\n",
                "autovt@"},
        {"etc/systemd/system/getty@tty1.service.d/plain.conf",
                "ExecStart=\nExecStart=-/sbin/agetty -o '-p -- \\\\u' --noclear --login-pause %I "
                "$TERM\n",
                ""},
        {"etc/systemd/system/getty@tty1.service.d/commented.conf",
                "#ExecStart=-/sbin/agetty --autologin clerk\n", ""},
        {"etc/systemd/system/getty@tty1.service.d/autologin.conf.old",
                "ExecStart=-/sbin/agetty --autologin clerk\n", ""},
        {"etc/systemd/system/sysinit.target.wants/debug-shell.service", "", "debug-shell"},
        {"etc/lxdm/lxdm.conf", "[base]\nautologin=clerk\n", "lxdm-autologin"},
        {"etc/lxdm/lxdm.conf", "[base]\n# autologin=dgod\nautologin=\n", ""},
        {"etc/greetd/config.toml", "[initial_session]\nuser = \"clerk\"\n", "greetd-autologin"},
        {"etc/slim.conf", "auto_login          yes\n", "slim-autologin"},
        {"etc/slim.conf", "auto_login          no\n", ""},
        {"etc/default/nodm", "NODM_ENABLED=true\n", "nodm-autologin"},
        {"etc/default/nodm", "NODM_ENABLED=false\n", ""},
};

static void ways_in_that_ask_no_stack(void **state)
{
	const struct workspace *w = *state;
	char command[256];
	struct pam_stacks found;

	for (size_t i = 0; i < sizeof(WAYS) / sizeof(WAYS[0]); i++) {
		snprintf(command, sizeof(command), "rm -rf etc; mkdir -p $(dirname %s)",
		        WAYS[i].path);
		assert_int_equal(workspace_run(w, command), 0);
		workspace_write_text(w, WAYS[i].path, WAYS[i].text);
		pam_stack_survey(w->fd, &unattended, &found);
		if (strcmp(found.bypassed, WAYS[i].found) != 0)
			print_error("%s: %s", WAYS[i].path, WAYS[i].text);
		assert_string_equal(found.bypassed, WAYS[i].found);
	}
}

/* Did it see the command, and nothing else before? */
static bool is_seen(const struct workspace *w, int fd, const char *command)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&polled, 1, 0), 0);
	assert_int_equal(workspace_run(w, command), 0);
	if (poll(&polled, 1, 0) != 1)
		return false;
	pam_watch_take(fd, w->path);
	return true;
}

static void changes_are_seen(void **state)
{
	const struct workspace *w = *state;
	char command[256];
	int fd = -1;

	make_pam_d(w, "login", "auth required pam_sekisho.so\n");
	snprintf(command, sizeof(command), "mkdir -p .%s && : >.%s/pam_sekisho.so", SEKISHO_PAMDIR,
	        SEKISHO_PAMDIR);
	assert_int_equal(workspace_run(w, command), 0);
	assert_int_equal(pam_watch_open(w->path, &fd), 0);
	assert_false(is_seen(w, fd, "cat etc/pam.d/login; touch elsewhere"));
	assert_true(is_seen(w, fd, "echo '#' >>etc/pam.d/login"));
	assert_true(is_seen(w, fd, "mv etc/pam.d/login etc/pam.d/su"));
	assert_true(is_seen(w, fd, "chmod 0 etc/pam.d/su"));
	assert_true(is_seen(w, fd, "ln -s /x etc/systemd/system/display-manager.service"));
	snprintf(command, sizeof(command), "echo code >.%s/pam_sekisho.so", SEKISHO_PAMDIR);
	assert_true(is_seen(w, fd, command));
	assert_true(is_seen(w, fd, ": >var/lib/dpkg/info/libpam-sekisho.md5sums"));
	/* Another directory under the same name is watched from then on. */
	assert_true(is_seen(w, fd, "mv etc/pam.d etc/old"));
	assert_true(is_seen(w, fd, "mkdir etc/pam.d"));
	assert_true(is_seen(w, fd, "echo >etc/pam.d/login"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(stacks, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                too_much_is_not_understood, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                who_may_write_it_decides, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                what_has_no_auth_stack_takes_others, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(what_the_system_does_not_have_is_the_vendors,
	                workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                ways_in_that_ask_no_stack, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(survey, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                display_managers_that_nobody_knows, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                module_is_the_installed_one, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                changes_are_seen, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
