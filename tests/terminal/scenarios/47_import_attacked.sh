# An import and somebody who knows more than mount(8): commands for the disk itself, a system call of 32 bits, the stick's interface
# taken from its driver; its holder killed, the agent killed, the stick pulled while somebody reads. It stays as it was, bit for bit.
# And a table of partitions that is read anew under `allow`: each partition is another one, and opened as such.
stick() { # ID: a partition with FAT
	truncate -s 8M "$machine/$1.img"
	echo '2048,,c' | sfdisk -q "$machine/$1.img"
	mkfs.vfat --offset 2048 "$machine/$1.img" 7168 >/dev/null
	echo "note of $1" >"$directory/note.txt"
	mcopy -i "$machine/$1.img@@1M" "$directory/note.txt" ::
}
install_policy() { # VERSION TREATMENT
	tier=internet usb_storage=$2 rules='allow id 46f4:0001 with-interface 08:06:50' policy_text "$1" >"$office/$1.yaml"
	policy_sign "$office/$1.yaml" "$office/$1.p7"
	send_file "$office/$1.p7" "/root/$1.p7"
	guest "sekisho policy install /root/$1.p7" || fail "policy $1 was not accepted"
}
holder() {
	guest 'systemctl show -P MainPID sekisho-medium@sda1.service'
}
is_held_anew() { # HOLDER-BEFORE
	local now
	now=$(holder)
	[ "$now" != 0 ] && [ "$now" != "$1" ] && is_mounted
}
is_mounted() {
	guest_true 'grep -q " /media/sekisho/sda1 ro,nosuid,nodev,noexec," /proc/self/mountinfo'
}
expect_import() { # WHEN
	guest_true 'grep -qx "note of s1" /media/sekisho/sda1/note.txt' || fail "$1 it cannot be read"
	for attempt in 'bypass sg /dev/sda' 'bypass sg /dev/sda1' 'bypass mark32 /dev/sda' 'bypass mark32 /dev/sda1' 'bypass nvme /dev/null' \
		'mount -o remount,rw /media/sekisho/sda1' 'dd if=/dev/zero of=/dev/sda1 bs=512 count=1'; do
		guest_true "! $attempt" || fail "$1: $attempt"
	done
}
stick s1
sha256sum "$machine/s1.img" >"$directory/before"
resume_terminal
mkdir "$directory/tools"
gcc -O2 -static -s -o "$directory/tools/bypass" "$here/tools/bypass.c" || fail "bypass.c does not compile"
send_directory "$directory/tools" /usr/local/sbin

install_policy 2 import
plug usb-storage s1 serial=IMPORT-47
eventually 25 journal_has medium.opened name=sda1 treatment=import || fail "not opened"
expect_import "at first"
is_mounted || fail "not mounted as it should: $(guest 'cat /proc/self/mountinfo')"
before=$(holder)
guest_true 'systemctl kill -s KILL sekishod.service; until systemctl is-active sekishod.service && sekisho status; do sleep 0.2; done' ||
	fail "the agent does not come back"
[ "$(holder)" = "$before" ] && is_mounted || fail "a dead agent took the medium with it"
guest 'systemctl kill -s KILL sekisho-medium@sda1.service'
eventually 20 is_held_anew "$before" || fail "after its holder was killed: $(guest 'cat /proc/self/mountinfo')"
expect_import "after its holder was killed"
guest '(exec 9</media/sekisho/sda1/note.txt; : >/run/reads; exec sleep 100) >/dev/null 2>&1 &
	until [ -e /run/reads ]; do sleep 0.1; done'
unplug s1
eventually 25 journal_has medium.closed name=sda1 treatment=import forced=true || fail "what was pulled is not told"
guest_true '! ls /dev/sd[a-z]* && ! grep -q /media/sekisho /proc/self/mountinfo' || fail "what was pulled is still there"
sha256sum -c --quiet "$directory/before" || fail "something was written to an import"

install_policy 3 allow
plug usb-storage s1 serial=ALLOW-47
expect_event device.allowed serial=ALLOW-47 verdict=allow
disk=/dev/$(guest 'until ls -d /sys/block/sd? 2>/dev/null; do sleep 0.2; done | sed "s|.*/||"') # the reader still has what was pulled
eventually 25 journal_has medium.opened "name=${disk##*/}1" treatment=allow || fail "not opened: $disk"
guest_true "bypass sg $disk && bypass mark32 $disk" || fail "what an import refuses is refused to all"
eventually 10 guest_true "blockdev --rereadpt $disk" || fail "the partitions cannot be read anew"
eventually 15 guest_true "dd if=${disk}1 of=/dev/null bs=4k count=1 && dd if=/dev/zero of=${disk}1 bs=512 count=1 seek=9" ||
	fail "a partition that was found anew stays closed: $(guest 'ls -l /dev/sd*')"
guest "node=\$(cd $(device_path ALLOW-47) && printf /dev/bus/usb/%03d/%03d \$(cat busnum devnum)) && (bypass usbfs \$node >/dev/null 2>&1 &)"
expect_event device.denied serial=ALLOW-47
expect_not_authorised ALLOW-47
guest 'sekisho journal verify' || fail "journal"
