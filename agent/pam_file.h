/* Is the module that libpam loads the one that was installed? */
#ifndef SEKISHO_AGENT_PAM_FILE_H
#define SEKISHO_AGENT_PAM_FILE_H

enum pam_file {
	PAM_FILE_UNKNOWN = 1, /* no package put it there */
	PAM_FILE_WHOLE,
	PAM_FILE_CHANGED, /* another, or one that others than root may write */
	PAM_FILE_ABSENT,
};

/*
 * Compares the module with the digest dpkg noted when it unpacked libpam-sekisho, as debsums(1)
 * does. It finds what was overwritten or patched; whoever is root can change both, which is why the
 * policy's report names what was found.
 */
enum pam_file pam_file_check(int root);

/* "whole" */
const char *pam_file_name(enum pam_file answer);

#endif
