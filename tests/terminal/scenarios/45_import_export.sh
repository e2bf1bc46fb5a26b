# Media under import: readable where they are mounted, and nothing of root's writes to them, by whatever way; the image stays
# bit for bit what it was. Under export they are written, and what was written is on the medium when it is taken back. Both end
# by policy: unmounted, then gone; what somebody keeps open is taken from him after a bounded wait.
fat_stick() { # ID: a partition with FAT
	truncate -s 8M "$machine/$1.img"
	echo '2048,,c' | sfdisk -q "$machine/$1.img"
	mkfs.vfat --offset 2048 "$machine/$1.img" 7168 >/dev/null
	printf 'note of %s\n' "$1" >"$directory/note.txt"
	printf '#!/bin/sh\necho ran\n' >"$directory/run.sh"
	mcopy -i "$machine/$1.img@@1M" "$directory/note.txt" "$directory/run.sh" ::
}
ext4_stick() { # ID: no partition; a journal that wants to be played back, which would be writing
	truncate -s 8M "$machine/$1.img"
	mkfs.ext4 -q -E root_owner=0:0 "$machine/$1.img"
	debugfs -w -R "write $directory/note.txt note.txt" "$machine/$1.img" 2>/dev/null
	debugfs -w -R "feature needs_recovery" "$machine/$1.img" >/dev/null 2>&1
}
install_policy() { # VERSION TREATMENT
	tier=internet usb_storage=$2 rules='allow id 46f4:0001 with-interface 08:06:50' policy_text "$1" >"$office/$1.yaml"
	policy_sign "$office/$1.yaml" "$office/$1.p7"
	send_file "$office/$1.p7" "/root/$1.p7"
	guest "sekisho policy install /root/$1.p7" || fail "policy $1 was not accepted"
}
opened() { # field=value...
	eventually 25 journal_has medium.opened "$@" || fail "not opened: $*"
}
closed() { # field=value...
	eventually 25 journal_has medium.closed "$@" || fail "not closed: $*"
}
no_disk() {
	guest_true '! ls /dev/sd[a-z]* && ! grep -q /media/sekisho /proc/self/mountinfo'
}
fat_stick s1
ext4_stick s2
fat_stick s3
sha256sum "$machine"/s[12].img >"$directory/before"
resume_terminal
install_policy 2 import

plug usb-storage s1 serial=IMPORT-1
expect_event device.allowed serial=IMPORT-1 verdict=import
opened name=sda1 treatment=import
guest 'grep " /media/sekisho/sda1 " /proc/self/mountinfo' | grep -E ' ro,nosuid,nodev,noexec,' >/dev/null || fail "not mounted as it should"
guest_true 'runuser -u clerk -- cat /media/sekisho/sda1/note.txt | grep -qx "note of s1"' || fail "an import cannot be read"
for attempt in 'touch /media/sekisho/sda1/x' '/media/sekisho/sda1/run.sh' 'mount -o remount,rw /media/sekisho/sda1' \
	'mount -t vfat -o rw /dev/sda1 /mnt' 'blockdev --setrw /dev/sda' 'blockdev --setrw /dev/sda1' \
	'dd if=/dev/zero of=/dev/sda bs=512 count=1' 'dd if=/dev/zero of=/dev/sda1 bs=512 count=1 seek=9' \
	'dd if=/dev/zero of=/dev/sda1 bs=4k count=1 oflag=direct' 'echo 1 1 | tee /dev/sda >/dev/null' 'wipefs -a /dev/sda1'; do
	guest_true "! $attempt" || fail "under import: $attempt"
done
guest_true '[ "$(blockdev --getro /dev/sda)$(blockdev --getro /dev/sda1)" = 11 ]' || fail "the kernel has it writable"
plug usb-storage s2 serial=IMPORT-2
opened name=sdb treatment=import
guest_true 'grep -qx "note of s1" /media/sekisho/sdb/note.txt && ! mount -o remount,rw /media/sekisho/sdb' || fail "ext4 under import"

install_policy 3 deny
closed name=sda1 treatment=import forced=false
closed name=sdb treatment=import forced=false
expect_event device.denied serial=IMPORT-1
expect_event device.denied serial=IMPORT-2
eventually 15 no_disk || fail "still there: $(guest 'ls /dev/sd*; cat /proc/self/mountinfo')"
unplug s1
unplug s2
sha256sum -c --quiet "$directory/before" || fail "something was written to an import"

# Another treatment is another beginning.
install_policy 4 import
plug usb-storage s3 serial=EXPORT-3
expect_event device.allowed serial=EXPORT-3
opened device="$(basename "$(device_path EXPORT-3)")" name=sda1 treatment=import
install_policy 5 export
opened name=sda1 treatment=export
guest 'grep " /media/sekisho/sda1 " /proc/self/mountinfo' | grep -E ' rw,nosuid,nodev,noexec,' >/dev/null || fail "not mounted as it should"
guest_true 'runuser -u clerk -- sh -c "seq 100000 >/media/sekisho/sda1/written.txt"' || fail "an export cannot be written"
guest_true '! /media/sekisho/sda1/run.sh' || fail "a program runs from an export"
install_policy 6 deny
closed name=sda1 treatment=export forced=false
eventually 15 no_disk || fail "still there: $(guest 'ls /dev/sd*; cat /proc/self/mountinfo')"
unplug s3
cmp <(mcopy -n -i "$machine/s3.img@@1M" ::written.txt -) <(seq 100000) || fail "what was written is not on the medium"

install_policy 7 export
plug usb-storage s3 serial=EXPORT-3B
expect_event device.allowed serial=EXPORT-3B verdict=export
eventually 25 guest_true 'mountpoint -q /media/sekisho/sda1' || fail "not opened again"
guest '(exec 9>/media/sekisho/sda1/held.txt; seq 50000 >&9; : >/run/holds; exec sleep 100) >/dev/null 2>&1 &
	until [ -e /run/holds ]; do sleep 0.1; done'
install_policy 8 deny
closed name=sda1 treatment=export forced=true
waited=$(journal_lines | jq -s '(map(select(.event == "medium.closed" and .forced)) | last | .uptime_ms) as $taken |
	(map(select(.event == "policy.accepted")) | last | .uptime_ms) as $told | $taken - $told')
[ "$waited" -ge 7500 ] || fail "taken after $waited ms from who has it open"
eventually 15 no_disk || fail "still there: $(guest 'ls /dev/sd*; cat /proc/self/mountinfo')"
unplug s3
cmp <(mcopy -n -i "$machine/s3.img@@1M" ::held.txt -) <(seq 50000) || fail "what was written before the end is lost"
[ -z "$(journal_lines | jq -c 'select(.event == "medium.closed" and .cause != null)')" ] ||
	fail "not closed as it should: $(journal_lines | grep medium.closed)"
guest 'sekisho journal verify' || fail "journal"
