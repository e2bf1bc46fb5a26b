/* The terminal's command line: a table of commands, a file each (command_*.c). */
#ifndef SEKISHO_AGENT_SEKISHO_H
#define SEKISHO_AGENT_SEKISHO_H

struct cli {
	int root; /* directory descriptor all paths of agent/paths.h are relative to */
	const char *root_path;
};

/* argv[0] is the command's own name. Each answers EXIT_YES, EXIT_NO, EXIT_USAGE or EXIT_UNASKED. */
int command_boot_lock(const struct cli *cli, int argc, char **argv);
int command_clauses(const struct cli *cli, int argc, char **argv);
int command_devices(const struct cli *cli, int argc, char **argv);
int command_enrol(const struct cli *cli, int argc, char **argv);
int command_enrol_terminal(const struct cli *cli, int argc, char **argv);
int command_enrol_key(const struct cli *cli, int argc, char **argv);
int command_enrol_card(const struct cli *cli, int argc, char **argv);
int command_enrol_list(const struct cli *cli, int argc, char **argv);
int command_enrol_person(const struct cli *cli, int argc, char **argv);
int command_enrol_otp(const struct cli *cli, int argc, char **argv);
int command_journal(const struct cli *cli, int argc, char **argv);
int command_policy(const struct cli *cli, int argc, char **argv);
int command_reseal(const struct cli *cli, int argc, char **argv);
int command_revoke(const struct cli *cli, int argc, char **argv);
int command_rules(const struct cli *cli, int argc, char **argv);
int command_status(const struct cli *cli, int argc, char **argv);
int command_unlock(const struct cli *cli, int argc, char **argv);
int command_voucher(const struct cli *cli, int argc, char **argv);
int command_voucher_end(const struct cli *cli, int argc, char **argv);
int command_voucher_take(const struct cli *cli, int argc, char **argv);

#endif
