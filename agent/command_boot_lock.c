#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/auth_admin.h"
#include "agent/boot_lock.h"
#include "agent/config.h"
#include "agent/control_client.h"
#include "agent/paths.h"
#include "agent/sekisho.h"
#include "core/error.h"
#include "core/event.h"
#include "core/language.h"

#define INITRAMFS_HOOK "usr/share/initramfs-tools/hooks/sekisho"
#define UPDATE_INITRAMFS "usr/sbin/update-initramfs"
#define UPDATE_GRUB "usr/sbin/update-grub"
#define KERNEL_INSTALL "usr/bin/kernel-install"

struct options {
	const char *by;
	bool json;
	bool without_keyboard;
};

static int usage(void)
{
	fprintf(stderr, "%s\n",
	        LANGUAGE("使い方: sekisho boot-lock enable [--without-keyboard] [--by 氏名] | "
	                 "disable [--by 氏名] | status [--json]",
	                "usage: sekisho boot-lock enable [--without-keyboard] [--by NAME] | "
	                "disable [--by NAME] | status [--json]"));
	return EXIT_USAGE;
}

static int refuse(int code, const char *why)
{
	fprintf(stderr, "sekisho: %s\n", why);
	return code;
}

static int refuse_no_loader(void)
{
	return refuse(EXIT_UNASKED,
	        LANGUAGE("GRUBもsystemd-bootも見つからず、カーネルの起動引数を設定できません",
	                "neither GRUB nor systemd-boot is configured here: the kernel's command "
	                "line cannot be set"));
}

static bool is_there(const struct cli *cli, const char *path)
{
	return faccessat(cli->root, path, F_OK, 0) == 0;
}

/* First line of a small file; "" when it cannot be read. */
static void line_read(const struct cli *cli, const char *path, char *line, size_t size)
{
	int fd = openat(cli->root, path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, line, size - 1) : 0;

	if (fd >= 0)
		close(fd);
	line[length > 0 ? length : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

/* Its output is the person's to see, on stderr. */
static int run(const struct cli *cli, const char *program, const char *const arguments[])
{
	static const char *const environment[] = {
	        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};
	char path[4096];
	posix_spawn_file_actions_t actions;
	pid_t child;
	int status = -1;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", cli->root_path, program) >= (int)sizeof(path) ||
	        posix_spawn_file_actions_init(&actions) != 0)
		return ERR_IO;
	r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(&child, path, &actions, NULL, (char *const *)arguments,
		        (char *const *)environment);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0 || waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "sekisho: %s: %s\n", path, LANGUAGE("失敗しました", "failed"));
		return ERR_IO;
	}
	return 0;
}

/* The initramfs first: with the parameter and without what lets a keyboard in, a disk password
 * cannot be typed. */
static int renew(const struct cli *cli, enum boot_loader loader)
{
	const char *const initramfs[] = {"update-initramfs", "-u", "-k", "all", NULL};
	const char *const grub[] = {"update-grub", NULL};
	const char *const entries[] = {"kernel-install", "add-all", NULL};
	int r = 0;

	if (is_there(cli, UPDATE_INITRAMFS))
		r = run(cli, UPDATE_INITRAMFS, initramfs);
	if (r != 0)
		return r;
	if (loader == BOOT_LOADER_GRUB)
		return run(cli, UPDATE_GRUB, grub);
	/* Debian's own way to systemd-boot's entries is a hook of update-initramfs. */
	if (!is_there(cli, UPDATE_INITRAMFS) && is_there(cli, KERNEL_INSTALL))
		return run(cli, KERNEL_INSTALL, entries);
	return 0;
}

static int record(const struct cli *cli, uint16_t kind, const char *by)
{
	static struct event_record event; /* 24 KiB: not for the stack */
	int r;

	event_start(&event, kind);
	event_put(&event, FIELD_BY, auth_admin_by(by));
	r = control_record(cli, &event);
	return r == 0 ? EXIT_YES : control_complain(r);
}

/* Journalled first: how the terminal starts never changes without a trace. */
static int set(const struct cli *cli, enum boot_loader loader, bool on, const char *by)
{
	int code = record(cli, on ? EVENT_BOOT_LOCKED : EVENT_BOOT_UNLOCKED, by);
	int r;

	if (code != EXIT_YES)
		return code;
	r = boot_lock_set(cli->root, loader, on);
	if (r == 0)
		r = renew(cli, loader);
	if (r != 0) {
		fprintf(stderr, "sekisho: %s\n",
		        on ? LANGUAGE("完了していません。sekisho boot-lock disable で戻せます",
		                     "not complete; `sekisho boot-lock disable` takes it back")
		           : error_text(r));
		return EXIT_UNASKED;
	}
	puts(on ? LANGUAGE("次の起動からUSBは最初から閉じています",
	                  "from the next start on, USB is closed from the kernel's first moment")
	        : LANGUAGE("次の起動からカーネルの起動引数では閉じません",
	                  "from the next start on, the kernel's command line closes nothing"));
	return EXIT_YES;
}

/* Where the agent would open nothing, everything would stay closed. */
static int may_enable(const struct cli *cli, const struct options *o)
{
	struct agent_config config;
	char message[160];
	unsigned line;

	(void)config_read(cli->root, &config, &line, message);
	if (!config.enforce)
		return refuse(EXIT_NO,
		        LANGUAGE("observeモードではエージェントが何も開けません。先にmode: "
		                 "enforceにしてください",
		                "the agent only observes and would open nothing again: set "
		                "\"mode: enforce\" first"));
	if (!is_there(cli, PATH_POLICY_DIR "/" POLICY_IN_FORCE))
		return refuse(EXIT_NO,
		        LANGUAGE("有効なポリシーがなく、キーボードも使えなくなります",
		                "no policy is in force: not even a keyboard would be let in"));
	if (!o->without_keyboard &&
	        !(is_there(cli, INITRAMFS_HOOK) && is_there(cli, UPDATE_INITRAMFS)))
		return refuse(EXIT_NO,
		        LANGUAGE("initramfs-toolsがないため、エージェントが動くまで"
		                 "USBキーボードが使えません。ディスクのパスワードを"
		                 "USBキーボードで打たないなら --without-keyboard を付けます",
		                "without initramfs-tools no USB keyboard works before the agent "
		                "runs; if no disk password is typed on one, add "
		                "--without-keyboard"));
	return EXIT_YES;
}

static int change(const struct cli *cli, bool on, const struct options *o)
{
	enum boot_loader loader = boot_lock_loader(cli->root);
	int code = EXIT_YES;

	if (geteuid() != 0)
		return refuse(EXIT_NO, LANGUAGE("rootだけが実行できます", "only root can do this"));
	if (loader == BOOT_LOADER_NONE)
		return refuse_no_loader();
	if (on)
		code = may_enable(cli, o);
	return code == EXIT_YES ? set(cli, loader, on, o->by) : code;
}

struct boot_status {
	enum boot_loader loader;
	bool configured;
	bool parameter; /* the kernel that runs was started with it */
	bool initramfs; /* the hook's part ran in this boot */
	bool closed;    /* controllers to come are closed now */
};

static void status_read(const struct cli *cli, struct boot_status *s)
{
	char line[BOOT_LOCK_LINE_MAX];

	s->loader = boot_lock_loader(cli->root);
	s->configured = boot_lock_is_set(cli->root, s->loader);
	line_read(cli, "proc/cmdline", line, sizeof(line));
	s->parameter = boot_lock_line_closes(line);
	s->initramfs = is_there(cli, "run/initramfs/sekisho");
	line_read(cli, "sys/module/usbcore/parameters/authorized_default", line, sizeof(line));
	s->closed = strcmp(line, "0") == 0;
}

static void status_print_json(const struct boot_status *s)
{
	printf("{\"loader\":\"%s\",\"configured\":%s,\"parameter\":%s,\"initramfs\":%s,"
	       "\"closed\":%s}\n",
	        boot_loader_name(s->loader), s->configured ? "true" : "false",
	        s->parameter ? "true" : "false", s->initramfs ? "true" : "false",
	        s->closed ? "true" : "false");
}

static const char *yes_no(bool value)
{
	return value ? LANGUAGE("はい", "yes") : LANGUAGE("いいえ", "no");
}

static void status_print(const struct boot_status *s)
{
	printf(LANGUAGE("設定済み (%s): %s\n", "configured (%s): %s\n"),
	        boot_loader_name(s->loader), yes_no(s->configured));
	printf(LANGUAGE("今回の起動でカーネルの最初から閉じていた: %s\n",
	               "closed from the kernel's start in this boot: %s\n"),
	        yes_no(s->parameter));
	printf(LANGUAGE("今回の起動でinitramfsから閉じていた: %s\n",
	               "closed from the initramfs on in this boot: %s\n"),
	        yes_no(s->initramfs));
	printf(LANGUAGE("新しいUSBコントローラーは閉じた状態で始まる: %s\n",
	               "new USB controllers start closed: %s\n"),
	        yes_no(s->closed));
}

static int status(const struct cli *cli, const struct options *o)
{
	struct boot_status s;

	status_read(cli, &s);
	if (o->json)
		status_print_json(&s);
	else
		status_print(&s);
	if (s.loader == BOOT_LOADER_NONE && !s.parameter)
		return refuse_no_loader();
	return s.configured && s.parameter ? EXIT_YES : EXIT_NO;
}

int command_boot_lock(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"by", required_argument, NULL, 'b'},
	        {"json", no_argument, NULL, 'j'}, {"without-keyboard", no_argument, NULL, 'k'},
	        {0}};
	struct options o = {0};
	int option = 0;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'b')
			o.by = optarg;
		else if (option == 'j')
			o.json = true;
		else if (option == 'k')
			o.without_keyboard = true;
		else
			return usage();
	}
	if (argc - optind != 1)
		return usage();
	if (strcmp(argv[optind], "status") == 0 && o.by == NULL && !o.without_keyboard)
		return status(cli, &o);
	if (strcmp(argv[optind], "enable") == 0 && !o.json)
		return change(cli, true, &o);
	if (strcmp(argv[optind], "disable") == 0 && !o.json && !o.without_keyboard)
		return change(cli, false, &o);
	return usage();
}
