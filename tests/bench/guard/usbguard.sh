# shellcheck shell=bash
# Sourced by the benchmarks: the same guest under USBGuard.

# usbguard_instead [RULE...]: sekishod ends, USBGuard takes its place with rules for what is plugged in, and these.
usbguard_instead() {
	guest 'systemctl stop sekishod; for default in /sys/bus/usb/devices/usb*/{,interface_}authorized_default; do echo 1 >$default; done
		echo 1 >/sys/module/usbcore/parameters/authorized_default'
	send_directory "$SEKISHO_VM_BASE/usbguard" /root/usbguard
	guest_timeout=240 guest 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/usbguard/*.deb' || fail "USBGuard was not installed"
	guest 'usbguard generate-policy >/etc/usbguard/rules.conf' || fail "USBGuard has no policy"
	usbguard_rules "$@"
}

usbguard_rules() { # RULE...: added to those that are there
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@" >"$directory/rules.conf"
		send_file "$directory/rules.conf" /root/rules.conf
		guest 'cat /root/rules.conf >>/etc/usbguard/rules.conf'
	fi
	guest 'systemctl restart usbguard && sleep 5 && systemctl is-active usbguard' || fail "USBGuard does not run"
}
