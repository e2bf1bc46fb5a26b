#!/usr/bin/env bash
# Runs inside the minimal Debian 12 that run.sh made, with the offline bundle in /srv/bundle.
set -u
good=0
bad=0

check() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@" >/tmp/check.log 2>&1; then
		echo "ok      $what"
		good=$((good + 1))
	else
		echo "FAILED  $what: $*"
		sed 's/^/    | /' /tmp/check.log | tail -n 20
		bad=$((bad + 1))
	fi
}
not() {
	! "$@"
}

installed() { # PACKAGE
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}
directory() { # PATH MODE OWNER GROUP
	[ "$(stat -c '%F %a %U %G' "$1")" = "directory $2 $3 $4" ]
}
whole() { # every library found, every program
	local program
	for program in "$@"; do
		ldd "$program" | tee /dev/stderr | grep -q 'not found' && return 1
	done
	return 0
}
# In common-auth: pam_unix succeeds, jumps over pam_deny to pam_permit, and comes to pam_sekisho, which is required.
login_asks() {
	grep -vE '^#|^$' /etc/pam.d/common-auth | awk '
		$3 == "pam_permit.so" {permit = NR}
		$3 == "pam_sekisho.so" {found++; at = NR; required = ($2 == "required")}
		$2 == "sufficient" {skips = 1}
		END {exit !(found == 1 && required && permit && at > permit && !skips)}' &&
		grep -qE '^account[[:space:]]+required[[:space:]]+pam_sekisho.so' /etc/pam.d/common-account &&
		grep -qE '^session[[:space:]]+required[[:space:]]+pam_sekisho.so' /etc/pam.d/common-session &&
		! grep -q pam_sekisho /etc/pam.d/common-session-noninteractive
}
login_unchanged() {
	! grep -rq pam_sekisho /etc/pam.d
}
# A modprobe of the test's own tells what load-module would have had it do.
loads() { # WAY MODULE
	mkdir -p /tmp/bin
	printf '#!/bin/sh\necho "$*"\n' >/tmp/bin/modprobe
	chmod 755 /tmp/bin/modprobe
	sed 's|^PATH=|PATH=/tmp/bin:|' /usr/libexec/sekisho/load-module >/tmp/load-module
	[ "$(sh /tmp/load-module "$1" "$2")" = "--ignore-install $2" ]
}
driver_rules_left() {
	find /etc/modprobe.d /lib/modprobe.d /usr/share/initramfs-tools /etc/default -name '*sekisho*' 2>/dev/null | grep .
}
unit_left() {
	find /etc/systemd /lib/systemd /var/lib/systemd -name 'sekisho*' | grep .
}
repacked() { # PACKAGE: the same with a higher version
	rm -rf /tmp/repack
	dpkg-deb -R /srv/bundle/"$1"_*.deb /tmp/repack
	sed -i -E "s/^Version: .*/Version: 9.0/; s/sekisho-agent \(= [^)]*\)/sekisho-agent (= 9.0)/" /tmp/repack/DEBIAN/control
	dpkg-deb -b /tmp/repack "/tmp/$1.deb"
}

# Before: nothing of ours.
cp -r /srv/bundle /srv/damaged
first=$(find /srv/damaged -name 'sekisho-agent_*.deb')
printf X | dd of="$first" bs=1 seek=2000 conv=notrunc 2>/dev/null
check "a damaged bundle is refused" not /srv/damaged/install
check "... and nothing was installed" not installed sekisho-agent
rm -rf /srv/damaged

check "installs without a network" /srv/bundle/install
for package in sekisho-agent libpam-sekisho; do
	check "$package is installed" installed $package
done
check "nothing is half installed" test -z "$(dpkg --audit)"
check "libraries are all there" whole /usr/sbin/sekishod /usr/bin/sekisho /usr/libexec/sekisho/* \
	/lib/*/security/pam_sekisho.so
check "sekisho runs" sekisho --version
for user in _sekisho _sekisho-auth _sekisho-card _sekisho-fido2 _sekisho-sign _sekisho-net; do
	check "user $user cannot log in" grep -qE "^$user:[^:]*:[0-9]+:[0-9]+:[^:]*:[^:]*:/usr/sbin/nologin$" /etc/passwd
done
check "state, root's" directory /var/lib/sekisho 755 root root
check "policy, root's, guard may read" directory /var/lib/sekisho/policy 750 root _sekisho
check "journal, the signer's" directory /var/lib/sekisho/journal 700 _sekisho-sign _sekisho-sign
check "keys, the signer's" directory /var/lib/sekisho/signer 700 _sekisho-sign _sekisho-sign
check "outbox, the reporter's" directory /var/lib/sekisho/outbox 700 _sekisho-net _sekisho-net
check "login state, root's" directory /var/lib/sekisho/auth 700 root root
check "storage key, auth's" directory /var/lib/sekisho-seal 700 _sekisho-auth _sekisho-auth
check "trust, root's" directory /etc/sekisho/trust 755 root root
check "starts at boot, early" test -e /etc/systemd/system/sysinit.target.wants/sekishod.service
check "the unit is clean" systemd-analyze verify --man=no sekishod.service
check "only observes at first" grep -qx 'mode: observe' /etc/sekisho/agent.yaml
check "observing, every driver may be loaded" loads usb_storage usb-storage
check "no login has changed" login_unchanged

check "login is switched on" pam-auth-update --enable sekisho
check "pam_sekisho is required, after pam_unix" login_asks
sed -i 's/^mode: .*/mode: enforce/' /etc/sekisho/agent.yaml
check "enforcing, no driver of a way out" not loads usb_storage usb-storage
mkdir -p /run/sekisho/ways && : >/run/sekisho/ways/mmc
check "... but of one that is allowed" loads mmc mmc_block
check "... and of no other" not loads usb_storage mmc_block
rm -r /run/sekisho/ways
echo 7 >/var/lib/sekisho/policy/version

check "repacked" repacked sekisho-agent
check "repacked" repacked libpam-sekisho
check "upgrades" dpkg -i /tmp/sekisho-agent.deb /tmp/libpam-sekisho.deb
check "the office's setting stays" grep -qx 'mode: enforce' /etc/sekisho/agent.yaml
check "the state stays" grep -qx 7 /var/lib/sekisho/policy/version
check "login still asks" login_asks

check "login module is removed" dpkg -r libpam-sekisho
check "... and no login asks for it" login_unchanged
# As `boot-lock enable` leaves it; nobody but the agent would open what the kernel then starts with.
mkdir -p /etc/default/grub.d /etc/kernel
: >/etc/default/grub.d/sekisho.cfg
echo 'root=/dev/sda1 usbcore.authorized_default=0 quiet' >/etc/kernel/cmdline
printf '#!/bin/sh\n! [ -e /etc/default/grub.d/sekisho.cfg ] && : >/tmp/grub-updated\n' >/usr/sbin/update-grub
chmod 755 /usr/sbin/update-grub
check "agent is removed" dpkg -r sekisho-agent
check "... and the kernel no longer starts with USB closed" grep -qx 'root=/dev/sda1 quiet' /etc/kernel/cmdline
check "... also by GRUB" test -e /tmp/grub-updated
check "... and the journal stays" test -d /var/lib/sekisho/journal
check "... and the setting too" test -e /etc/sekisho/agent.yaml
check "... and every driver may be loaded again" not driver_rules_left
check "installs again" /srv/bundle/install
check "the setting is the same" grep -qx 'mode: enforce' /etc/sekisho/agent.yaml
check "purged" dpkg -P libpam-sekisho sekisho-agent
check "nothing is left in /var/lib" not test -e /var/lib/sekisho -o -e /var/lib/sekisho-seal
check "nothing is left in /etc" not test -e /etc/sekisho
check "no unit is left" not unit_left
check "no driver is kept out" not driver_rules_left
check "no login asks for it" login_unchanged

check "collector installs" /srv/bundle/install --collector
check "collector is installed" installed sekisho-collector
check "... and no agent" not installed sekisho-agent
check "its libraries are all there" whole /usr/bin/sekisho-collector
check "its directory" directory /var/lib/sekisho-collector 700 _sekisho-collector _sekisho-collector
check "its unit is clean" systemd-analyze verify --man=no sekisho-collector.service
check "collector is purged" dpkg -P sekisho-collector
check "nothing of it is left" not test -e /var/lib/sekisho-collector -o -e /etc/sekisho
echo "$good ok, $bad wrong"
[ "$bad" = 0 ]
