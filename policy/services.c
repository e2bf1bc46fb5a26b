#include "policy/services.h"

#include <string.h>

#include "core/language.h"

#define ENTRIES(table) (sizeof(table) / sizeof((table)[0]))

static const char *const INTERACTIVE[] = {"login", "su", "su-l", "sudo", "sudo-i", "sshd", "remote",
        "gdm-password", "gdm-fingerprint", "gdm-smartcard", "gdm-autologin", "lightdm",
        "lightdm-autologin", "sddm", "sddm-autologin", "lxdm", "xdm", "slim", "wdm", "nodm",
        "greetd", "polkit-1", "xscreensaver", "cinnamon-screensaver", "mate-screensaver",
        "xfce4-screensaver", "kde", "i3lock", "swaylock", "vlock", "xrdp-sesman", "cockpit",
        "other"};

const char *services_interactive(size_t index)
{
	return index < ENTRIES(INTERACTIVE) ? INTERACTIVE[index] : NULL;
}

const char *services_refusal(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= SERVICE_NAME_SIZE || name[0] == '.' ||
	        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != length)
		return LANGUAGE("サービス名は47文字以内の英小文字、数字、_.-です",
		        "a service's name is up to 47 of a-z 0-9 _ . -");
	for (size_t i = 0; i < ENTRIES(INTERACTIVE); i++)
		if (strcmp(name, INTERACTIVE[i]) == 0)
			return LANGUAGE("人がログインするサービスは無人にできません",
			        "a service that people log in by is not unattended");
	return NULL;
}

void services_unattended_default(struct services *services)
{
	*services = (struct services){.count = 6,
	        .names = {"cron", "atd", "systemd-user", "gdm-launch-environment",
	                "lightdm-greeter", "sddm-greeter"}};
}

bool services_have(const struct services *services, const char *name)
{
	for (size_t i = 0; i < services->count; i++)
		if (strcmp(services->names[i], name) == 0)
			return true;
	return false;
}
