# The second line: with every process of the agent killed and kept dead, a stick that root lets in by hand can be neither
# opened nor mounted, and not read past its block device; nothing of it is seen. With the agent back it is refused as before, and
# a listed one works. Purging the packages takes the second line out of the kernel.
stick_with_marker() { # ID MARKER
	truncate -s 8M "$machine/$1.img"
	mkfs.ext4 -q -E root_owner=0:0 "$machine/$1.img"
	echo "$2" >"$machine/marker"
	debugfs -w -R "write $machine/marker marker" "$machine/$1.img" 2>/dev/null
	grep -q "$2" "$machine/$1.img" || fail "the stick has no marker"
}

resume_terminal
stick_with_marker s1 marker-second-line
second_line_is() { # VALUE
	guest 'sekisho status --json' | jq -e --arg is "$1" '.. | .second_line? // empty | select(. == $is)' >/dev/null
}
eventually 10 second_line_is active || fail "status does not say so: $(guest 'sekisho status --json')"
guest_true '[ "$(/usr/libexec/sekisho/gate status)" = active ]' || fail "no second line"

guest 'systemctl mask --runtime sekishod.service; systemctl kill -s KILL sekishod.service; systemctl stop sekishod.service
	! pgrep -f libexec/sekisho || exit 1' || fail "the agent does not stay dead"
watch_storage
plug usb-storage s1 serial=STICK-46
expect_not_authorised STICK-46
guest 'device=$(dirname $(grep -lxF STICK-46 /sys/bus/usb/devices/*/serial)); echo 1 >$device/authorized
	for interface in $device/*:*; do
		echo 1 >$interface/authorized; echo ${interface##*/} >/sys/bus/usb/drivers_probe || true
	done'
eventually 15 guest_true 'ls /sys/bus/scsi/devices/*:*:*:* && echo $(basename /sys/bus/scsi/devices/[0-9]*:*:*:*) >/sys/bus/scsi/drivers_probe' ||
	fail "the stick let in by hand is no SCSI device"
eventually 15 guest_true '[ -b /dev/sda ] && [ -e /sys/block/sda/size ]' || fail "the stick let in by hand is no block device"
guest_true '! dd if=/dev/sda of=/root/read bs=1M' || fail "it can be read"
guest_true 'dd if=/dev/sda of=/root/read bs=1M 2>&1 | grep -q "Operation not permitted"' || fail "refused for another reason"
guest_true '! dd if=/dev/zero of=/dev/sda bs=4k count=1 conv=notrunc' || fail "it can be written"
guest_true '! mount -t ext4 /dev/sda /mnt && ! mount -t ext4 -o ro,noload /dev/sda /mnt && ! mountpoint -q /mnt' || fail "it can be mounted"
guest_true '! losetup -f /dev/sda' || fail "it can be looped"
guest_true 'mknod /root/node b 8 0 && ! dd if=/root/node of=/root/read bs=1M && rm /root/node' || fail "a node of one's own opens"
guest_true 'modprobe sg; for _ in {1..50}; do [ -c /dev/sg0 ] && break; sleep 0.1; done; [ -c /dev/sg0 ] && ! true </dev/sg0' ||
	fail "its commands can be sent: $(guest 'ls -l /dev/sg*')"
guest_true 'mknod /root/tape c 9 0 && cat /root/tape 2>&1 | grep -q "Operation not permitted" && rm /root/tape' || fail "a tape can be opened"
guest_true '[ ! -s /root/read ] && ! grep -rqs marker-second-line /root /mnt' || fail "something of it was read"
guest_true 'dd if=/dev/vda of=/dev/null bs=4k count=1 && truncate -s 1M /root/own && losetup /dev/loop3 /root/own &&
	dd if=/dev/loop3 of=/dev/null count=1 && losetup -d /dev/loop3' || fail "the terminal's own disks are refused too"

guest 'systemctl unmask --runtime sekishod.service; systemctl start sekishod.service' || fail "the agent does not start"
expect_event device.denied serial=STICK-46
eventually 10 guest_true '! [ -e /sys/block/sda ]' || fail "the stick is still there"
unplug s1
usb_storage=allow rules='allow id 46f4:0001 serial "STICK-46" with-interface 08:06:50' policy_text 2 >"$office/2.yaml"
policy_sign "$office/2.yaml" "$office/2.p7"
send_file "$office/2.p7" /root/2.p7
guest 'sekisho policy install /root/2.p7' || fail "the policy was not accepted"
plug usb-storage s1 serial=STICK-46
expect_event device.allowed serial=STICK-46 verdict=allow
expect_event medium.opened name=sda treatment=allow
guest 'mount -t ext4 -o ro /dev/sda /mnt && grep -q marker-second-line /mnt/marker && umount /mnt' || fail "a released stick does not work"
unplug s1

# Other programs take the place of those in force, as an upgrade brings them: what is released stays as it is, what is not, too.
usb_storage=import tier=internet rules='allow id 46f4:0001 serial "STICK-46" with-interface 08:06:50' policy_text 3 >"$office/3.yaml"
policy_sign "$office/3.yaml" "$office/3.p7"
send_file "$office/3.p7" /root/3.p7
guest 'sekisho policy install /root/3.p7' || fail "the policy was not accepted"
plug usb-storage s1 serial=STICK-46
expect_event medium.opened name=sda treatment=import
guest 'cd /sys/fs/bpf/sekisho && version=$(ls -d programs-*) && sed "s/$version/programs-ofanotherone/g" /usr/libexec/sekisho/gate >/root/gate &&
	chmod 755 /root/gate && mkdir /root/mounted && mount -t ext4 -o ro,noload /dev/sda /root/mounted' ||
	fail "no other gate"
guest_true '/root/gate apply && [ "$(ls /sys/fs/bpf/sekisho | tr "\n" " ")" = "programs-ofanotherone released " ]' ||
	fail "not replaced: $(guest 'ls /sys/fs/bpf/sekisho; cat /run/sekisho-media/gate.state')"
guest_true 'grep -q marker-second-line /root/mounted/marker && dd if=/dev/sda of=/dev/null bs=4k count=1' || fail "what was released is closed"
guest_true '! dd if=/dev/zero of=/dev/sda bs=4k count=1 && ! mount -o remount,rw /root/mounted' || fail "an import is open to writing"
eventually 10 second_line_is "absent: taken out by somebody" || fail "pins that are gone are not told: $(guest 'sekisho status --json')"
guest_true '/usr/libexec/sekisho/gate apply && ls /sys/fs/bpf/sekisho/programs-*/file_open' || fail "not put back"
eventually 10 second_line_is active || fail "not active again: $(guest 'sekisho status --json')"
unplug s1

guest_timeout=200 guest 'dpkg -P libpam-sekisho sekisho-agent' || fail "the purge failed"
guest_true '[ ! -e /sys/fs/bpf/sekisho ]' || fail "the second line is left behind"
plug usb-storage s2 serial=STICK-46-AFTER
eventually 15 guest_true 'dd if=/dev/sda of=/dev/null bs=4k count=1' || fail "sticks are still refused after the purge"
