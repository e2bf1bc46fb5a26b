#include "agent/sekisho.h"

#include "core/error.h"
#include "core/language.h"
#include "core/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(const struct cli *cli, int argc, char **argv);
	const char *ja;
	const char *en;
};

static const struct command COMMANDS[] = {
        {"status", command_status, "この端末の状態", "this terminal's state"},
        {"devices", command_devices, "接続中の機器と判定", "devices present and their verdicts"},
        {"clauses", command_clauses, "条文ごとの遵守状況", "compliance, clause by clause"},
        {"journal", command_journal, "ジャーナルの表示と検証 (show, verify)",
                "show or verify the journal"},
        {"policy", command_policy, "ポリシー文書 (check, sign, verify, show, install)",
                "policy documents: check, sign, verify, show, install"},
        {"rules", command_rules, "機器ルール (check, match, generate)",
                "device rules: check, match, generate"},
        {"enrol", command_enrol, "登録と一覧 (terminal, totp, hotp, card, key, person, list, idle)",
                "enrol and list: terminal, totp, hotp, card, key, person, list, idle"},
        {"revoke", command_revoke, "認証要素の失効", "revoke a token"},
        {"boot-lock", command_boot_lock, "起動時からUSBを閉じる (enable, disable, status)",
                "close USB from the start: enable, disable, status"},
        {"voucher", command_voucher, "一日限りの利用票 (new, take, end)",
                "one-day vouchers: new, take, end"},
        {"reseal", command_reseal, "読み取れない登録情報を捨て、新しい鍵を作る",
                "a new key where the enrolled secrets cannot be read"},
        {"unlock", command_unlock, "ロックされた利用者の解除", "unlock a user after wrong codes"},
};

static int usage(FILE *out)
{
	fprintf(out, "%s\n",
	        LANGUAGE("使い方: sekisho [--root DIR] コマンド …",
	                "usage: sekisho [--root DIR] COMMAND ..."));
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
		fprintf(out, "  %-10s %s\n", COMMANDS[i].name,
		        LANGUAGE(COMMANDS[i].ja, COMMANDS[i].en));
	return out == stdout ? EXIT_YES : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct cli cli = {.root = -1, .root_path = "/"};
	int at = 1;

	log_open("sekisho", LOG_LEVEL_INFO);
	if (argc > 2 && strcmp(argv[1], "--root") == 0) {
		cli.root_path = argv[2];
		at = 3;
	}
	if (at >= argc)
		return usage(stderr);
	if (strcmp(argv[at], "--help") == 0)
		return usage(stdout);
	if (strcmp(argv[at], "--version") == 0) {
		puts("sekisho " SEKISHO_VERSION);
		return EXIT_YES;
	}
	cli.root = open(cli.root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cli.root < 0) {
		fprintf(stderr, "%s: %s\n", cli.root_path,
		        LANGUAGE("開けません", "cannot be opened"));
		return EXIT_UNASKED;
	}
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
		if (strcmp(argv[at], COMMANDS[i].name) == 0)
			return COMMANDS[i].run(&cli, argc - at, argv + at);
	return usage(stderr);
}
