# shellcheck shell=bash
# Run by run.sh as if it were a scenario, before the others: on a bare Debian 12 a stick and a keyboard work (so the
# watch that later sees nothing can see), then the offline bundle is installed, cut off from any network but the
# collector, the terminal is enrolled and told to enforce. What then runs is kept for every scenario.

ready=$SEKISHO_VM_READY.new
rm -rf "$ready"
mkdir -p "$ready"
cp --sparse=always "$SEKISHO_VM_BASE/disk.img" "$ready/disk.img"
office_found
collector_configure
collector_start
disk_options=cache=unsafe machine_start "$ready/disk.img"
shell_wait 180 || fail "the bare guest did not boot"
guest 'systemctl is-system-running --wait' >/dev/null || true

watch_storage
plug usb-storage s1 serial=BARE-BOT
expect_block_device
unplug s1
eventually 10 guest_true '! ls /sys/block/sd* 2>/dev/null'
watch_storage
plug usb-uas s2 serial=BARE-UAS
expect_block_device
unplug s2
plug usb-kbd k1 "serial=$listed_keyboard"
expect_plugged "$listed_keyboard"
eventually 10 guest_true 'ls /sys/bus/usb/drivers/usbhid/*:*' || fail "the bare guest does not take a keyboard"
[ "$(key_bytes)" -gt 0 ] || fail "a key cannot be seen on a bare guest"
unplug k1
watch_end
guest 'rm -f /run/keys'
guest_true '! ls /run/sekisho /usr/sbin/sekishod' || fail "the bare guest is not bare"

guest 'md5sum /etc/pam.d/common-* >/root/pam-before'
send_directory "$SEKISHO_BUNDLE" /root/bundle
guest_timeout=240 guest 'cd /root/bundle && ./install' || fail "the bundle's install failed"
guest 'rm -rf /root/bundle; dpkg -l sekisho-agent libpam-sekisho' || fail "not installed"

send_file "$office/officer.pem" /etc/sekisho/trust/policy-signers.pem
send_file "$office/collector/ca.pem" /etc/sekisho/trust/collector-ca.pem
policy_text 1 >"$office/policy-1.yaml"
policy_sign "$office/policy-1.yaml" "$office/policy-1.p7"
send_file "$office/policy-1.p7" /root/policy-1.p7
guest 'systemctl restart sekishod && sekisho policy install /root/policy-1.p7' || fail "the policy was not accepted"
token=$(collector_cmd token new --name terminal-1 | grep -oE '[A-Za-z0-9_-]{20,}' | tail -n 1)
guest "sekisho enrol terminal --collector https://collector.office.test:8443 --name terminal-1 --token-file - <<<'$token'" ||
	fail "enrolment failed"
guest "sed -i 's/^mode:.*/mode: enforce/' /etc/sekisho/agent.yaml && systemctl reload sekishod" ||
	fail "could not switch to enforce"
expect_terminal_state FRESH
guest 'sekisho status' || fail "status"
eventually 10 guest_true 'grep -qx 0 /sys/bus/usb/devices/usb1/authorized_default' || fail "the root hub is not closed"

guest 'sync; echo 1 >/proc/sys/vm/drop_caches'
# A kept connection would not survive: the terminal is to know that it is gone, and to be about to connect again.
collector_stop
eventually 10 guest_true '! ss -tn | grep -q :8443' || fail "the terminal holds on to a connection that is gone"
cp -r "$office" "$ready/office"
machine_save "$ready/memory"
rm -rf "$SEKISHO_VM_READY"
mv "$ready" "$SEKISHO_VM_READY"
