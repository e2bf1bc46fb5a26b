# What can go wrong around guard does: sysfs that cannot be written, uevents that are lost or forged, a clock that is years
# wrong, a terminal that sleeps. Nothing is let in by it, what could not be enforced is told of and mended, nobody dies.
resume_terminal
watch_storage

process_pid() { # NAME
	guest "for pid in \$(</sys/fs/cgroup/system.slice/sekishod.service/cgroup.procs); do
		[ \"\$(</proc/\$pid/comm)\" != $1 ] || echo \$pid; done"
}
in_main() { # COMMAND, where only the agent's processes see what it does
	guest "nsenter -m -t $main sh -c '$1'"
}
unenforced_is() { # NUMBER
	[ "$(guest 'sekisho status --json' | jq '[.. | .devices_unenforced? // empty][0]')" = "$1" ]
}
evidence() { # of what nothing leaves by, as the terminal says it
	guest 'sekisho clauses --json' | jq -r '.clauses[] | select(.control == "T1-NOEXP") | .state + ": " + .evidence'
}
policy_put() { # VERSION
	policy_text "$1" >"$office/policy-$1.yaml"
	policy_sign "$office/policy-$1.yaml" "$office/policy-$1.p7"
	send_file "$office/policy-$1.p7" "/root/policy-$1.p7"
	guest "sekisho policy install /root/policy-$1.p7" || fail "policy $1 was not accepted"
}
attribute_is() { # PATH VALUE
	[ "$(guest "cat $1")" = "$2" ]
}

is_closed() { # SERIAL
	attribute_is "$(device_path "$1")/authorized" 0
}

key_arrives() {
	[ "$(key_bytes)" -gt 0 ]
}

main=$(process_pid main)
guard=$(process_pid guard)
[ -n "$main" ] && [ -n "$guard" ] || fail "the agent does not run"

# --- a device that cannot be closed ---
plug usb-kbd k1 "serial=$listed_keyboard"
expect_event device.allowed "serial=$listed_keyboard"
keyboard=$(device_path "$listed_keyboard")
in_main "mount --bind -o ro $keyboard/authorized $keyboard/authorized" || fail "cannot make $keyboard read only"
allowed=$listed_keyboard
listed_keyboard=another policy_put 2
expect_event device.unenforced "device=${keyboard##*/}"
unenforced_is 1 || fail "the state does not say that a device is not closed: $(guest 'sekisho status --json')"
[[ $(evidence) == unmet:* ]] || fail "not unmet: $(evidence)"
in_main "umount $keyboard/authorized"
eventually 15 attribute_is "$keyboard/authorized" 0 || fail "it was not closed once it could be"
expect_event device.denied "serial=$allowed"
unenforced_is 0 || fail "mended, and still unenforced"

# --- a hub that cannot be closed ---
hub=/sys/bus/usb/devices/usb1/authorized_default
in_main "mount --bind -o ro $hub $hub" || fail "cannot make $hub read only"
guest "echo 1 >$hub"
guest_true 'sekisho status' # everybody looks again
expect_event device.unenforced device=usb1
[[ $(evidence) == unmet:* ]] || fail "not unmet: $(evidence)"
plug usb-storage s1 serial=STICK-HUB # which the kernel lets in, and no driver takes
expect_event device.denied serial=STICK-HUB
eventually 10 is_closed STICK-HUB || fail "the stick is authorised"
in_main "umount $hub"
eventually 15 attribute_is "$hub" 0 || fail "the hub was not closed once it could be"
unplug s1

# --- uevents that are lost ---
lost() { # by its name: journald may meet guard before it is back in its unit's group
	guest_true 'journalctl -t sekishod -o cat | grep -q "events were lost"'
}
for attempt in 1 2 3; do
	# As many as the socket holds come while guard cannot read, then a stick's; udev would take long with all of them.
	guest 'systemctl stop systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd
		printf -v long "%01500d" 0
		mkdir -p /sys/fs/cgroup/frozen && echo '"$guard"' >/sys/fs/cgroup/frozen/cgroup.procs &&
		echo 1 >/sys/fs/cgroup/frozen/cgroup.freeze
		for i in {1..500}; do
			echo "change 00000000-0000-0000-0000-000000000000 A=$long" >/sys/devices/virtual/mem/null/uevent || exit 1
		done' || fail "no uevents could be made"
	plug usb-storage s2 "serial=STICK-LOST-$attempt"
	expect_plugged "STICK-LOST-$attempt"
	guest "echo 0 >/sys/fs/cgroup/frozen/cgroup.freeze
		echo $guard >/sys/fs/cgroup/system.slice/sekishod.service/cgroup.procs
		systemctl start systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd"
	expect_event device.denied "serial=STICK-LOST-$attempt"
	expect_not_authorised "STICK-LOST-$attempt"
	unplug s2
	! lost || break
	guard=$(process_pid guard) # somebody asked for it while it could not answer
done
lost || fail "no uevent was lost"

# --- uevents that are not the kernel's ---
listed_keyboard=$allowed policy_put 3
expect_event device.allowed "serial=$allowed"
eventually 10 keyboard_there || fail "the keyboard does not come back"
plug usb-storage s3 serial=STICK-FORGED
expect_event device.denied serial=STICK-FORGED
removed=$(journal_lines | grep -c '"device.removed"') || true
forge='my ($action, $device, $port, $groups) = @ARGV; my $path = readlink("/sys/bus/usb/devices/$device");
	$path =~ s|^(\.\./)+|/|; socket(my $s, 16, 3, 15) or die; my $text = join("\0", "$action\@$path", "ACTION=$action",
	"DEVPATH=$path", "SUBSYSTEM=usb", "DEVTYPE=usb_device", "SEQNUM=99999999", "");
	send($s, $text, 0, pack("SSLL", 16, 0, $port, $groups)) // die "$!\n"'
port=$(guest "awk '\$2 == 15 && \$3 == $guard {print \$3}' /proc/net/netlink")
[ "$port" = "$guard" ] || fail "guard's socket is not found: $(guest 'cat /proc/net/netlink')"
stick=$(device_path STICK-FORGED)
for to in "$port 0" "0 1" "0 2"; do
	guest_true "! runuser -u clerk -- perl -e '$forge' remove ${keyboard##*/} $to" || fail "a user may send uevents"
	for what in "remove ${keyboard##*/}" "remove ${stick##*/}" "add ${stick##*/}" "add usb1" "remove usb1"; do
		guest_true "perl -e '$forge' $what $to" || [ "$to" = "$port 0" ] || fail "root cannot send uevents: $what"
	done
done
expect_not_authorised STICK-FORGED
eventually 10 key_arrives || fail "the keyboard has gone by a forged uevent"
[ "$(journal_lines | grep -c '"device.removed"')" = "$removed" ] || fail "a device was forgotten by a forged uevent"
unplug s3

# --- a clock that is years wrong ---
clock_stick() { # DATE SERIAL
	guest_true "date -s '$1'"
	plug usb-storage s4 "serial=$2"
	expect_event device.denied "serial=$2"
	expect_not_authorised "$2"
	guest_true 'sekisho journal verify' || fail "in $1 the journal is broken"
	eventually 10 key_arrives || fail "in $1 the keyboard is dead"
	unplug s4
}
clock_stick '2001-02-03 04:05:06' STICK-2001
clock_stick '2099-12-31 23:59:59' STICK-2099
set_clock

# --- asleep ---
is_asleep() {
	[ "$(qmp '{"execute":"query-status"}' | jq -r .status)" = suspended ]
}
guest_true '(sleep 1; echo mem >/sys/power/state) >/dev/null 2>&1 &'
eventually 15 is_asleep || fail "the terminal does not go to sleep"
plug usb-storage s5 serial=STICK-ASLEEP
qmp '{"execute":"system_wakeup"}' >/dev/null
set_clock
expect_event device.denied serial=STICK-ASLEEP
expect_not_authorised STICK-ASLEEP
eventually 10 keyboard_there || fail "the keyboard is dead after sleep"

expect_no_block_device
[ "$(process_pid main)" = "$main" ] || fail "main is another"
[ "$(process_pid guard)" = "$guard" ] || fail "guard is another"
unenforced_is 0 || fail "something is not enforced: $(guest 'sekisho status --json')"
expect_event_at_collector device.unenforced device=usb1
expect_event_at_collector device.denied serial=STICK-2099
expect_event_at_collector device.denied serial=STICK-ASLEEP
expect_terminal_state FRESH
