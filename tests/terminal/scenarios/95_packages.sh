# The packages in a running terminal: an upgrade keeps enrolment, policy and journal and never lets a stick in; purging
# stops everything, gives every port back and leaves nothing but the system users, which Debian keeps.
resume_terminal
watch_storage
guest 'pam-auth-update --enable sekisho && grep -q pam_sekisho /etc/pam.d/common-auth' || fail "pam-auth-update"
plug usb-storage s1 serial=STICK-95
expect_not_authorised STICK-95

mkdir -p "$directory/upgrade"
for package in sekisho-agent libpam-sekisho; do
	dpkg-deb -R "$SEKISHO_BUNDLE/$package"_*.deb "$directory/unpacked"
	# With programs of another version for the kernel.
	find "$directory/unpacked" -type f \( -name gate -o -name sekishod \) -exec sed -i -E 's/programs-[0-9a-f]{12}/programs-ofanotherone/g' {} +
	sed -i -E 's/^Version: .*/Version: 9.0/; s/sekisho-agent \(= [^)]*\)/sekisho-agent (= 9.0)/' "$directory/unpacked/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$directory/unpacked" "$directory/upgrade/$package.deb" >/dev/null
	rm -rf "$directory/unpacked"
done
send_directory "$directory/upgrade" /root/upgrade
guest_timeout=600 guest 'dpkg -i /root/upgrade/*.deb' || fail "the upgrade failed"
guest_true 'systemctl is-active sekishod && [ "$(dpkg-query -W -f "\${Version}" sekisho-agent)" = 9.0 ]' || fail "not upgraded"
policy_is 1 "after the upgrade"
guest_true '[ "$(ls /sys/fs/bpf/sekisho | tr "\n" " ")" = "programs-ofanotherone released " ]' ||
	fail "the second line is not the new one: $(guest 'ls /sys/fs/bpf/sekisho')"
guest 'sekisho status --json' | jq -e '.. | .second_line? // empty | select(. == "active")' >/dev/null || fail "no second line after the upgrade"
guest_true 'grep -qx "mode: enforce" /etc/sekisho/agent.yaml && sekisho journal verify' || fail "the upgrade lost something"
guest_true 'grep -q pam_sekisho /etc/pam.d/common-auth' || fail "the upgrade switched the login factor off"
expect_not_authorised STICK-95
plug usb-storage s2 serial=STICK-95-LATER
expect_event device.denied serial=STICK-95-LATER
expect_not_authorised STICK-95-LATER
expect_no_block_device
expect_terminal_state FRESH

marked_image nvme1
attach nvme nvme1 drive=image-nvme1 serial=NVME-95
expect_event device.denied ways=nvme_hotplug
expect_unreadable nvme1

guest_timeout=200 guest 'sekisho boot-lock enable' || fail "boot-lock enable"
guest_true 'grep -q usbcore.authorized_default=0 /boot/grub/grub.cfg' || fail "GRUB boots without the lock"

guest_timeout=600 guest 'dpkg -P libpam-sekisho sekisho-agent' || fail "the purge failed"
guest_true '! grep -q usbcore /boot/grub/grub.cfg' || fail "GRUB still boots closed: nothing would open it"
guest_true '[ ! -e /sys/fs/bpf/sekisho ]' || fail "the second line is left behind"
guest_true '! ps -eo user,args | grep -E "[s]ekishod|^_sekisho|libexec/[s]ekisho"' || fail "something still runs"
guest_true 'md5sum -c --quiet /root/pam-before' || fail "the login stacks are not as they were"
left=$(guest 'find / -xdev -iname "*sekisho*" -not -path "/proc/*" -not -path "/root/*" -not -path "/var/log/*"')
[ -z "$left" ] || fail "left behind: $left"
guest_true '! systemctl cat sekishod.service && ! systemctl --failed --no-legend | grep sekisho' || fail "the unit is left"
guest_true 'grep -qx 1 /sys/module/usbcore/parameters/authorized_default || grep -qx -- -1 /sys/module/usbcore/parameters/authorized_default' ||
	fail "new controllers still start closed"
guest_true '! grep -qx 0 /sys/bus/*/drivers_autoprobe && ! grep -qs sekisho /sys/bus/pci/devices/*/driver_override' ||
	fail "ports that are not USB are still closed"
expect_block_device
expect_readable nvme1
