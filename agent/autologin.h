/* Ways in that ask no PAM stack for anything, as far as configuration files tell. */
#ifndef SEKISHO_AGENT_AUTOLOGIN_H
#define SEKISHO_AGENT_AUTOLOGIN_H

#include <stddef.h>

/*
 * Adds to list, space separated: a getty's unit or its drop-in in etc/systemd/system that logs
 * somebody in or starts something else than login(1); an enabled debug-shell; a display manager
 * that logs in without its stack (lxdm, greetd, slim, nodm). What gdm, lightdm and sddm do goes
 * through a service of its own, gdm-autologin and the like (agent/pam_stack.h).
 */
void autologin_survey(int root, char *list, size_t size);

#endif
