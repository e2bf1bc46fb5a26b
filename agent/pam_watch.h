/* Tells when something that decides who gets in without the second factor was changed: nobody looks
 * by the clock. */
#ifndef SEKISHO_AGENT_PAM_WATCH_H
#define SEKISHO_AGENT_PAM_WATCH_H

/* *fd becomes readable when a PAM stack, the display manager's unit or the module's file may have
 * changed. root: the path of what etc/pam.d is under. ERR_IO, and *fd is -1. */
int pam_watch_open(const char *root, int *fd);

/* Takes what there is to read, and watches anew what was replaced meanwhile. */
void pam_watch_take(int fd, const char *root);

#endif
